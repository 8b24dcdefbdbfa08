"""Arrow's functions on columns, loaded at their first use and without types, since pyarrow ships none."""

import importlib
from typing import Any


class _Functions:
    """Stands for `pyarrow.compute`, which takes longer to import than most programs need it."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(importlib.import_module("pyarrow.compute"), name)
        setattr(self, name, function)
        return function


compute: Any = _Functions()

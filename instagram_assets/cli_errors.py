"""How commands tell errors."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from instagram_assets.errors import InstagramAssetsError


def clear_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show our own errors as one red paragraph and exit with 1; anything else is a bug and keeps its traceback."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except InstagramAssetsError as error:
            from rich.console import Console

            Console(stderr=True).print(f"Error: {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(1) from error

    return guarded

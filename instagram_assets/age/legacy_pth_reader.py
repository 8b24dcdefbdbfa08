"""A separate program that converts torch weights, which are a pickle, to safetensors.

    python -I legacy_pth_reader.py weights.pth weights.safetensors

Only tensors and plain containers are unpickled (`weights_only`); any other object is rejected without running code.
Since the file is untrusted, it is still parsed in a separate process with limited memory and CPU time, and this program
imports no other module of the package. Exit status 0, or 3 with one line on standard error with the reason.
"""

import os
import pickle
import re
import sys
from typing import Any, NoReturn

REJECTED_EXIT_CODE = 3
_SPARE = 2 << 30
_SECONDS = 600
_ASKED_FOR = re.compile(r"GLOBAL ([A-Za-z_][\w.]{0,99})", re.ASCII)


def main(source: str, target: str) -> None:
    import torch
    from safetensors.torch import save_file

    _limit(os.stat(source).st_size)
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own error message recommends disabling the protection.
        asked = _ASKED_FOR.search(str(error))
        detail = f"it asks for {asked[1]}" if asked else "it has a form that no file of weights has"
        _refuse("is a pickle that holds more than weights, and could run code when read", detail)
    except Exception as error:  # invalid files can raise any exception in torch's reader
        _refuse("is damaged, or no file of torch weights", _first_line(error))
    weights = {name: value for name, value in _state(content).items() if isinstance(value, torch.Tensor)}
    if not weights:
        _refuse("holds no weights by name", f"found a {type(content).__name__}")
    try:
        save_file({name: _plain(tensor) for name, tensor in weights.items()}, target)
    except Exception as error:  # sparse and quantised tensors, out of memory, disk errors
        _refuse("holds weights that cannot be copied", _first_line(error))


def _state(content: Any) -> dict[str, Any]:
    """The state dict in an unpickled file, also if it is nested in the dictionary of a training checkpoint."""
    if not isinstance(content, dict):
        return {}
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(named.get(key), dict):
            return _state(named[key])
    return named


def _plain(tensor: Any) -> Any:
    """A contiguous copy of a tensor that shares no memory, as safetensors requires; floats in float32."""
    import torch

    return tensor.detach().to(torch.float32 if tensor.is_floating_point() else tensor.dtype).clone().contiguous()


def _limit(size: int) -> None:
    """Limit this process's memory to a few times the file's size, and its CPU time to some minutes."""
    try:
        import resource
    except ImportError:  # not available on Windows
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:
            held = int(stream.read().split()[0]) * resource.getpagesize()
    except OSError:  # available on Linux only
        return
    most = held + 4 * size + _SPARE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _refuse(problem: str, detail: str) -> NoReturn:
    print(f"{problem} ({detail})", file=sys.stderr)
    sys.exit(REJECTED_EXIT_CODE)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Error output of commands."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from instagram_assets.errors import InstagramAssetsError


def clear_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: print our own and system errors as one red paragraph, and exit with 1; with 130 after Ctrl-C.

    Anything else is a bug and keeps its traceback.
    """

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except InstagramAssetsError as error:
            _tell(str(error))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            _tell(str(error) or "Stopped. Run the same command again: it goes on where this one was.")
            raise typer.Exit(130) from error
        except Exception as error:
            from instagram_assets.settings import settings
            from instagram_assets.status.system_errors import explain_error

            words = explain_error(error, settings())
            if not words:
                raise
            _tell(words)
            raise typer.Exit(1) from error

    return guarded


def _tell(words: str) -> None:
    # Not by rich, which imports modules on use: the file limit may be reached.
    typer.secho(f"Error: {words}", fg="red", err=True)

"""Messages of commands: errors with their exit code, progress lines on stderr, formatting of paths and counts."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from instagram_assets.errors import InstagramAssetsError


def report_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of commands: print expected errors as one red paragraph and exit with 1; with 130 after Ctrl-C.

    Expected are errors of this package and of the operating system. Any other is a bug and shows its traceback.
    """

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except InstagramAssetsError as error:
            _print_error(str(error))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            _print_error(str(error) or "Stopped. Run the same command again: it goes on where this one was.")
            raise typer.Exit(130) from error
        except Exception as error:
            from instagram_assets.settings import settings
            from instagram_assets.status.system_errors import explain_error

            explanation = explain_error(error, settings())
            if not explanation:
                raise
            _print_error(explanation)
            raise typer.Exit(1) from error

    return guarded


def print_stderr(line: str) -> None:
    """Print a progress line or a warning on stderr."""
    typer.echo(line, err=True)


def relative_path(path: Path) -> str:
    """The path relative to the current directory, if it is below that; else unchanged."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def count_with_noun(count: int, one: str, many: str = "") -> str:
    """A count with its noun: `1 file rewritten`, `2 files rewritten`.

    `many` is for plurals that do not just add an s to the first word.
    """
    first, _, rest = one.partition(" ")
    return f"{count:,} {one if count == 1 else many or f'{first}s {rest}'.strip()}"


def _print_error(message: str) -> None:
    # Not by rich, which imports modules on use: the file limit may be reached.
    typer.secho(f"Error: {message}", fg="red", err=True)

"""Commands about pseudonyms, and checks that pseudonymous exports contain no account names."""

from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.messages import print_stderr, report_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from instagram_assets.privacy.identifier_leaks import NamedFile
    from instagram_assets.privacy.lake_names import LakeNames

commands = typer.Typer(no_args_is_help=True, help="Look up the pseudonym of a name, or rotate the key.")
_MEANING = (
    "All pseudonyms that were handed out until now are cut off from their names for good: nobody, you included, can "
    "tell any more whom they stand for, nor forget somebody in them by name. Later exports, and the authors of later "
    "comments, have other pseudonyms, and do not join with earlier ones."
)
_MOST_NAMED = 5


@commands.command("whose")
@report_errors
def whose(name: Annotated[str, typer.Argument(help="An account's name, with or without @.")]) -> None:
    """Print the pseudonym of an account's name; a pseudonym cannot be converted back to its name."""
    from instagram_assets.privacy.pseudonyms import load_pseudonymizer
    from instagram_assets.settings import settings

    typer.echo(load_pseudonymizer(settings().folder("privacy")).person(name.removeprefix("@")))


@commands.command("rotate")
@report_errors
def rotate(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Replace the key of the pseudonyms by a new one: crypto-erasure of the pseudonyms in all shared datasets."""
    from instagram_assets.privacy.secret_keys import rotate_key
    from instagram_assets.settings import settings

    folder = settings().folder("privacy")
    typer.echo(_MEANING)
    if not yes:
        typer.confirm("Throw the key away?", abort=True)
    rotate_key(folder)
    typer.echo(f"{folder / 'pseudonyms.key'}: a new key. Copies of the old one that you kept yourself have to go, too.")
    typer.echo(
        "The datasets in the data folder still have the old pseudonyms: instagram-assets export makes them anew."
    )


def unknown_export_files(folder: "Path", expected: "Collection[str]", names: "LakeNames") -> "Iterator[NamedFile]":
    """Yield files in an export folder other than the export's own (`expected`), to be searched for account names.

    Outside of `data/datasets`, where a folder can be a user's home, such files are only listed in a warning.
    """
    from instagram_assets.privacy.identifier_leaks import foreign_entries, foreign_files, mask_file_names
    from instagram_assets.settings import settings
    from instagram_assets.storage.folder_swap import LITTER

    if folder.absolute().is_relative_to(settings().folder("datasets").absolute()):
        yield from foreign_files(folder, expected)
        return
    files = [entry.name for entry in foreign_entries(folder, {*expected, *LITTER})]
    if not files:
        return
    shown = ", ".join(mask_file_names(files[:_MOST_NAMED], names))
    more = f" and {len(files) - _MOST_NAMED} more" if files[_MOST_NAMED:] else ""
    print_stderr(
        f"{folder}: {shown}{more} were not made by this export, and nobody searched them: do not hand them out with it."
    )


def check_declared(asset: str) -> None:
    """If settings require pseudonymous exports, search dataset `asset`; raises IdentifierError for account names."""
    from instagram_assets.settings import settings

    if not settings().privacy.pseudonymous_exports:
        return
    from instagram_assets.automation.pseudonym_checks import DATASET_FILES
    from instagram_assets.datasets.pseudonymous import check_pseudonymous, known_to
    from instagram_assets.storage.lake import open_lake

    known, _ = known_to(settings(), open_lake(settings()))
    check_pseudonymous(DATASET_FILES[asset](), known)

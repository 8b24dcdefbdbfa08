"""Commands on pseudonyms: compute the pseudonym of a name, and rotate the key."""

from typing import Annotated

import typer

from instagram_assets.cli.errors import clear_errors

commands = typer.Typer(no_args_is_help=True, help="Look up the pseudonym of a name, or rotate the key.")
_MEANING = (
    "All pseudonyms that were handed out until now are cut off from their names for good: nobody, you included, can "
    "tell any more whom they stand for, nor forget somebody in them by name. Later exports, and the authors of later "
    "comments, have other pseudonyms, and do not join with earlier ones."
)


@commands.command("whose")
@clear_errors
def whose(name: Annotated[str, typer.Argument(help="An account's name, with or without @.")]) -> None:
    """Print the pseudonym of a name; there is no way back from a pseudonym to its name."""
    from instagram_assets.privacy.pseudonyms import load_pseudonymizer
    from instagram_assets.settings import settings

    typer.echo(load_pseudonymizer(settings().folder("privacy")).person(name.removeprefix("@")))


@commands.command("rotate")
@clear_errors
def rotate(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Throw the key of the pseudonyms away and make another: crypto-erasure of all that was handed out."""
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

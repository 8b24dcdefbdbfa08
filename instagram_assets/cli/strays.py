"""Finds unknown files in the folder of a pseudonymous export, which may be handed out with it."""

from collections.abc import Collection, Iterator
from pathlib import Path

from instagram_assets.cli.arguments import say
from instagram_assets.privacy.identifier_leaks import NamedFile, foreign_entries, foreign_files, mask_file_names
from instagram_assets.privacy.lake_names import LakeNames
from instagram_assets.settings import settings
from instagram_assets.storage.folder_swap import LITTER

_MOST = 5


def strays(folder: Path, ours: Collection[str], known: LakeNames) -> Iterator[NamedFile]:
    """Files not among `ours`, to be searched for names; outside of `data/datasets` they are only listed in a warning.

    Any other folder may be a user's home.
    """
    if folder.absolute().is_relative_to(settings().folder("datasets").absolute()):
        yield from foreign_files(folder, ours)
        return
    names = [entry.name for entry in foreign_entries(folder, {*ours, *LITTER})]
    if not names:
        return
    shown = ", ".join(mask_file_names(names[:_MOST], known))
    more = f" and {len(names) - _MOST} more" if names[_MOST:] else ""
    say(
        f"{folder}: {shown}{more} were not made by this export, and nobody searched them: do not hand them out with it."
    )

"""Names of files and folders without what is forgotten: accounts, and ids of posts and pictures."""

from instagram_assets.ingest.scrub.records import Scrubber
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.names_in_file_names import scrub_file_name


def scrubbed_name(name: str, forgotten: Forgotten) -> str:
    """A file's or folder's name, or a path of them, with pseudonyms in the place of names that stand in it."""
    return Scrubber(forgotten).text(scrub_file_name(name, forgotten)) if forgotten else name

"""Records and files without what is forgotten, for every part that forgets: the same as `ingest` takes in."""

from instagram_assets.ingest.scrub.files import Scrubbed, scrub_file
from instagram_assets.ingest.scrub.records import GONE, Scrubber, scrub_json

__all__ = ["GONE", "Scrubbed", "Scrubber", "scrub_file", "scrub_json"]

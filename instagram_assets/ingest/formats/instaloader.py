"""Format of Instaloader's files {"node": …, "instaloader": …}, version 4: posts and profiles, logged in or not."""

from collections.abc import Iterator

from instagram_assets.errors import RecordError
from instagram_assets.ingest.formats import graphql, nested_posts
from instagram_assets.ingest.formats.field_mapping import Part
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource


def is_file(record: Record) -> bool:
    """True for the content of a file written by Instaloader's `save_structure_to_file`."""
    return isinstance(record.get("node"), dict) and isinstance(record.get("instaloader"), dict)


def parse(record: Record, source: RecordSource) -> Iterator[Part]:
    """Yield the post, or the profile and the posts nested in it. Raises RecordError for stories, hashtags and lists."""
    node, kind = record["node"], record["instaloader"].get("node_type")
    if kind == "Post":
        yield Part(graphql.POST, node, "node")
    elif kind == "Profile":
        yield from (
            nested_posts.parts_in(node, source, "node")
            if graphql.is_user(node)
            else [Part(graphql.PROFILE, node, "node")]
        )
    else:
        raise RecordError("instaloader.node_type", f"{repr(kind)[:80]} is neither Post nor Profile")

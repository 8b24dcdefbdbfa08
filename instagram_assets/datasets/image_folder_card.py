"""The dataset card of an image folder, in Markdown: its counts, why candidates were left out, and the settings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from instagram_assets.schemas.images import NOISE
from instagram_assets.storage.image_folder_state import MANIFEST

Row = dict[str, Any]

CARD = "dataset_card.md"
_NO_THRESHOLD = """\
The subject is the cluster whose centre has the highest cosine with the search words. No threshold is used: only the
order of the clusters counts, since cosines differ by model; pictures that fit have about 0.2 to 0.35 by CLIP, and less
by SigLIP. `manifest.jsonl` has both cosines of each picture, `query_score` of its cluster's centre and
`query_similarity` of its own."""


def card(rows: Sequence[Row], request: Mapping[str, object], name: str, warnings: Sequence[str] = ()) -> str:
    """Returns the dataset card in Markdown: counts, reasons for rejected candidates, search settings, contact sheet.

    `request` has the search settings, `name` is the folder's name, and `warnings` are lines at the top of the card.
    """
    kept = sum(row["kept"] for row in rows)
    query = _inline(str(request.get("query", "")))
    lines = [f"# {query}", ""]
    for warning in warnings:
        lines += [f"> **Warning:** {_inline(warning)}", ""]
    lines += [
        f"{kept} images of one subject, from {len(rows)} results of an image search. `{MANIFEST}` has one line per",
        "result, with its address and why it was left out. The images belong to their owners: look at each source.",
        "",
    ]
    if kept:
        lines += [f"![The images, nearest to the middle of the cluster first](../{quote(name)}.jpg)", ""]
    lines += _table("left out because", "results", {_inline(reason): count for reason, count in why_not(rows).items()})
    lines += _scores(rows)
    return "\n".join([*lines, *_table("setting", "value", request)]).rstrip("\n") + "\n"


def why_not(rows: Sequence[Row]) -> dict[str, int]:
    """Returns reason → number of images rejected for it, most frequent first; numbers in reasons are left out."""
    reasons = (str(row["reason"]) for row in rows if not row["kept"])
    return dict(Counter(map(reason_without_numbers, reasons)).most_common())


def reason_without_numbers(reason: str) -> str:
    """Returns a rejection's reason without its numbers: `smaller than 300 px` of `smaller than 300 px (240 x 180)`."""
    for end in (" (", ": ", "; "):
        reason = reason.split(end, 1)[0]
    return reason


def _scores(rows: Sequence[Row]) -> list[str]:
    """The clusters' cosines with the query, best first; nothing if the subject was not chosen by the query."""
    clusters: dict[int, list[Row]] = {}
    for image in {row["image_id"]: row for row in rows if row.get("query_similarity") is not None}.values():
        clusters.setdefault(image["cluster"], []).append(image)
    noise = clusters.pop(NOISE, [])
    if not clusters:
        return []
    best_first = sorted(clusters.items(), key=lambda item: (-item[1][0]["query_score"], item[0]))
    lines = [*_NO_THRESHOLD.splitlines(), "", "| cluster | images | cosine of its centre | cosines of its images |"]
    lines += ["|---|---|---|---|"]
    for place, (label, images) in enumerate(best_first):
        subject = " (the subject)" if place == 0 else ""
        lines += [f"| {label}{subject} | {len(images)} | {images[0]['query_score']:.3f} | {_range(images)} |"]
    if noise:
        lines += [f"| none | {len(noise)} | | {_range(noise)} |"]
    return [*lines, ""]


def _range(images: Sequence[Row]) -> str:
    cosines = [image["query_similarity"] for image in images]
    return f"{min(cosines):.3f} to {max(cosines):.3f}"


def _table(name: str, value: str, rows: Mapping[str, object]) -> list[str]:
    lines = [f"| {key} | {_inline(str(said))} |" for key, said in rows.items()]
    return [f"| {name} | {value} |", "|---|---|", *lines, ""]


def _inline(text: str) -> str:
    """Returns text escaped for a Markdown table cell."""
    plain = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#!~" else sign for sign in plain)

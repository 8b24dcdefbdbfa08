"""Writes the output folder of an image search, counts its images, and renders contact sheets of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from instagram_assets.datasets.image_folder import write_declared
from instagram_assets.datasets.image_folder_card import Row, why_not
from instagram_assets.errors import NothingKeptError
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.report.contact_sheets import captioned_sheet, labelled_sheet
from instagram_assets.schemas.search import DROPPED, Override


@dataclass(frozen=True)
class SearchFolder:
    """A written output folder; with `is_wanting`, no image was good enough and it contains only the manifest.

    `rows` has one row per candidate image.
    """

    folder: Path
    rows: list[Row]
    files: Mapping[str, Path]
    """The file of each image by image_id."""
    notes: Sequence[str]
    """Warnings for the user."""
    is_wanting: bool

    @cached_property
    def kept(self) -> list[Row]:
        """The rows of the selected images, which are in the folder."""
        return [row for row in self.rows if row["kept"]]

    @cached_property
    def left_out(self) -> dict[str, int]:
        """Returns how many candidates are not in the folder, by category of the reason for their rejection."""
        return why_not(self.rows)

    def sheets(self, font: str) -> dict[str, bytes | None]:
        """Returns two JPEG contact sheets: of the selected images, and of the rejected ones with the reasons.

        A sheet without images is None.
        """
        files = self.files
        kept = [files[row["image_id"]] for row in self.kept]
        others = [row for row in self.rows if not row["kept"] and row["image_id"] in files]
        tiles = [(files[row["image_id"]], row["reason"]) for row in others]
        return {
            "kept": labelled_sheet([(f"kept: {len(kept)}", kept)], font=font) if kept else None,
            "left out": captioned_sheet(tiles, font=font) if tiles else None,
        }

    def check(self) -> None:
        """Raise NothingKeptError if no image was good enough."""
        if not self.is_wanting:
            return
        counts = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        raise NothingKeptError(
            f"no image was kept of {len(self.rows)} results: {counts}. {self.folder} tells why for each. "
            "Lower the limits (--min-side, --min-sharpness, --min-samples), raise --eps, or search for another word."
        )


def write_search_folder(
    rows: Sequence[Row],
    files: Mapping[str, Path],
    request: Mapping[str, object],
    by_hand: Mapping[str, Override],
    pseudonyms: Pseudonymizer | None,
    warnings: Sequence[str] = (),
    *,
    folder: Path,
    if_none: Path,
    reencoded: bool,
    refresh: bool,
) -> SearchFolder:
    """Writes the output folder of a search: the selected images, and a manifest with a row for each candidate.

    If no image was good enough, the folder `if_none` is written instead of `folder`, so that a search without results
    does not empty `folder`; only if the user rejected all images by hand, `folder` is written without images.
    `warnings`, `refresh` and `reencoded` are passed on to `write_declared`, which writes the files.
    """
    some = any(row["kept"] or (row["reason"] or "").startswith(DROPPED) for row in rows)
    target = folder if some else if_none
    options = {"reencoded": reencoded, "refresh": refresh or not some}
    true, notes = write_declared(pseudonyms, target, rows, files, request, by_hand, warnings, **options)
    return SearchFolder(target, true, files, notes, not some)

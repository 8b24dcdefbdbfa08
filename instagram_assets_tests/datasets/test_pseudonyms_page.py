"""docs/pseudonyms.md says what becomes of each column; `python -m` this module writes that part of it anew."""

import re
from pathlib import Path

from instagram_assets.privacy.column_treatments import treatments_markdown

PAGE = Path(__file__).parents[2] / "docs" / "pseudonyms.md"
_PART = re.compile(r"(?<=## What becomes of each column\n\n).*?(?=\n## )", re.DOTALL)


def _page() -> str:
    return _PART.sub(lambda _: treatments_markdown(), PAGE.read_text("utf-8"))


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text("utf-8") == _page(), "python -m instagram_assets_tests.datasets.test_pseudonyms_page"


if __name__ == "__main__":
    PAGE.write_text(_page(), "utf-8")

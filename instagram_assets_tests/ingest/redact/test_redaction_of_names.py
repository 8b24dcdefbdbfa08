"""Names of files hold names of accounts run together with other words."""

import pytest

from instagram_assets.ingest.redact.redactor import scrubbed_name
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN
from instagram_assets_tests.ingest.redact.accounts import FORGOTTEN, PSEUDONYM


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("sun_diary.json", f"{PSEUDONYM}.json"),
        ("posts_sun_diary_2025.json.xz", f"posts_{PSEUDONYM}_2025.json.xz"),
        ("Sun_Diary-posts.csv", f"{PSEUDONYM}-posts.csv"),
        ("instagram-sun_diary-2025-08-30-Ab12Cd.zip", f"instagram-{PSEUDONYM}-2025-08-30-Ab12Cd.zip"),
        ("sun_diary/2025-07-29_11-15-43_UTC.jpg", f"{PSEUDONYM}/2025-07-29_11-15-43_UTC.jpg"),
        ("3697661021377407101.jpg.json", "forgotten.jpg.json"),
        ("sun_diary_and_sun_diary.json", f"{PSEUDONYM}_and_{PSEUDONYM}.json"),
        ("xsun_diary.json", "xsun_diary.json"),
        ("sunny_diary.json", "sunny_diary.json"),
        ("오늘 sun_diary.json", f"오늘 {PSEUDONYM}.json"),
    ],
)
def test_a_name_in_a_file_s_name_becomes_its_pseudonym(name: str, wanted: str) -> None:
    assert scrubbed_name(name, FORGOTTEN) == wanted
    assert scrubbed_name(name, NOTHING_FORGOTTEN) == name

"""Where a setting keeps comments, they land with their post and a pseudonym, and nothing else of who wrote them."""

import json
import lzma
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.comment_rows import NO_COMMENTER, NO_POST, ROUNDED_ID, TEXT_LIMIT
from instagram_assets.ingest.formats import comment_detection, comments
from instagram_assets.ingest.manifests import LANDING_TABLES
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.observations import quarantine_table, read_comments, read_posts
from instagram_assets.ingest.post_ids import post_id_of
from instagram_assets.privacy.pseudonyms import pseudonym
from instagram_assets.privacy.secret_keys import load_key
from instagram_assets.schemas import RAW_COMMENTS
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.formats.tables import as_xlsx
from instagram_assets_tests.ingest.formats.test_comments import COMMENTS, INSIDE, PERSON, SECRET, SOMEBODY
from instagram_assets_tests.ingest.records import SEEN, post, profile, source, write

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
POST, CODE = "3697661021377407101", "DNQuxufAih9"
WRITTEN = "2025-07-29T12:15:43.000Z"
Rows = list[dict[str, Any]]


def marked(name: str) -> str:
    """A pseudonym in which a reader of the test sees that it is one, and no name."""
    return f"p{sum(map(ord, name.casefold()))}"


def comment(**changes: Any) -> dict[str, Any]:
    """A comment of Apify's scraper; a change to ... takes the field away."""
    record = {
        "postUrl": f"https://www.instagram.com/p/{CODE}/",
        "id": "18001",
        "text": "너무 예뻐요",
        "ownerUsername": SOMEBODY,
        "timestamp": WRITTEN,
        "likesCount": 1,
        "replies": [],
    } | changes
    return {key: value for key, value in record.items() if value is not ...}


def rows_of(*records: Any) -> Rows:
    return normalize_records(enumerate(records), source(pseudonym_of=marked)).tables["comments"].to_pylist()


def row_of(record: dict[str, Any]) -> dict[str, Any]:
    (row,) = rows_of(record)
    return row


def problems_of(record: dict[str, Any]) -> list[str]:
    result = normalize_records([(0, record)], source(pseudonym_of=marked))
    assert result.tables["comments"].num_rows == 0
    assert all(problem.content is None for problem in result.problems)
    return [str(problem.error) for problem in result.problems]


class Lake:
    """A lake of one file that landed where comments are kept, and everything that was written down of it."""

    def __init__(self, folder: Path, content: object, name: str = "posts.json", *, keep: bool = True) -> None:
        self.settings = kept(folder) if keep else load_settings(data_dir=folder)
        self.root = UPath(folder / "lake")
        self.path = write(folder / "in", content, name)
        self.file = landing.land_file(self.path, self.root, settings=self.settings, observed_at=SEEN)
        self.comments = read_comments(self.root).to_pylist()

    @property
    def key(self) -> bytes:
        return load_key(self.settings.folder("privacy"), "pseudonyms")

    def written(self) -> str:
        """What stands in all files below the lake, in Parquet by its rows."""
        import pyarrow.parquet as pq

        files = [path for path in Path(self.root.path).rglob("*") if path.is_file()]
        tables = [pq.read_table(path).to_pylist() for path in files if path.suffix == ".parquet"]
        texts = [path.read_text() for path in files if path.suffix != ".parquet"]
        return json.dumps([tables, texts, *map(str, files)], default=str, ensure_ascii=False)


def kept(folder: Path) -> Settings:
    return load_settings(data_dir=folder, ingest={"keep_comments": True})


@pytest.mark.parametrize("kind", [kind for kind in COMMENTS if kind != "a-text-that-is-none"])
def test_a_comment_of_any_collector_lands_and_its_names_and_numbers_do_not(kind: str, tmp_path: Path) -> None:
    lake = Lake(tmp_path, [COMMENTS[kind]])
    (row,) = lake.comments
    assert row["comment_id"] == str(COMMENTS[kind].get("id", COMMENTS[kind].get("pk")))
    assert row["text"] == "too pretty [phone]"
    year = 2021 if "2021" in str(COMMENTS[kind]["timestamp" if "timestamp" in COMMENTS[kind] else "text"]) else 2025
    assert (row["taken_at"].year, row["taken_at"].month) == (year, 7)
    assert row["commenter"] == pseudonym(lake.key, SOMEBODY)
    assert (lake.file.comments, lake.file.quarantined, lake.file.format) == (1, 0, comment_detection.FORMAT)
    assert not any(word in lake.written() for word in ("0000-0000", SOMEBODY, '"99"', "cdn.example"))


@pytest.mark.parametrize("case", INSIDE)
def test_wherever_comments_stand_no_name_is_written_down(case: str, tmp_path: Path) -> None:
    written = Lake(tmp_path, INSIDE[case]).written()
    assert SECRET not in written
    assert case == "a-person-in-a-bad-record" or SOMEBODY not in written


SITE, APP = COMMENTS["site"], COMMENTS["app"]
EDGES = {"edges": [{"node": SITE}]}
NODE: dict[str, Any] = {
    "id": POST,
    "shortcode": CODE,
    "__typename": "GraphImage",
    "is_video": False,
    "taken_at_timestamp": 1753787743,
    "display_url": "https://cdn.example/a.jpg",
    "owner": {"id": "1001", "username": "sun_diary"},
}
TIMELINE: dict[str, Any] = {
    "code": CODE,
    "pk": POST,
    "taken_at": 1753787743,
    "media_type": 1,
    "user": {"username": "sun_diary"},
    "image_versions2": {"candidates": [{"url": "https://cdn.example/a.jpg", "width": 1, "height": 1}]},
}
GRAPH: dict[str, Any] = {
    "permalink": f"https://www.instagram.com/p/{CODE}/",
    "timestamp": WRITTEN,
    "media_type": "IMAGE",
    "media_url": "https://cdn.example/a.jpg",
    "username": "sun_diary",
    "id": "17900000000000001",
}
POSTS: dict[str, dict[str, Any]] = {
    "apify": post(latestComments=[comment(postUrl=...)]),
    "apify-under-a-new-name": post(topComments=[comment(postUrl=...)]),
    "apify-profile": profile(latestPosts=[post(latestComments=[comment(postUrl=...)])]),
    "site": NODE | {"edge_media_to_parent_comment": EDGES},
    "site-preview": NODE | {"edge_media_preview_comment": EDGES},
    "instaloader": {"node": NODE | {"edge_media_to_comment": EDGES}, "instaloader": {"node_type": "Post"}},
    "instaloader-logged-in": {
        "node": NODE | {"iphone_struct": {"code": CODE, "preview_comments": [APP]}},
        "instaloader": {"node_type": "Post"},
    },
    "app": {"items": [TIMELINE | {"preview_comments": [APP]}]},
    "zeeschuimer": {"timestamp_collected": 1753890000000, "data": TIMELINE | {"preview_comments": [APP]}},
    "graph-api": GRAPH | {"comments": {"data": [{"id": "1", "text": "예뻐요", "timestamp": WRITTEN}]}},
}


@pytest.mark.parametrize("kind", POSTS)
def test_a_comment_below_a_post_joins_it_by_id_and_code_and_names_its_account(kind: str, tmp_path: Path) -> None:
    lake = Lake(tmp_path, [POSTS[kind]])
    (row,) = lake.comments
    assert (row["post_id"], row["shortcode"], row["account"]) == (POST, CODE, "sun_diary")
    (of_post,) = read_posts(lake.root, "posts", ["sun_diary"], FIRST, LAST).to_pylist()
    assert of_post["post_id"] == row["post_id"]
    assert row["commenter"] == (None if kind == "graph-api" else pseudonym(lake.key, SOMEBODY))
    assert SOMEBODY not in lake.written()


def test_a_comment_that_stands_alone_has_its_post_from_an_address_or_a_number() -> None:
    for about in (
        {},
        {"postUrl": ..., "commentUrl": f"https://www.instagram.com/reel/{CODE}/c/18001"},
        {"postUrl": ..., "postId": POST},
        {"postUrl": ..., "media_id": int(POST)},
        {"postUrl": ..., "media_id": f"{POST}_1001"},
        {"postUrl": ..., "media": {"id": POST}},
    ):
        row = row_of(comment(**about))
        assert (row["post_id"], row["shortcode"], row["warnings"]) == (POST, CODE, [])
        assert row["account"] is None
    assert post_id_of(CODE) == int(POST)


def test_replies_say_what_they_answer() -> None:
    reply = {"id": "18002", "text": "@third_party 고마워요", "timestamp": WRITTEN, "ownerUsername": "sun_diary"}
    first, second = rows_of(comment(replies=[reply]))
    assert (first["reply_to"], second["reply_to"]) == (None, "18001")
    assert second["text"] == f"@{first['commenter']} 고마워요"
    assert second["post_id"] == POST
    edge = {**SITE, "id": "2", "edge_threaded_comments": {}}
    threads = rows_of({**SITE, "edge_threaded_comments": {"edges": [{"node": edge}]}})
    assert [row["reply_to"] for row in threads] == [None, "1"]
    assert rows_of({**APP, "parent_comment_id": 7})[0]["reply_to"] == "7"
    assert rows_of({**APP, "parent_comment_id": 0})[0]["reply_to"] is None


@pytest.mark.parametrize(
    "page",
    [
        {"data": {"xdt_api__v1__media__media_id__comments__connection": EDGES}},
        {"comments": [APP], "comment_count": 1, "caption": {"text": "mine", "user": PERSON}, "status": "ok"},
        {"data": {"shortcode_media": {"edge_media_to_parent_comment": EDGES}}},
    ],
)
def test_comments_on_a_page_of_them_land_and_without_the_setting_the_page_says_how(page: Any, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "on", [page])
    (row,) = lake.comments
    assert row["commenter"] == pseudonym(lake.key, SOMEBODY)
    assert row["warnings"] == [NO_POST]
    off = Lake(tmp_path / "off", [page], keep=False)
    (problem,) = quarantine_table(off.root).to_pylist()
    assert "INSTAGRAM_ASSETS_INGEST__KEEP_COMMENTS=true" in problem["reason"]
    assert SOMEBODY not in off.written()


OF_INSTALOADER = [{"id": 17900000000000001, "created_at": 1753787743, "text": "예뻐요", "owner": PERSON, "answers": []}]


@pytest.mark.parametrize("name", ["2025-07-29_11-15-43_UTC.json.xz", "2025-07-29_11-15-43_UTC.json"])
def test_the_comments_that_instaloader_wrote_beside_a_post_are_that_posts(name: str, tmp_path: Path) -> None:
    of_post = json.dumps({"node": NODE, "instaloader": {"node_type": "Post"}}).encode()
    write(tmp_path / "in", lzma.compress(of_post) if name.endswith("xz") else of_post, name)
    (row,) = Lake(tmp_path, OF_INSTALOADER, "2025-07-29_11-15-43_UTC_comments.json").comments
    assert (row["post_id"], row["shortcode"], row["account"], row["warnings"]) == (POST, CODE, "sun_diary", [])


@pytest.mark.parametrize("beside", [b"", b"{", b'{"moon": 1}', b"\xfd7zXZ", None])
def test_comments_beside_nothing_that_is_a_post_land_without_one(beside: bytes | None, tmp_path: Path) -> None:
    if beside is not None:
        write(tmp_path / "in", beside, "NAME.json")
    (row,) = Lake(tmp_path, OF_INSTALOADER, "NAME_comments.json").comments
    assert (row["post_id"], row["warnings"]) == (None, [NO_POST])


def test_a_comment_that_zeeschuimer_collected_is_there_once_and_seen_when_it_was(tmp_path: Path) -> None:
    line = {"timestamp_collected": 1753890000000, "source_platform_url": "https://www.instagram.com/sun_diary/"}
    lake = UPath(tmp_path / "lake")
    landing.land_file(write(tmp_path, [{**line, "data": APP}]), lake, settings=kept(tmp_path))
    (row,) = read_comments(lake).to_pylist()
    assert (row["account"], row["observed_at"].isoformat()) == ("sun_diary", "2025-07-30T15:40:00+00:00")


def test_comments_beside_posts_land_too() -> None:
    (row,) = rows_of({"items": [TIMELINE], "comments": [APP]})
    assert row["comment_id"] == "1"


def test_a_table_of_comments_is_read_like_the_same_json(tmp_path: Path) -> None:
    names = ["postUrl", "id", "text", "ownerUsername", "timestamp", "likesCount"]
    row = [comment()[name] for name in names]
    of_json = Lake(tmp_path / "json", [comment()]).comments
    of_table = Lake(tmp_path / "xlsx", as_xlsx([names, row]), "comments.xlsx").comments
    shown = ("comment_id", "post_id", "shortcode", "text", "taken_at", "likes", "warnings")
    assert [[row[name] for name in shown] for row in of_table] == [[row[name] for name in shown] for row in of_json]


NAMES = [
    ({"ownerUsername": "@Third_Party "}, SOMEBODY),
    ({"ownerUsername": ..., "owner": {"username": "THIRD_PARTY", "id": "99"}}, SOMEBODY),
    ({"ownerUsername": "", "ownerId": "99"}, "id 99"),
    ({"ownerUsername": ..., "owner": {"id": 99, "full_name": "Third Party"}}, "id 99"),
    ({"ownerUsername": ..., "from": {"name": "Third Party"}}, "name third party"),
]


@pytest.mark.parametrize(("changes", "known_by"), NAMES)
def test_one_commenter_has_one_pseudonym_however_the_name_is_written(changes: dict[str, Any], known_by: str) -> None:
    assert row_of(comment(**changes))["commenter"] == marked(known_by)


def test_other_commenters_of_the_file_are_not_named_in_a_text_either(tmp_path: Path) -> None:
    texts = [
        "zz.commenter_1님 zz.mentioned_2 THIRD_PARTY sun.diary and love",
        "with @zz.mentioned_2",
        "third_party2 stays",
    ]
    writers = (SOMEBODY, "zz.commenter_1", "love")
    inside = [
        comment(id=str(18001 + number), text=text, ownerUsername=writer)
        for number, (text, writer) in enumerate(zip(texts, writers, strict=True))
    ]
    posts = [{**comment(), "ownerUsername": "sun.diary"}]
    lake = Lake(tmp_path, [*inside, *(each | {"id": "18009", "text": "x"} for each in posts)])
    told = {row["comment_id"]: row["text"] for row in lake.comments}
    first, second, third, fourth = (
        pseudonym(lake.key, name) for name in ("zz.commenter_1", "zz.mentioned_2", SOMEBODY, "sun.diary")
    )
    assert told["18001"] == f"{first}님 {second} {third} {fourth} and love"
    assert told["18002"] == f"with @{second}"
    assert told["18003"] == "third_party2 stays"


def test_a_name_that_comes_thousands_of_records_later_is_taken_out_of_earlier_texts(tmp_path: Path) -> None:
    early = [comment(id=str(number), text="zz.later_9!", ownerUsername=f"u{number}_x") for number in range(2_100)]
    lake = Lake(tmp_path, [*early, comment(id="9999", text="x", ownerUsername="zz.later_9")])
    assert {row["text"] for row in lake.comments} == {"x", f"{pseudonym(lake.key, 'zz.later_9')}!"}


@pytest.mark.parametrize(
    "nobody", [{"ownerUsername": None}, {"ownerUsername": ""}, {"ownerUsername": ..., "owner": None}, {"owner": {}}]
)
def test_a_deleted_user_is_nobody(nobody: dict[str, Any]) -> None:
    row = row_of(comment(**{"ownerUsername": None, **nobody}))
    assert (row["commenter"], row["warnings"]) == (None, [NO_COMMENTER])


def test_a_commenter_that_signs_with_its_own_name_is_not_named_by_it() -> None:
    about = {"owner": {"full_name": "Third Party"}, "text": "Third Party (THIRD_PARTY) loves it, third_party2 too"}
    mine = marked(SOMEBODY)
    assert row_of(comment(**about))["text"] == f"{mine} ({mine}) loves it, third_party2 too"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"id": ...}, "id: is missing"),
    ({"id": None}, "id: is missing"),
    ({"id": "third party!"}, "id: what stands there is no id"),
    ({"id": SOMEBODY}, "id: what stands there is no id of Instagram's"),
    ({"text": None}, "text: is missing"),
    ({"text": [SECRET]}, "text: list instead of text"),
    ({"timestamp": ...}, "timestamp: is missing"),
    ({"timestamp": "2199-01-01T00:00:00Z"}, "timestamp: what stands there is in the future"),
    ({"timestamp": "third_party"}, "timestamp: what stands there is no possible time: write 2025-07-29T11:15:43Z"),
    ({"timestamp": 0}, "timestamp: what stands there is before Instagram began: write 2025-07-29T11:15:43Z"),
]


@pytest.mark.parametrize(("changes", "reason"), BAD)
def test_a_bad_comment_is_told_by_its_field_and_nothing_of_it_is_kept(changes: dict[str, Any], reason: str) -> None:
    assert problems_of(comment(**changes)) == [reason]
    below = normalize_records([(0, post(latestComments=[comment(**changes)]))], source(pseudonym_of=marked))
    assert below.tables["posts"].num_rows == 1
    assert below.tables["comments"].num_rows == 0
    assert all(problem.content is None for problem in below.problems)


@pytest.mark.parametrize(
    ("changes", "column", "expected", "warning"),
    [
        ({"text": ""}, "text", "", ""),
        ({"text": "🥰🥰❤️\u200d🔥"}, "text", "🥰🥰❤️\u200d🔥", ""),
        ({"text": "<script>alert('x')</script>"}, "text", "<script>alert('x')</script>", ""),
        ({"text": "a\r\nb\x00\u202e"}, "text", "a\nb\u202e", ""),
        ({"text": "\ud83d"}, "text", "\ufffd", "text: broken characters replaced"),
        ({"text": "예" * 10**6}, "text", "예" * TEXT_LIMIT, "text: longer than 2,200 characters, cut"),
        ({"likesCount": -1}, "likes", None, ""),
        ({"likesCount": None}, "likes", None, ""),
        (
            {"likesCount": "1.2k"},
            "likes",
            None,
            "likesCount: what stands there is not a whole number; write digits alone, as 1234, taken as unknown",
        ),
        ({"postUrl": "https://example.com/"}, "post_id", None, NO_POST),
        ({"postUrl": ..., "postId": "third party"}, "post_id", None, NO_POST),
        ({"id": 1.8001e16}, "comment_id", "18001000000000000", ROUNDED_ID),
        ({"parent_comment_id": ["x"]}, "reply_to", None, "parent_comment_id: what stands there is no id, taken as"),
    ],
)
def test_an_odd_comment_is_kept_and_says_what_was_odd(
    changes: dict[str, Any], column: str, expected: object, warning: str
) -> None:
    row = row_of(comment(**changes))
    assert row[column] == expected
    assert any(told.startswith(warning) for told in row["warnings"]) if warning else row["warnings"] == []


def test_a_name_that_the_limit_would_cut_in_half_is_replaced_before() -> None:
    text = "a" * (TEXT_LIMIT - 12) + " third.party@naver.com"
    assert row_of(comment(text=text))["text"].endswith("a [e-mail]")


def test_what_is_off_by_default_leaves_no_trace_of_its_being_there(tmp_path: Path) -> None:
    lake = Lake(tmp_path, [comment(), post(latestComments=[comment()])], keep=False)
    assert lake.comments == []
    assert lake.file.comments is None
    assert "comments" not in json.loads((tmp_path / f"lake/landing/files/{lake.file.name}.json").read_text())
    assert not (tmp_path / "lake/landing/comments").exists()
    assert not (tmp_path / "privacy").exists()
    (row,) = quarantine_table(lake.root).to_pylist()
    assert (row["reason"], row["record"]) == (comment_detection.DROPPED, "")


def test_keeping_comments_changes_nothing_in_the_other_tables(tmp_path: Path) -> None:
    content = [post(latestComments=[comment()], topComments=[comment()]), profile(), {"moon": 1}]
    on, off = (Lake(tmp_path / str(keep), content, keep=keep) for keep in (True, False))
    assert on.file.comments == 2
    for table in set(LANDING_TABLES) - {"comments"}:
        name = f"lake/landing/{table}/{on.file.name}.parquet"
        both = [tmp_path / str(keep) / name for keep in (True, False)]
        assert both[0].exists() == both[1].exists()
        if both[0].exists():
            assert both[0].read_bytes() == both[1].read_bytes()
    assert off.comments == []


def test_a_file_that_landed_without_its_comments_brings_them_when_it_is_given_again(tmp_path: Path) -> None:
    off = Lake(tmp_path, [comment()], keep=False)
    digest = off.file.sha256
    assert landing.is_landed(off.root, digest, off.settings)
    assert not landing.is_landed(off.root, digest, kept(tmp_path))
    again = landing.land_file(off.path, off.root, settings=kept(tmp_path))
    assert (again.new, again.comments, again.quarantined) == (True, 1, 0)
    assert quarantine_table(off.root).num_rows == 0
    assert landing.is_landed(off.root, digest, kept(tmp_path))
    # Switching it off takes nothing away.
    assert not landing.land_file(off.path, off.root, settings=off.settings).new
    assert read_comments(off.root).num_rows == 1


def test_that_comments_were_dropped_stays_known_when_a_file_loses_rows(tmp_path: Path) -> None:
    off = Lake(tmp_path, [post(latestComments=[comment()])], keep=False)
    counts = dict.fromkeys(LANDING_TABLES, 0)
    assert off.file.with_rows(counts).comments is None
    assert landing.land_file(off.path, off.root, settings=kept(tmp_path)).with_rows(counts).comments == 0


def test_a_comment_in_two_files_is_there_once_for_each_time_and_knows_its_account(tmp_path: Path) -> None:
    lake = Lake(tmp_path, [comment()], "a.json")
    more = [post(scrapedAt=SEEN.isoformat(), latestComments=[comment(postUrl=..., likesCount=1)])]
    for name, content in (("b.json", more), ("c.json", [comment(scrapedAt="2025-09-02T00:00:00Z", likesCount=5)])):
        landing.land_file(write(tmp_path / "in", content, name), lake.root, settings=lake.settings)
    rows = read_comments(lake.root).to_pylist()
    assert [(row["observed_at"].day, row["likes"], row["account"]) for row in rows] == [
        (1, 1, "sun_diary"),
        (2, 5, None),
    ]


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([SECRET, SOMEBODY, "1", WRITTEN, ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(comment())), inner, max_size=3),
    max_leaves=5,
)
CHANGES = st.dictionaries(
    st.sampled_from([*sorted(comment()), "owner", "user", "parent_comment_id", "media_id", "answers"]), ANYTHING
)


@given(st.sampled_from([COMMENTS["apify-2025"], SITE, APP, comment()]), CHANGES, st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_change_of_any_field_gives_rows_or_problems_and_never_a_name(
    record: dict[str, Any], changes: dict[str, Any], below: bool
) -> None:
    changed = {**record, **changes}
    result = normalize_records([(0, post(latestComments=[changed]) if below else changed)], source(pseudonym_of=marked))
    table = result.tables["comments"]
    assert table.schema.equals(RAW_COMMENTS.schema)
    assert below or table.num_rows or result.problems
    told = json.dumps([table.to_pylist(), [str(problem.error) for problem in result.problems]], default=str)
    assert SOMEBODY not in told
    assert "0000-0000" not in told
    assert all(problem.content is None for problem in result.problems)
    assert all(row["observed_at"] and row["taken_at"] <= SEEN for row in table.to_pylist())


@given(ANYTHING)
@settings(max_examples=100, deadline=None)
def test_whatever_lies_below_a_post_its_comments_are_found_or_not_and_it_lands(value: Any) -> None:
    result = normalize_records([(0, post(latestComments=value, other=[value]))], source(pseudonym_of=marked))
    assert result.tables["posts"].num_rows == 1
    assert all(problem.error.reason for problem in result.problems)


def test_the_mapping_shows_where_a_comments_columns_come_from() -> None:
    assert set(comments.COMMENT.fields) < set(RAW_COMMENTS.schema.names)

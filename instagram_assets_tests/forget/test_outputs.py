"""Datasets, reports, ledgers, notes and users' files without one account: nothing of it is left, others' bytes stay."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from upath import UPath

from instagram_assets import schemas
from instagram_assets.age.known_people import PEOPLE, known_people, read_known_people
from instagram_assets.datasets.csv import read_csv
from instagram_assets.datasets.delta import TABLES, files_of_tables, write_delta
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.datasets.pseudonymous import known_to
from instagram_assets.datasets.selected_posts import PostSelection, write_selection
from instagram_assets.forget.erasure_steps import Step, StepResult
from instagram_assets.forget.outputs import may_show, output_steps
from instagram_assets.forget.text_files import write_scrubbed
from instagram_assets.ingest.redact.file_redaction import scrub_file
from instagram_assets.local.image_files import read_merged_json
from instagram_assets.privacy.data_inventory import OWN_FOLDERS
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.identifier_leaks import IdentifierLeak, find_identifier_leaks, named_files
from instagram_assets.privacy.lake_names import LakeNames, make_lake_names
from instagram_assets.privacy.pseudonyms import with_aliases
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.lake import months
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets_tests.datasets.delta_lakes import put
from instagram_assets_tests.datasets.tables import image, post

JANE, OTHER, CAT = "jane.doe_77", "mina.draws", "byeol.cat"
PSEUDONYM = "forgotten_0123456789abcdef"
IMAGE, VIDEO = "ab" * 32, "cd" * 32
FORGOTTEN = Identifiers(
    accounts={JANE: PSEUDONYM},
    profile_ids=frozenset({"71828182845"}),
    post_ids=frozenset({"31415926535897931"}),
    shortcodes=frozenset({"C31415926535897931"}),
    images=frozenset({IMAGE, VIDEO}),
)
ROWS = (
    post("31415926535897931", JANE, owner_id="71828182845"),
    post("31415926535897932", OTHER, caption=f"with @{JANE}, 그리고\n\n#그림", mentions=[JANE], tagged=[JANE]),
    post("31415926535897933", OTHER, day=date(2024, 6, 1), kind="reel"),
    post("31415926535897934", CAT),
)
LEFT = ["31415926535897932", "31415926535897933", "31415926535897934"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data")


@pytest.fixture
def root(settings: Settings) -> UPath:
    """A lake of three accounts."""
    root = UPath(settings.folder("lake"))
    put(root, *ROWS)
    put(root, image("31415926535897931", account=JANE, image_id=IMAGE, path=f"ab/{IMAGE}.jpg"), asset="images")
    label: dict[str, object] = {"kind": "post", "viral": True, "rule": "top"}
    labels = [label | {"account": row["account"], "id": row["post_id"]} for row in ROWS]
    write_asset(root, "viral_labels", schemas.VIRAL_LABELS.table(labels))
    return root


def test_csv_json_and_parquet_lose_its_rows_and_its_name(settings: Settings, root: UPath) -> None:
    folder = settings.folder("datasets")
    for form in ("csv", "json", "parquet"):
        write_selection(root, form, folder / "selection", PostSelection())
    write_parquet(lambda *asked: months(root, *asked), folder / "parquet")
    before = _bytes(folder)
    _forget(settings)
    assert not _found(folder)
    assert [row["id"] for row in read_csv(folder / "selection" / "post.csv")] == [LEFT[2], LEFT[0]]
    records = list(read_merged_json(folder / "selection" / "posts.json"))
    assert [row["id"] for row in records] == [LEFT[2], LEFT[0], LEFT[1]]
    assert records[1]["caption"] == f"with @{PSEUDONYM}, 그리고\n\n#그림"
    assert records[1]["mentions"] == records[1]["taggedUsernames"] == [PSEUDONYM]
    assert sorted(pq.ParquetFile(folder / "selection" / "posts.parquet").read()["post_id"].to_pylist()) == LEFT
    assert not (folder / "parquet" / JANE).exists()
    # Of files that never held it no byte changed, and of those that did no byte of a row that does not.
    after = _bytes(folder)
    assert {path for path in after if after[path] == before[path]} == {
        "parquet/byeol.cat/part-0.parquet",
        "selection/reel.csv",
    }
    for name in ("post.csv", "posts.json"):
        kept = [line for line in before[f"selection/{name}"].splitlines() if JANE.encode() not in line]
        assert set(kept) <= set(after[f"selection/{name}"].splitlines())


def test_a_file_without_it_is_not_written(settings: Settings, root: UPath) -> None:
    folder = settings.folder("datasets")
    for form in ("csv", "json", "parquet"):
        write_selection(root, form, folder / "selection", PostSelection(accounts=[CAT]))
    before = _bytes(folder)
    assert not list(output_steps(settings, FORGOTTEN))
    assert _bytes(folder) == before


def test_what_is_named_after_another_account_keeps_its_name(settings: Settings, root: UPath) -> None:
    folder = settings.folder("datasets")
    write_parquet(lambda *asked: months(root, *asked), folder / "parquet")
    picture = settings.folder("reports") / "token_counts-top-words-of-byeol.cat.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(b"\x89PNG")
    assert not list(output_steps(settings, Identifiers(accounts={"byeol": PSEUDONYM})))


def test_a_damaged_file_goes_since_nobody_knows_what_is_in_it(settings: Settings) -> None:
    path = settings.folder("datasets") / "parquet" / CAT / "part-0.parquet"
    _write(path, b"PAR1 torn")
    _forget(settings)
    assert not path.exists()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_tables_that_somebody_saved_again_keep_their_form(settings: Settings, separator: str, mark: str) -> None:
    path = settings.folder("datasets") / "again.csv"
    path.parent.mkdir(parents=True)
    rows = [
        ["id", "ownerUsername", "caption", "url"],
        ["31415926535897931", JANE, "mine", "https://www.instagram.com/p/C31415926535897931/"],
        ["31415926535897934", CAT, '"a ""cat"" |||\n of mine"', "https://www.instagram.com/p/C31415926535897934/"],
        ["31415926535897932", OTHER, f"with {JANE}", "https://www.instagram.com/p/C31415926535897932/"],
    ]
    lines = [separator.join(row) + "\r\n" for row in rows]
    path.write_bytes((mark + "".join(lines)).encode())
    _forget(settings)
    expected = [lines[0], lines[2], lines[3].replace(JANE, PSEUDONYM)]
    assert path.read_bytes().decode() == mark + "".join(expected)


def test_delta_tables_lose_it_in_all_versions_bounds_and_what_was_set_aside(settings: Settings, root: UPath) -> None:
    target = settings.folder("datasets") / "delta"
    write_delta(root, str(target), warn=_refuse)
    put(root, post("31415926535897934", CAT, likes=77))
    write_delta(root, str(target), warn=_refuse)
    aside = target / "posts" / "_damaged" / "1" / "00000000000000000000.json"
    aside.parent.mkdir(parents=True)
    aside.write_text(json.dumps({"add": {"stats": JANE}}))
    _forget(settings)
    assert not find_identifier_leaks(files_of_tables(root, str(target), {}, TABLES), _subject())
    found = DeltaTable(target / "posts").to_pyarrow_table()
    assert sorted(found["post_id"].to_pylist()) == LEFT
    assert f"@{PSEUDONYM}" in str(found["caption"].to_pylist())
    assert DeltaTable(target / "viral_labels").to_pyarrow_table().num_rows == 3
    assert not list(output_steps(settings, FORGOTTEN))
    put(root, post("31415926535897938", CAT, day=date(2024, 7, 1)))
    write_delta(root, str(target), warn=_refuse)  # and goes on as a table does


def test_a_delta_table_tells_the_hashes_of_all_that_it_wrote_its_log_too(settings: Settings, root: UPath) -> None:
    target = settings.folder("datasets") / "delta"
    write_delta(root, str(target), warn=_refuse)
    before, hashes = _hashes(target), set[str]()
    for step in list(output_steps(settings, FORGOTTEN)):
        done = step.apply()
        assert isinstance(done, StepResult)
        assert done.rows == step.rows > 0
        hashes |= set(done.rewritten)
    after = _hashes(target)
    written = {path: told for path, told in after.items() if before.get(path) != told}
    assert {"_last_checkpoint", ".json", ".parquet"} <= {path.suffix or path.name for path in written}
    assert hashes == set(written.values())


def test_pseudonymous_exports_forget_it_by_its_pseudonym(settings: Settings, root: UPath) -> None:
    folder = settings.folder("datasets") / "pseudonymous"
    _, pseudonyms = known_to(settings, root)
    for form in ("csv", "json", "parquet"):
        write_selection(root, form, folder, PostSelection(), pseudonyms=pseudonyms)
    write_delta(root, str(folder / "delta"), pseudonyms=pseudonyms, warn=_refuse)
    _forget(settings, with_aliases(FORGOTTEN, settings.folder("privacy")))
    assert not find_identifier_leaks(named_files([folder]), make_lake_names([pseudonyms.person(JANE)], [], []))
    assert len(list(read_merged_json(folder / "posts.json"))) == len(LEFT)
    assert DeltaTable(folder / "delta" / "posts").to_pyarrow_table().num_rows == len(LEFT)


def test_pictures_of_reports_go_and_pages_that_do_not_name_it_stay(settings: Settings) -> None:
    reports = settings.folder("reports")
    # Posts of hers may have been collected under the cat's name.
    timelines = [f"viral_labels-timeline-of-{name}.png" for name in (JANE, CAT)]
    gone = ["images-contact-sheet.jpeg", *timelines, "token_counts-word-cloud.png"]
    stay = ["age_model-losses.png"]
    for name in (*gone, *stay):
        _write(reports / name, b"pixels")
    _write(reports / "reels-2026-W44.html", f"<p>@{JANE}</p>".encode())
    _write(reports / "reels-2026-W45.html", f"<p>@{CAT}</p>".encode())
    failed = [json.dumps({"job": "box", "error": text}) for text in (f"{JANE}|2024-05-01: no image", "disk full")]
    _write(reports / "failures.jsonl", "\n".join([*failed, ""]).encode())
    _forget(settings)
    assert sorted(path.name for path in reports.iterdir()) == sorted([*stay, "reels-2026-W45.html", "failures.jsonl"])
    assert (reports / "failures.jsonl").read_text() == "\n".join([failed[0].replace(JANE, PSEUDONYM), failed[1], ""])


def test_a_link_in_the_reports_goes_by_its_name_alone(settings: Settings, tmp_path: Path) -> None:
    reports = settings.folder("reports")
    _write(tmp_path / "mine.png", b"pixels")
    reports.mkdir(parents=True)
    for name in ("mine.png", f"{JANE}.png", "folder.png"):
        (reports / name).symlink_to(tmp_path if name == "folder.png" else tmp_path / "mine.png")
    _forget(settings)
    assert sorted(path.name for path in reports.iterdir()) == ["folder.png", "mine.png"]
    assert (tmp_path / "mine.png").read_bytes() == b"pixels"


def test_hashes_of_captions_go_with_them_in_files_of_each_form(settings: Settings) -> None:
    said, left = f"with @{JANE}", f"with @{PSEUDONYM}"
    before, after = (hashlib.sha256(text.encode()).hexdigest() for text in (said, left))
    row = {"shortcode": "Cabc", "owner": OTHER, "caption": said, "caption_sha256": before}
    folder = settings.folder("datasets")
    _write(folder / "rows.jsonl", f"{json.dumps(row)}\n".encode())
    _write(folder / "rows.json", json.dumps([row]).encode())
    _write(folder / "rows.csv", f"{','.join(row)}\r\n{','.join(map(str, row.values()))}\r\n".encode())
    _write(folder / "cleaned.csv", f"{','.join(row)}\r\nCabc,{OTHER},{said}  ,{before}\r\n".encode())
    _forget(settings)
    expected = {**row, "caption": left, "caption_sha256": after}
    assert json.loads((folder / "rows.jsonl").read_bytes()) == expected
    assert json.loads((folder / "rows.json").read_bytes()) == [expected]
    assert (folder / "rows.csv").read_bytes().decode().splitlines()[1:] == [f"Cabc,{OTHER},{left},{after}"]
    assert (folder / "cleaned.csv").read_bytes().decode().splitlines()[1:] == [f"Cabc,{OTHER},{left}  ,"]


def test_the_ledger_forgets_the_video_and_keeps_what_it_cost(settings: Settings) -> None:
    file = settings.folder("ledger") / "calls.sqlite"
    file.parent.mkdir(parents=True)
    columns = "id INTEGER PRIMARY KEY, video_id TEXT, cost_usd REAL, reason TEXT, answer TEXT"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"CREATE TABLE calls ({columns})")
        rows = [(VIDEO, 0.5, None, "a person"), ("ef" * 32, 0.25, None, f"talks to @{JANE}"), ("01" * 32, 1, None, "")]
        connection.executemany("INSERT INTO calls (video_id, cost_usd, reason, answer) VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    _write(settings.folder("ledger") / "under_way" / VIDEO / "call.json", b"{}")
    _forget(settings)
    with closing(sqlite3.connect(file)) as connection:
        kept = connection.execute("SELECT video_id, cost_usd, answer FROM calls ORDER BY id").fetchall()
    assert kept == [("forgotten", 0.5, None), ("ef" * 32, 0.25, f"talks to @{PSEUDONYM}"), ("01" * 32, 1.0, "")]
    assert not any(word.encode() in file.read_bytes() for word in (VIDEO, JANE))
    assert not (settings.folder("ledger") / "under_way" / VIDEO).exists()
    assert not list(output_steps(settings, FORGOTTEN))


REGISTRY = f"""# whom we collect
[[accounts]]
name = "{CAT}"
group = "cats"   # since May

# a diary
[[accounts]]
name = "@{JANE.upper()}"
group = "diaries"
tags = ["own"]

# last
[[accounts]]
name = "#육아일기"

[rotation.cats]
per_week = 20
from = 2026-11-02

[rotation.diaries]
per_week = 1
from = 2026-11-02
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_registry_loses_the_entry_and_a_rotation_of_nobody(settings: Settings, end: str) -> None:
    _write(settings.accounts_file, REGISTRY.replace("\n", end).encode())
    _forget(settings)
    diary = f'[[accounts]]\nname = "@{JANE.upper()}"\ngroup = "diaries"\ntags = ["own"]\n'
    rotation = "[rotation.diaries]\nper_week = 1\nfrom = 2026-11-02\n"
    expected = REGISTRY.replace(diary, "").replace(rotation, "")
    assert settings.accounts_file.read_bytes().decode() == expected.replace("\n", end)


def test_files_of_the_demo_and_notes_of_scrapes_go(settings: Settings) -> None:
    data = settings.data_dir
    _write(data / "demo" / "age" / "texts" / f"@{JANE}.csv", b"text\nmine\n")
    _write(data / "demo" / "age" / "texts" / f"{CAT}.json", b'["a cat"]')
    _write(data / "demo" / "age" / "labels.csv", f"username,age\n{JANE},19\n{CAT},30\n".encode())
    labels = data / "datasets" / "labels.csv"
    _write(labels, f'age;username\r\n19;"@{JANE}"\r\n30;{CAT}\r\n31;with {JANE}\r\n'.encode())
    note = {"name": "reels", "digest": "1", "actor": "a/b", "input": {"username": [JANE, CAT]}, "marker": "m"}
    _write(data / "scrapes" / "done.json", json.dumps(note | {"status": "SUCCEEDED"}).encode())
    _write(data / "scrapes" / "open.json", json.dumps(note | {"status": ""}).encode())
    _write(data / "alerts" / "sent.json", json.dumps({"sent": {"mail": {f"{JANE}: late": ["2026-11-01"]}}}).encode())
    _forget(settings)
    assert not _found(data)
    assert sorted(path.name for path in (data / "demo" / "age" / "texts").iterdir()) == [f"{CAT}.json"]
    assert (data / "demo" / "age" / "labels.csv").read_text() == f"username,age\n{CAT},30\n"
    assert labels.read_bytes().decode() == f"age;username\r\n30;{CAT}\r\n31;with {PSEUDONYM}\r\n"
    assert [path.name for path in (data / "scrapes").iterdir()] == ["open.json"]
    assert json.loads((data / "scrapes" / "open.json").read_bytes())["input"]["username"] == [PSEUDONYM, CAT]


@pytest.mark.parametrize(
    "path",
    [
        *(f"{JANE}.md", f"mine/{JANE}.txt", f"exports/{JANE}/posts.csv", "labels.csv", "notes/of mine.json"),
        *(f"mine/{JANE}.parquet", f"{JANE}/note", "datasets.csv", f".{JANE}.json", "accounts.toml.bak"),
    ],
)
def test_files_of_a_person_below_the_data_folder_are_left_and_no_step_tells_of_them(
    path: str, settings: Settings
) -> None:
    _write(settings.data_dir / path, f"id,ownerUsername\n31415926535897931,{JANE}\n".encode())
    assert list(output_steps(settings, FORGOTTEN)) == []
    assert _found(settings.data_dir)


def test_a_step_says_its_place_by_a_word_of_the_program(settings: Settings, root: UPath) -> None:
    write_selection(root, "csv", settings.folder("datasets") / JANE, PostSelection())
    for place in (JANE, f"{JANE}.d", "alerts", "demo", "ledger"):
        _write(settings.data_dir / place / f"{JANE}.csv", JANE.encode())
    assert {step.area for step in output_steps(settings, FORGOTTEN)} <= OWN_FOLDERS


def test_rows_of_our_own_are_taken_apart_as_files_of_the_inbox_are(settings: Settings, root: UPath) -> None:
    folder = settings.folder("datasets")
    (csv, _) = write_selection(root, "csv", folder, PostSelection())
    (json_file,) = write_selection(root, "json", folder, PostSelection())
    for path in (csv.path, json_file.path):
        ours, theirs = path.with_name("ours"), path.with_name("theirs")
        done = write_scrubbed(path, ours, FORGOTTEN)
        assert done == scrub_file(path, theirs, FORGOTTEN)
        assert _values(ours, path.suffix) == _values(theirs, path.suffix)
        ours.unlink()
        theirs.unlink()


@pytest.mark.parametrize(
    "place",
    [
        *("link", "mine/link", "link.csv", "datasets/link", "datasets/post.csv", "datasets/search/link"),
        *("reports/link", "reports/page.html", "scrapes/one.json", "ledger/link", "datasets/parquet/link"),
    ],
)
def test_what_a_link_leads_to_outside_stays_and_so_does_the_link(
    place: str, settings: Settings, tmp_path: Path
) -> None:
    outside = tmp_path / "others"
    _write(outside / "post.csv", f"id,ownerUsername\n31415926535897931,{JANE}\n1,{OTHER}\n".encode())
    _write(outside / JANE / "note.txt", JANE.encode())
    _write(outside / f"{IMAGE}.jpg", b"a picture")
    _write(outside / "manifest.jsonl", f'{{"file": "{IMAGE}.jpg", "sha256": "{IMAGE}"}}\n'.encode())
    before = _bytes(outside)
    link = settings.data_dir / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / "post.csv" if link.suffix else outside)
    _forget(settings)
    assert _bytes(outside) == before
    if link.suffix not in (".html", ".json"):  # pages and notes that name it go, and so does a link in their place
        assert link.is_symlink()


@pytest.mark.parametrize("place", ["demo", "datasets", "datasets/search", "datasets/parquet"])
def test_a_link_that_is_called_like_the_subject_goes(place: str, settings: Settings, tmp_path: Path) -> None:
    _write(tmp_path / "others" / "note.txt", JANE.encode())
    link = settings.data_dir / place / JANE
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "others")
    _forget(settings)
    assert not link.is_symlink()
    assert (tmp_path / "others" / "note.txt").read_text() == JANE


def test_a_folder_of_the_program_that_is_a_link_forgets(settings: Settings, tmp_path: Path) -> None:
    _write(tmp_path / "disk" / "post.csv", f"id,ownerUsername\n31415926535897931,{JANE}\n1,{OTHER}\n".encode())
    settings.data_dir.mkdir()
    settings.folder("datasets").symlink_to(tmp_path / "disk")
    _forget(settings)
    left = (tmp_path / "disk" / "post.csv").read_text()
    assert OTHER in left
    assert JANE not in left


def test_names_of_the_subject_are_told_by_no_step(settings: Settings, root: UPath) -> None:
    write_parquet(lambda *asked: months(root, *asked), settings.folder("datasets") / "parquet")
    told = list(output_steps(settings, FORGOTTEN))
    assert told
    assert not any(JANE in step.path for step in told)


def test_stopped_after_any_step_a_repeat_comes_to_the_same(settings: Settings, root: UPath) -> None:
    folder = settings.folder("datasets")
    for form in ("csv", "json", "parquet"):
        write_selection(root, form, folder / "selection", PostSelection())
    write_delta(root, str(folder / "delta"), warn=_refuse)
    for _ in range(20):
        first = next(output_steps(settings, FORGOTTEN), None)
        if first is None:
            break
        first.apply()
        first.apply()  # twice is as once
    assert not _found(folder)
    assert DeltaTable(folder / "delta" / "posts").to_pyarrow_table().num_rows == len(LEFT)


def _forget(settings: Settings, forgotten: Identifiers = FORGOTTEN) -> list[Step]:
    done = list(output_steps(settings, forgotten))
    for step in done:
        step.apply()
    return done


def _values(path: Path, ending: str) -> list[dict[str, object]]:
    return list(read_csv(path)) if ending == ".csv" else list(read_merged_json(path))


def _subject() -> LakeNames:
    return make_lake_names(
        [JANE], [], [*FORGOTTEN.post_ids, *FORGOTTEN.shortcodes, *FORGOTTEN.profile_ids, IMAGE, VIDEO]
    )


def _found(folder: Path) -> list[IdentifierLeak]:
    return find_identifier_leaks(named_files([folder]), _subject())


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _all(folder)}


def _all(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _refuse(warning: str) -> None:
    raise AssertionError(warning)


def _hashes(folder: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "goes"), [("#육아일기", True), ("byeol.cat", False)])
def test_of_a_hashtag_without_posts_of_its_own_its_timeline_goes_alone(name: str, goes: bool) -> None:
    forgotten = Identifiers({"#육아일기": "#forgotten_1a2b3c4d5e6f7890"})
    assert may_show(f"viral_labels-timeline-of-{name}", forgotten) is goes


def test_damaged_hashes_of_an_age_model_go_as_a_whole_and_stop_nobody(settings: Settings) -> None:
    sound, damaged = (settings.folder("age") / name / PEOPLE for name in ("age", "other"))
    for path in (sound, damaged):
        path.parent.mkdir(parents=True)
        path.write_bytes(known_people([JANE, OTHER], "salt").content)
    damaged.write_bytes(damaged.read_bytes()[:-20])
    steps = [step for step in output_steps(settings, FORGOTTEN) if step.area == "age"]
    assert [(step.path, step.verb) for step in steps] == [
        (f"age/age/{PEOPLE}", "rewrite"),
        (f"age/other/{PEOPLE}", "remove"),
    ]
    for step in steps:
        step.apply()
    assert not damaged.exists()
    people = read_known_people(sound.parent)
    assert people
    assert (people.has(JANE), people.has(OTHER)) == (False, True)
    assert [step for step in output_steps(settings, FORGOTTEN) if step.area == "age"] == []


def test_the_hash_of_its_name_goes_from_the_age_model_and_others_stay(settings: Settings) -> None:
    path = settings.folder("age") / "age" / PEOPLE
    path.parent.mkdir(parents=True)
    path.write_bytes(known_people([JANE.upper(), OTHER], "salt").content)
    [step] = [step for step in output_steps(settings, FORGOTTEN) if step.area == "age"]
    assert (step.path, step.verb, step.rows) == (f"age/age/{PEOPLE}", "rewrite", 1)
    step.apply()
    people = read_known_people(path.parent)
    assert people
    assert (people.has(JANE), people.has(OTHER), len(people.hashes)) == (False, True, 1)
    assert [step for step in output_steps(settings, FORGOTTEN) if step.area == "age"] == []
    assert step.apply() == 0

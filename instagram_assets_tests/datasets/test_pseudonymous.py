"""Exports without names: every form, joins that still work, and one raw @name that is found wherever it is planted."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from upath import UPath

from instagram_assets import schemas
from instagram_assets.datasets.csv import impression_of_record, read_csv
from instagram_assets.datasets.delta import TABLES, files_of_tables, write_delta
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.datasets.pseudonymous import check_pseudonymous, known_to, pseudonymous_months
from instagram_assets.datasets.selected_posts import PostSelection, SelectionFormat, write_selection
from instagram_assets.errors import ContractError, IdentifierError
from instagram_assets.local.image_files import read_merged_json
from instagram_assets.privacy.column_treatments import COLUMN_TREATMENTS
from instagram_assets.privacy.identifier_leaks import NamedFile, named_files
from instagram_assets.privacy.lake_names import LakeNames
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import months
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets_tests.datasets.delta_lakes import put
from instagram_assets_tests.datasets.tables import image, post

FORMS: tuple[SelectionFormat, ...] = ("csv", "json", "parquet")
MINA, SOL = "mina.draws", "demo.sol.garden"
CAPTION = "오늘은 demo.sol.garden 님과, @Jin.Park 도! 문의 010-1234-5678 · mina@draws.kr\n\n#그림"
ROWS = (
    post(
        "31415926535897932",
        MINA,
        caption=CAPTION,
        mentions=["jin.park"],
        tagged=[SOL],
        coauthors=[SOL],
        owner_id="71828182845",
        profile_id="71828182845",
        alt="Photo by Mina Kim on May 01, 2024. May be an image of text.",
        location="성수동",
        extra='{"ownerUsername": "mina.draws"}',
        warnings=["owner mina.draws"],
        source_file="mina.draws.json",
        source_sha256="ab" * 32,
        caption_sha256="cd" * 32,
        media=[{"position": 0, "kind": "image", "url": "archive://mina.draws/media/1.jpg"}],
    ),
    post("31415926535897933", MINA, day=date(2024, 6, 1), kind="reel", owner="jin.park", owner_id="27182818284"),
    post("31415926535897934", SOL, mentions=[MINA]),
    post("31415926535897935", "#육아일기", owner="xu_li.99"),
)


@pytest.fixture
def root(tmp_path: Path) -> UPath:
    """A lake of three collections, whose people name each other."""
    root = UPath(tmp_path / "lake")
    put(root, *ROWS)
    put(root, image("31415926535897932", account=MINA), asset="images")
    label: dict[str, object] = {
        "kind": "post",
        "account": MINA,
        "id": "31415926535897932",
        "viral": True,
        "rule": "top",
    }
    write_asset(root, "viral_labels", schemas.VIRAL_LABELS.table([label | {"url": "https://x.example/p/C1/"}]))
    return root


@pytest.fixture
def known(root: UPath, tmp_path: Path) -> LakeNames:
    return known_to(load_settings(data_dir=tmp_path / "data"), root)[0]


@pytest.fixture
def pseudonyms(root: UPath, tmp_path: Path) -> Pseudonymizer:
    return known_to(load_settings(data_dir=tmp_path / "data"), root)[1]


@pytest.mark.parametrize("form", FORMS)
def test_no_form_names_anybody(
    root: UPath, tmp_path: Path, known: LakeNames, pseudonyms: Pseudonymizer, form: SelectionFormat
) -> None:
    written = write_selection(root, form, tmp_path / "out", PostSelection(), media="../media", pseudonyms=pseudonyms)
    check_pseudonymous(named_files([tmp_path / "out"]), known)
    assert sum(file.rows for file in written) == len(ROWS)
    write_selection(root, form, tmp_path / "raw", PostSelection(), media="../media")
    with pytest.raises(IdentifierError):
        check_pseudonymous(named_files([tmp_path / "raw"]), known)


def test_the_folders_of_parquet_are_pseudonyms(
    root: UPath, tmp_path: Path, known: LakeNames, pseudonyms: Pseudonymizer
) -> None:
    folder = tmp_path / "parquet"
    assert write_parquet(pseudonymous_months(root, pseudonyms), folder) == len(ROWS)
    check_pseudonymous(named_files([folder]), known)
    assert {path.name for path in folder.iterdir()} == {
        pseudonyms.person(MINA),
        pseudonyms.person(SOL),
        "%23육아일기" if not (folder / "#육아일기").exists() else "#육아일기",
    }


def test_of_a_caption_only_names_and_ways_to_reach_somebody_change(
    root: UPath, tmp_path: Path, pseudonyms: Pseudonymizer
) -> None:
    (file,) = write_selection(root, "json", tmp_path, PostSelection(), pseudonyms=pseudonyms)
    record = next(each for each in read_merged_json(file.path) if each["locationName"])
    sol, jin = pseudonyms.person(SOL), pseudonyms.person("jin.park")
    assert record["caption"] == f"오늘은 {sol} 님과, @{jin} 도! 문의 [phone] · [e-mail]\n\n#그림"
    assert record["mentions"] == [jin]
    assert record["taggedUsernames"] == record["coauthors"] == [sol]
    assert record["ownerId"] == record["profileId"] == pseudonyms.profile("71828182845")
    assert record["locationName"] == "성수동"
    assert record["likesCount"] == 30
    gone = ("shortCode", "url", "ownerFullName", "alt", "biography", "displayUrl")
    assert {name: record[name] for name in gone} == dict.fromkeys(gone)


def test_the_reader_of_the_csv_gives_every_value_back(root: UPath, tmp_path: Path, pseudonyms: Pseudonymizer) -> None:
    (csv, _) = write_selection(root, "csv", tmp_path, PostSelection(), pseudonyms=pseudonyms)
    (json_file,) = write_selection(root, "json", tmp_path, PostSelection(), "post", pseudonyms=pseudonyms)
    expected = [dict(each, caption=str(each["caption"]).replace("\n\n", "\n")) for each in _records(json_file.path)]
    assert list(read_csv(csv.path)) == expected


def test_tables_still_join_and_rows_are_in_the_order_of_pseudonyms(
    root: UPath, tmp_path: Path, pseudonyms: Pseudonymizer
) -> None:
    write_delta(root, str(tmp_path), pseudonyms=pseudonyms, warn=_refuse)
    posts, labels = (_rows(tmp_path, name) for name in ("posts", "viral_labels"))
    (label,) = labels
    assert [row["kind"] for row in posts if (row["account"], row["post_id"]) == (label["account"], label["id"])] == [
        "post"
    ]
    (file,) = write_selection(root, "json", tmp_path, PostSelection(), pseudonyms=pseudonyms)
    accounts = [each["account"] for each in read_merged_json(file.path)]
    assert accounts == sorted(accounts)


def test_delta_tables_name_nobody_in_rows_bounds_and_older_versions(
    root: UPath, tmp_path: Path, known: LakeNames, pseudonyms: Pseudonymizer
) -> None:
    target = tmp_path / "delta"
    write_delta(root, str(target), warn=_refuse)
    with pytest.raises(IdentifierError):
        check_pseudonymous(_files(root, target), known)
    made = {each.table: each for each in write_delta(root, str(target), pseudonyms=pseudonyms, warn=_refuse)}
    check_pseudonymous(_files(root, target), known)
    assert len(_rows(target, "posts")) == made["posts"].rows == len(ROWS)
    assert DeltaTable(target / "posts").version() == made["posts"].version
    again = {each.table: each for each in write_delta(root, str(target), pseudonyms=pseudonyms, warn=_refuse)}
    assert [(each.version, each.written) for each in again.values()] == [(made[name].version, 0) for name in again]


def test_an_account_that_comes_later_goes_from_the_texts_of_earlier_rows(
    root: UPath, tmp_path: Path, pseudonyms: Pseudonymizer
) -> None:
    put(root, post("31415926535897936", MINA, day=date(2024, 7, 1), caption="with newcomer"))
    write_delta(root, str(tmp_path / "delta"), pseudonyms=pseudonyms, warn=_refuse)
    put(root, post("31415926535897937", "newcomer", day=date(2024, 7, 1)))
    known, after = known_to(load_settings(data_dir=tmp_path / "data"), root)
    write_delta(root, str(tmp_path / "delta"), pseudonyms=after, warn=_refuse)
    check_pseudonymous(_files(root, tmp_path / "delta"), known)


def test_another_key_gives_other_pseudonyms_and_leaves_no_old_ones(
    root: UPath, tmp_path: Path, pseudonyms: Pseudonymizer
) -> None:
    write_delta(root, str(tmp_path / "delta"), pseudonyms=pseudonyms, warn=_refuse)
    rotated = Pseudonymizer(bytes(32), pseudonyms.names)
    write_delta(root, str(tmp_path / "delta"), pseudonyms=rotated, warn=_refuse)
    assert pseudonyms.person(MINA) not in _all_bytes(tmp_path / "delta")
    assert rotated.person(MINA) in {row["account"] for row in _rows(tmp_path / "delta", "posts")}


def test_one_raw_name_is_found_wherever_it_is_planted(
    root: UPath, tmp_path: Path, known: LakeNames, pseudonyms: Pseudonymizer
) -> None:
    def export(folder: Path) -> None:
        for form in ("csv", "json"):
            write_selection(root, form, folder, PostSelection(), pseudonyms=pseudonyms)
        write_parquet(pseudonymous_months(root, pseudonyms), folder / "parquet")
        write_delta(root, str(folder / "delta"), pseudonyms=pseudonyms, warn=_refuse)

    for number, (plant, place) in enumerate(PLANTED):
        folder = tmp_path / str(number)
        export(folder)
        check_pseudonymous(named_files([folder]), known)
        plant(folder)
        with pytest.raises(IdentifierError, match=place) as told:
            check_pseudonymous(named_files([folder]), known)
        assert not any(name in str(told.value) for name in (MINA, SOL, "jin.park"))


def test_every_column_that_goes_out_has_a_treatment() -> None:
    tables = ("posts", "images", "captions", "impressions", *(asked.asset for asked in TABLES))
    pseudonyms = Pseudonymizer(bytes(32))
    for name in tables:
        assert pseudonyms.table(schemas.CONTRACTS[name].empty()).schema == schemas.CONTRACTS[name].schema
    assert all(each.why for each in COLUMN_TREATMENTS.values() if each.kind == "gone")
    with pytest.raises(ContractError, match="surprise"):
        pseudonyms.table(pa.table({"surprise": ["x"]}))


def test_parts_of_a_pseudonymous_lake_hold_each_row_once(root: UPath, pseudonyms: Pseudonymizer) -> None:
    given = pseudonymous_months(root, pseudonyms)(["posts"])
    rows = sum(part["posts"].num_rows for part in months(root, ["posts"]))
    assert sum(part["posts"].num_rows for part in given) == rows == len(ROWS)


def _in_a_caption(folder: Path) -> None:
    path = folder / "posts.json"
    path.write_text(path.read_text("utf-8").replace("[e-mail]", "@jin.park"), "utf-8")


def _in_a_csv(folder: Path) -> None:
    path = folder / "post.csv"
    path.write_bytes(path.read_bytes().replace(b"[phone]", b"@jin.park"))


def _in_the_name_of_a_file(folder: Path) -> None:
    (folder / "parquet" / f"{MINA}.jpg").write_bytes(b"")


def _in_a_column(folder: Path) -> None:
    path = next((folder / "parquet").glob("person_*/part-0.parquet"))
    table = pq.read_table(path)
    texts = pa.array([f"with @{SOL}"] * table.num_rows)
    pq.write_table(table.set_column(table.schema.get_field_index("location"), "location", texts), path)


def _in_the_log(folder: Path) -> None:
    path = next((folder / "delta" / "posts" / "_delta_log").glob("*.json"))
    path.write_text(path.read_text() + json.dumps({"commitInfo": {"userName": MINA}}) + "\n")


PLANTED: tuple[tuple[Callable[[Path], None], str], ...] = (
    (_in_a_caption, r"0/posts\.json, line \d+: the name jin…"),
    (_in_a_csv, r"1/post\.csv, line \d: the name jin…"),
    (_in_the_name_of_a_file, r"2/parquet/min….jpg, its name: the name min…"),
    (_in_a_column, r"3/parquet/person_\w+/part-0\.parquet, column location: the name dem…"),
    (_in_the_log, r"4/delta/posts/_delta_log/\d+\.json, line \d+: the name min…"),
)


def _files(root: UPath, target: Path) -> Iterator[NamedFile]:
    return files_of_tables(root, str(target), {}, TABLES)


def _records(path: Path) -> list[dict[str, object]]:
    return [dict(each, impression=impression_of_record(each)) for each in read_merged_json(path)]


def _rows(target: Path, table: str) -> list[dict[str, object]]:
    return DeltaTable(target / table).to_pyarrow_table().to_pylist()


def _all_bytes(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


def _refuse(warning: str) -> None:
    raise AssertionError(warning)


@pytest.mark.parametrize("account", ["bo", "99", "video", "xu_li.99"])
def test_a_sentence_of_our_own_names_nobody_however_short_the_name(pseudonyms: Pseudonymizer, account: str) -> None:
    row: dict[str, object] = {"kind": "post", "account": account, "id": "3"}
    told = {"rule": f"best of {account}", "reason": f"place 1 of 7, among the posts of {account} (7); top 5%"}
    made = pseudonyms.table(schemas.VIRAL_LABELS.table([row | told, row | {"account": "#육아"}])).to_pylist()[0]
    person = pseudonyms.person(account)
    assert made["rule"] == f"best of {person}"
    assert made["reason"] == f"place 1 of 7, among the posts of {person} (7); top 5%"

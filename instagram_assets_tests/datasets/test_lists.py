"""Lists of images hold what people decided by hand, of everybody who decides, whatever else is made anew."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.datasets.lists import (
    ListCount,
    decide,
    decide_about,
    decide_found,
    delete_list,
    find_list,
    kept_in,
    list_name,
    list_names,
    partition_of,
    read_decisions,
    read_list,
)
from instagram_assets.datasets.manual_overrides import decide as decide_of_search
from instagram_assets.datasets.manual_overrides import read_overrides
from instagram_assets.errors import ListError, NotFoundError, SearchRequestError
from instagram_assets.forget import lake_tables
from instagram_assets.forget.verification import search_all_data
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.search.search_requests import is_search_name
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import open_lake, values_in
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets.storage.layout import folder_name

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
A, B, C = (f"{number:064x}" for number in (10, 11, 12))
MINE = "여행 2026"


@pytest.fixture
def root(tmp_path: Path) -> UPath:
    return UPath(tmp_path / "lake")


def test_a_damaged_list_hides_no_other_and_can_be_deleted(root: UPath) -> None:
    for name in (MINE, "cats"):
        decide(root, name, [A], "keep", "", AT)
    file = Path(root.path) / "overrides" / folder_name(partition_of("cats")) / "part.parquet"
    file.write_bytes(file.read_bytes()[:100])
    damaged, whole = list_names(root)
    assert (damaged.name, damaged.kept, whole) == ("cats", 0, ListCount(MINE, 1, 0))
    assert str(file) in damaged.problem
    assert delete_list(root, "cats").problem
    assert list_names(root) == [whole]


def test_what_was_decided_is_read_with_its_time_and_reason(root: UPath) -> None:
    changed = decide(root, MINE, [B, A], "drop", " a dog ", AT)
    assert (changed.now, changed.before) == (ListCount(MINE, 0, 2), {A: None, B: None})
    changed = decide(root, MINE, [B, C], "keep", "", LATER)
    assert (changed.now, changed.before) == (ListCount(MINE, 2, 1), {B: "drop", C: None})
    assert read_list(root, MINE) == {
        A: Override("drop", "a dog", AT),
        B: Override("keep", "", LATER),
        C: Override("keep", "", LATER),
    }
    assert read_decisions(root, MINE) == {A: "drop", B: "keep", C: "keep"}
    assert kept_in(read_list(root, MINE)) == [B, C]
    assert list_names(root) == [ListCount(MINE, 2, 1)]


def test_a_list_and_a_search_of_the_same_name_do_not_touch_each_other(root: UPath) -> None:
    decide_of_search(root, MINE, [A], "drop", "", AT)
    decide(root, MINE, [A], "keep", "", AT)
    assert read_overrides(root, MINE) == {A: Override("drop", "", AT)}
    assert read_list(root, MINE) == {A: Override("keep", "", AT)}
    assert [each.name for each in list_names(root)] == [MINE]
    delete_list(root, MINE)
    assert read_overrides(root, MINE) == {A: Override("drop", "", AT)}


@given(st.text(st.characters(categories=["L", "M", "N"], include_characters="-_ "), min_size=1, max_size=70))
def test_what_a_list_is_called_no_search_is(text: str) -> None:
    try:
        name = list_name(text)
    except ListError:
        return
    assert list_name(name) == name
    assert not is_search_name(partition_of(name))


@pytest.mark.parametrize(
    "name", ["", " ", "a/b", "..", "a:b", ".a", "-a", "a\n", "a\u202eb", "x" * 65, "list:a", "𝒜" * 64, "a\x00"]
)
def test_what_no_list_can_be_called_is_refused(name: str, root: UPath) -> None:
    with pytest.raises(ListError):
        decide(root, name, [A], "keep", "", AT)
    assert values_in(root, "overrides") == set()


def test_names_are_the_same_in_whatever_form_they_are_typed(root: UPath) -> None:
    decide(root, "\u1112\u1161\u11ab ", [A], "keep", "", AT)
    assert read_decisions(root, "한") == {A: "keep"}


def test_what_is_no_image_or_no_decision_is_refused_and_nothing_is_changed(root: UPath) -> None:
    for image_id in ("", "../media", A.upper(), A + "0"):
        with pytest.raises(ListError):
            decide(root, MINE, [A, image_id], "keep", "", AT)
    with pytest.raises(SearchRequestError):
        decide(root, MINE, [A], "maybe", "", AT)  # pyright: ignore[reportArgumentType]
    assert list_names(root) == []


def test_an_unknown_list_is_told_with_those_that_there_are(root: UPath) -> None:
    with pytest.raises(NotFoundError, match="No list was made yet"):
        find_list(root, "cats")
    decide(root, MINE, [A], "keep", "", AT)
    for ask in (find_list, delete_list):
        with pytest.raises(NotFoundError, match=f"no list 'cats'. There are: {MINE}"):
            ask(root, "cats")


def test_of_many_who_decide_at_once_all_are_heard(root: UPath) -> None:
    ids = [f"{number:064x}" for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: decide(root, MINE, [each], "keep", "", AT), ids))
    assert sorted(read_list(root, MINE)) == ids


def test_all_that_was_found_is_kept_but_for_what_is_dropped_by_hand(root: UPath) -> None:
    decide(root, MINE, [A], "drop", "a dog", AT)
    decide(root, MINE, [B], "keep", "mine", AT)
    changed = decide_found(root, MINE, pa.array([A, B, C, C, None]), "keep", "", LATER)
    assert (changed.found, changed.left, changed.before) == (3, 1, {C: None})
    assert read_list(root, MINE) == {
        A: Override("drop", "a dog", AT),
        B: Override("keep", "mine", AT),
        C: Override("keep", "", LATER),
    }
    assert decide_found(root, MINE, pa.array([B, A]), "drop", "", LATER).before == {B: "keep"}
    assert decide_found(root, MINE, pa.array([A, "f" * 64]), None, "", LATER).before == {A: "drop"}
    assert read_decisions(root, MINE) == {B: "drop", C: "keep"}


_DECISIONS = st.dictionaries(st.sampled_from([A, B, C]), st.sampled_from(["keep", "drop", None]), max_size=3)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), _DECISIONS), max_size=6))
def test_a_list_is_what_was_decided_last_and_undoing_all_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, dict[str, Decision | None]]]
) -> None:
    root = UPath(tmp_path_factory.mktemp("lists") / "lake")
    model: dict[str, Decision] = {}
    undo: list[dict[str, Decision | None]] = []
    for is_found, decisions in steps:
        if is_found:
            undo.append(decide_found(root, MINE, pa.array(decisions, pa.string()), "keep", "", AT).before)
            model |= {each: "keep" for each in decisions if model.get(each) != "drop"}
        else:
            undo.append(decide_about(root, MINE, decisions, "", AT).before)
            model = {each: said for each, said in (model | decisions).items() if said}
        assert read_decisions(root, MINE) == model
        assert list_names(root) == ([ListCount(MINE, *_counts(model))] if model else [])
    for before in reversed(undo):
        decide_about(root, MINE, before, "", AT)
    assert read_decisions(root, MINE) == {}
    assert values_in(root, "overrides") == set()


def _counts(model: dict[str, Decision]) -> tuple[int, int]:
    kept = sum(said == "keep" for said in model.values())
    return kept, len(model) - kept


def test_a_forgotten_image_leaves_every_list_and_a_forgotten_name_every_lists_name(tmp_path: Path) -> None:
    chosen = load_settings(data_dir=tmp_path / "data")
    lake, jane, hidden = open_lake(chosen), "sun_diary", "forgotten_0011223344556677"
    known = Identifiers({jane: hidden}, images=frozenset({A}))
    for name in (jane, f"best of {jane}", "sea"):
        decide(lake, name, [A, B], "keep", f"that is {jane}", AT)
    decide(lake, "only hers", [A], "keep", "", AT)
    for step in lake_tables.lake_table_steps(chosen, known):
        step.apply()
    assert [each.name for each in list_names(lake)] == [f"best of {hidden}", hidden, "sea"]
    assert read_list(lake, "sea") == read_list(lake, hidden) == {B: Override("keep", f"that is {hidden}", AT)}
    assert not search_all_data(chosen, known).found


@pytest.mark.parametrize("first", [0, 1])
def test_two_lists_that_are_called_alike_once_a_name_is_forgotten_become_one(tmp_path: Path, first: int) -> None:
    chosen = load_settings(data_dir=tmp_path / "data")
    lake, hidden = open_lake(chosen), "forgotten_0011223344556677"
    known = Identifiers({"sun_diary": hidden}, images=frozenset({C}))
    names = ("sun_diary", "Sun_Diary")
    decide(lake, names[first], [A, C], "keep", "old", AT)
    decide(lake, names[1 - first], [A], "drop", "new", LATER)
    decide(lake, names[1 - first], [B], "keep", "", AT)
    decide_of_search(lake, "love Sun_Diary", [A], "drop", "", AT)
    decide_of_search(lake, "love sun_diary", [B], "keep", "", AT)
    steps = list(lake_tables.lake_table_steps(chosen, known))
    for step in [*steps, *lake_tables.lake_table_steps(chosen, known)]:
        step.apply()
    assert list_names(lake) == [ListCount(hidden, 1, 1)]
    assert read_list(lake, hidden) == {A: Override("drop", "new", LATER), B: Override("keep", "", AT)}
    [search] = values_in(lake, "overrides") - {partition_of(hidden)}
    assert read_overrides(lake, search).keys() == {A, B}
    assert not search_all_data(chosen, known).found


def test_a_forgetting_that_died_between_both_lists_finds_the_same_again(tmp_path: Path) -> None:
    chosen = load_settings(data_dir=tmp_path / "data")
    lake, hidden = open_lake(chosen), "forgotten_0011223344556677"
    known = Identifiers({"sun_diary": hidden})
    decide(lake, "sun_diary", [A], "keep", "", AT)
    decide(lake, "Sun_Diary", [A, B], "drop", "", LATER)
    steps = list(lake_tables.lake_table_steps(chosen, known))
    steps[0].apply()
    steps[-1].apply()  # the rest is not reached
    for step in lake_tables.lake_table_steps(chosen, known):
        step.apply()
    assert read_decisions(lake, hidden) == {A: "drop", B: "drop"}
    assert [each.name for each in list_names(lake)] == [hidden]


@pytest.mark.parametrize("tail", ["x" * 55, "가" * 55, "\U00010345" * 45])
def test_a_list_whose_name_a_pseudonym_makes_too_long_can_still_be_named(tmp_path: Path, tail: str) -> None:
    chosen = load_settings(data_dir=tmp_path / "data")
    lake = open_lake(chosen)
    for name in (f"sun_ {tail}", f"sun_ {tail[:-1]}y"):
        decide(lake, name, [A], "keep", "", AT)
    for step in lake_tables.lake_table_steps(chosen, Identifiers({"sun_": "forgotten_0011223344556677"})):
        step.apply()
    names = [each.name for each in list_names(lake)]
    assert len(names) == 2
    for name in names:
        assert name.startswith("forgotten_0011223344556677")
        assert read_decisions(lake, name) == {A: "keep"}
        assert delete_list(lake, name).kept == 1


def test_a_name_is_as_long_as_a_folder_can_be_called_and_no_longer(root: UPath) -> None:
    letters = "\U00010345"
    with pytest.raises(ListError, match="bytes, of which 255 are allowed"):
        decide(root, letters * 64, [A], "keep", "", AT)
    decide(root, letters * 55, [A], "keep", "", AT)
    assert [each.name for each in list_names(root)] == [letters * 55]


def test_a_list_holds_when_clusters_are_made_anew(root: UPath) -> None:
    from instagram_assets.schemas import CLUSTERS

    decide(root, MINE, [A, B], "keep", "", AT)
    for cluster in (1, 2):
        row: dict[str, object] = {
            "scope": "all",
            "image_id": A,
            "cluster": cluster,
            "is_largest": True,
            "near_group": A,
            "model": "m",
        }
        write_asset(root, "clusters", CLUSTERS.table([row]))
        assert read_decisions(root, MINE) == {A: "keep", B: "keep"}

"""The registry loses the subject in each form that TOML has for it, stays one that loads, and keeps all other bytes."""

import tomllib
from pathlib import Path

import pytest

from instagram_assets.forget.account_registry import registry_steps, remove_entries
from instagram_assets.forget.verification import search_all_data
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.settings import Settings, load_settings
from instagram_assets.sources.account_registry import load_registry

JANE, BOB = "sun_diary", "moon_cooks"
PSEUDONYM = "forgotten_0123456789abcdef"
DISTINCTIVE = Identifiers(accounts={JANE: PSEUDONYM}, post_ids=frozenset({"31415926535897931"}))
ORDINARY = Identifiers(accounts={"love": PSEUDONYM})
BARE = Identifiers(accounts={"love": PSEUDONYM}, bare=frozenset({"love"}))
TURN = "per_week = 1\nfrom = 2026-11-02\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    chosen = load_settings(data_dir=tmp_path / "data")
    chosen.data_dir.mkdir()
    return chosen


def forgotten(settings: Settings, text: str, known: Identifiers) -> str:
    """The registry after forgetting: it loads, nothing is found in it, and nothing more is to be done."""
    file = settings.accounts_file
    file.write_bytes(text.encode())
    for step in registry_steps(file, known):
        step.apply()
    load_registry(file)
    assert not list(registry_steps(file, known))
    assert not search_all_data(settings, known).found
    return file.read_bytes().decode()


@pytest.mark.parametrize(
    "rotation",
    [
        f"[rotation.NAME]\n{TURN}",
        f'[rotation."NAME"]  # hers\n{TURN}',
        f"[ rotation . 'NAME' ]\r\n{TURN}",
        "[rotation]\nNAME = { per_week = 1, from = 2026-11-02 }\n",
        "[rotation]\nNAME.per_week = 1\nNAME.from = 2026-11-02\n",
    ],
)
@pytest.mark.parametrize(("name", "known"), [(JANE, DISTINCTIVE), ("love", BARE)])
def test_a_group_that_is_called_like_it_has_the_pseudonym_everywhere(
    settings: Settings, rotation: str, name: str, known: Identifiers
) -> None:
    text = f'[[accounts]]\nname = "{BOB}"\ngroup = "NAME"\ntags = ["NAME", "cook"]\n\n{rotation}'
    after = forgotten(settings, text.replace("NAME", name), known)
    assert after == text.replace("NAME", PSEUDONYM)
    assert load_registry(settings.accounts_file).rotations.keys() == {PSEUDONYM}


@pytest.mark.parametrize(
    "rotation",
    ["rotation.NAME = {per_week = 1, from = 2026-11-02}", "rotation = {NAME = {per_week = 1, from = 2026-11-02}}"],
)
def test_a_rotation_before_the_entries_has_the_pseudonym_too(settings: Settings, rotation: str) -> None:
    text = f'{rotation}\n[[accounts]]\nname = "{BOB}"\ngroup = "NAME"\n'
    assert forgotten(settings, text.replace("NAME", JANE), DISTINCTIVE) == text.replace("NAME", PSEUDONYM)


def test_a_group_that_is_called_by_an_ordinary_word_is_the_persons_own(settings: Settings) -> None:
    text = f'[[accounts]]\nname = "{BOB}"\ngroup = "love"\ntags = ["love"]\n\n[rotation.love]\n{TURN}'
    entry = '[[accounts]]\nname = "love"\n\n'
    assert forgotten(settings, entry + text, ORDINARY) == f"\n{text}"


def test_a_name_that_is_written_with_escapes_is_seen(settings: Settings) -> None:
    text = f'[[accounts]]\nname = "{BOB}"\ngroup = "sun\\u005fdiary"\n\n[rotation."sun\\u005fdiary"]\n{TURN}'
    assert forgotten(settings, text, DISTINCTIVE) == text.replace("sun\\u005fdiary", PSEUDONYM)


def test_two_spellings_of_a_group_are_one_afterwards(settings: Settings) -> None:
    entries = f'[[accounts]]\nname = "{BOB}"\ngroup = "Sun_Diary"\n[[accounts]]\nname = "a.star"\ngroup = "{JANE}"\n'
    after = forgotten(settings, f"{entries}[rotation.Sun_Diary]\n{TURN}[rotation.{JANE}]\n{TURN}", DISTINCTIVE)
    assert tomllib.loads(after)["rotation"].keys() == {PSEUDONYM}


INLINE = [
    (f'accounts = [{{name = "{JANE}"}}, {{name = "{BOB}"}}]\n', f'accounts = [{{name = "{BOB}"}}]\n'),
    (f'accounts = [{{name = "{BOB}"}}, {{name = "@Sun_Diary"}}]\n', f'accounts = [{{name = "{BOB}"}}]\n'),
    (f'accounts = [{{name = "{JANE}"}}]\n', "accounts = []\n"),
    (f'accounts = [{{name = "{BOB}"}}, {{name = "{JANE}"}}, ] # all\n', f'accounts = [{{name = "{BOB}"}}, ] # all\n'),
    (
        f'accounts = [\n  {{name = "{BOB}", tags = ["a", "b"]}}, # cooks\n  {{name = "{JANE}"}}, # hers\n]\n',
        f'accounts = [\n  {{name = "{BOB}", tags = ["a", "b"]}}, # cooks\n]\n',
    ),
    (
        f'accounts = [\n  {{name = "{JANE}", tags = ["x"]}},\n  # the cook\n  {{name = "{BOB}"}}\n]\n',
        f'accounts = [\n  # the cook\n  {{name = "{BOB}"}}\n]\n',
    ),
    (
        f'accounts = [\n  {{name = "{BOB}"}},\n  {{name = "{JANE}"}}\n]\n',
        f'accounts = [\n  {{name = "{BOB}"}}\n]\n',
    ),
    (
        f'accounts = [{{name = "{JANE}", group = "d"}}, {{name = "{BOB}", group = "c"}}]\n'
        f"[rotation.c]\n{TURN}[rotation.d]\n{TURN}",
        f'accounts = [{{name = "{BOB}", group = "c"}}]\n[rotation.c]\n{TURN}',
    ),
    (
        f'rotation = {{d = {{per_week = 1, from = 2026-11-02}}}}\naccounts = [{{name = "{JANE}", group = "d"}}]\n',
        "rotation = {}\naccounts = []\n",
    ),
    (
        f'[[accounts]]\nname = "{JANE}"\ngroup = "d"\n[rotation]\nd = {{per_week = 1, from = 2026-11-02}}\n',
        "[rotation]\n",
    ),
]


@pytest.mark.parametrize(("before", "after"), INLINE)
def test_an_entry_in_a_list_is_cut_out_of_it(settings: Settings, before: str, after: str) -> None:
    assert forgotten(settings, before, DISTINCTIVE) == after


def test_a_file_of_windows_keeps_its_mark_and_loses_the_first_entry(settings: Settings) -> None:
    text = f'\ufeff[[accounts]]\r\nname = "{JANE}"\r\n[[accounts]]\r\nname = "{BOB}"\r\n'
    assert forgotten(settings, text, DISTINCTIVE) == f'\ufeff[[accounts]]\r\nname = "{BOB}"\r\n'


def test_a_text_with_a_header_in_it_is_one_value() -> None:
    text = f'[[accounts]]\nname = "{BOB}"\nnote = """\n[[accounts]]\nname = "{JANE}"\n"""\n'
    assert remove_entries(text, DISTINCTIVE) == text.replace(JANE, PSEUDONYM)


@pytest.mark.parametrize("text", [f'[[accounts]\nname = "{JANE}\n', f"{JANE}", "[rotation.", "a = [[{\n", "\x00", ""])
def test_what_is_no_toml_loses_the_name_and_nothing_else(text: str) -> None:
    assert remove_entries(text, DISTINCTIVE) == text.replace(JANE, PSEUDONYM)


def test_a_number_that_is_forgotten_stays_a_number() -> None:
    text = "post = 31415926535897931\nposts = [1, 31415926535897931]\n"
    assert tomllib.loads(remove_entries(text, DISTINCTIVE)) == {"post": 0, "posts": [1, 0]}


def test_the_proof_sees_a_name_that_is_a_part_of_a_key(settings: Settings) -> None:
    settings.accounts_file.write_text(f"[rotation.{JANE}]\n{TURN}")
    (place,) = search_all_data(settings, DISTINCTIVE).found
    assert place.path == str(settings.accounts_file)


def test_a_registry_elsewhere_is_searched_too(tmp_path: Path) -> None:
    file = tmp_path / "love.toml"
    elsewhere = load_settings(data_dir=tmp_path / "data", accounts={"file": str(file)})
    file.write_text(f"# of {JANE}\n")
    assert {place.path for place in search_all_data(elsewhere, DISTINCTIVE).found} == {str(file)}
    file.write_text("[rotation.love]\n")
    assert not search_all_data(elsewhere, ORDINARY).found

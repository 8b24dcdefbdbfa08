"""The registry says whom to collect; what is wrong with it is named with its entry and what to do."""

from datetime import date
from pathlib import Path

import pytest

from instagram_assets.errors import SettingsError
from instagram_assets.sources.account_registry import load_registry, parse_week

WEEK_48 = date(2026, 11, 25)

WHOLE = """
[[accounts]]
name = "@Sun_Diary"
group = "cats"
tags = ["seoul", "own", "seoul"]
from = 2026-11-02
to = 2026-11-29
source = "apify"

[[accounts]]
name = "＃육아일기"

[rotation.cats]
per_week = 1
from = 2026-11-02
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "accounts.toml"
    path.write_text(text, "utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_registry(write(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


def entry(name: str, *lines: str) -> str:
    return "\n".join(["[[accounts]]", f'name = "{name}"', *lines, ""])


def test_an_entry_says_who_in_which_group_when_and_by_whom(tmp_path: Path) -> None:
    account, hashtag = load_registry(write(tmp_path, WHOLE)).entries
    assert (account.name, account.kind, account.group, account.source) == ("sun_diary", "account", "cats", "apify")
    assert (account.tags, account.begins, account.ends) == (("seoul", "own"), date(2026, 11, 2), date(2026, 11, 29))
    assert (hashtag.name, hashtag.kind, hashtag.group, hashtag.source) == ("#육아일기", "hashtag", None, None)


@pytest.mark.parametrize(
    ("day", "state"),
    [
        (date(2026, 11, 1), "not begun"),
        (date(2026, 11, 2), "collected"),
        (date(2026, 11, 29), "collected"),
        (date(2026, 11, 30), "ended"),
    ],
)
def test_an_entry_is_collected_in_the_weeks_of_its_days(tmp_path: Path, day: date, state: str) -> None:
    text = entry("sun_diary", "from = 2026-11-03", "to = 2026-11-28")
    assert load_registry(write(tmp_path, text)).states(day) == {"sun_diary": state}


def test_a_registry_may_be_empty_and_saved_by_a_windows_editor(tmp_path: Path) -> None:
    assert load_registry(write(tmp_path, "")).entries == ()
    path = write(tmp_path, "\ufeff" + entry("#육아일기").replace("\n", "\r\n"))
    assert load_registry(path).names == {"#육아일기"}


@pytest.mark.parametrize("again", ["sun_diary", "@sun_diary", "SUN_Diary", " sun_diary ", "instagram.com/sun_diary"])
def test_the_same_account_twice_is_refused_with_both_places(tmp_path: Path, again: str) -> None:
    told = refused(tmp_path, entry("sun_diary") + entry("other") + entry(again))
    assert told == "accounts.toml, entry 3 (sun_diary): stands at entry 1 already; keep one of the two."


@pytest.mark.parametrize(("first", "again"), [("#Cats", "#cats"), ("#육아일기", "＃육아일기"), ("#카", "#카")])
def test_the_same_hashtag_twice_is_refused(tmp_path: Path, first: str, again: str) -> None:
    assert "stands at entry 1 already" in refused(tmp_path, entry(first) + entry(again))


def test_an_account_and_a_hashtag_of_one_name_are_two(tmp_path: Path) -> None:
    assert load_registry(write(tmp_path, entry("cats") + entry("#cats"))).names == {"cats", "#cats"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("#육아 일기", 'it holds a blank, which ends a hashtag; write "#육아일기", or each for itself'),
        ("#육아\u3000일기", 'write "#육아일기"'),
        ("#cat-lovers", 'it ends after "#cat"; letters, digits, _ and emoji make one'),
        ("#one#two", 'it ends after "#one"'),
        ("#", "the hashtag is empty"),
        ("#-", "none can begin so"),
        ("", "the name is empty"),
        ("@", "the name is empty"),
        ("sun diary", "which is in no account's name; give each account for itself"),
        ("육아일기", "hashtags have a #"),
        ("a..b", "single dots"),
        ("https://www.instagram.com/p/AbC/", "the address of no profile; give the account's name"),
    ],
)
def test_what_is_no_name_is_refused_with_the_remedy(tmp_path: Path, name: str, problem: str) -> None:
    told = refused(tmp_path, entry("first") + entry(name))
    assert told.startswith("accounts.toml, entry 2 (")
    assert problem in told


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('grup = "cats"', "grup is no key of it. Did you mean group?"),
        ('zzz = "cats"', "zzz is no key of it. There are: name, group, tags, from, to, source."),
        ("from = 2026-11-02\nto = 2026-11-01", "its last day 2026-11-01 is before its first, 2026-11-02; exchange"),
        ("from = 20261102", "from = 20261102: not a day; write it as 2026-11-02"),
        ("from = 2026-11-02T09:00:00", "write it as 2026-11-02, without a time"),
        ('to = "soon"', "to = soon: not a day"),
        ('source = "apfy"', "source = apfy: input should be 'apify', 'graph_api', 'instagram' or 'files'"),
        ('tags = "seoul"', 'tags = seoul: no list; write it as ["seoul", "own"]'),
        ('tags = ["seoul", 3]', "tags.2 = 3: no text; put it in quotes"),
        ('group = " cats"', "group =  cats: take away the blanks around it"),
        ('group = ""', 'group = "": string should have at least 1 character'),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(tmp_path: Path, line: str, problem: str) -> None:
    told = refused(tmp_path, entry("sun_diary", line))
    assert told.startswith("accounts.toml, entry 1 (sun_diary): ")
    assert problem in told


def test_a_day_may_stand_in_quotes(tmp_path: Path) -> None:
    (found,) = load_registry(write(tmp_path, entry("sun_diary", 'from = "2026-11-02"'))).entries
    assert found.begins == date(2026, 11, 2)


def test_a_mistake_hides_no_other(tmp_path: Path) -> None:
    text = entry("sun", "grup = 3") + entry("#a b") + entry("sun") + '[[acounts]]\nname = "x"\n'
    text += "[rotation.cats]\nper_week = 0\nfrom = 2026-11-02\n[rotation.dogs]\nper_week = 1\nfrom = 2026-11-02\n"
    assert [line.partition(", ")[2].partition(":")[0] for line in refused(tmp_path, text).splitlines()] == [
        "acounts is no table of a registry. Did you mean accounts?",
        "entry 1 (sun)",
        "entry 2 (#a b)",
        "[rotation.cats]",
        "entry 3 (sun)",
        "[rotation.dogs]",
    ]


def test_a_registry_of_another_encoding_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_bytes(entry("#육아일기").encode("cp949"))
    with pytest.raises(SettingsError, match=r"it is no UTF-8 \(byte 23\) but likely CP949\. Save it as UTF-8\."):
        load_registry(tmp_path / "accounts.toml")


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, entry("#a b") + entry("good") + '[[accounts]]\ngroup = "cats"\n')
    assert [line.partition(": ")[0] for line in told.splitlines()] == [
        "accounts.toml, entry 1 (#a b)",
        "accounts.toml, entry 3 (without a name)",
    ]
    assert told.endswith("it has no name; add it.")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[acounts]]", "accounts.toml, acounts is no table of a registry. Did you mean accounts?"),
        ('[accounts]\nname = "sun"', "Begin each entry with [[accounts]], in two brackets."),
        ('accounts = ["sun"]', "entry 1 (without a name): it is no table; begin it with [[accounts]]"),
        ("[[accounts]]\nname = #육아일기", "cannot be read as TOML"),
        ("[rotation]\nper_week = 3", "Begin it with [rotation.GROUP]."),
        ("[rotation.cats]\nper_week = 3\nfrom = 2026-11-02", "[rotation.cats]: no entry is of that group."),
        (
            "[rotation.cats]\nper_week = 0\nfrom = 2026-11-02",
            "per_week = 0: input should be greater than or equal to 1",
        ),
        ("[rotation.cats]\nfrom = 2026-11-02", "[rotation.cats]: it has no per_week; add it."),
        ("[rotation.cats]\nper_weak = 3", "per_weak is no key of it. Did you mean per_week"),
    ],
)
def test_a_file_that_is_no_registry_is_refused_in_words(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refused(tmp_path, text)


def test_a_rotation_of_a_misspelt_group_is_told_the_nearest(tmp_path: Path) -> None:
    text = entry("sun", 'group = "cats"') + "[rotation.cat]\nper_week = 1\nfrom = 2026-11-02\n"
    assert "[rotation.cat]: no entry is of that group. Did you mean cats?" in refused(tmp_path, text)


def test_a_registry_that_is_not_there_or_not_text_is_told_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nobody\.toml: there is no registry .* INSTAGRAM_ASSETS_ACCOUNTS__FILE"):
        load_registry(tmp_path / "nobody.toml")
    (tmp_path / "picture.toml").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(SettingsError, match=r"picture\.toml: cannot be read as TOML"):
        load_registry(tmp_path / "picture.toml")


def test_of_a_rotated_group_some_are_collected_and_of_others_all(tmp_path: Path) -> None:
    text = "".join(entry(f"cat_{number}", 'group = "cats"') for number in range(6))
    text += entry("#육아일기") + entry("dog", 'group = "dogs"') + "[rotation.cats]\nper_week = 2\nfrom = 2026-11-02\n"
    registry = load_registry(write(tmp_path, text))
    states = registry.states(WEEK_48)
    assert list(states.values()).count("waits") == 4
    collected = {found.name for found in registry.collected(WEEK_48)}
    assert collected == {*registry.in_turn("cats", WEEK_48), "#육아일기", "dog"}
    assert len(collected) == 4


@pytest.mark.parametrize("group", ["", 'group = "cats"'], ids=["alone", "in a rotation"])
@pytest.mark.parametrize(
    ("days", "state"),
    [
        ("from = 9999-12-31", "not begun"),
        ("from = 0001-01-01", "collected"),
        ("to = 9999-12-31", "collected"),
        ("to = 0001-01-01", "ended"),
        ("from = 0001-01-01\nto = 9999-12-31", "collected"),
    ],
)
def test_days_that_stand_for_always_and_never_are_read(tmp_path: Path, days: str, state: str, group: str) -> None:
    text = entry("sun_diary", days, group) + entry("other", 'group = "cats"')
    text += "[rotation.cats]\nper_week = 5\nfrom = 2026-11-02\n"
    registry = load_registry(write(tmp_path, text))
    assert registry.states(WEEK_48)["sun_diary"] == state
    for day in (date.min, date.max):
        assert set(registry.states(day)) == {"sun_diary", "other"}


def test_an_iso_week_is_named_by_year_and_number() -> None:
    assert parse_week("2026-W48") == date(2026, 11, 23)
    assert parse_week("2026-w53") == date(2026, 12, 28)
    for text in ("2026-W54", "2025-W53", "2026-48", "W48", "2026-W00", "next", f"{10**20}-W01", "10000-W01"):
        with pytest.raises(SettingsError, match=r"not an ISO week\. Use the form 2026-W48\."):
            parse_week(text)


def test_what_stands_for_a_forgotten_name_is_nobody_to_collect(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text('accounts = [{name = "forgotten_8f86ebd8fc2be949"}, {name = "forgotten_garden"}]', "utf-8")
    registry = load_registry(file)
    assert [entry.name for entry in registry.collected(date(2026, 11, 23))] == ["forgotten_garden"]
    assert registry.states(date(2026, 11, 23))["forgotten_8f86ebd8fc2be949"] == "forgotten"

"""Who is not asked about any more: gone, private, renamed, somebody else now, forgotten, refused."""

from datetime import date
from pathlib import Path

import pytest

from instagram_assets.collect.collection_results import CollectionOutcome
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.site_adapter import Classification, ResponseOutcome
from instagram_assets.collect.subject_table import load_subject
from instagram_assets.errors import (
    BusyError,
    StorageError,
)
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import LatestTombstones, add_tombstones
from instagram_assets_tests.collect.collect_helper import HOUR, Bench, days_back
from instagram_assets_tests.collect.small_site import DAY


@pytest.mark.parametrize("outcome", [ResponseOutcome.NOT_FOUND, ResponseOutcome.PRIVATE])
def test_who_is_not_there_or_private_is_not_asked_again_unless_it_is_wanted(
    tmp_path: Path, outcome: ResponseOutcome
) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    (gone,) = bench.run(script=lambda *_: Classification(outcome, "it says so"))
    assert (gone.outcome, gone.reason, gone.file) == (CollectionOutcome(outcome), "it says so", None)
    bench.clock.sleep(30 * DAY)
    (still,) = bench.run()
    assert (still.outcome, still.reason, bench.asked) == (CollectionOutcome(outcome), "it says so", [])
    (back,) = bench.run(again=True)
    assert back.outcome is CollectionOutcome.COMPLETE
    assert load_subject(bench.database, "small", "sun_diary").state == "active"


def test_what_came_before_an_account_went_private_is_delivered_and_called_partial(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))
    (found,) = bench.run(
        script=lambda number, *_: Classification(ResponseOutcome.PRIVATE, "no more") if number == 2 else None
    )
    assert (found.outcome, found.posts, found.reason) == (CollectionOutcome.PARTIAL, 6, "private: no more")
    assert len(bench.records()["sun_diary"]) == 6
    assert bench.run()[0].outcome is CollectionOutcome.PRIVATE


def test_an_account_that_was_seen_and_is_gone_is_said_to_be_deleted_or_renamed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.run()
    bench.clock.sleep(DAY)
    (gone,) = bench.run(script=lambda *_: Classification(ResponseOutcome.NOT_FOUND))
    assert gone.reason == "it was there until 2026-11-27: deleted, renamed or hidden"


def test_a_name_that_belongs_to_somebody_else_now_is_refused_until_that_one_is_meant(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.site.ids = {"sun_diary": "11"}
    bench.run()
    bench.clock.sleep(DAY)
    bench.site.ids = {"sun_diary": "22"}
    (other,) = bench.run()
    assert other.outcome is CollectionOutcome.REPLACED
    assert "id 22, it was 11" in other.reason
    assert other.file is None
    assert bench.run()[0].outcome is CollectionOutcome.REPLACED
    assert bench.asked == []
    assert bench.run(again=True)[0].outcome is CollectionOutcome.COMPLETE
    assert load_subject(bench.database, "small", "sun_diary").profile_id == "22"


def test_an_account_that_is_found_under_another_name_was_renamed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, old_name=days_back(2), new_name=days_back(2))
    bench.site.ids = {"old_name": "11", "new_name": "11"}
    bench.run("old_name")
    bench.clock.sleep(DAY)
    bench.run("new_name")
    (renamed,) = bench.run("old_name")
    assert (renamed.outcome, renamed.reason) == (
        CollectionOutcome.RENAMED,
        "is called new_name since 2026-11-28 or before",
    )


def test_pages_of_an_account_that_was_renamed_meanwhile_are_delivered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, old_name=days_back(7), new_name=days_back(7))
    bench.site.ids = {"old_name": "11", "new_name": "11"}
    bench.run("old_name", script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.sleep(DAY)
    bench.run("new_name")
    (renamed,) = bench.run("old_name")
    assert (renamed.outcome, renamed.posts, bench.asked) == (CollectionOutcome.PARTIAL, 3, [])
    assert renamed.reason.startswith("renamed: is called new_name")
    assert bench.run("old_name")[0].outcome is CollectionOutcome.RENAMED


def test_what_was_forgotten_is_never_asked_for_and_its_pages_go(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))
    bench.site.ids = {"sun_diary": "11"}
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number == 1 else None)
    for forgotten in (Identifiers({"sun_diary": "ps_1"}), Identifiers(profile_ids=frozenset({"11"}))):
        bench.clock.sleep(HOUR)
        (found,) = bench.run(forgotten=forgotten)
        assert (found.outcome, found.file) == (CollectionOutcome.REFUSED, None)
        assert "forgotten" in found.reason
        assert list(bench.inbox.glob("*")) == [] if bench.inbox.exists() else True
        with bench.database.reading() as connection:
            assert connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0] == 0
    assert bench.asked == []
    with bench.database.writing() as connection:
        connection.execute("DELETE FROM subjects")  # as forgetting does
    assert bench.run(forgotten=Identifiers(profile_ids=frozenset({"11"})))[0].outcome is CollectionOutcome.REFUSED
    assert bench.asked == [("sun_diary", "0")]  # by the name that it has now, whose id is forgotten
    assert bench.run()[0].outcome is CollectionOutcome.REFUSED
    assert bench.asked == []


def test_a_file_that_was_decided_on_is_not_written_of_who_was_forgotten_since(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.inbox.write_text("no folder")
    with pytest.raises(StorageError):
        bench.run()
    bench.inbox.unlink()
    (found,) = bench.run(forgotten=Identifiers({"sun_diary": "ps_1"}))
    assert (found.outcome, bench.inbox.exists()) == (CollectionOutcome.REFUSED, False)


def test_a_site_refuses_before_it_is_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2))
    bench.site.refused = {"sun_diary": "not allowed"}
    (found,) = bench.run()
    assert (found.outcome, found.reason, bench.asked) == (CollectionOutcome.REFUSED, "not allowed", [])


def test_who_is_forgotten_while_pages_come_is_not_delivered(tmp_path: Path) -> None:
    bench, folder = Bench(tmp_path, moon=days_back(2), sun_diary=days_back(7)), tmp_path / "privacy"
    latest = LatestTombstones(folder)

    def forget(number: int, *_: object) -> None:
        if number in (1, 2):  # the second page of the one, or the first of the other
            who = ("sun_diary", "moon")[number - 1]
            add_tombstones(folder, Identifiers({who: f"ps_{number}"}), date(2026, 11, 27))

    found = bench.run("sun_diary", "moon", script=forget, forgotten=latest)
    assert [(one.outcome, one.posts, one.file) for one in found] == [(CollectionOutcome.REFUSED, 0, None)] * 2
    assert bench.asked == [("sun_diary", "0"), ("sun_diary", "3"), ("moon", "0")]
    assert bench.records() == {}
    with bench.database.reading() as connection:
        assert connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0] == 0


def test_who_is_forgotten_by_id_is_not_gone_on_with_though_later_pages_do_not_say_whose_they_are(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, sun_new=days_back(7))
    bench.site.ids = {"sun_new": "777"}
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.sleep(HOUR)
    bench.site.ids = {}
    (found,) = bench.run(forgotten=Identifiers(profile_ids=frozenset({"777"})))
    assert (found.outcome, found.file, bench.asked, bench.records()) == (CollectionOutcome.REFUSED, None, [], {})


def test_pages_of_another_identity_are_not_gone_on_behind(tmp_path: Path) -> None:
    bench, logged = Bench(tmp_path, sun_diary=days_back(7)), list[str]()
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.sleep(HOUR)
    bench.site.identity = "small:you"
    (found,) = bench.run(log=logged.append)
    assert (found.outcome, found.posts, [cursor for _, cursor in bench.asked]) == (
        CollectionOutcome.COMPLETE,
        7,
        ["0", "3", "6"],
    )
    assert logged == ["sun_diary: begun as small:me, whose pages lead on for nobody else; it begins anew"]
    assert [len(posts) for posts in bench.records().values()] == [7]


def test_who_begins_anew_for_another_identity_goes_as_far_as_was_wanted_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(20))
    day = CollectionScope(newer_than=date(2026, 11, 20))
    bench.run(scope=day, script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.sleep(HOUR)
    bench.site.identity = "small:you"
    (found,) = bench.run(scope=CollectionScope(newer_than=date(2026, 11, 26)))
    assert (found.outcome, found.posts) == (CollectionOutcome.COMPLETE, 9)


def test_a_hashtag_that_another_identity_began_is_delivered_as_partial_and_begun_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **{"#육아일기": days_back(5)})
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.sleep(HOUR)
    bench.site.identity = "small:you"
    (found,) = bench.run()
    assert (found.outcome, found.posts) == (CollectionOutcome.COMPLETE, 5)
    assert sorted(len(file.read_text("utf-8").splitlines()) for file in bench.inbox.iterdir()) == [3, 5]


def test_a_second_run_of_the_same_site_is_refused_whoever_asks(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2), moon=days_back(2))
    running = bench.running()
    next(running)
    for identity in ("small:me", "small:you"):
        bench.site.identity = identity
        with pytest.raises(BusyError, match="Another run collects from small"):
            bench.run()
    running.close()
    assert [one.outcome for one in bench.run()] == [CollectionOutcome.FRESH, CollectionOutcome.COMPLETE]

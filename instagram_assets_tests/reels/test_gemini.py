"""Reels watched by Gemini: what comes back, what is paid, and what happens when it fails."""

import json
import logging
import re
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import monotonic

import pytest

from instagram_assets.demo.gemini_server import GeminiAnswer
from instagram_assets.demo.json_server import JsonReply
from instagram_assets.errors import AnalyserRefusedError, FileError, ModelError
from instagram_assets.reels.gemini_api import GeminiRetries
from instagram_assets.reels.prompts import PROMPTS
from instagram_assets.schemas import REEL_ANALYSES
from instagram_assets.storage.locks import folder_lock
from instagram_assets_tests.reels.watching import QUICK, Local, analyser_of, ledger_of, options_of, video_of
from instagram_assets_tests.servers.gemini import (
    BLOCKED,
    CUT,
    DELETE,
    EMPTY,
    EXHAUSTED,
    GENERATE,
    LOOK,
    MALFORMED,
    MODEL,
    OVERLOADED,
    PART,
    START,
    STOPPED,
    THOUGHTS,
    TRUNCATED,
    Failure,
    FaultyGemini,
    google_error,
)

CANARY = "gemini_key_canary_77"


@pytest.fixture
def gemini() -> Generator[FaultyGemini]:
    with FaultyGemini(CANARY) as server:
        yield server


def ledger_usd(folder: Path, gemini: FaultyGemini) -> float:
    return sum(ledger_of(folder, options_of(gemini)).table()["cost_usd"].to_pylist())


def test_a_reel_is_described_and_supposed_about(gemini: FaultyGemini, tmp_path: Path) -> None:
    video, steps = video_of(tmp_path, 1), list[tuple[int, int]]()
    (row,) = analyser_of(tmp_path, gemini).analyse([video], lambda done, total: steps.append((done, total)))
    REEL_ANALYSES.table([row])
    assert (row["status"], row["reason"], row["analyser"], row["model"]) == ("ok", None, "gemini", "gemini-2.5-flash")
    assert (row["prompt"], row["label_hidden"]) == (PROMPTS, True)
    assert all(row[name] for name in ("speaker", "tone", "setting", "action", "hook", "topics", "hypotheses"))
    assert [part["start"] < part["end"] for part in row["timeline"]] == [True] * len(row["timeline"])
    assert row["key_moments"]
    assert row["prompt_tokens"] == sum(call.prompt_tokens for call in gemini.calls)
    assert row["answer_tokens"] == sum(call.answer_tokens for call in gemini.calls)
    assert row["cost_usd"] == pytest.approx(gemini.charged_usd)
    assert row["seconds"] > 0
    assert steps == [(1, 1)]
    assert not gemini.files


def test_a_second_run_asks_nothing_and_says_the_same(gemini: FaultyGemini, tmp_path: Path) -> None:
    videos = [video_of(tmp_path, number) for number in range(3)]
    first = analyser_of(tmp_path, gemini).analyse(videos)
    asked = len(gemini.requests)
    assert analyser_of(tmp_path, gemini).analyse(videos) == first
    assert len(gemini.requests) == asked
    assert len({row["hook"] + row["action"] + str(row["topics"]) for row in first}) > 1


def test_a_lake_without_its_ledger_pays_nothing_twice_either(gemini: FaultyGemini, tmp_path: Path) -> None:
    video = video_of(tmp_path, 1)
    gemini.failures = [Failure(GENERATE, BLOCKED, says="hypotheses")]
    analyser_of(tmp_path, gemini).analyse([video])
    for file in (tmp_path / "ledger").glob("calls*"):
        file.unlink()
    (row,) = analyser_of(tmp_path, gemini).analyse([video])
    assert row["status"] == "ok"
    assert len(gemini.uploads) == 1
    assert [bool(call.video) for call in gemini.calls] == [True, False, False]


def test_another_model_or_question_is_asked_anew(gemini: FaultyGemini, tmp_path: Path) -> None:
    video = video_of(tmp_path, 1)
    analyser_of(tmp_path, gemini).analyse([video])
    (row,) = analyser_of(tmp_path, gemini, model="gemini-2.5-pro").analyse([video])
    assert row["model"] == "gemini-2.5-pro"
    assert [call.model for call in gemini.calls] == ["gemini-2.5-flash"] * 2 + ["gemini-2.5-pro"] * 2


def test_a_hidden_label_stands_in_nothing_that_is_sent(gemini: FaultyGemini, tmp_path: Path) -> None:
    analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    sent = " ".join(asked.body.decode() for asked in gemini.requests)
    for word in ("viral", "label", "score", "likes", "views", "plays", "comments", "followers", "than usual"):
        assert not re.search(rf"\b{word}\b", sent, re.IGNORECASE), word


def test_a_told_label_stands_in_the_second_question_only_and_costs_no_second_video(
    gemini: FaultyGemini, tmp_path: Path
) -> None:
    blind = video_of(tmp_path, 1)
    analyser = analyser_of(tmp_path, gemini)
    analyser.analyse([blind])
    rows = analyser.analyse([blind._replace(viral=True), blind._replace(viral=False), blind])
    assert [row["label_hidden"] for row in rows] == [False, False, True]
    assert len(gemini.uploads) == 1
    texts = [call.text for call in gemini.calls]
    assert ["far more people than usual" in text for text in texts] == [False, False, True, False]
    assert ["no more people than usual" in text for text in texts] == [False, False, False, True]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (BLOCKED, "blocked"),
        (STOPPED, "blocked"),
        (TRUNCATED, "truncated"),
        (THOUGHTS, "thoughts_only"),
        (EMPTY, "empty"),
    ],
)
def test_what_is_no_answer_has_a_status_is_paid_and_is_asked_again_next_time(
    gemini: FaultyGemini, tmp_path: Path, answer: GeminiAnswer, status: str
) -> None:
    video = video_of(tmp_path, 1)
    gemini.failures = [Failure(GENERATE, answer)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video])
    assert row["status"] == status
    assert row["reason"]
    assert row["cost_usd"] == pytest.approx(gemini.charged_usd)
    assert row["cost_usd"] > 0
    assert not gemini.files
    (row,) = analyser_of(tmp_path, gemini).analyse([video])
    assert row["status"] == "ok"
    assert row["cost_usd"] == pytest.approx(gemini.charged_usd)


def test_an_answer_in_another_form_is_asked_for_once_more(gemini: FaultyGemini, tmp_path: Path) -> None:
    gemini.failures = [Failure(GENERATE, MALFORMED)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert (row["status"], row["reason"]) == ("ok", None)
    assert "cannot be used" in gemini.calls[1].text
    assert MALFORMED.text in gemini.calls[1].text
    kinds = ledger_of(tmp_path, options_of(gemini)).table()["kind"].to_pylist()
    assert kinds == ["analysis", "analysis_repair", "hypotheses"]


@pytest.mark.parametrize("says", ["Watch", "hypotheses"])
@pytest.mark.bad_input("unusable answer of a language model")
def test_an_answer_that_stays_malformed_is_told(gemini: FaultyGemini, tmp_path: Path, says: str) -> None:
    gemini.failures = [Failure(GENERATE, MALFORMED, times=2, says=says)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert row["status"] == "malformed"
    assert ("action" in row) == (says == "hypotheses")
    assert "hypotheses" not in row
    assert row["cost_usd"] == pytest.approx(gemini.charged_usd)


def test_a_fence_and_a_missing_field_are_seen_to(gemini: FaultyGemini, tmp_path: Path) -> None:
    gemini.failures = [
        Failure(GENERATE, rewrite=lambda text: json.dumps({**json.loads(text), "hook": None})),
        Failure(GENERATE, rewrite=lambda text: f"```json\n{text}\n```", times=2),
    ]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert (row["status"], len(gemini.calls)) == ("ok", 3)
    assert "hook" in gemini.calls[1].text.rpartition("cannot be used")[2]


def test_another_language_is_asked_for_once_more_then_kept_and_told(gemini: FaultyGemini, tmp_path: Path) -> None:
    def korean(text: str) -> str:
        return json.dumps({**json.loads(text), "action": "고양이가 의자 위로 뛰어오르고 강아지가 놀란다. " * 30})

    gemini.failures = [Failure(GENERATE, rewrite=korean, times=2)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert (row["status"], row["reason"], len(gemini.calls)) == ("ok", "the answer is not in English", 3)
    gemini.failures = [Failure(GENERATE, rewrite=korean)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 2)])
    assert (row["status"], row["reason"], len(gemini.calls)) == ("ok", None, 6)


def test_times_from_elsewhere_are_asked_for_once_more_then_cut_and_told(gemini: FaultyGemini, tmp_path: Path) -> None:
    def late(text: str) -> str:
        said = json.loads(text)
        return json.dumps({**said, "key_moments": [{**moment, "at": 1e308} for moment in said["key_moments"]]})

    gemini.failures = [Failure(GENERATE, rewrite=late, times=2)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert (row["status"], len(gemini.calls)) == ("ok", 3)
    assert row["reason"] == "some times are not within the video's 10 s, and are cut to it"
    assert {moment["at"] for moment in row["key_moments"]} == {10.0}
    assert "the video's 10 s" in gemini.calls[1].text
    gemini.failures = [Failure(GENERATE, rewrite=late)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 2)])
    assert (row["status"], row["reason"], len(gemini.calls)) == ("ok", None, 6)


@pytest.mark.parametrize("says", ["Watch", "hypotheses"])
def test_an_answer_without_a_word_is_empty_paid_and_asked_again_next_time(
    gemini: FaultyGemini, tmp_path: Path, says: str
) -> None:
    def wordless(text: str) -> str:
        return re.sub(r'(?<=[:\[,] )"[^"]*"(?!:)|(?<=\[)"[^"]*"', '""', text)

    gemini.failures = [Failure(GENERATE, rewrite=wordless, says=says)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert row["status"] == "empty"
    assert "no words in it" in row["reason"]
    assert row["cost_usd"] == pytest.approx(gemini.charged_usd)
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert row["status"] == "ok"


@pytest.mark.parametrize("kind", [START, PART, LOOK, GENERATE, DELETE])
@pytest.mark.parametrize("reply", [OVERLOADED, EXHAUSTED, CUT], ids=["503", "429", "cut"])
@pytest.mark.bad_input("unusable answer of a language model")
def test_what_fails_in_passing_is_tried_again(
    gemini: FaultyGemini, tmp_path: Path, kind: str, reply: JsonReply
) -> None:
    gemini.failures = [Failure(kind, reply, times=2)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert row["status"] == "ok"
    assert len(gemini.uploads) == 1
    assert not gemini.files
    table = ledger_of(tmp_path, options_of(gemini)).table()
    lost = 2 if (kind, reply) == (GENERATE, CUT) else 0
    assert table["status"].to_pylist().count("unanswered") == lost
    assert ("of the cost are of 2 calls whose answers never came" in (row["reason"] or "")) == bool(lost)
    assert (ledger_usd(tmp_path, gemini) > gemini.charged_usd + 1e-9) == bool(lost)


@pytest.mark.parametrize("kind", [START, PART, LOOK, DELETE])
def test_an_answer_that_is_lost_costs_no_second_upload(gemini: FaultyGemini, tmp_path: Path, kind: str) -> None:
    gemini.failures = [Failure(kind, CUT, handled=True)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert (row["status"], len(gemini.uploads), len(gemini.calls)) == ("ok", 1, 2)
    assert not gemini.files


def test_a_wait_that_is_asked_for_is_waited(gemini: FaultyGemini, tmp_path: Path) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}
    gemini.failures = [
        Failure(GENERATE, google_error(429, "RESOURCE_EXHAUSTED", "Wait.", headers={"Retry-After": "0.3"})),
        Failure(GENERATE, google_error(429, "RESOURCE_EXHAUSTED", "Wait.", [info])),
        Failure(GENERATE, google_error(503, "UNAVAILABLE", "Wait.", headers={"Retry-After": soon})),
    ]
    started = monotonic()
    (row,) = analyser_of(tmp_path, gemini, patience=GeminiRetries(6, 0.001, 5)).analyse([video_of(tmp_path, 1)])
    assert row["status"] == "ok"
    assert monotonic() - started > 0.99


def test_a_wait_longer_than_allowed_ends_the_tries(gemini: FaultyGemini, tmp_path: Path) -> None:
    gemini.failures = [
        Failure(GENERATE, google_error(429, "RESOURCE_EXHAUSTED", "Wait.", headers={"Retry-After": "3600"}))
    ]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert row["status"] == "failed"
    assert row["reason"] == "429 RESOURCE_EXHAUSTED: Wait"
    assert not gemini.files


def test_a_video_that_gemini_cannot_read_is_told_and_taken_away(gemini: FaultyGemini, tmp_path: Path) -> None:
    bad, good = video_of(tmp_path, 1), video_of(tmp_path, 2)
    gemini.unreadable = {bad.video_id}
    rows = analyser_of(tmp_path, gemini).analyse([bad, good])
    assert [row["status"] for row in rows] == ["failed", "ok"]
    assert "The video cannot be read" in rows[0]["reason"]
    assert not gemini.files


def test_a_video_that_stays_unready_is_given_up(tmp_path: Path) -> None:
    with FaultyGemini(looks=1_000_000) as gemini:
        (row,) = analyser_of(tmp_path, gemini, processing_minutes=0.002).analyse([video_of(tmp_path, 1)])
        assert row["status"] == "failed"
        assert "readable" in row["reason"]
        assert not gemini.files


def test_five_failed_answers_give_a_row_of_this_machine(gemini: FaultyGemini, tmp_path: Path) -> None:
    video, local = video_of(tmp_path, 1), Local()
    gemini.failures = [Failure(GENERATE, OVERLOADED, times=6)]
    (row,) = analyser_of(tmp_path, gemini, backup=local).analyse([video])
    assert (row["analyser"], row["status"], row["action"], row["cost_usd"]) == ("local", "ok", "A cat", 0)
    assert row["reason"].startswith("Gemini failed 6 times (failed: 503 UNAVAILABLE")
    REEL_ANALYSES.table([row])
    assert local.given == [video]
    (row,) = analyser_of(tmp_path, gemini, backup=local).analyse([video])  # it was busy; now it is not
    assert row["analyser"] == "gemini"


def test_five_refusals_in_five_runs_are_the_last_that_are_paid(gemini: FaultyGemini, tmp_path: Path) -> None:
    video, local = video_of(tmp_path, 1), Local()
    gemini.failures = [Failure(GENERATE, BLOCKED, times=99)]
    rows = [analyser_of(tmp_path, gemini, backup=local).analyse([video])[0] for _ in range(7)]
    assert [row["analyser"] for row in rows] == ["gemini"] * 4 + ["local"] * 3
    assert len(gemini.calls) == 5
    assert rows[-1]["cost_usd"] == pytest.approx(gemini.charged_usd)


@pytest.mark.parametrize(
    "local",
    [
        Local(ModelError("/home/me/models has no model")),
        Local(FileError("/home/me/media/aa.mp4", "is empty", "Fetch the video again")),
        Local(status="failed"),
        None,
    ],
    ids=["no model", "no film", "failed", "none"],
)
def test_where_this_machine_cannot_either_the_row_says_both(
    gemini: FaultyGemini, tmp_path: Path, local: Local | None
) -> None:
    gemini.failures = [Failure(GENERATE, OVERLOADED, times=6)]
    (row,) = analyser_of(tmp_path, gemini, backup=local).analyse([video_of(tmp_path, 1)])
    assert (row["analyser"], row["status"]) == ("gemini", "failed")
    assert "503" in row["reason"]
    assert "/" not in row["reason"]  # nobody's folders


def test_hypotheses_that_are_refused_again_and_again_leave_the_analysis(gemini: FaultyGemini, tmp_path: Path) -> None:
    gemini.failures = [Failure(GENERATE, BLOCKED, times=5, says="hypotheses")]
    rows = [analyser_of(tmp_path, gemini, backup=Local()).analyse([video_of(tmp_path, 1)])[0] for _ in range(6)]
    assert [(row["analyser"], row["status"]) for row in rows] == [*[("gemini", "blocked")] * 4, *[("gemini", "ok")] * 2]
    assert rows[-1]["action"]
    assert rows[-1]["reason"].startswith("no hypotheses: ")
    assert len(gemini.calls) == 6


def test_hypotheses_are_asked_again_however_often_the_api_was_busy(gemini: FaultyGemini, tmp_path: Path) -> None:
    gemini.failures = [
        Failure(GENERATE, OVERLOADED, times=5, says="Watch"),
        Failure(GENERATE, OVERLOADED, times=6, says="hypotheses"),
    ]
    (first,) = analyser_of(tmp_path, gemini, backup=Local()).analyse([video_of(tmp_path, 1)])
    (second,) = analyser_of(tmp_path, gemini, backup=Local()).analyse([video_of(tmp_path, 1)])
    assert (first["status"], second["status"]) == ("failed", "ok")
    assert first["action"] == second["action"]
    assert second["hypotheses"]


def test_a_hundred_reels_of_which_a_third_fails_lose_no_neighbour(gemini: FaultyGemini, tmp_path: Path) -> None:
    videos = [video_of(tmp_path, number) for number in range(100)]
    blocked, malformed, busy, down = videos[:10], videos[10:18], videos[18:26], videos[26:30]
    for video in blocked:
        gemini.failures.append(Failure(GENERATE, BLOCKED, video=video.video_id, times=99))
    for video in malformed:
        gemini.failures.append(Failure(GENERATE, MALFORMED, video=video.video_id, times=99))
    for video in busy:
        gemini.failures.append(Failure(GENERATE, OVERLOADED, video=video.video_id, times=3))
    for video in down:
        gemini.failures.append(Failure(GENERATE, OVERLOADED, video=video.video_id, times=99))
    rows = analyser_of(tmp_path, gemini, backup=Local()).analyse(videos)
    assert [row["video_id"] for row in rows] == [video.video_id for video in videos]
    assert [row["status"] for row in rows] == ["blocked"] * 10 + ["malformed"] * 8 + ["ok"] * 82
    assert [row["analyser"] for row in rows[26:30]] == ["local"] * 4
    assert {row["analyser"] for row in rows[30:]} == {"gemini"}
    assert len(gemini.uploads) == 100
    assert not gemini.files
    assert ledger_usd(tmp_path, gemini) == pytest.approx(gemini.charged_usd)
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(gemini.charged_usd)


def test_the_money_of_a_day_is_not_passed_with_sixteen_under_way(gemini: FaultyGemini, tmp_path: Path) -> None:
    videos = [video_of(tmp_path, number) for number in range(24)]
    most = 0.06
    highest: list[float] = []
    gemini.after = lambda kind: highest.append(gemini.charged_usd)
    rows = analyser_of(tmp_path, gemini, max_usd_per_day=most, concurrent=16).analyse(videos)
    statuses = [row["status"] for row in rows]
    assert set(statuses) == {"ok", "over_budget"}
    assert max(highest) <= most
    # No video is sent that there is no money to ask about.
    assert len(gemini.uploads) == sum(bool(call.video) for call in gemini.calls)
    # It goes on as long as one more call is sure to fit, not as long as sixteen are.
    assert gemini.charged_usd > most - 0.03
    assert ledger_usd(tmp_path, gemini) == pytest.approx(gemini.charged_usd)
    assert "MAX_USD_PER_DAY" in next(row for row in rows if row["status"] == "over_budget")["reason"]
    later = analyser_of(tmp_path, gemini, max_usd_per_day=5).analyse(videos)
    assert {row["status"] for row in later} == {"ok"}
    assert len(gemini.calls) == 48


def test_a_run_that_is_stopped_keeps_what_was_paid_and_begins_nothing_new(gemini: FaultyGemini, tmp_path: Path) -> None:
    videos = [video_of(tmp_path, number) for number in range(20)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyser_of(tmp_path, gemini, concurrent=2).analyse(videos, stop)
    assert len(gemini.calls) < 10
    assert not gemini.files
    rows = analyser_of(tmp_path, gemini).analyse(videos)
    assert {row["status"] for row in rows} == {"ok"}
    assert len(gemini.calls) == 40


def test_two_runs_at_once_send_and_pay_each_video_once(gemini: FaultyGemini, tmp_path: Path) -> None:
    videos = [video_of(tmp_path, number) for number in range(6)]
    analysers = [analyser_of(tmp_path, gemini) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda analyser: analyser.analyse(videos), analysers)
    assert first == second
    assert {row["status"] for row in first} == {"ok"}
    assert (len(gemini.uploads), len(gemini.calls)) == (6, 12)


@pytest.mark.parametrize("kind", [MODEL, LOOK, GENERATE])
def test_a_key_or_model_that_is_not_known_ends_the_run_in_words_and_keeps_what_came(
    gemini: FaultyGemini, tmp_path: Path, kind: str
) -> None:
    videos = [video_of(tmp_path, number) for number in range(3)]
    said = f"API key not valid: {CANARY}. Please pass a valid API key."
    analyser_of(tmp_path, gemini).analyse(videos[:1])
    gemini.failures = [Failure(kind, google_error(400, "INVALID_ARGUMENT", said, [{"reason": "API_KEY_INVALID"}]))]
    with pytest.raises(AnalyserRefusedError, match="Set GEMINI_API_KEY to a key") as refused:
        analyser_of(tmp_path, gemini, concurrent=1).analyse(videos)
    assert CANARY not in str(refused.value)
    assert not gemini.files
    rows = analyser_of(tmp_path, gemini).analyse(videos)
    assert {row["status"] for row in rows} == {"ok"}
    assert len(gemini.calls) == 6


def test_of_a_key_that_is_refused_at_once_nothing_is_left_and_nothing_else_said(
    gemini: FaultyGemini, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    analyser = analyser_of(tmp_path, gemini)
    gemini.key = "another"
    with pytest.raises(AnalyserRefusedError, match=r"pass a valid API key\. Set GEMINI_API_KEY"):
        analyser.analyse([video_of(tmp_path, number) for number in range(3)])
    assert not [record for record in caplog.records if record.name.startswith("instagram_assets")]
    assert gemini.count(START) == 0
    assert not (tmp_path / "ledger" / "under_way").exists()


@pytest.mark.parametrize("name", ["gemini_2.5_flash", "gpt-5", "flash"])
def test_a_wrong_model_is_told_before_a_video_is_sent(gemini: FaultyGemini, tmp_path: Path, name: str) -> None:
    with pytest.raises(AnalyserRefusedError, match=rf"no model {name}: 404 .*GEMINI__MODEL"):
        analyser_of(tmp_path, gemini, model=name).analyse([video_of(tmp_path, number) for number in range(3)])
    assert [gemini.count(kind) for kind in (MODEL, START, GENERATE)] == [1, 0, 0]
    assert not (tmp_path / "ledger" / "under_way").exists()


def test_where_another_address_knows_no_model_the_address_is_named_too(gemini: FaultyGemini, tmp_path: Path) -> None:
    gemini.failures = [Failure(MODEL, JsonReply(404, {}))]
    with pytest.raises(AnalyserRefusedError, match=r"GEMINI__MODEL to .*, or INSTAGRAM_ASSETS_GEMINI__API_URL to"):
        analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])


def test_a_model_that_answers_no_questions_is_told_before_a_video_is_sent(gemini: FaultyGemini, tmp_path: Path) -> None:
    embeds = {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]}
    gemini.failures = [Failure(MODEL, JsonReply(200, embeds))]
    with pytest.raises(AnalyserRefusedError, match=r"gemini-embedding-001 answers no questions\. .*GEMINI__MODEL"):
        analyser_of(tmp_path, gemini, model="gemini-embedding-001").analyse([video_of(tmp_path, 1)])
    assert gemini.count(START) == 0


@pytest.mark.parametrize(
    "reply", [OVERLOADED, EXHAUSTED, CUT, JsonReply(200, {"name": 7})], ids=["503", "429", "cut", "odd"]
)
def test_where_the_model_cannot_be_asked_for_the_work_goes_on(
    gemini: FaultyGemini, tmp_path: Path, reply: JsonReply
) -> None:
    gemini.failures = [Failure(MODEL, reply)]
    (row,) = analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])
    assert (row["status"], gemini.count(MODEL)) == ("ok", 1)


def test_a_model_that_is_not_there_is_named(gemini: FaultyGemini, tmp_path: Path) -> None:
    gemini.failures = [Failure(GENERATE, google_error(404, "NOT_FOUND", "models/x is not found for API version v1"))]
    with pytest.raises(AnalyserRefusedError, match=r"no model gemini-2\.5-flash.*GEMINI__MODEL"):
        analyser_of(tmp_path, gemini).analyse([video_of(tmp_path, 1)])


def test_no_server_is_a_row_and_costs_nothing(tmp_path: Path) -> None:
    with FaultyGemini() as gemini:
        pass
    (row,) = analyser_of(tmp_path, gemini, patience=GeminiRetries(2, 0.001, 0.01)).analyse([video_of(tmp_path, 1)])
    assert (row["status"], row["cost_usd"]) == ("failed", 0)
    assert "ConnectError" in row["reason"]


def test_the_key_is_in_no_log_row_or_file(
    gemini: FaultyGemini, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gemini.failures = [
        Failure(GENERATE, google_error(503, "UNAVAILABLE", f"{CANARY} is busy"), times=6),
        Failure(DELETE, google_error(503, "UNAVAILABLE", f"{CANARY} is busy"), times=6),
    ]
    (row,) = analyser_of(tmp_path, gemini, patience=QUICK).analyse([video_of(tmp_path, 1)])
    assert row["reason"] == "503 UNAVAILABLE: … is busy"
    assert "is still at Gemini" in caplog.text
    assert CANARY not in caplog.text
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]


def test_what_could_not_be_taken_away_is_taken_away_next_time(gemini: FaultyGemini, tmp_path: Path) -> None:
    video = video_of(tmp_path, 1)
    gemini.failures = [Failure(DELETE, OVERLOADED, times=6)]
    analyser_of(tmp_path, gemini).analyse([video])
    assert gemini.files
    under_way = tmp_path / "ledger" / "under_way"
    with folder_lock(under_way / video.video_id):
        # Another process has it.
        analyser_of(tmp_path, gemini).analyse([video])
    assert gemini.files
    (under_way / ".DS_Store").touch()
    analyser_of(tmp_path, gemini).analyse([video])
    assert not gemini.files
    assert [path.name for path in under_way.iterdir()] == [".DS_Store"]
    assert len(gemini.calls) == 2

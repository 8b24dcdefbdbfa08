"""Captions as words by Kiwi, against Okt, which the source system used; also how long each takes to start."""

import random
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.measure import Measured, Report, in_child
from instagram_assets.settings import TextSettings
from instagram_assets.text.tokens import find_tokenizer, tokenize

_BATCH = 1000
# By class of words, so that sentences differ while the words are those of such posts.
_WHO = "엄마|아빠|할머니|우리 아기|첫째|둘째|쪼꼬미|서준이|이모 삼촌|친구들|어린이집 언니|옆집 누나|애기"
_WHEN = "오늘은|어제|주말 아침에|낮잠 자고 일어나서|비가 와서|하원하고|저녁 먹기 전에|문센 가는 길에|새벽부터|드디어"
_WHAT = "이유식|색종이|그림책|블록|딸기|떡뻥|기저귀|유모차|촉감놀이|목욕놀이|자전거|케이크|장난감|노래|미끄럼틀|물감"
_DID = "만들었어요|먹었다|좋아하네요|가져왔다|골라서 놀았어요|사 줬다|보고 웃었다|잃어버려서 울었다|기다렸대요"
_THEN = "내일은 또 뭐 하지|완밥 성공|귀여워서 심쿵|육퇴는 언제쯤|벌써 이만큼 컸다니|집콕도 나쁘지 않네|다음엔 키카 가자"
_MARKS = "ㅋㅋㅋㅋ|ㅠㅠㅠ|😊|👶🏻❤️|👩‍👧|!!|…|@mom_diary|OOTD|https://blog.example/p/1|3박 4일|"
_TAGS = "#육아일기|#육아스타그램|#집콕놀이|#아기옷|#두돌아기|#일상|#맘스타그램|#baby"


def measure(report: Report, quick: bool) -> None:
    """Add `kiwi_ratio_vs_okt` (captions a second, started already) and what belongs to it."""
    count, rounds = (2000, 3) if quick else (5000, 5)
    if (kiwi := _child(marks, "kiwi").result) != (okt := _child(marks, "okt").result):
        raise AssertionError(f"hashtags, mentions and emojis differ: {kiwi} and {okt}")
    # Side by side in each round, so that a busy moment of the machine meets all of them.
    runs = [{name: _child(timed, name, count) for name in ("kiwi", "okt", "source")} for _ in range(rounds)]
    start, seconds, cpu = (_medians(runs, field) for field in ("start", "seconds", "cpu_seconds"))
    for name in seconds:
        speed, milliseconds = count / seconds[name], cpu[name] / count * 1e3
        report.note(
            f"tokens, {name:<6} {speed:7.0f} captions/s, {milliseconds:5.2f} ms of processor each, "
            f"start {start[name]:.1f} s, {max(run[name].peak_mb for run in runs):.0f} MB"
        )
    report.figures |= {
        "kiwi_ratio_vs_okt": seconds["okt"] / seconds["kiwi"],
        "kiwi_ratio_vs_source": seconds["source"] / seconds["kiwi"],
        "kiwi_cpu_ratio_vs_okt": cpu["okt"] / cpu["kiwi"],
        "kiwi_captions_per_second": count / seconds["kiwi"],
        "okt_captions_per_second": count / seconds["okt"],
        "kiwi_start_seconds": start["kiwi"],
        "okt_start_seconds": start["okt"],
    }


def timed(name: str, count: int) -> dict[str, float]:
    """In a child: how long a tokenizer takes to start, and then for `count` captions."""
    before = time.perf_counter()
    work = _source() if name == "source" else _ours(name)
    work(["아기"])
    texts = captions(count)
    start, cpu_start = time.perf_counter(), time.process_time()
    for place in range(0, count, _BATCH):
        work(texts[place : place + _BATCH])
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {"start": start - before, "seconds": seconds, "cpu_seconds": cpu_seconds}


def _ours(name: Any) -> Callable[[list[str]], object]:
    tokenizer = find_tokenizer(TextSettings(tokenizer=name))
    return lambda texts: tokenize(texts, tokenizer)


def _source() -> Callable[[list[str]], object]:
    """The source system's way: one caption after another with its two expressions before Okt."""
    from konlpy.tag import Okt

    okt = Okt()

    def work(texts: list[str]) -> None:
        for caption in texts:
            text = re.sub(r"[^\w\s가-힣]+", "", re.sub(r"#\w+\s?", "", caption))
            by_class: dict[str, list[str]] = {}
            for word, tag in okt.pos(text, norm=True, stem=True):
                by_class.setdefault(tag, []).append(word)

    return work


def marks(name: Any) -> dict[str, int]:
    """In a child: how many hashtags, mentions and emojis there are, which no tokenizer may change."""
    tokenizer = find_tokenizer(TextSettings(tokenizer=name))
    found = [pos for caption in tokenize(captions(200), tokenizer) for _, pos in caption]
    return {pos: found.count(pos) for pos in ("hashtag", "mention", "emoji")}


def captions(count: int) -> list[str]:
    """Diary captions of about 120 characters, hardly a sentence of which comes twice."""
    rng = random.Random(2021)
    return [_caption(rng) for _ in range(count)]


def _caption(rng: random.Random) -> str:
    def some(words: str) -> str:
        return rng.choice(words.split("|"))

    return (
        f"{some(_WHEN)} {some(_WHO)}랑 {some(_WHAT)} {some(_WHAT)} {some(_DID)} {some(_MARKS)}\n"
        f"{some(_WHO)} {some(_WHEN)} {some(_WHAT)} {some(_DID)} {some(_MARKS)}\n"
        f"{some(_THEN)} {some(_MARKS)} {some(_WHAT)} {some(_THEN)}\n"
        f"{' '.join(rng.sample(_TAGS.split('|'), rng.randint(2, 5)))}"
    )


def _medians(runs: Sequence[Mapping[str, Measured]], field: str) -> dict[str, float]:
    return {name: statistics.median(run[name].result[field] for run in runs) for name in runs[0]}


def _child(side: Any, *arguments: object) -> Measured:
    return in_child(f"benchmarks.text.tokens:{side.__name__}", *arguments)

"""What a page of the week promises: every reel with why, nothing that runs, nothing from elsewhere, in any language."""

import base64
import io
import re
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from instagram_assets.reels.hypotheses import viral_hypotheses
from instagram_assets.reels.weekly_report import MAX_REPORT_REELS, WeekPage, week_page
from instagram_assets.reels.weekly_report_texts import cost_line
from instagram_assets.reels.weekly_report_views import MOST_IN_MARKDOWN, report_html, report_markdown, write_page
from instagram_assets_tests.reels.weeks import MONDAY, Row, a_reel, a_week

SEOUL = ZoneInfo("Asia/Seoul")
NASTY = '<script>alert(1)</script> "><img src=x onerror=alert(2)> {{ 7*7 }} [a](javascript:alert(3)) | `x`'


def page_of(reels: Sequence[Sequence[Row]], media: Path = Path("nowhere")) -> WeekPage:
    week = a_week(reels)
    hypotheses = viral_hypotheses(*week, SEOUL)
    posts, labels, videos, analyses = (table.to_pylist() for table in week)
    return week_page(MONDAY, posts, labels, videos, analyses, hypotheses.to_pylist(), media)


class Read(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and the text outside its style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] != "style":
            self.text += f"{data} "


def picture(path: Path, size: tuple[int, int] = (1080, 1920)) -> None:
    Image.new("RGB", size, "teal").save(path)


def test_a_reel_stands_there_with_its_numbers_label_reason_hook_and_hypotheses(tmp_path: Path) -> None:
    picture(tmp_path / "poster.jpg")
    analysis = {"hook": "A laugh at once", "hypotheses": ["The laugh is contagious"]}
    reel = a_reel(
        7, viral=True, account="김하늘", of_video={"poster": "poster.jpg", "duration": 31.4}, of_analysis=analysis
    )
    read = Read(report_html(page_of([reel], tmp_path)))
    for words in ("김하늘", "70 likes", "7 comments", "7,000 views", "31 s", "viral, score 1.50", "because"):
        assert words in read.text
    assert "A laugh at once" in read.text
    assert read.text.count("The laugh is contagious") == 2  # with the reel, and with all that the model supposes
    assert ("a", {"href": "https://www.instagram.com/reel/C7/", "rel": None}) in [
        (tag, {**attributes, "rel": None}) for tag, attributes in read.elements
    ]


def test_posters_are_inlined_small(tmp_path: Path) -> None:
    picture(tmp_path / "poster.jpg")
    html = report_html(page_of([a_reel(1, viral=True, of_video={"poster": "poster.jpg"})], tmp_path))
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    assert shown.format == "JPEG"
    assert shown.size[0] <= 240
    assert shown.size[1] <= 426


@pytest.mark.parametrize("poster", [None, "gone.jpg", "damaged.jpg", "empty.jpg"])
def test_a_poster_that_cannot_be_read_leaves_its_place_empty(tmp_path: Path, poster: str | None) -> None:
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xffno picture")
    (tmp_path / "empty.jpg").touch()
    assert "no picture" in report_html(page_of([a_reel(1, viral=True, of_video={"poster": poster})], tmp_path))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "", None, "file:///etc/passwd", " javascript:x"]
)
def test_only_addresses_of_the_web_are_links(url: str | None) -> None:
    reel = a_reel(1, viral=True, of_post={"url": url})
    assert [tag for tag, _ in Read(report_html(page_of([reel]))).elements if tag == "a"] == []
    assert "](" not in report_markdown(page_of([reel]))


def test_what_came_from_elsewhere_is_text_and_nothing_else() -> None:
    reel = a_reel(
        1,
        viral=True,
        account=NASTY,
        of_post={"url": 'https://www.instagram.com/"><script>/'},
        of_analysis={"hook": NASTY, "hypotheses": [NASTY], "action": NASTY},
    )
    reel[1]["reason"] = NASTY
    read = Read(report_html(page_of([reel])))
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"script", "img", "iframe", "object", "form", "link"}
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    assert read.text.count(NASTY) == 5
    told = report_markdown(page_of([reel]))
    assert "<script>" not in told
    assert re.findall(r"(?<!\\)[`<](?!https)", told) == []
    (line,) = [line for line in told.splitlines() if "1,000 views" in line.replace("\\", "")]
    assert len(re.findall(r"(?<!\\)\|", line)) == 7  # six cells


def test_a_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    picture(tmp_path / "poster.jpg")
    html = report_html(page_of([a_reel(1, viral=True, account="김하늘", of_video={"poster": "poster.jpg"})], tmp_path))
    for _, attributes in Read(html).elements:
        assert (attributes.get("src") or "data:").startswith("data:")
    assert all(address.startswith('"data:') for address in re.findall(r"url\(([^)]*)\)", html))
    assert "prefers-color-scheme: dark" in html
    assert "default-src 'none'" in html


def test_korean_letters_come_with_the_page_and_only_those_that_it_has() -> None:
    fonts = [
        re.findall(
            r'url\("data:font/woff;base64,([^"]+)"\)', report_html(page_of([a_reel(1, viral=True, account=name)]))
        )
        for name in ("김하늘", "sun_diary")
    ]
    assert [len(found) for found in fonts] == [1, 0]
    font = base64.b64decode(fonts[0][0])
    assert font.startswith(b"wOFF")
    assert len(font) < 20_000


def test_viral_reels_come_first_by_their_score_and_the_rest_is_counted() -> None:
    reels = [a_reel(n, viral=n % 40 == 0) for n in range(MAX_REPORT_REELS + 30)]
    for n, reel in enumerate(reels):
        reel[1]["score"] = float(n)
    page = page_of(reels)
    assert [reel.post["post_id"] for reel in page.reels[:5]] == ["00120", "00080", "00040", "00000", "00149"]
    assert (len(page.reels), page.left_out) == (MAX_REPORT_REELS, 30)
    assert f"Of {MAX_REPORT_REELS + 30} the first {MAX_REPORT_REELS} are shown." in Read(report_html(page)).text


@pytest.mark.parametrize(
    ("video", "analysis", "mark", "reason"),
    [
        (
            {"status": "expired", "reason": "its address is no longer valid"},
            {"status": "no_video", "reason": "its address is no longer valid"},
            "not analysed: no video",
            "expired: its address is no longer valid",
        ),
        ({}, {"status": "blocked", "reason": "safety"}, "not analysed: blocked", "safety"),
        ({}, {"status": "over_budget", "reason": None}, "not analysed: over budget", ""),
        (
            {},
            {"status": "blocked", "reason": "no hypotheses: safety", "action": "A cat jumps"},
            "no hypotheses: blocked",
            "safety",
        ),
        (
            {},
            {"analyser": "local", "reason": "Gemini failed 5 times (failed: 503)"},
            "analysed on this machine",
            "Gemini failed 5 times (failed: 503)",
        ),
        ({}, {"analyser": "local"}, "analysed on this machine", ""),
        ({}, {"reason": "the answer is not in English"}, "", "the answer is not in English"),
        ({}, {}, "", ""),
    ],
)
def test_a_reel_says_by_what_it_was_analysed_or_with_which_status_it_was_not_and_why(
    video: Row, analysis: Row, mark: str, reason: str
) -> None:
    page = page_of([a_reel(1, viral=True, of_video=video, of_analysis=analysis)])
    html = report_html(page)
    marks = re.findall(r'<span class="badge note">(.*?)</span>', html)
    assert marks == [mark] * bool(mark)
    assert reason in Read(html).text
    (line,) = [line for line in report_markdown(page).splitlines() if "1,000 views" in line.replace("\\", "")]
    cell = re.split(r"(?<!\\)\|", line)[6].replace("\\", "").strip()
    assert cell == ": ".join(filter(None, [mark and f"**{mark}**", reason]))


def test_one_of_a_number_is_told_in_the_singular() -> None:
    one = {"likes": 1, "comments": 1, "views": 1, "plays": 1}
    text = " ".join(Read(report_html(page_of([a_reel(1, viral=True, of_post=one)]))).text.split())
    assert "1 like 1 comment 1 view 1 play 20 s" in text
    none = dict.fromkeys(one, 0)
    text = " ".join(Read(report_html(page_of([a_reel(1, viral=True, of_post=none)]))).text.split())
    assert "0 likes 0 comments 0 views 0 plays 20 s" in text


def test_a_reel_without_any_row_but_its_post_is_there() -> None:
    post = a_reel(1, viral=True)[0]
    text = Read(report_html(week_page(MONDAY, [post], [], [], [], [], Path("nowhere")))).text
    assert "not analysed yet" in text
    assert "no label" in text


def test_contrasts_stand_there_with_their_intervals_and_the_clear_ones_are_marked() -> None:
    reels = [
        a_reel(n, viral=n < 8, of_video={"duration": (40.0 if n < 8 else 10.0) + n, "has_audio": n % 2 == 0})
        for n in range(24)
    ]
    page = page_of(reels)
    html = report_html(page)
    assert len(re.findall(r'<tr class="clear">', html)) == 1
    assert "Viral reels are longer" in html
    assert "43.5 s" in html
    assert "25.5 s" in html
    assert "+18.0 s" in html
    assert 'class="plot"' in html
    told = report_markdown(page)
    assert "**Viral reels are longer**" in told
    assert "50 % (n = 8)" in told
    assert "+0 points" in told


def test_what_the_analyses_took_is_told_by_analyser() -> None:
    paid = {"seconds": 8.0, "prompt_tokens": 3000, "answer_tokens": 500, "cost_usd": 0.002}
    reels = [a_reel(n, viral=True, of_analysis=paid) for n in range(3)]
    reels.append(
        a_reel(3, viral=True, of_analysis={**paid, "answer_tokens": None, "status": "blocked", "seconds": 2.0})
    )
    reels.append(a_reel(4, viral=True, of_analysis={"analyser": "local", "seconds": 1.5}))
    text = " ".join(Read(report_html(page_of(reels))).text.split())
    assert "gemini: 4 reels (blocked 1, ok 3), 8.0 s and 3,375 tokens a reel, 0.0080 US dollars in all" in text
    assert "local: 1 reel (ok 1), 1.5 s a reel" in text
    assert "local" in report_markdown(page_of(reels))


def costs_of(reels: Sequence[Sequence[Row]], unanswered: float = 0.0) -> list[str]:
    posts, labels, videos, analyses = (table.to_pylist() for table in a_week(reels))
    asked: list[str] = []

    def lost(video_ids: Iterable[str]) -> float:
        asked.extend(video_ids)
        return unanswered

    page = week_page(MONDAY, posts, labels, videos, analyses, [], Path("nowhere"), lost)
    assert len(asked) == len(set(asked))
    return [cost_line(cost) for cost in page.costs]


PAID = {"seconds": 8.0, "prompt_tokens": 3000, "answer_tokens": 500, "cost_usd": 0.002}


def test_a_video_that_two_posts_show_was_paid_once() -> None:
    reels = [a_reel(1, viral=True, account=account, of_analysis=PAID) for account in ("sun_diary", "sea.mom")]
    reels.append(a_reel(2, viral=True, of_analysis=PAID))
    assert costs_of(reels) == ["gemini: 3 reels (ok 3), 8.0 s and 3,500 tokens a reel, 0.0040 US dollars in all"]


@pytest.mark.parametrize("alone", [True, False])
def test_what_gemini_was_paid_in_vain_is_its_cost_and_not_that_of_this_machine(alone: bool) -> None:
    local = {**PAID, "seconds": 1.5, "analyser": "local", "reason": "Gemini failed 5 times (blocked: safety)"}
    reels = [a_reel(1, viral=True, of_analysis=local)]
    free = {"analyser": "local", "seconds": 1.5}
    reels.append(a_reel(2, viral=True, of_analysis=free))
    if not alone:
        reels.append(a_reel(3, viral=True, of_analysis=PAID))
    told = (
        "gemini: 0 reels, 1 more asked in vain, 3,500 tokens a reel, 0.0020 US dollars in all"
        if alone
        else "gemini: 1 reel (ok 1), 1 more asked in vain, 8.0 s and 3,500 tokens a reel, 0.0040 US dollars in all"
    )
    assert costs_of(reels) == [told, "local: 2 reels (ok 2), 1.5 s a reel"]


def test_calls_that_never_came_back_stand_apart() -> None:
    reels = [a_reel(1, viral=True, of_analysis={**PAID, "cost_usd": 0.0215})]
    apart = "0.0020 US dollars in all, and up to 0.0195 for calls whose answers never came"
    assert costs_of(reels, 0.0195) == [f"gemini: 1 reel (ok 1), 8.0 s and 3,500 tokens a reel, {apart}"]


def test_without_an_answer_that_came_the_worst_case_stands_alone() -> None:
    lost = {"status": "failed", "prompt_tokens": 0, "answer_tokens": 0, "cost_usd": 0.0195}
    apart = "0.0000 US dollars in all, and up to 0.0195 for calls whose answers never came"
    assert costs_of([a_reel(1, viral=True, of_analysis=lost)], 0.0195) == [f"gemini: 1 reel (failed 1), {apart}"]


def test_an_empty_week_is_a_page_too() -> None:
    page = page_of([])
    assert "No reel of this week is in the lake." in report_html(page)
    assert "Too few reels with a label" in report_html(page)
    assert report_markdown(page)


def test_what_the_ui_shows_is_short() -> None:
    long = {"hook": "말" * 5000, "hypotheses": [f"Reason {n} {'x' * 3000}" for n in range(9)]}
    page = page_of([a_reel(n, viral=True, of_analysis=long) for n in range(200)])
    assert len(report_markdown(page).encode()) < 30_000


@pytest.mark.parametrize("noisy", [False, True])
def test_the_ui_shows_frames_of_viral_reels_within_what_an_event_may_hold(tmp_path: Path, noisy: bool) -> None:
    for number in range(12):
        noise = Image.effect_noise((1080, 1920), 90).convert("RGB")
        (noise if noisy else Image.new("RGB", (1080, 1920), (20 * number, 99, 99))).save(tmp_path / f"{number}.jpg")
    long = {"hook": "말" * 5000, "hypotheses": [f"Reason {n} {'x' * 3000}" for n in range(9)]}
    reels = [a_reel(n, viral=n < 11, of_video={"poster": f"{n}.jpg"}, of_analysis=long) for n in range(12)]
    told = report_markdown(page_of(reels, tmp_path))
    assert len(told.encode()) <= 100_000
    shown = re.findall(r"\| !\[frame\]\(data:image/jpeg;base64,([^)]+)\) \| \[", told)
    assert 3 <= len(shown) <= MOST_IN_MARKDOWN if noisy else len(shown) == MOST_IN_MARKDOWN
    for data in shown:
        small = Image.open(io.BytesIO(base64.b64decode(data)))
        assert (small.format, small.size) == ("JPEG", (90, 160))


@pytest.mark.parametrize("poster", [None, "gone.jpg"])
def test_without_a_frame_the_ui_leaves_its_cell_empty(tmp_path: Path, poster: str | None) -> None:
    told = report_markdown(page_of([a_reel(1, viral=True, of_video={"poster": poster})], tmp_path))
    assert "data:image" not in told
    assert "|  | [sun" in told


def test_the_same_week_gives_the_same_bytes(tmp_path: Path) -> None:
    picture(tmp_path / "poster.jpg")
    reels = [a_reel(n, viral=n < 6, of_video={"poster": "poster.jpg", "duration": float(n)}) for n in range(12)]
    paths = [write_page(page_of(order, tmp_path), tmp_path / f"{n}") for n, order in enumerate([reels, reels[::-1]])]
    assert paths[0].name == "reels-2026-W43.html"
    assert paths[0].read_bytes() == paths[1].read_bytes()

"""Posts of one account of `benchmarks.web_lake`, with all that the platform makes of them, as whole columns."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks import web_lake_images as pictures
from benchmarks.posts import account_name
from benchmarks.web_lake_words import captions
from instagram_assets.arrow import compute
from instagram_assets.schemas import CONTRACTS

ACCOUNTS, MOST_DAYS = 200, 1_826
LAST_DAY = date(2026, 10, 31)
SEOUL = timedelta(hours=9)
_HOURS = np.array([2, 1, 1, 1, 1, 1, 3, 6, 8, 7, 6, 6, 9, 8, 6, 6, 6, 7, 9, 11, 13, 14, 11, 6], float)
"""How often people post in each hour of the day."""
_LOOKS = (0.75, 0.2, 0.05)
"""Shares of posts that were observed once, twice, three times."""
_IMAGES_OF_TEN = [1, 1, 1, 1, 1, 1, 1, 0, 0, 3]
_SAME_IMAGE_ONE_IN, _WATCHED_ONE_IN = 33, 10
Tables = dict[str, pa.Table]
Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What the process that writes one account has to know."""

    account: int
    posts: int
    days: int
    model: str
    files: Sequence[str]


def account_tables(plan: Plan) -> Tables:
    """Every table of one account, in the order of days."""
    chance = np.random.default_rng(plan.account)
    posts = _posts(plan, chance)
    words = captions(chance, plan.posts)
    posts = {**posts, "caption": words.captions, "hashtags": words.hashtags}
    posts["caption_sha256"] = [hashlib.sha256(text.encode()).hexdigest() for text in words.captions.to_pylist()]
    known = {name: posts[name] for name in ("post_id", "account", "day")}
    tables = {
        "posts": table("posts", posts),
        "tokens": table("tokens", {**known, **words.tokens, "tokenizer": "kiwi 0.24.1, words 00000000"}),
        "impressions": table(
            "impressions",
            {**known, **{name: posts[name] for name in ("kind", "likes", "comments", "followers")}}
            | {"impression": pa.array(_engagement(posts) / posts["followers"], from_pandas=True)},
        ),
        "viral_labels": _labels(posts),
        "raw_profiles": _profiles(plan, chance),
    }
    tables |= _observations(tables["posts"], chance)
    tables |= _images(plan, posts, chance)
    return tables | _reels(tables["posts"], plan)


def table(name: str, columns: Columns) -> pa.Table:
    """Columns as a table of a contract: single values stand in every row, and what is not given is null."""
    contract = CONTRACTS[name]
    rows = max(len(value) for value in columns.values() if not isinstance(value, str | bool | int | float))
    arrays: list[pa.Array] = []
    for field in contract.schema:
        value = columns.get(field.name)
        if value is None or isinstance(value, str | bool | int | float):
            arrays.append(pa.repeat(pa.scalar(value, field.type), rows))
        else:
            arrays.append(value if isinstance(value, pa.Array) else pa.array(value, field.type))
    return pa.Table.from_arrays(arrays, schema=contract.schema)


def _posts(plan: Plan, chance: np.random.Generator) -> dict[str, Any]:
    count, name = plan.posts, account_name(plan.account)
    first = LAST_DAY - timedelta(days=plan.days - 1)
    places = np.arange(count) * plan.days // count
    seconds = chance.choice(24, count, p=_HOURS / _HOURS.sum()) * 3_600 + chance.integers(0, 3_600, count)
    days = np.datetime64(first) + places
    taken_at = days.astype("datetime64[us]") + seconds.astype("timedelta64[s]") - np.timedelta64(SEOUL)
    order = np.argsort(taken_at)
    taken_at, reels = taken_at[order], chance.random(count) < 0.25
    followers = (2_000 * (1 + plan.account % 40) * (1 + places / plan.days)).astype(np.int64)
    likes = np.minimum(chance.lognormal(-3.2, 1, count) * followers, 9e6).astype(np.int64)
    views = np.where(reels, likes * 12, 0)
    numbers = 3_000_000_000_000_000_000 + plan.account * 10**12 + np.arange(count)
    shortcodes = [f"C{plan.account:03}{number:07}" for number in range(count)]
    return {
        "post_id": numbers.astype(str),
        "shortcode": shortcodes,
        "account": name,
        "day": days,
        "kind": np.where(reels, "reel", "post").tolist(),
        "owner": name,
        "owner_id": str(5_000_000_000 + plan.account),
        "owner_full_name": f"Sample {plan.account}",
        "type": np.where(reels, "video", "image").tolist(),
        "product_type": np.where(reels, "clips", "feed").tolist(),
        "url": [f"https://www.instagram.com/p/{code}/" for code in shortcodes],
        "taken_at": taken_at,
        "observed_at": taken_at + chance.integers(1, 30 * 86_400, count).astype("timedelta64[s]"),
        "caption_truncated": False,
        "mentions": [[]] * count,
        "likes": pa.array(likes, mask=chance.random(count) < 0.02),
        "likes_hidden": False,
        "comments": likes // 40,
        "views": pa.array(views, mask=~reels),
        "plays": pa.array(views * 5, mask=~reels),
        "width": 1080,
        "height": 1350,
        "alt": f"Photo by Sample {plan.account}. May be an image of a table.",
        "media": [
            [{"position": 0, "kind": "image", "url": _url(code), "width": 1080, "height": 1350}] for code in shortcodes
        ],
        "warnings": [[]] * count,
        "source_file": "posts.json",
        "source_sha256": "ab" * 32,
        "source_index": np.arange(count),
        "profile_id": str(5_000_000_000 + plan.account),
        "followers": followers,
        "follows": 100 + plan.account,
        "posts_count": count,
        "biography": "비 오는 날의 그림일기 ☔️",
        "private": False,
        "verified": False,
        "observations": 1,
    }


def _url(code: str) -> str:
    return f"https://scontent-icn2-1.cdninstagram.com/v/t51.2885-15/{code}_n.jpg?stp=dst-jpg_e35&oh=00_Af{code * 3}"


def _observations(posts: pa.Table, chance: np.random.Generator) -> Tables:
    """Raw observations: each post's newest, before it those of earlier days with smaller numbers."""
    looks = chance.choice(3, posts.num_rows, p=_LOOKS)
    names = CONTRACTS["raw_posts"].schema.names
    parts: list[pa.Table] = []
    for earlier in range(3):
        part = posts.filter(pa.array(looks >= earlier)).select(names)
        if earlier:
            # Halfway between the post and what was seen of it next.
            taken, seen = (part[name].to_numpy() for name in ("taken_at", "observed_at"))
            part = _with(part, "observed_at", taken + (seen - taken) // 2**earlier)
            for name in ("likes", "comments", "views", "plays"):
                part = _with(part, name, _halved(part[name], earlier))
        parts.append(part)
    raw = pa.concat_tables(parts).sort_by(
        [("day", "ascending"), ("post_id", "ascending"), ("observed_at", "ascending")]
    )
    reels = np.array(raw["kind"].to_pylist()) == "reel"
    return {"raw_posts": raw.filter(pa.array(~reels)), "raw_reels": raw.filter(pa.array(reels))}


def _halved(column: pa.ChunkedArray, times: int) -> pa.ChunkedArray:
    return compute.divide(column, pa.scalar(2**times, pa.int64()))


def _with(rows: pa.Table, name: str, values: Any) -> pa.Table:
    place = rows.schema.get_field_index(name)
    column = values if isinstance(values, pa.ChunkedArray) else pa.array(values, rows.schema.field(name).type)
    return rows.set_column(place, rows.schema.field(name), column)


def _engagement(posts: Columns) -> NDArray[np.float64]:
    """Likes and comments; NaN where likes are hidden."""
    return posts["likes"].to_numpy(zero_copy_only=False).astype(float) + posts["comments"]


def _labels(posts: Columns) -> pa.Table:
    engagement = np.nan_to_num(_engagement(posts))
    shares = np.argsort(np.argsort(-engagement)) / len(engagement)
    names = ("kind", "account", "url", "taken_at", "observed_at", "likes", "comments", "views", "plays")
    more = {
        "id": posts["post_id"],
        "viral": shares < 0.2,
        "score": 1 - shares,
        "rule": "top_fraction 0.2 of engagement by account",
        "reason": [f"among the first {100 * share:.0f} % of the account by likes and comments" for share in shares],
    }
    return table("viral_labels", {**{name: posts[name] for name in names}, **more})


def _profiles(plan: Plan, chance: np.random.Generator) -> pa.Table:
    """An observation each week, with followers that grow."""
    weeks = max(plan.days // 7, 1)
    last = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 3, tzinfo=UTC)
    grown = np.cumsum(chance.integers(-5, 40, weeks)) + 2_000 * (1 + plan.account % 40)
    columns = {
        "account": account_name(plan.account),
        "profile_id": str(5_000_000_000 + plan.account),
        "followers": grown,
        "follows": 100 + plan.account,
        "posts_count": np.linspace(1, plan.posts, weeks).astype(np.int64),
        "biography": "비 오는 날의 그림일기 ☔️",
        "private": False,
        "verified": False,
        "full_name": f"Sample {plan.account}",
        "observed_at": [last - timedelta(weeks=week) for week in reversed(range(weeks))],
        "warnings": [[]] * weeks,
        "source_file": "profiles.json",
        "source_sha256": "cd" * 32,
        "source_index": np.arange(weeks),
    }
    return table("raw_profiles", columns)


def _images(plan: Plan, posts: Columns, chance: np.random.Generator) -> Tables:
    """As many images as posts: most have one, a tenth has three; of 33 images one is another's, of any account."""
    counts = np.ones(plan.posts, np.int64)
    tens = plan.posts // 10
    counts[: tens * 10] = chance.permuted(np.tile(_IMAGES_OF_TEN, (tens, 1)), axis=1).ravel()
    rows = np.repeat(np.arange(plan.posts), counts)
    numbers = plan.account * plan.posts + np.arange(len(rows))
    again = chance.random(len(rows)) < 1 / _SAME_IMAGE_ONE_IN
    numbers[again] = chance.integers(0, numbers.max() + 1, int(again.sum()))
    ok = chance.random(len(rows)) < 0.97
    ids, sharp = np.array(pictures.image_ids(numbers), object), pictures.sharpness(numbers)
    passed = sharp >= 100
    of_post = {name: np.asarray(posts[name])[rows] for name in ("post_id", "day")} | {"account": posts["account"]}
    # The place of each row among the rows of its post.
    of_post["position"] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    seen = {"image_id": ids, **of_post}
    reason = np.where(passed, None, np.char.add(np.char.add("blurred: sharpness ", sharp.astype(str)), ", below 100"))
    status = {"status": np.where(passed, "ok", "skipped").tolist(), "reason": reason}
    made: Tables = {
        "images": table(
            "images",
            {**of_post, "image_id": np.where(ok, ids, None), "url": [_url(image_id[:20]) for image_id in ids]}
            | {"path": np.where(ok, np.array(plan.files, object)[numbers % len(plan.files)], None)}
            | {"width": 1080, "height": 1350, "bytes": 200_000, "reason": np.where(ok, None, "HTTP 410")}
            | {"status": np.where(ok, "ok", "expired").tolist()},
        ),
        "image_quality": table(
            "image_quality",
            {**seen, "sharpness": sharp, "sharpness_native": sharp / 3, "phash": [each[:16] for each in ids]}
            | {"near_group": np.array(pictures.image_ids(numbers // 20 * 20), object), "passed": passed}
            | {"status": "ok", "reason": reason},
        ),
        "captions": table(
            "captions",
            {**seen, **status, "caption": pa.array(np.where(passed, pictures.sentences(numbers), None), pa.string())}
            | {"score": pa.array(np.float32(0.2) + sharp.astype(np.float32) / 1e5, mask=~passed), "model": "blip@1"},
        ),
        "embeddings": table(
            "embeddings", {**seen, **status, "embedding": _vectors(numbers, passed), "model": plan.model}
        ),
    }
    there = pa.array(ok)
    return {name: rows if name == "images" else rows.filter(there) for name, rows in made.items()}


def _vectors(numbers: NDArray[np.int64], passed: NDArray[np.bool_]) -> pa.Array:
    ends = np.concatenate([[0], np.cumsum(passed * pictures.WIDTH)]).astype(np.int32)
    values = pa.array(pictures.embeddings(numbers[passed]).ravel())
    lists = pa.ListArray.from_arrays(pa.array(ends), values, mask=pa.array(~passed))
    return lists.cast(CONTRACTS["embeddings"].schema.field("embedding").type)


def _reels(posts: pa.Table, plan: Plan) -> Tables:
    """Videos of a part of the reels, and what was said of them."""
    reels = posts.filter(pa.array(np.array(posts["kind"].to_pylist()) == "reel")).slice(0)
    some = reels.take(pa.array(np.arange(0, reels.num_rows, _WATCHED_ONE_IN)))
    known = {name: some[name].combine_chunks() for name in ("post_id", "account", "day", "shortcode")}
    ids = [hashlib.sha256(post_id.encode()).hexdigest() for post_id in some["post_id"].to_pylist()]
    videos = {
        **known,
        "video_id": ids,
        "url": [f"https://video.example/{video_id}.mp4" for video_id in ids],
        "path": [f"{video_id[:2]}/{video_id}.mp4" for video_id in ids],
        "bytes": 4_000_000,
        "duration": 21.5,
        "width": 720,
        "height": 1280,
        "codec": "h264",
        "has_audio": True,
        "poster": [plan.files[number % len(plan.files)] for number in range(len(ids))],
        "source": "direct",
        "status": "ok",
    }
    del known["shortcode"]
    said = {
        **known,
        "video_id": ids,
        "analyser": "gemini",
        "model": "gemini-2.5-flash",
        "hook": "A question is asked in the first second.",
        "action": "Somebody cooks, and everybody laughs.",
        "topics": [["food", "family"]] * len(ids),
        "hypotheses": [["The surprise in the first second keeps the viewer."]] * len(ids),
        "label_hidden": True,
        "status": "ok",
    }
    return {"reel_videos": table("reel_videos", videos), "reel_analyses": table("reel_analyses", said)}

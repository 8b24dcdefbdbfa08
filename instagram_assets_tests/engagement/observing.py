"""What the view `post_metrics` and the growth of posts must be, by Arrow's functions and numpy instead of SQL."""

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import as_booleans, compute, group_starts
from instagram_assets.engagement.post_metrics import GROWTH_METRICS
from instagram_assets.schemas import POST_METRICS

_DAY = 24 * 60 * 60 * 1_000_000
_POST = ["account", "post_id"]
_ORDER = [
    *((name, "ascending") for name in ("account", "post_id", "observed_at")),
    *((name, "descending") for name in ("kind", *GROWTH_METRICS)),
]


def expected_metrics(raw_posts: pa.Table, raw_reels: pa.Table) -> pa.Table:
    """Every observation of every post, sorted by account, post and time; both tables are of POSTS_RAW, in any order."""
    names = POST_METRICS.schema.names
    rows = pa.concat_tables([table.select(names) for table in (raw_posts, raw_reels)]).sort_by(_ORDER).combine_chunks()
    if not rows.num_rows:
        return POST_METRICS.empty()
    starts = np.flatnonzero(group_starts(rows, _POST))
    reels = np.logical_or.reduceat(as_booleans(compute.equal(rows["kind"], "reel")), starts)
    sizes = np.diff([*starts, rows.num_rows])
    kinds = pa.array(np.repeat(np.where(reels, "reel", "post"), sizes), pa.string())
    rows = rows.set_column(names.index("kind"), "kind", kinds)
    once = rows.filter(pa.array(group_starts(rows, [*_POST, "observed_at"])))
    return POST_METRICS.conform(once, "post_metrics")


def expected_growth(metrics: pa.Table, name: str) -> list[tuple[float, float]]:
    """How one of GROWING grew: (days since a post's first look, median of now / then), sorted by day."""
    known = metrics.filter(compute.is_valid(metrics[name])).combine_chunks()
    if not known.num_rows:
        return []
    starts = group_starts(known, _POST)
    first = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    moments, numbers = (np.asarray(known[column].cast(pa.int64())) for column in ("observed_at", name))
    later = ~starts & (numbers[first] > 0)
    if not later.any():
        return []
    since = (moments - moments[first]) // _DAY
    # Rows are sorted by time, so the last look at a post on a day is the one before another day or post.
    later &= np.append((since[1:] != since[:-1]) | starts[1:], True)
    days = since[later]
    ratios = numbers[later] / numbers[first][later]
    return [(0.0, 1.0)] + [(float(day), float(np.median(ratios[days == day]))) for day in np.unique(days)]

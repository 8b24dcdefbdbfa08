"""What token counts look like: the charts of a vocabulary, of all accounts and of each."""

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.media.charts import bar_chart, word_cloud
from instagram_assets.text.counts import pos_shares, top_words, vocabulary_shares

_BARS, _CLOUD = 20, 120
_ACCOUNTS = 6


def count_pictures(counts: pa.Table) -> dict[str, bytes]:
    """Pictures by title: parts of speech, top words of all and of some accounts, the vocabulary's shares, a word cloud.

    `counts` is a table of `schemas.TOKEN_COUNTS`; no counts give no pictures. The accounts are those that wrote most.
    """
    words = top_words(counts, _CLOUD)
    if not words:
        return {}
    parts = {pos: round(100 * share, 1) for pos, share in pos_shares(counts).items()}
    shares = {f"top {top} %": round(100 * share, 1) for top, share in vocabulary_shares(counts).items()}
    pictures = {
        "parts of speech": bar_chart(parts, "parts of speech, % of all words"),
        "top words": bar_chart(dict(list(words.items())[:_BARS]), "top words"),
        "vocabulary": bar_chart(shares, "what the most frequent of the different words make up, %"),
        "word cloud": word_cloud(words, "words"),
    }
    for account in _largest(counts):
        of_account = top_words(counts.filter(compute.equal(counts["account"], account)), _BARS)
        pictures[f"top words of {account}"] = bar_chart(of_account, f"top words of {account}")
    return pictures


def _largest(counts: pa.Table) -> list[str]:
    """The accounts with the most words, the largest first; none when there is only one, which is all there is."""
    totals = counts.group_by("account", use_threads=False).aggregate([("count", "sum")])
    rows = zip(totals["account"].to_pylist(), totals["count_sum"].to_pylist(), strict=True)
    accounts = [account for account, _ in sorted(rows, key=lambda row: (-row[1], row[0]))]
    return accounts[:_ACCOUNTS] if len(accounts) > 1 else []

"""What token counts look like: the charts of a vocabulary, of all accounts and of each."""

from instagram_assets.media.charts import bar_chart, word_cloud
from instagram_assets.storage.duck import Query
from instagram_assets.text.counts import most_writing, pos_shares, top_words, top_words_by_account, vocabulary_shares

_BARS, _CLOUD = 20, 120
_ACCOUNTS = 6


def count_pictures(query: Query, font: str = "") -> dict[str, bytes]:
    """Pictures by title: parts of speech, top words of all and of some accounts, the vocabulary's shares, a word cloud.

    `query` asks the view `token_counts`; no counts give no pictures. The accounts are those that wrote most; `font` is
    that of the settings.
    """
    words = top_words(query, _CLOUD)
    if not words:
        return {}
    parts = {pos: round(100 * share, 1) for pos, share in pos_shares(query).items()}
    shares = {f"top {top} %": round(100 * share, 1) for top, share in vocabulary_shares(query).items()}
    pictures = {
        "parts of speech": bar_chart(parts, "parts of speech, % of all words", font=font),
        "top words": bar_chart(dict(list(words.items())[:_BARS]), "top words", font=font),
        "vocabulary": bar_chart(shares, "what the most frequent of the different words make up, %", font=font),
        "word cloud": word_cloud(words, "words", font=font),
    }
    accounts = most_writing(query, _ACCOUNTS)
    # Of one account these are the words of all.
    if len(accounts) > 1:
        by_account = top_words_by_account(query, _BARS)
        for account in accounts:
            pictures[f"top words of {account}"] = bar_chart(by_account[account], f"top words of {account}", font=font)
    return pictures

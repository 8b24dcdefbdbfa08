"""Captions as words: each with its part of speech, in the order in which they were written."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.schemas import TOKENS
from instagram_assets.settings import TextSettings
from instagram_assets.text.kiwi import kiwi_version, kiwi_words
from instagram_assets.text.language import language
from instagram_assets.text.marks import Piece, pieces, plain, word_of
from instagram_assets.text.okt import okt_version, okt_words
from instagram_assets.text.pos import Token
from instagram_assets.text.words import Words, read_words

_BATCH = 1000
_READ = ["post_id", "account", "day", "caption"]
_LISTS = {
    "nouns": "noun",
    "proper_nouns": "proper_noun",
    "verbs": "verb",
    "adjectives": "adjective",
    "adverbs": "adverb",
    "interjections": "interjection",
    "emojis": "emoji",
    "hashtags": "hashtag",
    "mentions": "mention",
}
# Stop words are words: what they are spelled like in these classes says something else.
_NEVER_STOPPED = {"particle", "ending", "affix", "symbol", "number", "emoji", "hashtag", "mention"}
_JAMO = re.compile("[ㄱ-ㆎ]+")


class Tokenizer(NamedTuple):
    """One of the tokenizers with its words: `version` says all that decides what it gives."""

    version: str
    words: Words
    tokenize: Callable[[Sequence[str]], Iterator[list[Token]]]


def find_tokenizer(options: TextSettings) -> Tokenizer:
    """The tokenizer that the settings name, not yet loaded.

    Raises SettingsError when something that it needs is not installed, FileError when the words file is bad.
    """
    words = read_words(options.words_file)
    name, work = (kiwi_version(), kiwi_words) if options.tokenizer == "kiwi" else (okt_version(), okt_words)
    return Tokenizer(f"{name}, words {words.hash}", words, lambda texts: work(texts, words, options.workers))


def tokenize(captions: Sequence[str | None], tokenizer: Tokenizer) -> list[list[Token]]:
    """The words of each caption, without stop words and addresses; none for a caption that is null.

    Whatever stands in a caption, nothing is raised, and what a caption gives does not depend on those beside it.
    """
    return _tokenize([pieces(caption or "") for caption in captions], tokenizer)


def token_batches(
    posts: pa.Table | pa.RecordBatchReader,
    options: TextSettings,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[pa.RecordBatch]:
    """The rows of `tokens_table`, a thousand posts at a time, so that memory does not grow with their number."""
    tokenizer = find_tokenizer(options)
    total = posts.num_rows if isinstance(posts, pa.Table) else 0
    done = 0
    # A table of many cells comes in many small chunks, which would keep the threads waiting for each other.
    for whole in posts.select(_READ).combine_chunks().to_batches() if isinstance(posts, pa.Table) else posts:
        for start in range(0, whole.num_rows, _BATCH):
            batch = whole.slice(start, _BATCH)
            yield _batch(batch, tokenizer)
            done += batch.num_rows
            on_progress(done, max(total, done))


def tokens_table(
    posts: pa.Table,
    options: TextSettings,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> pa.Table:
    """The words of every post that has a caption: a table of `schemas.TOKENS` in the order of `posts`.

    `posts` needs `post_id`, `account`, `day` and `caption`; null and blank captions give no row. Raises SettingsError
    or FileError, before any work, for what `find_tokenizer` misses.
    """
    return pa.Table.from_batches(token_batches(posts, options, on_progress), TOKENS.schema)


def _tokenize(cut: Sequence[Sequence[Piece]], tokenizer: Tokenizer) -> list[list[Token]]:
    """The same of captions in pieces; what stands in several of them is analysed once."""
    prose = dict.fromkeys(text for caption in cut for piece in caption if (text := _prose(piece)))
    # Of no prose a tokenizer need not be loaded, which takes seconds.
    words = dict(zip(prose, tokenizer.tokenize(list(prose)), strict=True)) if prose else {}
    return [_tokens(caption, words, tokenizer.words.stop) for caption in cut]


def _prose(piece: Piece) -> str:
    return plain(piece.raw).strip() if piece.kind == "prose" else ""


def _tokens(caption: Sequence[Piece], words: dict[str, list[Token]], stop: frozenset[str]) -> list[Token]:
    found: list[Token] = []
    for piece in caption:
        if piece.kind == "prose":
            found += [_refined(token) for token in words.get(_prose(piece), [])]
        elif piece.kind != "address":
            found.append((word_of(piece), piece.kind))
    return [token for token in found if token[0] and (token[1] in _NEVER_STOPPED or token[0] not in stop)]


def _refined(token: Token) -> Token:
    """The token in lower case; signs that are letters after all get the class of such words."""
    word, pos = token[0].strip().lower(), token[1]
    if pos != "symbol" or not any(map(str.isalpha, word)):
        return word, pos
    return word, "interjection" if _JAMO.fullmatch(word) else "foreign"


def _batch(posts: pa.RecordBatch, tokenizer: Tokenizer) -> pa.RecordBatch:
    captions: list[str | None] = posts["caption"].to_pylist()
    has_text = [bool(caption and caption.strip()) for caption in captions]
    rows = posts.select(["post_id", "account", "day"]).filter(pa.array(has_text, pa.bool_()))
    cut = [pieces(caption or "") for caption, wanted in zip(captions, has_text, strict=True) if wanted]
    tokens = _tokenize(cut, tokenizer)
    by_class = [_by_class(caption) for caption in tokens]
    columns: dict[str, Any] = {name: rows[name] for name in rows.schema.names}
    columns["language"] = [language(_own_text(caption)) for caption in cut]
    columns["tokens"] = [[{"word": word, "pos": pos} for word, pos in caption] for caption in tokens]
    columns |= {name: [classes.get(pos, []) for classes in by_class] for name, pos in _LISTS.items()}
    columns["tokenizer"] = pa.repeat(tokenizer.version, rows.num_rows)
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], field.type) for field in TOKENS.schema], schema=TOKENS.schema
    )


def _own_text(caption: Sequence[Piece]) -> str:
    """What the writer wrote: not the letters of addresses and of others' names."""
    return " ".join(piece.raw for piece in caption if piece.kind not in ("address", "mention"))


def _by_class(tokens: Sequence[Token]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for word, pos in tokens:
        found[pos].append(word)
    return found

"""Tokenization of captions into words with parts of speech, and the table `tokens`."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.schemas import TOKENS
from instagram_assets.script_language import detect_language
from instagram_assets.settings import TextSettings
from instagram_assets.text.entities import Span, canonical_form, plain_text, split_entities
from instagram_assets.text.korean_tokenizers import kiwi_version, kiwi_words, okt_version, okt_words
from instagram_assets.text.lexicon import Lexicon, read_lexicon
from instagram_assets.text.part_of_speech import TaggedWord

_BATCH = 1000
_ENTITIES = "entities 2"
"""Changes whenever `split_entities` or `canonical_form` gives other words."""
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
# Only in word classes: in other classes (emojis, hashtags) a stop word's spelling means something else.
_NEVER_STOPPED = {"particle", "ending", "affix", "symbol", "number", "emoji", "hashtag", "mention"}
_JAMO = re.compile("[ㄱ-ㆎ]+")


class Tokenizer(NamedTuple):
    """A tokenizer with its lexicon; `version` changes whenever its output can change."""

    version: str
    words: Lexicon
    tokenize: Callable[[Sequence[str]], Iterator[list[TaggedWord]]]


def find_tokenizer(options: TextSettings) -> Tokenizer:
    """The tokenizer selected by the settings, not loaded yet.

    Raises SettingsError if a dependency is not installed, FileError if the lexicon file is invalid.
    """
    words = read_lexicon(options.words_file)
    name, work = (kiwi_version(), kiwi_words) if options.tokenizer == "kiwi" else (okt_version(), okt_words)
    return Tokenizer(
        f"{name}, {_ENTITIES}, words {words.hash}", words, lambda texts: work(texts, words, options.workers)
    )


def tokenize(captions: Sequence[str | None], tokenizer: Tokenizer) -> list[list[TaggedWord]]:
    """The tagged words of each caption, without stop words and URLs; an empty list for a null caption.

    Never raises, and the result for a caption does not depend on the other captions.
    """
    return _tokenize([split_entities(caption or "") for caption in captions], tokenizer)


def token_batches(
    posts: pa.Table | pa.RecordBatchReader,
    options: TextSettings,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[pa.RecordBatch]:
    """Tokenize the captions of posts: yields rows of `schemas.TOKENS` in batches of 1,000 posts.

    Memory is bounded.
    """
    tokenizer = find_tokenizer(options)
    total = posts.num_rows if isinstance(posts, pa.Table) else 0
    done = 0
    # A table of many partitions comes in many small chunks, which would keep the threads waiting for each other.
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
    """Tokenize the captions of posts: a table of `schemas.TOKENS`, one row per post with a caption, in order.

    `posts` needs the columns `post_id`, `account`, `day` and `caption`; null and blank captions give no row. Raises the
    errors of `find_tokenizer` before any work.
    """
    return pa.Table.from_batches(token_batches(posts, options, on_progress), TOKENS.schema)


def _tokenize(cut: Sequence[Sequence[Span]], tokenizer: Tokenizer) -> list[list[TaggedWord]]:
    """The tagged words of captions that are split into spans; each distinct span of prose is tokenized once."""
    prose = dict.fromkeys(text for caption in cut for piece in caption if (text := _prose(piece)))
    # Without prose the tokenizer is not loaded, which takes seconds.
    words = dict(zip(prose, tokenizer.tokenize(list(prose)), strict=True)) if prose else {}
    return [_tokens(caption, words, tokenizer.words.stop) for caption in cut]


def _prose(piece: Span) -> str:
    return plain_text(piece.raw).strip() if piece.kind == "prose" else ""


def _tokens(caption: Sequence[Span], words: dict[str, list[TaggedWord]], stop: frozenset[str]) -> list[TaggedWord]:
    found: list[TaggedWord] = []
    for piece in caption:
        if piece.kind == "prose":
            found += [_refined(token) for token in words.get(_prose(piece), [])]
        elif piece.kind != "address":
            found.append((canonical_form(piece), piece.kind))
    return [token for token in found if token[0] and (token[1] in _NEVER_STOPPED or token[0] not in stop)]


def _refined(token: TaggedWord) -> TaggedWord:
    """The token in lower case; a symbol that has letters is retagged as interjection (jamo) or foreign word."""
    word, pos = token[0].strip().lower(), token[1]
    if pos != "symbol" or not any(map(str.isalpha, word)):
        return word, pos
    return word, "interjection" if _JAMO.fullmatch(word) else "foreign"


def _batch(posts: pa.RecordBatch, tokenizer: Tokenizer) -> pa.RecordBatch:
    captions: list[str | None] = posts["caption"].to_pylist()
    has_text = [bool(caption and caption.strip()) for caption in captions]
    rows = posts.select(["post_id", "account", "day"]).filter(pa.array(has_text, pa.bool_()))
    cut = [split_entities(caption or "") for caption, wanted in zip(captions, has_text, strict=True) if wanted]
    tokens = _tokenize(cut, tokenizer)
    by_class = [_by_class(caption) for caption in tokens]
    columns: dict[str, Any] = {name: rows[name] for name in rows.schema.names}
    columns["language"] = [detect_language(_own_text(caption)) for caption in cut]
    columns["tokens"] = [[{"word": word, "pos": pos} for word, pos in caption] for caption in tokens]
    columns |= {name: [classes.get(pos, []) for classes in by_class] for name, pos in _LISTS.items()}
    columns["tokenizer"] = pa.repeat(tokenizer.version, rows.num_rows)
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], field.type) for field in TOKENS.schema], schema=TOKENS.schema
    )


def _own_text(caption: Sequence[Span]) -> str:
    """The text of a caption's prose and hashtags, without URLs and mentions."""
    return " ".join(piece.raw for piece in caption if piece.kind not in ("address", "mention"))


def _by_class(tokens: Sequence[TaggedWord]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for word, pos in tokens:
        found[pos].append(word)
    return found

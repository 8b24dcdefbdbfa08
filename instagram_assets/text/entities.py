"""Entities in captions: hashtags, mentions, emojis, emoticons, laughter and URLs, extracted before tokenization.

They are independent of the tokenizer, and hashtags and mentions are the same as in the table `posts`. Emojis are
matched by the Unicode grammar (UTS #51, ED-14 to ED-16), so that emojis with skin tones, flags, keycaps and joined
emojis are not split, even if Unicode does not list the combination.
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from instagram_assets.ingest.field_values import is_account_name
from instagram_assets.ingest.hashtags import MENTION_PATTERN, URL_PATTERN, hashtag_pattern

# Latin words with an apostrophe inside, which tokenizers split in three.
_CONTRACTION = r"(?<!\w)[A-Za-z]+['’][A-Za-z]+(?!\w)"
_LAUGHTER = r"[ㅋㅎ]{2,}|(?<![ㄱ-ㅣ])[ㅋㅎ](?![ㄱ-ㅣ])|[ㅠㅜ]+|(?P<jamo>[ㄱ-ㅣ])(?P=jamo)+"
# Faces written with letters and punctuation, unless they can be something else: 10:3, Grade:D, PT_TV, a row of dashes.
_EMOTICON = "|".join(
    (
        r"(?<![\d:;=])[:;=]['’]?[-^]?[)(]+(?!\w)|(?<![\w:]):['’]?-?(?:[Pp3Oo](?!\w)|/(?![/\w]))",
        r"(?<![A-Za-z\d:;=])[:;=]-?D+(?![A-Za-z\d])|(?<![A-Za-z\d])[xX]D+(?![A-Za-z\d])",
        r"(?<!\d)</?3(?!\d)|(?<!\w)(?:OTL|[oO]rz)(?!\w)",
        r"\^[_.oㅇㅅㅁ-]*\^+;*|(?<![A-Za-z\d<>/\"'=-])>[_.]?<(?![\w<>/])",
        r"(?<![A-Za-z\d=.-])[-=][_.][-=](?![\w=.-]);*|(?<![A-Za-z\d;])(?:;_;|;{2,})(?!\w)",
        r"(?<![A-Za-z\d_.])(?:(?P<eye>[TtUuOoNnXx])[_.](?P=eye)|T\^T)(?![A-Za-z\d_.])",
        r"(?P<jamo_eye>[ㅠㅜㅡㅎㅇㅋ])[_.^ㅅㅁㅂㅈ-](?P=jamo_eye);*|ㅡㅡ;*",
    )
)
_WESTERN = re.compile(r"([:;=])(['’]?)[-^]?([^-^])\3*")
# Korean attaches particles to the preceding word; after a mention or an address they would be tokenized as words of
# their own. Some writers put a space before them: then only those count that are no words themselves.
_PARTICLE = re.compile(
    r"(?:이?랑|와|과|은|는|이|가|을|를|의|에|에서|에게|에게서|한테|께|께서|도|만|까지|부터|처럼|으?로|이?나|하고)(?!\w)"
)
_SPACED_PARTICLE = re.compile(
    r"(?<= )(?:이?랑|은|는|을|를|에|에서|에게|에게서|한테|께|께서|까지|부터|처럼|으?로)(?!\w)"
)
_CRYING = "ㅠㅜ"
_JAMO = re.compile("[ㄱ-ㅣ]")
# Half-width kana are among them; their sound marks may also stand behind a kana of full width, and then join it.
_FANCY = re.compile(
    "(?:[\u3046-\u30fd](?=[\uff9e\uff9f]))?[\U0001d400-\U0001d7ff\uff01-\uff5e\uff61-\uff9f\u24b6-\u24e9\u2102-\u2134]+"
)
_UNSEEN = re.compile("[\u00ad\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\u20e3\U000e0000-\U000e007f]+")
_BLANK = re.compile("[\x00-\x1f\x7f-\x9f\u115f\u1160\u200b\u2800\u3164\uffa0\ufffc\ufffd\ud800-\udfff#@]+")


class Span(NamedTuple):
    """A span of a caption, unmodified; `kind` is `prose`, `address` (URL or e-mail) or one of `POS_CLASSES`."""

    kind: str
    raw: str


def split_entities(caption: str) -> list[Span]:
    """Split a caption into spans of entities and prose, whose concatenation is the caption in NFC. Never raises."""
    caption = unicodedata.normalize("NFC", caption)
    found: list[Span] = []
    end = 0
    for match in _entity_pattern().finditer(caption):
        kind, start = match.lastgroup or "", match.start()
        if start < end or (kind == "mention" and not is_account_name(match[0][1:])):
            continue
        if start > end:
            found.append(Span("prose", caption[end:start]))
        found.append(Span(kind, match[0]))
        end = match.end()
        if kind in ("mention", "address", "foreign") and (particle := _particle_at(caption, end, kind)):
            found += [Span("prose", " ")] if particle.start() > end else []
            found.append(Span("particle", particle[0]))
            end = particle.end()
    if end < len(caption):
        found.append(Span("prose", caption[end:]))
    return found


def canonical_form(span: Span) -> str:
    """The canonical form of an entity: fully qualified emojis, laughter as two letters, no # and @, lower case."""
    if span.kind == "hashtag":
        # Joiners and selectors stay: they are part of the tag.
        return _folded(span.raw[1:].lstrip("\ufe0f")).lower()
    if span.kind == "mention":
        return span.raw[1:].casefold()
    if span.kind == "emoji":
        bare = _without_selectors(span.raw)
        return _qualified().get(bare, span.raw)
    if span.kind == "interjection":
        return _interjection_form(span.raw)
    return plain_text(span.raw).replace("’", "'").lower()


def _interjection_form(raw: str) -> str:
    """The canonical form of laughter and Korean faces (two characters) and of emoticons (`:)` for `:-))`)."""
    letter = _CRYING[0] if raw[0] in _CRYING else raw[0]
    if _JAMO.match(letter):
        return raw if "ㅅ" in raw or "ㅁ" in raw else 2 * letter
    if western := _WESTERN.fullmatch(raw):
        return "".join(western.groups()).replace("’", "'").lower()
    face = raw if raw[0] == ";" else raw.rstrip(";")
    if face[0] == "^":
        return "^^"
    if face[1] in "Dd":
        return "xd"
    return face.replace(".", "_").replace("T^T", "T_T").lower()


def plain_text(text: str) -> str:
    """Normalise a text: makes styled, full-width and half-width letters plain, removes invisible characters."""
    if text.isascii() and text.isprintable() and "#" not in text and "@" not in text:
        return text
    return _BLANK.sub(" ", _UNSEEN.sub("", _folded(text)))


def _particle_at(caption: str, end: int, kind: str) -> re.Match[str] | None:
    """The match of a Korean particle after an entity that ends at `end`, attached or after a space.

    `kind` is the entity's kind; after one of kind `foreign`, only an attached particle matches.
    """
    attached = _PARTICLE.match(caption, end)
    return attached if attached or kind == "foreign" else _SPACED_PARTICLE.match(caption, end + 1)


@cache
def _entity_pattern() -> re.Pattern[str]:
    """The regular expression that matches any entity, with a named group per kind of entity."""
    from emoji import EMOJI_DATA

    tones = "[\U0001f3fb-\U0001f3ff]"
    regional = "[\U0001f1e6-\U0001f1ff]"
    single = {key for key in map(_without_selectors, EMOJI_DATA) if len(key) == 1}
    element = f"[{re.escape(''.join(sorted(single)))}][\ufe0e\ufe0f]?{tones}?[\U000e0020-\U000e007f]*"
    emoji = f"[0-9#*]\ufe0f?\u20e3|{regional}{regional}|{element}(?:\u200d{element})*"
    return re.compile(
        f"(?P<hashtag>{hashtag_pattern()})|(?P<mention>{MENTION_PATTERN})|(?P<address>{URL_PATTERN})"
        f"|(?P<emoji>{emoji})|(?P<interjection>(?P<emoticon>{_EMOTICON})|{_LAUGHTER})|(?P<foreign>{_CONTRACTION})"
    )


@cache
def _qualified() -> dict[str, str]:
    """Maps each emoji without variation selectors to its fully qualified form."""
    from emoji import EMOJI_DATA, STATUS

    whole = STATUS["fully_qualified"]
    return {_without_selectors(key): key for key, data in EMOJI_DATA.items() if data["status"] == whole}


def _folded(text: str) -> str:
    return _FANCY.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)


def _without_selectors(emoji: str) -> str:
    return emoji.replace("\ufe0e", "").replace("\ufe0f", "")

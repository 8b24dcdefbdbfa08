"""The two Korean tokenizers (morphological analysers): Kiwi, and Okt of KoNLPy, which needs Java and the extra okt."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from instagram_assets.errors import SettingsError
from instagram_assets.text.lexicon import Lexicon
from instagram_assets.text.part_of_speech import KIWI_TAGS, OKT_TAGS, TaggedWord

if TYPE_CHECKING:
    from kiwipiepy import Kiwi
    from kiwipiepy import Token as KiwiToken


_TAGS = {"noun": "NNG", "proper_noun": "NNP", "adverb": "MAG", "interjection": "IC", "verb": "VV", "adjective": "VA"}
_STEMS = ("VV", "VA", "XSV", "XSA")


def kiwi_version() -> str:
    """The name and version of the tokenizer Kiwi."""

    return f"kiwi {version('kiwipiepy')}"


def kiwi_words(texts: Sequence[str], words: Lexicon, workers: int) -> Iterator[list[TaggedWord]]:
    """Tokenize texts with Kiwi: yields the tagged words of each text, in order; `words` is the user dictionary."""
    from kiwipiepy import Match

    # 행복 and 하다 as the adjective 행복하다; the noun of an action (산책하다) stays a noun.
    match = Match.ALL | Match.JOIN_ADJ_SUFFIX | Match.JOIN_ADV_SUFFIX
    analysed: Any = _kiwi(words.own, workers).tokenize(texts, match_options=match, compatible_jamo=True)
    for tokens in analysed:
        yield [
            (_word(token), pos) for token in tokens if (pos := KIWI_TAGS.get(token.tag.partition("-")[0], "unknown"))
        ]


@lru_cache(maxsize=1)
def _kiwi(own: tuple[tuple[str, str], ...], workers: int) -> "Kiwi":
    """The Kiwi analyser, loaded once per process: it takes two seconds and 500 MB."""
    from kiwipiepy import Kiwi

    kiwi = Kiwi(num_workers=workers)
    for word, pos in own:
        form = word.removesuffix("다") if pos in ("verb", "adjective") else word
        kiwi.add_user_word(form, cast("Any", _TAGS[pos]))  # annotated as an enumeration, but accepts the name
    return kiwi


def _word(token: "KiwiToken") -> str:
    """The dictionary form of a token."""
    if token.tag.startswith(_STEMS) and not token.lemma.endswith("다"):
        return f"{token.lemma}다"
    return token.lemma


_SETTING = "INSTAGRAM_ASSETS_TEXT__TOKENIZER=okt"
_OTHERWISE = "or set it to kiwi, which needs neither"


def okt_version() -> str:
    """The name and version of the tokenizer Okt. Raises SettingsError if KoNLPy or Java is not installed."""
    if missing := [name for name in ("konlpy", "jpype") if find_spec(name) is None]:
        raise SettingsError(
            f"{_SETTING}: {missing[0]} is not installed. Run `pip install 'instagram_assets[okt]'`, {_OTHERWISE}."
        )
    import jpype

    if not jpype.isJVMStarted():
        try:
            jpype.getDefaultJVMPath()
        except (jpype.JVMNotFoundException, OSError, ValueError) as error:
            remedy = "On Debian or Ubuntu: sudo apt-get install default-jre-headless; elsewhere set JAVA_HOME"
            raise SettingsError(f"{_SETTING}: no Java was found. {remedy}; {_OTHERWISE}.") from error
    return f"okt {version('konlpy')}"


def okt_words(texts: Sequence[str], words: Lexicon, workers: int) -> Iterator[list[TaggedWord]]:
    """Tokenize texts with Okt: yields the tagged words of each text; uses only nouns of the user dictionary."""
    nouns = tuple(word for word, pos in words.own if pos in ("noun", "proper_noun"))
    okt, pool = _okt(nouns), _threads(workers)
    for tagged in pool.map(lambda text: okt.pos(text, norm=True, stem=True), texts):
        yield [(word, pos) for word, name in tagged if (pos := OKT_TAGS.get(name, "unknown"))]


@lru_cache(maxsize=1)
def _okt(nouns: tuple[str, ...]) -> Any:
    """The Okt analyser, loaded once per process; nouns added to it cannot be removed until the process ends."""
    import jpype
    from konlpy.tag import Okt

    okt = Okt()
    own = jpype.JClass("java.util.ArrayList")()
    for noun in nouns:
        own.add(noun)
    jpype.JClass("org.openkoreantext.processor.OpenKoreanTextProcessorJava").addNounsToDictionary(own)
    return okt


@lru_cache(maxsize=1)
def _threads(workers: int) -> ThreadPoolExecutor:
    """A thread pool that is reused for the whole process, since the JVM leaks memory for every new calling thread."""
    return ThreadPoolExecutor(workers, thread_name_prefix="okt")

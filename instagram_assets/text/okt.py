"""Okt by KoNLPy, the tokenizer of the third source system: needs Java and the extra `okt`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from instagram_assets.errors import SettingsError
from instagram_assets.text.pos import OKT, Token
from instagram_assets.text.words import Words

_SETTING = "INSTAGRAM_ASSETS_TEXT__TOKENIZER=okt"
_OTHERWISE = "or set it to kiwi, which needs neither"


def okt_version() -> str:
    """The name and version of the tokenizer. Raises SettingsError when it, or Java, is not there."""
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


def okt_words(texts: Sequence[str], words: Words, workers: int) -> Iterator[list[Token]]:
    """The words of each text, in the order of the texts; of one's own words Okt takes the nouns only."""
    nouns = tuple(word for word, pos in words.own if pos in ("noun", "proper_noun"))
    okt, pool = _okt(nouns), _threads(workers)
    for tagged in pool.map(lambda text: okt.pos(text, norm=True, stem=True), texts):
        yield [(word, pos) for word, name in tagged if (pos := OKT.get(name, "unknown"))]


@lru_cache(maxsize=1)
def _okt(nouns: tuple[str, ...]) -> Any:
    """One Okt for the process; Java keeps nouns of one's own until the process ends."""
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
    """Threads that stay: Java keeps a record of each one that ever called it."""
    return ThreadPoolExecutor(workers, thread_name_prefix="okt")

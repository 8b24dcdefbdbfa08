"""Translations of the web app, one file per language (`en.toml`, `ko.toml`) with the same keys."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = {"en": "English", "ko": "한국어"}
"""Language codes and the name of each language in that language."""


class Words:
    """The translations of one language; call it with a key such as `collect.title` and the values of its placeholders.

    >>> words_in("en")("history.images", count=3)
    '3 images'
    """

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self.texts = texts
        """All translations by key, in the order of the file."""

    def __call__(self, name: str, **values: object) -> str:
        return self.texts[name].format(**values) if values else self.texts[name]

    def known(self, name: str, otherwise: str) -> str:
        """Returns the translation of the key `name`, which may be made from data; `otherwise` if there is none."""
        return self.texts.get(name, otherwise)

    def names(self) -> set[str]:
        """All translation keys."""
        return set(self.texts)


@cache
def words_in(language: str) -> Words:
    """Returns the translations of a language, one of LANGUAGES."""
    text = Path(__file__).with_name(f"{language}.toml").read_text("utf-8")
    return Words(language, dict(_flat(tomllib.loads(text))))


def language_of(chosen: str, accepted: str) -> str:
    """Returns the chosen language, else the first supported one of an `Accept-Language` header, else English."""
    preferred = (part.partition(";")[0].strip().partition("-")[0].lower() for part in accepted.split(","))
    return next((code for code in (chosen, *preferred) if code in LANGUAGES), "en")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value

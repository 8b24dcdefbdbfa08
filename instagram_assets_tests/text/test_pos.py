"""No part of speech is lost between a tokenizer and the tables."""

import jpype
import kiwipiepy.utils

from instagram_assets.settings import TextSettings
from instagram_assets.text.pos import CLASSES, CONTENT, KIWI, OKT
from instagram_assets.text.tokens import find_tokenizer, tokenize


def test_every_tag_of_kiwi_has_a_class() -> None:
    assert KIWI.keys() == kiwipiepy.utils._valid_tags  # pyright: ignore[reportPrivateUsage] # listed nowhere else


def test_every_tag_of_okt_has_a_class() -> None:
    tokenize(["자바"], find_tokenizer(TextSettings(tokenizer="okt")))  # starts Java
    tags = jpype.JClass("org.openkoreantext.processor.KoreanPosJava").values()
    assert OKT.keys() == {str(tag) for tag in tags}


def test_every_class_is_documented_and_can_be_reached() -> None:
    assert {pos for tags in (KIWI, OKT) for pos in tags.values() if pos} == CLASSES.keys()
    assert all(CLASSES.values())
    assert set(CONTENT) <= CLASSES.keys()

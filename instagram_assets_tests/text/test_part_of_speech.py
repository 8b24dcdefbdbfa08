"""No part of speech is lost between a tokenizer and the tables."""

import jpype
import kiwipiepy.utils

from instagram_assets.settings import TextSettings
from instagram_assets.text.part_of_speech import CONTENT_CLASSES, KIWI_TAGS, OKT_TAGS, POS_CLASSES
from instagram_assets.text.tokens import find_tokenizer, tokenize


def test_every_tag_of_kiwi_has_a_class() -> None:
    assert KIWI_TAGS.keys() == kiwipiepy.utils._valid_tags  # pyright: ignore[reportPrivateUsage] # listed nowhere else


def test_every_tag_of_okt_has_a_class() -> None:
    tokenize(["자바"], find_tokenizer(TextSettings(tokenizer="okt")))  # starts Java
    tags = jpype.JClass("org.openkoreantext.processor.KoreanPosJava").values()
    assert OKT_TAGS.keys() == {str(tag) for tag in tags}


def test_every_class_is_documented_and_can_be_reached() -> None:
    assert {pos for tags in (KIWI_TAGS, OKT_TAGS) for pos in tags.values() if pos} == POS_CLASSES.keys()
    assert all(POS_CLASSES.values())
    assert set(CONTENT_CLASSES) <= POS_CLASSES.keys()

"""Answers of a model, read: in the asked form, or with a status that says why not."""

import json
import math
from typing import Any

import pytest
from google.genai.types import GenerateContentResponse
from pydantic import BaseModel

from instagram_assets.demo.gemini_responses import response_for
from instagram_assets.reels.analysis_schema import Analysis, Hypotheses
from instagram_assets.reels.model_responses import ModelResponse, is_english, parse_response, parse_response_text
from instagram_assets.reels.prompts import PROMPTS, QUESTIONS, WATCH, mend, suppose

GOOD: dict[str, Any] = response_for(Analysis.model_json_schema(), "seed")


def response(**candidate: Any) -> dict[str, Any]:
    return {"candidates": [candidate]}


def read(given: dict[str, Any]) -> ModelResponse:
    return parse_response(GenerateContentResponse.model_validate(given), Analysis)


def says(*parts: dict[str, Any], finish: str = "STOP") -> dict[str, Any]:
    return response(content={"parts": parts}, finishReason=finish)


def test_an_answer_in_the_asked_form_is_read() -> None:
    answer = read(says({"text": json.dumps(GOOD)}))
    assert (answer.status, answer.reason) == ("ok", None)
    assert answer.said is not None
    assert answer.said.model_dump() == GOOD


def test_thoughts_before_an_answer_are_no_part_of_it() -> None:
    answer = read(says({"text": "Hm.", "thought": True}, {"text": json.dumps(GOOD)}))
    assert answer.status == "ok"


@pytest.mark.parametrize("fence", ["```json\n%s\n```", "```\n%s\n```\n", " %s \n"])
def test_a_code_fence_around_an_answer_is_taken_off(fence: str) -> None:
    assert parse_response_text(fence % json.dumps(GOOD), Analysis).status == "ok"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "blocked"),
        ({"promptFeedback": {"blockReason": "OF_NEXT_YEAR"}}, "blocked"),
        ({}, "empty"),
        (response(finishReason="STOP"), "empty"),
        (says({"text": " "}), "empty"),
        (response(finishReason="SAFETY"), "blocked"),
        (says({"text": json.dumps(GOOD)}, finish="RECITATION"), "blocked"),
        (says({"text": json.dumps(GOOD)[:40]}, finish="MAX_TOKENS"), "truncated"),
        (response(finishReason="MAX_TOKENS"), "truncated"),
        (says({"text": "Hm.", "thought": True}, finish="MAX_TOKENS"), "thoughts_only"),
        (says({"text": "Hm.", "thought": True}), "thoughts_only"),
        (says({"text": "It is a cat."}), "malformed"),
        (says({"text": "[]"}), "malformed"),
        (says({"text": json.dumps(GOOD)[:-1]}), "malformed"),
        (says({"text": json.dumps(GOOD | {"timeline": [{"start": "soon"}]})}), "malformed"),
        (says({"text": '{"speaker": NaN}'}), "malformed"),
    ],
)
@pytest.mark.filterwarnings("ignore:OF_NEXT_YEAR is not a valid")
def test_an_answer_that_cannot_be_used_has_a_status_and_a_reason(given: dict[str, Any], status: str) -> None:
    answer = read(given)
    assert answer.status == status
    assert answer.reason
    assert answer.said is None
    assert answer.mendable == (status == "malformed")


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_missing_field_is_named(field: str) -> None:
    answer = parse_response_text(json.dumps({name: value for name, value in GOOD.items() if name != field}), Analysis)
    assert answer.status == "malformed"
    assert field in str(answer.reason)


def blank(value: Any) -> Any:
    """The same without words."""
    if isinstance(value, dict):
        return {name: blank(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [blank(inside) for inside in value]
    return " " if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("given", "form"),
    [
        (blank(GOOD), Analysis),
        ({**blank(GOOD), "timeline": [], "key_moments": [], "topics": []}, Analysis),
        ({"hypotheses": []}, Hypotheses),
        ({"hypotheses": ["", " \n"]}, Hypotheses),
    ],
)
def test_an_answer_in_the_asked_form_that_has_no_words_is_empty(given: Any, form: type[BaseModel]) -> None:
    answer = parse_response_text(json.dumps(given), form)
    assert (answer.status, answer.said, answer.mendable) == ("empty", None, False)


def timed(start: float, end: float, at: float) -> str:
    parts = [{**GOOD["timeline"][0], "start": start, "end": end}]
    return json.dumps({**GOOD, "timeline": parts, "key_moments": [{"at": at, "event": "A cat jumps"}]})


@pytest.mark.parametrize(
    ("given", "length", "kept", "are_odd"),
    [
        ((0, 5, 3), 5.5, (0, 5, 3), False),
        ((0, 6, 6.5), 5.5, (0, 5.5, 5.5), False),
        ((0, 6.6, 3), 5.5, (0, 5.5, 3), True),
        ((-5, 5, 3), 5.5, (0, 5, 3), True),
        ((0, 1e308, -1e308), 5.5, (0, 5.5, 0), True),
        ((math.nan, math.inf, -math.inf), 5.5, (0, 5.5, 0), True),
        ((4, 2, 3), 5.5, (4, 4, 3), True),
        ((70, 105, 90), 65.0, (65, 65, 65), True),
        ((0, 600, 3), None, (0, 600, 3), False),
        ((0, 1e308, 3), None, (0, 36_000, 3), True),
    ],
)
def test_times_are_cut_to_the_video_and_told_where_that_is_more_than_rounding(
    given: tuple[float, float, float], length: float | None, kept: tuple[float, float, float], are_odd: bool
) -> None:
    answer = parse_response_text(timed(*given), Analysis, length)
    assert isinstance(answer.said, Analysis)
    part, moment = answer.said.timeline[0], answer.said.key_moments[0]
    assert (part.start, part.end, moment.at) == kept
    assert (answer.status, answer.mendable) == ("ok", are_odd)
    assert ("not within the video's" in (answer.reason or "")) == are_odd
    assert Analysis.model_validate_json(answer.said.model_dump_json()) == answer.said


def test_another_language_and_times_from_elsewhere_are_told_together() -> None:
    text = timed(0, 99, 3).replace(GOOD["action"], "고양이가 의자 위로 뛰어오르고 강아지가 놀란다. " * 30)
    assert str(parse_response_text(text, Analysis, 5.5).reason).startswith(
        "the answer is not in English; some times are not"
    )


@pytest.mark.parametrize(
    "text",
    [
        "고양이가 카메라를 보고 의자 위로 뛰어오르자 강아지가 놀랍니다",
        "El gato mira a la cámara y luego salta por encima de la silla, para sorpresa del perro de la casa",
        "Die Katze sieht in die Kamera und springt dann über den Stuhl, was den Hund in der Küche sehr überrascht",
        "De kat kijkt in de camera en springt dan over de stoel, wat de hond in de keuken erg verrast",
        "Le chat regarde la caméra puis saute par-dessus la chaise, à la grande surprise du chien de la maison",
        "Kucing itu melihat ke kamera lalu melompat di atas kursi, dan anjing itu sangat terkejut melihatnya",
    ],
)
def test_another_language_is_noticed_but_may_be_quoted(text: str) -> None:
    wrong = Hypotheses(hypotheses=[text])
    answer = parse_response_text(wrong.model_dump_json(), Hypotheses)
    assert (answer.status, answer.reason, answer.mendable) == ("ok", "the answer is not in English", True)
    quoted = GOOD | {"timeline": [{**part, "dialogue": text} for part in GOOD["timeline"]]}
    assert is_english(Analysis.model_validate(quoted))


def test_the_version_of_a_question_is_that_of_its_words_and_its_form() -> None:
    versions = [WATCH.version, *(suppose(viral).version for viral in (None, True, False))]
    assert len(set(versions)) == 4
    assert all(len(version) == 12 and int(version, 16) >= 0 for version in versions)
    assert suppose(None).version == suppose(None).version


def test_the_questions_are_those_that_answers_were_paid_for() -> None:
    # Docstrings and descriptions of the schema are in it: whoever changes one word has every video asked about again.
    assert PROMPTS == "7a2045d66d6b"
    assert [question.version for question in QUESTIONS] == [
        "8c803ea05602",
        "4c21f3c0e2aa",
        "2bc1d7e74d34",
        "d072e0cda85b",
    ]


def test_the_blind_questions_know_of_no_label() -> None:
    for question in (WATCH, suppose(None)):
        assert "viral" not in question.text.lower()
        assert "than usual" not in question.text
    assert "far more people than usual" in suppose(True).text
    assert "no more people than usual" in suppose(False).text
    assert "tone: missing" in mend("tone: missing")


@pytest.mark.parametrize(
    ("form", "name", "most"), [(Analysis, "topics", 8), (Analysis, "key_moments", 5), (Hypotheses, "hypotheses", 5)]
)
def test_more_things_than_are_asked_for_are_cut_and_told_and_not_asked_for_again(
    form: type[BaseModel], name: str, most: int
) -> None:
    good: dict[str, Any] = response_for(form.model_json_schema(), "seed")
    thing = good[name][0]
    for count, cut in ((most, None), (most + 1, f"more than {most} {name.replace('_', ' ')} were told")):
        answer = parse_response_text(json.dumps(good | {name: [thing] * count}), form)
        assert answer.said is not None
        assert len(answer.said.model_dump()[name]) == most
        assert (answer.status, answer.reason, answer.mendable) == ("ok", None, False)
        assert (answer.told or "").startswith(cut or "")
        assert (answer.told is None) == (cut is None)


@pytest.mark.parametrize("name", ["hook", "topics", "timeline"])
def test_texts_that_are_far_too_long_are_cut_and_told(name: str) -> None:
    long = "the cat and " * 200
    given: Any = {"hook": long, "topics": [long], "timeline": [GOOD["timeline"][0] | {"dialogue": long}]}[name]
    answer = parse_response_text(json.dumps(GOOD | {name: given}), Analysis)
    assert isinstance(answer.said, Analysis)
    said = {"hook": answer.said.hook, "topics": answer.said.topics[0], "timeline": answer.said.timeline[0].dialogue}
    assert said[name] == f"{long[:1999]}…"
    assert answer.told == "some texts are longer than 2,000 characters, and are cut to them"
    assert not answer.mendable

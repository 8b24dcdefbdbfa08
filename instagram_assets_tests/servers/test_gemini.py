"""The stand-in of Gemini, asked by Google's own client."""

import io
from collections.abc import Generator

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from instagram_assets_tests.servers.gemini import (
    BLOCKED,
    GENERATE,
    OVERLOADED,
    Failure,
    FaultyGemini,
)


class Part(BaseModel):
    start: float
    end: float
    event: str


class Reel(BaseModel):
    tone: str
    topics: list[str]
    timeline: list[Part]


AS_JSON = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Reel)


@pytest.fixture
def gemini() -> Generator[FaultyGemini]:
    with FaultyGemini() as server:
        yield server


@pytest.fixture(params=["v1", "v1beta"])
def client(gemini: FaultyGemini, request: pytest.FixtureRequest) -> Generator[genai.Client]:
    options = types.HttpOptions(base_url=gemini.url, api_version=request.param)
    with genai.Client(api_key=gemini.key, http_options=options) as made:
        yield made


def upload(client: genai.Client, content: bytes, name: str) -> types.File:
    config = types.UploadFileConfig(name=name, mime_type="video/mp4", display_name="reel")
    return client.files.upload(file=io.BytesIO(content), config=config)


def test_an_uploaded_video_is_processed_then_watched_and_deleted(gemini: FaultyGemini, client: genai.Client) -> None:
    file = upload(client, b"x" * 9_000_000, "one")
    assert (file.name, file.state) == ("files/one", types.FileState.PROCESSING)
    assert client.files.get(name="files/one").state == types.FileState.PROCESSING
    file = client.files.get(name="files/one")
    assert file.state == types.FileState.ACTIVE
    answers = [
        client.models.generate_content(model="gemini-2.5-flash", contents=[file, "Watch."], config=AS_JSON)
        for _ in range(2)
    ]
    assert answers[0].parsed == answers[1].parsed
    assert isinstance(reel := answers[0].parsed, Reel)
    assert all(part.start < part.end for part in reel.timeline)
    client.files.delete(name="files/one")
    assert not gemini.files
    assert [upload.sha256 for upload in gemini.uploads] == [call.video for call in gemini.calls[:1]]
    usage = answers[0].usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count) == gemini.calls[0][-2:]


def test_a_name_is_given_once_and_a_missing_file_is_forbidden(client: genai.Client) -> None:
    upload(client, b"x", "one")
    with pytest.raises(errors.ClientError, match="409 ALREADY_EXISTS"):
        upload(client, b"x", "one")
    with pytest.raises(errors.ClientError, match=r"403 PERMISSION_DENIED.*may not exist"):
        client.files.get(name="files/two")


def test_failures_come_as_often_as_was_said_and_are_charged_as_google_does(
    gemini: FaultyGemini, client: genai.Client
) -> None:
    gemini.failures = [Failure(GENERATE, OVERLOADED), Failure(GENERATE, BLOCKED)]
    with pytest.raises(errors.ServerError, match="503 UNAVAILABLE"):
        client.models.generate_content(model="m", contents="Say.")
    assert gemini.charged_usd == 0
    blocked = client.models.generate_content(model="m", contents="Say.")
    assert blocked.prompt_feedback is not None
    assert not blocked.candidates
    assert gemini.charged_usd > 0
    assert client.models.generate_content(model="m", contents="Say.").text == "It is a video."


def test_another_key_is_refused(gemini: FaultyGemini) -> None:
    options = types.HttpOptions(base_url=gemini.url)
    with (
        genai.Client(api_key="wrong", http_options=options) as client,
        pytest.raises(errors.ClientError, match="API key not valid"),
    ):
        client.files.get(name="files/one")

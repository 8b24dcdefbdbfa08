"""Whatever is asked of the REST API, it answers as its OpenAPI document says, and never with a fault of its own."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.core.transport import Response
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from instagram_assets.web.api_reference import operations
from instagram_assets_tests.web.clients import app_of, served

# Of what lies behind the app: Dagster does not answer, or says no.
NOT_OURS = {502: "dagster_refused", 503: "dagster_down"}
OPERATIONS = [(method, path) for method, path, _ in operations(app_of(Path("nowhere")).openapi())]
LABELS = [f"{method} {path}" for method, path in OPERATIONS]
PARAMETER = re.compile(r"\{\w+\}")
JSON = {"Content-Type": "application/json"}
SECRET = "what stands beside the data folder"
OUTSIDE = (
    *("../../../../../../etc/passwd", "/etc/passwd", "..\\..\\secret.json", "secret.json", "../secret.json", "."),
    *("..", "...", "~/.bashrc", "file:///etc/passwd", "//etc/passwd", "%2e%2e%2fsecret.json", "a\0.json", "-rf", "*"),
    *("\u202ea", "a" * 300, "con", "NUL.json", "\n", " ", "{{7*7}}", "<img src=x onerror=alert(1)>", "' or 1=1 --"),
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    folder = tmp_path_factory.mktemp("empty")
    (folder / "secret.json").write_text(SECRET)
    with served(folder / "data") as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


def no_fault_of_ours(_: object, response: Response, __: schemathesis.Case) -> None:
    if response.status_code >= 500:
        assert response.json()["error"] == NOT_OURS.get(response.status_code), response.text


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=LABELS)
def test_every_operation_answers_as_documented(api: BaseSchema, method: str, path: str) -> None:
    checks = [
        *(no_fault_of_ours, content_type_conformance, response_schema_conformance),
        *(status_code_conformance, unsupported_method),
    ]

    @settings(max_examples=25)
    @given(case=api[path][method].as_strategy())
    def answers(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=checks)

    answers()


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if "{" in each[1]])
def test_no_parameter_leads_out_of_where_it_belongs(api: BaseSchema, method: str, path: str) -> None:
    """Twice: percent-encoded as a client does it, and with slashes and dots as they are."""
    address = str(api.get_base_url()).rstrip("/")
    with httpx2.Client(follow_redirects=False) as client:
        for outside in OUTSIDE:
            for written in (quote(outside, safe=""), quote(outside, safe="/.%")):
                target = httpx2.URL(address).copy_with(
                    raw_path=PARAMETER.sub(written.replace("\\", r"\\"), path).encode()
                )
                answer = client.request(method, target, headers=JSON, content=b"{}" if method == "POST" else None)
                assert answer.status_code < 500 or answer.json()["error"] in NOT_OURS.values(), (target, answer.text)
                assert SECRET not in answer.text, target
                assert "root:" not in answer.text, target
                assert "<img src=x" not in answer.text or "json" in answer.headers["content-type"], target

"""The OpenAPI document of the REST API: FastAPI's, with what each refusal looks like and how programs log in."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from instagram_assets import __version__
from instagram_assets.web.problems import Problem

_ABOUT = """Everything that the pages do, for programs. Bodies and answers are JSON; times are ISO 8601 with an offset.

Whatever is not done is answered as `{"detail": "what is wrong and what to do", "error": "not_found"}`."""
_PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def document_api(app: FastAPI) -> None:
    """Make the application's OpenAPI document ours; it is made once, when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation, in the order of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title="instagram_assets", version=__version__, description=_ABOUT, routes=app.routes)
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).setdefault("Problem", Problem.model_json_schema())
    if app.state.access.is_demanded:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
    for _, _, operation in operations(made):
        for status, answer in operation["responses"].items():
            if status[0] in "45" and "content" not in answer:
                answer["content"] = _PROBLEM
    return made

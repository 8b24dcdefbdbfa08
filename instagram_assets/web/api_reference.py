"""The OpenAPI document of the REST API, and the data of its documentation page: operations, parameters, responses."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from instagram_assets import __version__
from instagram_assets.web.error_responses import Problem

Schema = Mapping[str, Any]
_LIMITS = (
    *(("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}"), ("exclusiveMaximum", "< {}")),
    *(
        ("minLength", "length ≥ {}"),
        ("maxLength", "length ≤ {}"),
        ("minItems", "items ≥ {}"),
        ("maxItems", "items ≤ {}"),
    ),
)


@dataclass(frozen=True)
class Field:
    """A parameter of an operation or a field of a body; `schema` is the object type that describes its own fields."""

    name: str
    kind: str
    schema: str
    location: str
    is_required: bool
    default: str
    about: str


@dataclass(frozen=True)
class Answer:
    """A response of an operation; `kind` is its JSON type, and `schema` the name of the object type with its fields."""

    status: str
    kind: str
    schema: str
    about: str


@dataclass(frozen=True)
class Operation:
    """One HTTP method of a path: its description, parameters, body and responses, and an example shell command."""

    method: str
    path: str
    about: str
    more: str
    fields: Sequence[Field]
    answers: Sequence[Answer]
    command: str

    @property
    def anchor(self) -> str:
        """The fragment identifier of the operation on the documentation page."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.method} {self.path}".lower()).strip("-")


@dataclass(frozen=True)
class Table:
    """The fields of an object type that operations take or return."""

    name: str
    about: str
    fields: Sequence[Field]


@dataclass(frozen=True)
class Reference:
    """The whole API reference: the operations by group, and the object types that they use."""

    groups: Mapping[str, Sequence[Operation]]
    tables: Sequence[Table]


def reference_of(document: Schema, address: str, *, token_variable: str = "") -> Reference:
    """Returns the data of the documentation page for an OpenAPI document; examples call the server at `address`.

    `token_variable` is the name of the environment variable with the access token that the commands send; empty if no
    token is required.
    """
    groups: dict[str, list[Operation]] = {}
    schemas: Schema = document.get("components", {}).get("schemas", {})
    for method, path, operation in operations(dict(document)):
        made = _operation(method, path, operation, schemas, address, token_variable=token_variable)
        groups.setdefault(operation.get("tags", [""])[0], []).append(made)
    tables = [
        Table(name, schema.get("description", ""), _fields_of(schema, "", schemas))
        for name, schema in sorted(schemas.items())
        if "properties" in schema
    ]
    return Reference(groups, tables)


def _operation(
    method: str, path: str, operation: Schema, schemas: Schema, address: str, *, token_variable: str
) -> Operation:
    about, _, more = str(operation.get("description") or operation.get("summary", "")).partition("\n\n")
    parameters = [_parameter(each, schemas) for each in operation.get("parameters", ())]
    content = operation.get("requestBody", {}).get("content", {})
    body = _resolved(content.get("application/json", {}).get("schema", {}), schemas)
    answers = [
        Answer(status, *_kind(_json_of(answer), schemas), answer.get("description", ""))
        for status, answer in operation["responses"].items()
        if status[0] == "2"
    ]
    command = _command(method, _filled(path), content, body, schemas, address, token_variable=token_variable)
    fields = (*parameters, *_fields_of(body, "body", schemas))
    return Operation(method, path, about.replace("\n", " "), more.strip(), fields, answers, command)


def _command(
    method: str,
    path: str,
    content: Schema,
    body: Schema,
    schemas: Schema,
    address: str,
    *,
    token_variable: str,
) -> str:
    """Returns an example shell command (curl) that calls an operation."""
    words = ["curl"]
    if token_variable:
        words += ["-H", f'"Authorization: Bearer ${token_variable}"']
    if "application/octet-stream" in content:
        words += ["-T", "posts.json"]
    elif method != "GET":
        words += ["-X", method]
    if "application/json" in content:
        words += [
            "-H",
            "'Content-Type: application/json'",
            "-d",
            _shell(json.dumps(_example(body, schemas), ensure_ascii=False)),
        ]
    return " ".join([*words, f"'{address}{path}'"])


def _example(schema: Schema, schemas: Schema) -> Any:
    """Returns a minimal example value for a JSON schema; for an object, its required fields or its first field."""
    schema = _resolved(schema, schemas)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "default" in schema:
        return schema["default"]
    if schema.get("anyOf"):
        return _example(schema["anyOf"][0], schemas)
    if properties := schema.get("properties"):
        needed = schema.get("required") or list(properties)[:1]
        return {name: _example(properties[name], schemas) for name in needed}
    match schema.get("type"):
        case "array":
            return [_example(schema.get("items", {}), schemas)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            return "…"


def _fields_of(schema: Schema, location: str, schemas: Schema) -> list[Field]:
    required = schema.get("required", ())
    return [
        _field(name, each, schemas, location, is_required=name in required)
        for name, each in schema.get("properties", {}).items()
    ]


def _parameter(parameter: Schema, schemas: Schema) -> Field:
    schema = {"description": parameter.get("description", "")} | parameter["schema"]
    return _field(parameter["name"], schema, schemas, parameter["in"], is_required=bool(parameter.get("required")))


def _field(name: str, schema: Schema, schemas: Schema, location: str, *, is_required: bool) -> Field:
    kind, table = _kind(schema, schemas)
    default = "" if schema.get("default") is None else json.dumps(schema["default"], ensure_ascii=False)
    about = schema.get("description") or _resolved(schema, schemas).get("description", "")
    return Field(name, kind, table, location, is_required, default, about)


def _kind(schema: Schema, schemas: Schema) -> tuple[str, str]:
    """Returns the JSON type of a schema with its limits as text, and the name of the object type in it."""
    if reference := schema.get("$ref"):
        name = str(reference).rpartition("/")[2]
        found = schemas.get(name, {})
        return ("object", name) if "properties" in found else _kind(found, schemas)
    if one_of := schema.get("anyOf"):
        kinds = [_kind(each, schemas) for each in one_of]
        return " | ".join(kind for kind, _ in kinds), next((table for _, table in kinds if table), "")
    if schema.get("enum"):
        return " | ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"]), ""
    kind, table = str(schema.get("type", "any")), ""
    if kind == "array":
        of, table = _kind(schema.get("items", {}), schemas)
        kind = f"array of {of}"
    limits = [words.format(schema[key]) for key, words in _LIMITS if key in schema]
    return ", ".join([f"{kind} ({schema['format']})" if "format" in schema else kind, *limits]), table


def _json_of(answer: Schema) -> Schema:
    content = answer.get("content", {})
    return content.get("application/json", {}).get("schema") or {"type": next(iter(content), "any")}


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    reference = schema.get("$ref")
    return schemas.get(str(reference).rpartition("/")[2], {}) if reference else schema


def _filled(path: str) -> str:
    """Returns a URL path with its parameter names in capitals, the placeholder style of this package's commands."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: quote(match[1].upper()), path)


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_ABOUT = """Everything that the pages do, for programs. Bodies and answers are JSON; times are ISO 8601 with an offset.

Whatever is not done is answered as `{"detail": "what is wrong and what to do", "error": "not_found"}`."""
_PROBLEM = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def document_api(app: FastAPI) -> None:
    """Make the app serve an OpenAPI document that also describes error responses and login; built on first use."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields HTTP method, path and description of each operation, in the order of the OpenAPI document."""
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

"""The page on the REST API tells each operation, and gives a command that asks it."""

import shlex
from pathlib import Path

from instagram_assets.web.api_reference import Operation, operations, reference_of
from instagram_assets_tests.web.clients import app_of, client_of

ADDRESS = "http://127.0.0.1:3001"
DOCUMENT = {
    "paths": {
        "/api/things/{name}": {
            "post": {
                "tags": ["things"],
                "description": "Make a thing.\n\nIt is there\nat once.",
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wanted"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wanted"}}}},
                    "4XX": {"description": "No"},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Colour": {"enum": ["red", "blue"], "type": "string"},
            "Wanted": {
                "description": "A thing.",
                "properties": {
                    "title": {"type": "string", "maxLength": 9, "examples": ["it's"]},
                    "size": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
                    "colours": {"type": "array", "items": {"$ref": "#/components/schemas/Colour"}},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Wanted"}, "default": []},
                },
                "required": ["title", "colours"],
            },
        }
    },
}


def operation_of(**options: str) -> Operation:
    [[operation]] = reference_of(DOCUMENT, ADDRESS, **options).groups.values()
    return operation


def test_an_operation_says_what_it_takes_and_answers() -> None:
    operation = operation_of()
    assert (operation.about, operation.more) == ("Make a thing.", "It is there\nat once.")
    assert [
        (field.name, field.kind, field.schema, field.location, field.is_required) for field in operation.fields
    ] == [
        ("name", "string", "", "path", True),
        ("title", "string, length ≤ 9", "", "body", True),
        ("size", "integer, ≥ 1 | null", "", "body", False),
        ("colours", 'array of "red" | "blue"', "", "body", True),
        ("parts", "array of object", "Wanted", "body", False),
    ]
    assert [field.default for field in operation.fields] == ["", "", "", "", "[]"]
    assert [(answer.status, answer.schema) for answer in operation.answers] == [("201", "Wanted")]


def test_its_command_is_safe_in_a_shell_and_holds_what_it_must() -> None:
    words = shlex.split(operation_of().command)
    body = '{"title": "it\'s", "colours": ["red"]}'
    address = f"{ADDRESS}/api/things/NAME"
    assert words == ["curl", "-X", "POST", "-H", "Content-Type: application/json", "-d", body, address]
    assert '-H "Authorization: Bearer $MY_TOKEN"' in operation_of(token_variable="MY_TOKEN").command


def test_the_page_names_every_operation_and_its_commands_ask_what_is_there(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    page = client_of(app).get("/api-reference").text
    found = {
        (each.method, each.path): each for group in reference_of(app.openapi(), "").groups.values() for each in group
    }
    assert [(method, path) for method, path, _ in operations(app.openapi())] == list(found)
    for operation in found.values():
        assert f'id="{operation.anchor}"' in page
        words = shlex.split(operation.command)
        given = dict(zip(words[1:-1:2], words[2:-1:2], strict=True))
        method = given.get("-X", "PUT" if "-T" in given else "GET")
        headers = dict([given["-H"].split(": ")]) if "-H" in given else {}
        answer = client_of(app).request(method, words[-1], headers=headers, content=given.get("-d"))
        assert answer.status_code not in (400, 405), (operation.command, answer.text)

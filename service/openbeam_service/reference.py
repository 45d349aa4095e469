"""The reference of the REST API as one page, from its OpenAPI document: no script, nothing loaded from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from openbeam_service.pages import page

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PLAIN: Final = {"string": "text", "integer": "whole number", "boolean": "true or false"}
_FORMATS: Final = {"date-time": "moment", "binary": "bytes"}
_REF: Final = "#/components/schemas/"


def _words(schema: dict[str, Any]) -> str:
    """Return a JSON Schema in a few words, e.g. ``list of Run``."""
    several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if several:
        return " or ".join(dict.fromkeys(_words(one) for one in several))
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    return " | ".join(str(value) for value in values) if values else _kind(schema)


def _kind(schema: dict[str, Any]) -> str:
    kind = str(schema.get("type", "anything"))
    inner = {"array": schema.get("items"), "object": schema.get("additionalProperties")}.get(kind)
    name = {"array": "list"}.get(kind, _FORMATS.get(schema.get("format", ""), _PLAIN.get(kind, kind)))
    return f"{name} of {_words(inner)}" if isinstance(inner, dict) and inner else name


def _content(part: dict[str, Any]) -> str:
    """Return what a body is made of."""
    for kind, content in part.get("content", {}).items():
        schema = content.get("schema")
        return _words(schema) if schema else str(kind)
    return ""


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scopes = [scope for one in operation.get("security", []) for needed in one.values() for scope in needed]
            answers = {code: part for code, part in operation["responses"].items() if code.startswith("2")}
            yield {
                "method": method.upper(),
                "path": path,
                "tag": (operation.get("tags") or ["other"])[0],
                "summary": operation.get("summary", ""),
                "description": operation.get("description", "").partition("\n\n")[0],
                "access": ", ".join(scopes) if scopes else "any token" if operation.get("security") else "no token",
                "asks": [(one["name"], _words(one["schema"])) for one in operation.get("parameters", [])],
                "takes": _content(operation.get("requestBody", {})),
                "gives": {code: _content(part) for code, part in answers.items()},
            }


def _fields(schema: dict[str, Any]) -> list[tuple[str, str, bool, str]]:
    needed = schema.get("required", [])
    return [
        (name, _words(field), name in needed, field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]


@router.get("/docs")
def reference(request: Request) -> Response:
    """Show the reference."""
    document = request.app.openapi()
    groups: dict[str, list[dict[str, Any]]] = {}
    for operation in _operations(document):
        groups.setdefault(operation["tag"], []).append(operation)
    schemas = {
        name: (schema.get("description", ""), _fields(schema), "" if "properties" in schema else _words(schema))
        for name, schema in sorted(document.get("components", {}).get("schemas", {}).items())
    }
    return page(
        request, "reference", groups=groups, schemas=schemas, info=document["info"], url=request.app.openapi_url
    )

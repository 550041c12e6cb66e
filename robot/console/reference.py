"""docs/api.md, from the OpenAPI document: `python -m robot.console.reference > docs/api.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from robot.console.api import interface

_HEAD: Final = """\
# The REST interface

Written by `python -m robot.console.reference`; a running robot has the same as OpenAPI at `/api/openapi.json`.

{about}

```console
$ curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8086/api/campaigns
$ curl -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:8086/api/campaigns/spring/pause
$ curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
       -d '{{"campaign": "spring", "number": "+33140000001"}}' http://127.0.0.1:8086/api/calls
```

A problem looks like this; `type` is for programs, `detail` for people:

```json
{problem}
```
"""
_PROBLEM: Final = {
    "type": "urn:robot:unknown-campaign",
    "title": "Not Found",
    "status": 404,
    "detail": "the database knows no campaign 'winter': `robot campaign import` makes it known",
    "mistakes": [],
}
_PROBLEMS_OF_ALL: Final = frozenset({"400", "401", "403", "422", "500", "503"})


def main() -> None:
    sys.stdout.write(reference(interface().openapi()))


def reference(document: Mapping[str, Any]) -> str:
    """The file's text."""
    parts = [_HEAD.format(about=document["info"]["description"], problem=json.dumps(_PROBLEM, indent=2))]
    by_subject: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_subject.setdefault(operation["tags"][0], []).append("".join(_operation(method, path, operation)))
    for subject, told in by_subject.items():
        parts += [f"\n## {subject.replace('-', ' ').capitalize()}\n", *told]
    parts.append("\n## Documents\n")
    parts += ["".join(_schema(name, schema)) for name, schema in sorted(document["components"]["schemas"].items())]
    return "".join(parts)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### {method.upper()} {path}\n\n{operation['description']}\n"
    rows = [
        (f"`{each['name']}` ({each['in']})", _type(each["schema"]), "yes" if each.get("required") else "",
         each.get("description") or each["schema"].get("description", ""))
        for each in operation.get("parameters", ())
    ]  # fmt: skip
    if rows:
        yield _table(("parameter", "type", "needed", ""), rows)
    if body := operation.get("requestBody"):
        told = (f"{_type(what['schema'])} as `{media}`" if what["schema"] else f"`{media}`"
                for media, what in body["content"].items())  # fmt: skip
        yield f"\nBody: {', '.join(told)}{'' if body.get('required') else ', which may be left out'}.\n"
    good = {status: each for status, each in operation["responses"].items() if status < "400"}
    for status, each in good.items():
        told = (f"{_type(what['schema'])} as `{media}`" if what.get("schema") else f"`{media}`"
                for media, what in each.get("content", {}).items())  # fmt: skip
        yield f"\n{status}: {', '.join(told) or 'nothing'}."
    own = sorted(status for status in operation["responses"] if status >= "400" and status not in _PROBLEMS_OF_ALL)
    yield f" Problems of its own: {', '.join(own)}.\n" if own else "\n"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n### {name}\n\n"
    if "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
        return
    # A docstring that is one of a dataclass's own making says nothing.
    about = schema.get("description", "")
    yield f"{about}\n" if about and not about.startswith(f"{name}(") else ""
    needed = schema.get("required", ())
    rows = [
        (f"`{field}`", _type(each), "" if field in needed else "may be left out", each.get("description", ""))
        for field, each in schema.get("properties", {}).items()
    ]
    yield _table(("field", "type", "", ""), rows) if rows else ""


def _type(schema: Mapping[str, Any]) -> str:
    """As people read it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {_type(schema['additionalProperties'])}"
        case str(name):
            return f"{name}, {schema['format']}" if "format" in schema else name
        case _:
            return "anything"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n" + "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    main()

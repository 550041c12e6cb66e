"""docs/api.md says what the interface does."""

from __future__ import annotations

from pathlib import Path

from robot.console.api import interface
from robot.console.reference import reference

FILE = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_reference_is_of_this_version() -> None:
    written = FILE.read_text(encoding="utf-8")
    assert written == reference(interface().openapi()), "run `python -m robot.console.reference > docs/api.md`"


def test_every_route_and_every_field_that_needs_words_has_them() -> None:
    document = interface().openapi()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation["description"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)

"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logging_is_left_as_it_was_found() -> Iterator[None]:
    """What one test sets up, a level or a stream that is gone, is nothing to the next one."""
    yield
    structlog.reset_defaults()

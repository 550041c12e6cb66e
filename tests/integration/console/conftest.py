from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.console.consoles import Served, served


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Served]:
    """One that wants its token."""
    async with served(tmp_path) as running:
        yield running

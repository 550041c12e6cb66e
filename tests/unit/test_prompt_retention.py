"""The sweeping of prompts while the robot runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from robot import retention
from robot.prompts.library import PromptLibrary
from robot.retention import PromptRetention


async def test_a_sweep_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_EVERY_S", 0)
    swept: list[int] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def sweep(keep_mb: int) -> int:
        swept.append(keep_mb)
        if len(swept) == 1:
            raise PermissionError(13, "Permission denied")
        loop.call_soon_threadsafe(done.set)
        return 3

    library = PromptLibrary(tmp_path)
    monkeypatch.setattr(library, "sweep", sweep)
    task = asyncio.create_task(PromptRetention(library, keep_mb=70).run())
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set(swept) == {70}
    library.close()

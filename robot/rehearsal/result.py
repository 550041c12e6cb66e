"""What became of one conversation that was held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robot.call.report import CallReport
from robot.rehearsal.conversations_file import WrittenConversation
from robot.rehearsal.verdict import Deviation


@dataclass(frozen=True, slots=True)
class ConversationResult:
    """seconds: that the call took, dialling included."""

    written: WrittenConversation
    report: CallReport
    deviations: tuple[Deviation, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.deviations

    def transcript(self) -> list[tuple[str, str, str]]:
        """When, who, what: one entry a turn, in the order in which they began."""
        entries = []
        for turn in self.report.turns:
            time = f"{turn.start_ms / 1000:.1f} - {turn.end_ms / 1000:.1f} s"
            note = f" ({turn.intent})" if turn.intent else " (stopped)" if turn.interrupted else ""
            entries.append((time, turn.speaker, turn.text + note))
        return entries

    def as_json(self) -> dict[str, Any]:
        """One entry of `robot campaign test --json`."""
        return {
            "file": str(self.written.file),
            "line": self.written.line,
            "name": self.written.name,
            "passed": self.passed,
            "seconds": round(self.seconds, 3),
            "deviations": [
                {"line": each.line, "expected": each.expected, "happened": each.happened} for each in self.deviations
            ],
            "call": self.report.as_json(),
        }

"""The result of a rehearsal as JUnit XML, which CI servers read: testsuites, testsuite, testcase, failure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from robot.rehearsal.result import ConversationResult

# What XML 1.0 cannot hold at all, not even escaped (section 2.2, Char).
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(file: Path, suite: str, results: Sequence[ConversationResult], started: datetime) -> None:
    """Raises OSError when the file cannot be written."""
    root = ET.Element("testsuites")
    root.append(junit_suite(suite, results, started))
    ET.indent(root)
    ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def junit_suite(suite: str, results: Sequence[ConversationResult], started: datetime) -> ET.Element:
    """One `testsuite`; a testcase's class is its file, as `CAMPAIGN.FILE`."""
    element = ET.Element(
        "testsuite",
        name=_clean(suite),
        tests=str(len(results)),
        failures=str(sum(not result.passed for result in results)),
        errors="0",
        skipped="0",
        time=_seconds(sum(result.seconds for result in results)),
        timestamp=started.strftime("%Y-%m-%dT%H:%M:%S"),
    )
    for result in results:
        written = result.written
        case = ET.SubElement(
            element,
            "testcase",
            name=_clean(written.name),
            classname=_clean(f"{suite}.{written.file.stem}"),
            time=_seconds(result.seconds),
            file=_clean(str(written.file)),
        )
        if written.line is not None:
            case.set("line", str(written.line))
        if not result.passed:
            told = [str(deviation) for deviation in result.deviations]
            failure = ET.SubElement(case, "failure", message=_clean(told[0]), type="deviation")
            talk = [f"{time}  {who}: {what}" for time, who, what in result.transcript()]
            failure.text = _clean("\n".join([*told, "", *talk]))
    return element


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)

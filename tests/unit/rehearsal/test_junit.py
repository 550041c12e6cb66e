from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from robot.call.report import CallReport
from robot.rehearsal.conversations_file import Conversation, WrittenConversation
from robot.rehearsal.junit import junit_suite, write_junit
from robot.rehearsal.result import ConversationResult
from robot.rehearsal.verdict import Deviation
from robot.store.records import TurnRecord

STARTED = datetime(2026, 11, 21, 9, 30, 5, tzinfo=UTC)


def result(name: str, *happened: str, text: str = "Hello.") -> ConversationResult:
    written = WrittenConversation(Path("c/tests/yes.toml"), 4, Conversation(name=name, outcome="completed"))
    report = CallReport("u", "+33199000001", turns=[TurnRecord(1, "callee", text, None, 500, 900, False)])
    told = tuple(Deviation(written.file, 7, "the robot to say a", each) for each in happened)
    return ConversationResult(written, report, told, 12.3456)


def test_a_suite_counts_and_names_what_ci_servers_show(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    write_junit(file, "reminder", [result("good"), result("bad", "it said b", "it said c")], STARTED)
    assert file.read_bytes().startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    root = ET.parse(file).getroot()  # noqa: S314 - our own file
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert suite.attrib == {
        "name": "reminder", "tests": "2", "failures": "1", "errors": "0", "skipped": "0", "time": "24.691",
        "timestamp": "2026-11-21T09:30:05",
    }  # fmt: skip
    good, bad = suite
    assert good.attrib == {
        "name": "good", "classname": "reminder.yes", "time": "12.346", "file": "c/tests/yes.toml", "line": "4"
    }  # fmt: skip
    assert list(good) == []
    (failure,) = bad
    assert failure.tag == "failure"
    assert failure.attrib == {
        "message": "c/tests/yes.toml:7: expected the robot to say a; it said b", "type": "deviation"
    }  # fmt: skip
    assert failure.text is not None
    assert "it said c" in failure.text
    assert "callee: Hello." in failure.text


@given(st.text(min_size=1), st.text(), st.text(min_size=1))
def test_whatever_is_said_the_document_is_well_formed(name: str, text: str, happened: str) -> None:
    document = ET.tostring(junit_suite(name, [result(name, happened, text=text)], STARTED), encoding="utf-8")
    ET.fromstring(document)  # noqa: S314 - our own document

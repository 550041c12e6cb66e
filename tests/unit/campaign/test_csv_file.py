"""CSV as people have it: whatever a spreadsheet writes is read back as it was, and broken rows are told."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from robot.campaign.csv_file import BadRow, CsvFile, Row, plain

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
# What Latin-1 keeps and no UTF-8 holds by chance.
LATIN = st.text("abcéèàç ,;'", max_size=8)
HEADER = ["number", "first_name", "town"]


def cells(data: bytes, encoding: str | None = None) -> list[list[str]]:
    return [row.cells for row in CsvFile(io.BytesIO(data), encoding) if isinstance(row, Row)]


def written(rows: list[list[str]], delimiter: str, quoting: int, newline: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=newline).writerows([HEADER, *rows])  # type: ignore[arg-type]
    return text.getvalue()


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
)
def test_what_a_spreadsheet_writes_is_read_back(
    rows: list[list[str]], delimiter: str, quoting: int, newline: str, encoding: str
) -> None:
    # Spaces at the beginning of a cell are nobody's; a file without a mark is known by its western letters.
    assume(
        all(
            cell == cell.strip() and cell.isascii() | (encoding[-2:] not in ("le", "be"))
            for row in rows
            for cell in row
        )
    )
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert cells(written(rows, delimiter, quoting, newline).encode(encoding)) == [HEADER, *kept]


@given(rows=st.lists(st.lists(LATIN.map(str.strip), min_size=3, max_size=3), min_size=1, max_size=6))
def test_latin_1_is_read_and_said(rows: list[list[str]]) -> None:
    data = written([*rows, ["1", "Zoë", ""]], ";", csv.QUOTE_MINIMAL, "\r\n").encode("cp1252")
    file = CsvFile(io.BytesIO(data))
    assert file.encoding == "cp1252"
    kept = [row for row in rows if any(row)]
    assert [row.cells for row in file if isinstance(row, Row)] == [HEADER, *kept, ["1", "Zoë", ""]]


def test_the_only_accent_may_stand_at_the_end_of_a_large_file() -> None:
    data = b"number,name\n" + b"+33140000001,Ann\n" * 100_000 + "+33140000002,Zoë\n".encode("cp1252")
    file = CsvFile(io.BytesIO(data))
    assert file.encoding == "cp1252"
    assert [row.cells[1] for row in file if isinstance(row, Row)][-1] == "Zoë"


def test_excel_may_say_the_delimiter() -> None:
    rows = list(CsvFile(io.BytesIO(b"sep=;\r\na,b;c\r\n")))
    assert rows == [Row(2, ["a,b", "c"])]


def test_the_delimiter_is_the_one_that_makes_rows_alike() -> None:
    assert cells(b"name, first name;number\nAnn;1\nBen;2\n")[1] == ["Ann", "1"]
    assert cells(b"one\ntwo, three\n") == [["one"], ["two", "three"]]


def test_lines_are_those_at_which_rows_begin() -> None:
    rows = list(CsvFile(io.BytesIO(b'a,b\n\n"x\ny",1\n,,\nz,2\n')))
    assert [row.line for row in rows] == [1, 3, 6]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'a,b\n"x"y,1\nz,2\n', 2),
        (b'a,b\nw,1\n"x,1\nz,2\n', 3),
        (b"a,b\n" + b"x" * 140_000 + b",1\nz,2\n", 2),
    ],
)
def test_a_broken_row_costs_no_other_before_it(data: bytes, line: int) -> None:
    rows = list(CsvFile(io.BytesIO(data)))
    [bad] = [row for row in rows if isinstance(row, BadRow)]
    assert bad.line == line
    assert bad.reason.startswith("is not CSV")
    assert [row.line for row in rows if isinstance(row, Row)][: line - 1] == list(range(1, line))


@given(st.binary(max_size=200))
def test_no_bytes_at_all_break_it(data: bytes) -> None:
    try:
        rows = list(CsvFile(io.BytesIO(data)))
    except UnicodeError:  # it begins with the mark of UTF-16 and is none
        assert data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data
    else:
        assert all(isinstance(row, Row | BadRow) for row in rows)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("N° de Téléphone", "n_de_telephone"),
        (" First-Name ", "first_name"),
        ("Straße", "strasse"),
        ("日本", ""),
        ("1st", "1st"),
    ],
)
def test_plain_names(name: str, expected: str) -> None:
    assert plain(name) == expected

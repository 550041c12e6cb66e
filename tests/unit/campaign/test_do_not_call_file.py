"""Files of numbers as people have them: with and without header, from Excel, in any spelling."""

from __future__ import annotations

import io

import pytest

from robot.campaign.do_not_call_file import BadDoNotCallFile, BadLine, number_or_pattern, read_numbers
from robot.campaign.numbers import BadNumber

ONE, TWO = "+33140000001", "+33140000002"


def read(content: str | bytes, region: str | None = "FR", column: str | None = None) -> list[str | BadLine]:
    data = content.encode() if isinstance(content, str) else content
    return list(read_numbers(io.BytesIO(data), region, column))


@pytest.mark.parametrize(
    "content",
    [
        f"{ONE}\n{TWO}\n",
        f"{ONE}\r\n\r\n# a comment, with a comma\r\n{TWO}",
        "01 40 00 00 01\n01.40.00.00.02\n",
        f"number\n{ONE}\n{TWO}\n",
        f"name,phone,town\nZoë,{ONE},Paris\n'Bob',\"{TWO}\",\n",
        f"name;Téléphone\nZoë;{ONE}\nBob;{TWO}\n",
        f"name;Téléphone\nZoë;{ONE}\nBob;{TWO}\n".encode("cp1252"),
        f"name;Téléphone\nZoë;{ONE}\nBob;{TWO}\n".encode("utf-8-sig"),
        f"name\tphone\nZoë\t{ONE}\nBob\t{TWO}\n".encode("utf-16"),
        f"{ONE};Zoë\n{TWO};Bob\n",
    ],
)
def test_every_usual_shape_is_read(content: str | bytes) -> None:
    assert read(content) == [ONE, TWO]


def test_the_column_can_be_named_or_counted() -> None:
    content = f"home,work\n{TWO},{ONE}\n"
    assert read(content) == [TWO]
    assert read(content, column="Work") == read(content, column="2") == [ONE]
    with pytest.raises(BadDoNotCallFile, match=r"no column 'fax': its columns are home, work; name one of them"):
        read(content, column="fax")
    with pytest.raises(BadDoNotCallFile, match="it has no header and 2"):
        read(f"{TWO},{ONE}\n", column="3")


def test_lines_that_hold_no_number_are_told_with_their_place_and_without_what_they_hold() -> None:
    found = read(f"name,phone\nZoë,{ONE}\nBob\nEve,123456\nKim,{TWO}\n")
    assert found[0::3] == [ONE, TWO]
    short, wrong = found[1:3]
    assert isinstance(short, BadLine)
    assert (short.line, short.reason) == (3, "has only 1 column(s)")
    assert isinstance(wrong, BadLine)
    assert wrong.line == 4
    assert "123456" not in wrong.reason


def test_the_line_is_the_file_s_where_a_cell_goes_over_several() -> None:
    assert [each.line for each in read(f'phone,note\n{ONE},"two\nlines"\n12,x\n') if isinstance(each, BadLine)] == [4]


def test_an_empty_file_holds_nobody() -> None:
    assert read("") == read("\n\n# nobody\n") == []


@pytest.mark.parametrize(("text", "pattern"), [("+331*", "+331*"), (" +33 1 40-* ", "+33140*"), ("+1(212)*", "+1212*")])
def test_a_pattern_is_plus_digits_and_a_star(text: str, pattern: str) -> None:
    assert number_or_pattern(text, None) == pattern
    assert read(f"{text}\n", None) == [pattern]


@pytest.mark.parametrize("text", ["*", "+*", "06*", "+33*1", "+33**", "+0*", "+33a*", "+" + "1" * 15 + "*"])
def test_what_is_no_pattern_is_told_without_being_repeated(text: str) -> None:
    with pytest.raises(BadNumber, match=r"like \+331\*") as told:
        number_or_pattern(text, "FR")
    assert len(text) < 4 or text not in str(told.value)


def test_a_number_without_its_country_needs_a_region() -> None:
    assert number_or_pattern("01 40 00 00 01", "FR") == ONE
    with pytest.raises(BadNumber, match="or say --region"):
        number_or_pattern("01 40 00 00 01", None)

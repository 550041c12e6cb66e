from __future__ import annotations

from pathlib import Path

import pytest

from robot.campaign.contacts import ContactsError, read_contacts


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "contacts.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_every_column_but_the_number_is_a_field(tmp_path: Path) -> None:
    contacts = read_contacts(written(tmp_path, 'number,first_name ,note\n+331,"Ann, or Anna", x \n\n+332,,\n'))
    assert contacts.columns == ("number", "first_name", "note")
    assert [(row.line, row.number, dict(row.fields)) for row in contacts.rows] == [
        (2, "+331", {"first_name": "Ann, or Anna", "note": "x"}),
        (4, "+332", {"first_name": "", "note": ""}),
    ]


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    contacts = read_contacts(written(tmp_path, "\ufeffnumber,name\r\n+331,Élise\r\n"))
    assert [dict(row.fields) for row in contacts.rows] == [{"name": "Élise"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("first_name\nAnn\n", "contacts.csv:1: has no column `number`"),
        ("", "has no column `number`"),
        ("number,name\n+331,Ann,Lyon\n", "contacts.csv:2: has more values than columns"),
        (b"number,name\n+331,\xe9\n", "is not UTF-8"),
    ],
)
def test_mistakes_say_what_to_do(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(ContactsError, match=told):
        read_contacts(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ContactsError, match="cannot be read"):
        read_contacts(tmp_path / "contacts.csv")

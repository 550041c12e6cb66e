from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.campaign.contacts import Column, ContactList, ContactsError, read_contacts
from robot.campaign.csv_file import BadRow


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
    for encoding in ("utf-8-sig", "cp1252", "utf-16"):
        contacts = read_contacts(written(tmp_path, "number,name\r\n+331,Élise\r\n".encode(encoding)))
        assert [dict(row.fields) for row in contacts.rows] == [{"name": "Élise"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("first_name\nAnn\n", "contacts.csv:1: has no column `number`"),
        ("Name,Contact\nAnn,+331\n", "among Name, Contact: .* like `--column 'Name=number'`"),
        ("", "contacts.csv: is empty"),
        ("number,name\n+331,Ann,Lyon\n", "contacts.csv:2: has more values than columns"),
    ],
)
def test_mistakes_say_what_to_do(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(ContactsError, match=told):
        read_contacts(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ContactsError, match="cannot be read"):
        read_contacts(tmp_path / "contacts.csv")


def listed(text: str, mapping: dict[str, str] | None = None) -> ContactList:
    return ContactList(io.BytesIO(text.encode()), Path("list.csv"), mapping)


def called(text: str, mapping: dict[str, str] | None = None) -> dict[str, str | None]:
    return {column.name: column.field for column in listed(text, mapping).columns}


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Nom;Prénom;Téléphone", {"Nom": "nom", "Prénom": "prenom", "Téléphone": "number"}),
        ("Mobile,Home phone", {"Mobile": "number", "Home phone": "home_phone"}),
        ("tel,number", {"tel": "tel", "number": "number"}),
        ("number,TZ", {"number": "number", "TZ": "timezone"}),
        ("N° de téléphone,Fuseau horaire", {"N° de téléphone": "number", "Fuseau horaire": "timezone"}),
        ("number,rejected_line,rejected_reason", {"number": "number", "rejected_line": None, "rejected_reason": None}),
        ("number,2nd,日本", {"number": "number", "2nd": "column_2nd", "日本": "column_3"}),
    ],
)
def test_columns_are_known_by_their_names(header: str, columns: dict[str, str | None]) -> None:
    assert called(f"{header}\n") == columns


def test_columns_are_what_the_user_says() -> None:
    text = "tel,contact,Zone\n+331,+332,Europe/Paris\n"
    assert called(text, {"Contact": "number", "3": "timezone"}) == {
        "tel": "tel",
        "contact": "number",
        "Zone": "timezone",
    }
    [row] = list(listed(text, {"Contact": "number"}))
    assert not isinstance(row, BadRow)
    assert (row.number, row.fields) == ("+332", {"tel": "+331", "zone": "Europe/Paris"})


def test_names_that_come_out_the_same_are_told_apart() -> None:
    columns = listed("number,Name,name,NAME,number\n").columns
    assert [column.field for column in columns] == ["number", "name", "name_2", "name_3", "number_2"]


def test_a_list_without_a_header_needs_to_be_told_its_columns() -> None:
    text = "Ann,+33140000001\nBen,+33140000002\n"
    with pytest.raises(ContactsError, match=r"has no header.*--column 1=number"):
        listed(text)
    contacts = listed(text, {"2": "number", "1": "first_name"})
    assert contacts.columns == (Column("1", "first_name"), Column("2", "number"))
    assert [row.number for row in contacts if not isinstance(row, BadRow)] == ["+33140000001", "+33140000002"]
    assert len(list(listed("+33140000001\n+33140000002\n"))) == 2, "one column can only be the numbers"


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"fax": "number"}, "has no column 'fax': its columns are tel, name; name one of them, or its place"),
        ({"9": "number"}, "has no column '9'"),
        ({"tel": "number", "name": "number"}, "two columns are to be the same field"),
    ],
)
def test_a_column_that_cannot_be_is_told(mapping: dict[str, str], told: str) -> None:
    with pytest.raises(ContactsError, match=told):
        listed("tel,name\n", mapping)


def test_rows_that_do_not_fit_are_told_and_the_rest_is_read() -> None:
    rows = list(listed(f"number;note\n1;a;b\n2\n3;c;;\n4;{'x' * 5000}\n5;d\n"))
    assert [row.line for row in rows if isinstance(row, BadRow)] == [2, 5]
    assert [(row.number, row.fields["note"]) for row in rows if not isinstance(row, BadRow)] == [
        ("2", ""), ("3", "c"), ("5", "d"),
    ]  # fmt: skip
    assert isinstance(rows[0], BadRow)
    assert "holds a semicolon" in rows[0].reason


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_every_field_has_a_name_that_prompts_can_say(names: list[str]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(["number", *(name.replace("\r", "") for name in names)])
    data = text.getvalue().encode("utf-8", "replace")
    fields = [column.field for column in ContactList(io.BytesIO(data), Path("list.csv")).columns]
    assert len(set(fields) - {None}) == len([field for field in fields if field is not None])
    assert all(field is None or re.fullmatch("[a-z][a-z0-9_]{0,39}", field) for field in fields)


def test_an_encoding_that_there_is_not(tmp_path: Path) -> None:
    for data, encoding in ((b"number\n\xff\n", "utf-8"), (b"number\n", "klingon")):
        with pytest.raises(ContactsError, match="encoding"):
            list(ContactList(io.BytesIO(data), tmp_path, encoding=encoding))

"""Reads CSV as people have it: any delimiter, any encoding that spreadsheets write, rows that are broken in between.

Row by row, so that a file of a million rows needs no more memory than one of ten. Knows no numbers and no database.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final

#: How people call the column of telephone numbers, as `plain` writes it.
NUMBER_COLUMNS: Final = frozenset(
    (
        "number", "phone", "telephone", "tel", "mobile", "cell", "cellphone", "portable", "gsm", "numero", "msisdn",
        "e164", "phone_number", "phonenumber", "mobile_number", "mobile_phone", "cell_phone", "telephone_number",
        "tel_mobile", "tel_portable", "telephone_mobile", "telephone_portable", "numero_de_telephone",
        "numero_telephone", "mobile_no", "phone_no", "tel_no", "telephone_no", "telefon", "telefonnummer", "handy",
        "rufnummer", "telefono", "movil", "celular", "cellulare", "telefone", "telefoon", "n_de_telephone",
        "n_telephone", "no_de_telephone", "num_tel",
    )
)  # fmt: skip
_DELIMITERS: Final = ",;\t|"
_SAMPLED_ROWS: Final = 20
_CHUNK: Final = 1 << 20
_EXCEL_HINT: Final = "sep="  # a first line by which Excel is told the delimiter


@dataclass(frozen=True, slots=True)
class Row:
    """line: where it begins in the file, from 1. cells: as they stand there, but for spaces after the delimiter."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used; `reason` does not repeat what stands there. cells: where they could be told."""

    line: int
    reason: str
    cells: tuple[str, ...] = ()


class CsvFile:
    """`file` can be sought in, and is closed together with this.

    encoding: what the file was found to be; what is neither UTF-8 nor UTF-16 is read as cp1252, Latin-1 as Windows
    writes it. Raises LookupError when `encoding` names none, and UnicodeError where the file is not in it.
    """

    def __init__(self, file: BinaryIO, encoding: str | None = None) -> None:
        self.encoding = encoding or _encoding_of(file)
        file.seek(0)
        errors = "replace" if encoding is None and self.encoding == "cp1252" else "strict"
        self._lines = io.TextIOWrapper(file, encoding=self.encoding, errors=errors, newline="")
        self.delimiter, self._to_skip = _delimiter_of(self._lines)

    def __iter__(self) -> Iterator[Row | BadRow]:
        """Rows that hold something, from the first, a header among them."""
        self._lines.seek(0)
        rows = csv.reader(self._lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)
        for _ in range(self._to_skip):
            next(rows, None)
        while True:
            line = rows.line_num + 1
            try:
                cells = next(rows, None)
            except csv.Error as error:
                last = f" (up to line {rows.line_num})" if rows.line_num > line else ""
                yield BadRow(line, f"is not CSV{last}: {error}. Put a text that holds a quote in quotes and double it")
                continue
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield Row(line, cells)


def plain(name: str) -> str:
    """A name of small letters, digits and _ for what a person wrote: `N° de Téléphone` is `n_de_telephone`."""
    # Accents from their letters, and letters that only look otherwise (𝕬) as they are usually written.
    apart = unicodedata.normalize("NFKD", name.replace("°", " ")).casefold()
    letters = "".join(each if each.isalnum() else " " for each in apart if each.isascii())
    return "_".join(letters.split())


def _encoding_of(file: BinaryIO) -> str:
    """Excel writes UTF-16, or UTF-8 with a mark at its beginning, or what Windows calls ANSI."""
    file.seek(0)
    start = file.read(4096)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    zeros = [place % 2 for place, byte in enumerate(start) if byte == 0]
    if len(zeros) > len(start) // 4:  # text of western letters, and no mark
        return "utf-16-le" if sum(zeros) > len(zeros) // 2 else "utf-16-be"
    # All of it: the first name with an accent may stand on the last line.
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter_of(lines: io.TextIOWrapper) -> tuple[str, int]:
    """What stands between the cells: the one that gives most rows as many as the first; how many lines to pass over."""
    sample = [line for line in islice(lines, _SAMPLED_ROWS) if line.strip()]
    if sample and sample[0].lower().startswith(_EXCEL_HINT) and len(sample[0].strip("\r\n")) == len(_EXCEL_HINT) + 1:
        return sample[0][len(_EXCEL_HINT)], 1
    rows = [line for line in sample if not line.startswith("#")]
    return max(_DELIMITERS, key=lambda delimiter: _regularity(rows, delimiter)), 0


def _regularity(lines: Iterable[str], delimiter: str) -> tuple[int, int]:
    counts: list[int] = []
    with suppress(csv.Error):  # up to a row that is broken, or is so with a delimiter that is none
        for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True):
            counts.append(len(cells))
    if not counts or counts[0] == 1:
        return 0, 0
    return sum(count == counts[0] for count in counts), counts[0]

"""A formula is told where a workbook has no result of it, whoever wrote the workbook."""

import io
import time
import zipfile

import openpyxl
import pytest

from instagram_assets.ingest.reader import xlsx_sheets
from instagram_assets.ingest.reader.xlsx_sheets import Formula, unsaved_formulas


def found(xml: str) -> list[Formula]:
    return list(unsaved_formulas(io.BytesIO(xml.encode())))


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="C2"><f>1+2</f><v></v></c>',
        '<c r="C2"><f>1+2</f><v/></c>',
        '<c r="C2" s="3"><f ca="1">1+2</f></c>',
        "<x:c r='C2'><x:f>1+2</x:f><x:v /></x:c>",
    ],
)
def test_a_formula_without_a_result_is_found_with_its_place(cell: str) -> None:
    assert found(f'<row r="2"><c r="A2"><v>7</v></c>{cell}</row>') == [Formula(2, 2, "=1+2")]


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="C2"><f>1+2</f><v>3</v></c>',
        '<c r="C2" t="str"><f>IF(A1="","",1)</f><v></v></c>',
        '<c r="C2" t="inlineStr"><is><t>=1+2</t></is></c>',
        '<c r="C2"/>',
        "<f>1+2</f>",
    ],
)
def test_what_has_a_result_or_is_no_formula_is_none(cell: str) -> None:
    assert found(f'<row r="2">{cell}</row>') == []


def test_a_formula_that_others_share_is_found_for_each_of_them() -> None:
    cells = '<c r="AA1"><f t="shared" ref="AA1:AA2" si="0">A1&amp;B1</f></c><c r="AB2"><f t="shared" si="0"/></c>'
    assert found(cells) == [Formula(1, 26, "=A1&B1"), Formula(2, 27, "=")]


def test_formulas_are_found_wherever_a_part_of_the_file_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in range(1, 60):
        sheet.append([row, f"=A{row}*2", "간식"])
    stream = io.BytesIO()
    book.save(stream)
    with zipfile.ZipFile(stream) as packed:
        xml = packed.read("xl/worksheets/sheet1.xml").decode()
    for size in (7, 100, 1 << 20):
        monkeypatch.setattr(xlsx_sheets, "_XML_CHUNK", size)
        assert found(xml) == [Formula(row, 1, f"=A{row}*2") for row in range(1, 60)]


@pytest.mark.parametrize("part", ["<c ", "<c><f", "<c><f>", "<c r='A1'><f>1</f>  ", "<f "])
def test_what_is_no_sheet_takes_no_long_time(part: str) -> None:
    begin = time.process_time()
    assert found(part * 500_000) == []
    assert time.process_time() - begin < 20

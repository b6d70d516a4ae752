"""CSV files: what is read, and that every fault names its row and its column."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.datasets import csv_table
from engine.datasets.csv_table import Column, read
from engine.errors import Invalid, Problem

BODY = "".join(f"{k},{k % 3 + 0.5},{'red' if k % 2 else 'blue'}\n" for k in range(12))
GOOD = "size, weight ,colour\n" + BODY


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def fault(folder: Path, text: str | bytes) -> Problem:
    with pytest.raises(Invalid) as caught:
        check(written(folder, text))
    return caught.value.problems[0]


def check(path: Path) -> None:
    for column in read(path):
        column.require_kind()


def test_columns_are_numbers_or_words(tmp_path: Path) -> None:
    size, weight, colour = read(written(tmp_path, GOOD))
    assert (size.name, weight.name, colour.name) == ("size", "weight", "colour")
    assert size.numeric and weight.numeric and not colour.numeric
    assert weight.numbers[:3] == (0.5, 1.5, 2.5) and colour.words == ("blue", "red") and colour.missing == 0


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_delimiters_are_found(tmp_path: Path, mark: str) -> None:
    assert [c.name for c in read(written(tmp_path, GOOD.replace(",", mark)))] == ["size", "weight", "colour"]


def test_quotes_line_ends_byte_order_marks_and_empty_lines_are_no_trouble(tmp_path: Path) -> None:
    text = GOOD.replace("\n", "\r\n").replace("size", '"the ""size"", in mm"').replace("red", '"dark\nred"') + "\r\n\r\n"
    first, _, colour = read(written(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert first.name == 'the "size", in mm' and len(first.cells) == 12 and "dark\nred" in colour.words


@pytest.mark.parametrize("word", ["", "?", "NA", "n/a", " NaN ", "null", "None"])
def test_missing_values_are_known_by_their_usual_names(tmp_path: Path, word: str) -> None:
    size, *_, colour = read(written(tmp_path, GOOD.replace("\n3,", f"\n{word},").replace("5,2.5,red", f"5,2.5,{word}")))
    assert size.missing == 1 and size.numbers[3] is None and size.numeric and colour.missing == 1


@pytest.mark.parametrize(("cell", "number"), [("1e3", 1000.0), ("-.5", -0.5), ("+7.", 7.0), ("007", 7.0)])
def test_numbers_in_their_usual_forms(tmp_path: Path, cell: str, number: float) -> None:
    assert read(written(tmp_path, GOOD.replace("\n3,", f"\n{cell},")))[0].numbers[3] == number


@pytest.mark.parametrize("cell", ["abc", "1_000", "inf", "0x10", "１", "1e", "--1", "1 000"])
def test_what_stands_among_numbers_and_is_none_is_named(tmp_path: Path, cell: str) -> None:
    problem = fault(tmp_path, GOOD.replace("\n3,", f"\n{cell},"))
    assert problem.path == "/5/size" and "row 5, column 'size'" in problem.reason and cell in problem.reason


def test_a_column_of_codes_some_of_which_look_like_numbers_holds_words(tmp_path: Path) -> None:
    codes = "\n".join(f"{k},{'A' if k % 2 else ''}{k % 4}" for k in range(12))
    assert read(written(tmp_path, f"size,code\n{codes}\n"))[1].words == ("0", "2", "A1", "A3")


@pytest.mark.parametrize(("text", "place", "words"), [
    ("", "", "empty"), (b"\xff\xfe", "", "UTF-8"), ("a,b\n\0,1\n", "", "zero bytes"), ("a\n" + "1\n" * 12, "/1", "1 column"),
    ("a,b\n" + "1,2\n" * 9, "", "9 rows"), ("a,,c\n" + "1,2,3\n" * 12, "/1", "column 2 has no name"),
    ("a,b,a\n" + "1,2,3\n" * 12, "/1", "'a'"), ("1,2\n" + "1,2\n" * 12, "/1", "no header"),
    ("a,b\n" + "1,2\n" * 4 + "1,2,3\n" + "1,2\n" * 9, "/6", "row 6 has 3 cells"),
    ("a,b\n" + "1,2\n" * 11 + "1\n", "/13", "row 13 has 1 cell"), ("a,b\n" + ",2\n" * 12, "/a", "nothing"),
    ("a,b\n" + "1,2\n" * 11 + "1e31,2\n", "/13/a", "too large"),
    ("a,b\n" + "1,2\n" * 11 + "1e999,2\n", "/13/a", "too large"),
    ("a,b/c\n" + "1,2\n" * 11 + "1,x\n", "/13/b~1c", "'x'"), ('a,b\n1,"2\n' + "1,2\n" * 12, "", "not CSV"),
    ("a" * 101 + ",b\n" + "1,2\n" * 12, "/1", "column 1"), ("a,b\n" + f"1,{'x' * 1001}\n" * 12, "/2/b", "1,001 letters"),
])
def test_faults_say_where(tmp_path: Path, text: str | bytes, place: str, words: str) -> None:
    problem = fault(tmp_path, text)
    assert problem.path == place and words in problem.reason and problem.allowed


@pytest.mark.parametrize(("limit", "value"), [("BYTES", 100), ("ROWS", 11), ("COLUMNS", 2), ("CELLS", 30)])
def test_there_are_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(csv_table, limit, value)
    assert fault(tmp_path, GOOD).reason


def test_words_that_are_all_numbers_are_ordered_by_size() -> None:
    assert Column("class", ("10", "9", "2", "10")).words == ("2", "9", "10")

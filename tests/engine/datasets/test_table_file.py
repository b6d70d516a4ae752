"""An uploaded table: columns to features, rows to splits, faults with their place, and predictions from a CSV row."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from engine import options
from engine.datasets.table_file import TableFile, inspect
from engine.errors import Invalid, Unavailable
from engine.export.bundle import bundle
from engine.perform import splits
from engine.run import run
from engine.spec import parse
from engine.work import Candidate

HEAD = "id,age,colour,income,bought\n"


def rows(count: int = 60) -> list[str]:
    """Who is older and likes red buys."""
    rng, made = Random(4), []
    for k in range(count):
        age, colour, income = rng.randint(18, 80), rng.choice(("red", "green", "blue")), rng.choice(("1000.5", "2500", ""))
        made.append(f"p{k},{age},{colour},{income},{'yes' if age > 45 or colour == 'red' else 'no'}\n")
    return made


def placed(folder: Path, text: str) -> str:
    """The text as an upload; gives its name."""
    name = hashlib.sha256(text.encode()).hexdigest()
    (folder / "uploads").mkdir(parents=True, exist_ok=True)
    (folder / "uploads" / name).write_text(text)
    return name


def table(folder: Path, text: str | None = None, **given: Any) -> Any:
    sha256 = placed(folder, HEAD + "".join(rows()) if text is None else text)
    built = options.parse(TableFile, {"sha256": sha256, "leave_out": "id", **given})
    return built.table(built.path(folder))


def fault(folder: Path, text: str | None = None, **given: Any) -> Any:
    with pytest.raises(Invalid) as caught:
        table(folder, text, **given)
    return caught.value.problems[0]


def test_words_become_a_feature_each_and_gaps_the_median(tmp_path: Path) -> None:
    found = table(tmp_path)
    assert found.features == ("age", "colour=blue", "colour=green", "colour=red", "income")
    assert found.classes == ("no", "yes") and (len(found.labels), len(found.test_labels)) == (48, 12)
    assert set(found.rows[:, 1:4].sum(1)) == {1.0} and set(found.rows[:, 4]) == {1000.5, 2500.0}
    assert set(found.labels) == {0, 1} and np.isfinite(found.rows).all()


def test_the_median_is_learnt_from_rows_that_are_not_for_tests(tmp_path: Path) -> None:
    found, (_, _, income) = table(tmp_path), table(tmp_path).columns
    learnt = [float(cell) for cell in found.rows[:, 4]]
    assert income["fill"] in (1000.5, 2500.0) and learnt.count(income["fill"]) > 15


def test_words_may_be_places_in_the_alphabet(tmp_path: Path) -> None:
    found = table(tmp_path, words="ordinal")
    assert found.features == ("age", "colour", "income") and set(found.rows[:, 1]) == {0.0, 1.0, 2.0}


def test_a_missing_word_is_a_word_of_its_own(tmp_path: Path) -> None:
    text = HEAD + "".join(rows()).replace("green", "?")
    assert table(tmp_path, text).features[1:4] == ("colour=blue", "colour=red", "colour=nothing")


def test_rows_with_gaps_may_be_dropped_or_refused(tmp_path: Path) -> None:
    whole = sum(",," not in row for row in rows())
    dropped = table(tmp_path, missing="drop")
    assert len(dropped.labels) + len(dropped.test_labels) == whole
    problem = fault(tmp_path, missing="refuse")
    first = next(k for k, row in enumerate(rows()) if ",," in row)
    assert problem.path == f"/{first + 2}/income" and f"row {first + 2}, column 'income'" in problem.reason


def test_any_column_may_be_the_target(tmp_path: Path) -> None:
    found = table(tmp_path, target="colour")
    assert found.classes == ("blue", "green", "red") and found.features == ("age", "income", "bought=no", "bought=yes")


def test_classes_that_are_numbers_are_ordered_by_size(tmp_path: Path) -> None:
    text = "x,y\n" + "".join(f"{k},{(2, 9, 10)[k % 3]}\n" for k in range(30))
    assert table(tmp_path, text, leave_out="").classes == ("2", "9", "10")


@pytest.mark.parametrize(("given", "place", "words"), [
    ({"target": "price"}, "/target", "'price'"), ({"target": "id", "leave_out": ""}, "/target", "one row only"),
    ({"leave_out": "id,what"}, "/leave_out", "'what'"), ({"leave_out": "id,age,colour,income"}, "/leave_out", "no column"),
    ({"leave_out": "id,bought", "target": "bought"}, "/target", "'bought'"), ({"target": "income"}, "", "holds nothing"),
])
def test_faults_of_the_choice_of_columns_are_named(tmp_path: Path, given: dict[str, Any], place: str, words: str) -> None:
    problem = fault(tmp_path, **given)
    assert words in problem.reason and (problem.path == place or not place)


def test_identifiers_one_class_and_lonely_classes_are_refused(tmp_path: Path) -> None:
    many = "name,x,y\n" + "".join(f"n{k},{k},{k % 2}\n" for k in range(120))
    assert "120 different words" in fault(tmp_path, many, leave_out="").reason
    assert "1 different" in fault(tmp_path, "x,y\n" + "".join(f"{k},a\n" for k in range(20)), leave_out="").reason
    lonely = "x,y\n" + "".join(f"{k},{'odd' if k == 7 else k % 2}\n" for k in range(20))
    problem = fault(tmp_path, lonely, leave_out="")
    assert problem.path == "/target" and "'odd'" in problem.reason


@pytest.mark.parametrize("sha256", ["", "x", "../" * 21 + "x", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_the_name_of_an_upload_is_a_name(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(Invalid) as caught:
        options.parse(TableFile, {"sha256": sha256}, "/dataset")
    assert caught.value.problems[0].path == "/dataset/sha256"
    assert not TableFile(sha256=sha256).ready(tmp_path)
    with pytest.raises(Unavailable):
        TableFile(sha256=sha256).load(tmp_path, lambda done, total: None)


def test_what_cannot_be_read_is_unavailable_with_the_reason(tmp_path: Path) -> None:
    built = TableFile(sha256=placed(tmp_path, "a,b\n1,2\n"))
    assert built.ready(tmp_path) and not TableFile(sha256="0" * 64).ready(tmp_path) and not built.ready()
    with pytest.raises(Unavailable, match="1 rows below"):
        built.load(tmp_path, lambda done, total: None)


def test_an_upload_can_be_looked_at_before_it_is_used(tmp_path: Path) -> None:
    placed(tmp_path, HEAD + "".join(rows()))
    (path,) = (tmp_path / "uploads").iterdir()
    told = inspect(path)
    assert told["rows"] == 60 and [column["name"] for column in told["columns"]] == HEAD.strip().split(",")
    by_name = {column["name"]: column for column in told["columns"]}
    assert by_name["colour"] == {"name": "colour", "kind": "words", "different": 3, "missing": 0, "target": True}
    assert by_name["income"]["missing"] > 0 and not by_name["income"]["target"] and not by_name["id"]["target"]
    path.write_text("a,b\n" + "".join(f"{k},{k}\n" for k in range(200)))
    with pytest.raises(Invalid, match="no column"):
        inspect(path)


def test_a_search_on_an_upload_ends_in_a_download_that_reads_csv(tmp_path: Path) -> None:
    data = tmp_path / "data"
    sha256 = placed(data, HEAD + "".join(rows(300)))
    spec = parse({"space": {"kind": "mlp", "preset": "cpu", "max_dropout": 0.0}, "strategy": {"name": "random_search"},
                  "dataset": {"name": "table_file", "sha256": sha256, "leave_out": "id"}, "budget": {"trials": 3}})
    found = run(spec, tmp_path / "run", data, "cpu", lambda event: None)
    work, outcome = found.items[3], found.outcomes[3]
    assert isinstance(work, Candidate) and outcome.ok
    bundle(spec, work, outcome, tmp_path / "run" / "artifacts" / "3", tmp_path / "out.zip", splits(spec, data, "cpu"))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "preprocessing.json").read_text())
    assert facts["columns"][1] == {"name": "colour", "words": ["blue", "green", "red"], "one_hot": True}
    new = tmp_path / "new.csv"
    new.write_text("income;colour;age\n;red;70\n1200;violet;20\n")
    assert len(predicted(tmp_path / "out", new)) == 2
    new.write_text("income,colour,age\n1,red,old\n")
    assert "row 2, column 'age'" in predicted(tmp_path / "out", new)[0]
    new.write_text("income,colour\n1,red\n")
    assert "'age'" in predicted(tmp_path / "out", new)[0]


def predicted(folder: Path, path: Path) -> list[str]:
    """The lines that predict.py prints, in a process of its own."""
    command = [sys.executable, "-I", str(folder / "predict.py"), str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)
    return (ran.stdout or ran.stderr).splitlines()


@pytest.mark.parametrize("given", [{}, {"words": "ordinal"}, {"target": "colour"}, {"leave_out": "id, age"},
                                   {"leave_out": "id,income", "missing": "refuse"}, {"missing": "drop"}])
def test_the_upload_tells_how_large_an_input_will_be(tmp_path: Path, given: dict[str, Any]) -> None:
    text = HEAD + "".join(rows()) + "p60,50,,1000.5,yes\np61,40,,,no\n"
    sha256 = placed(tmp_path, text)
    built = options.parse(TableFile, {"sha256": sha256, "leave_out": "id", **given})
    if given.get("target") == "colour":                     # nothing is missing in a target
        text = HEAD + "".join(rows())
        built = options.parse(TableFile, {"sha256": placed(tmp_path, text), "leave_out": "id", **given})
    if given.get("missing") == "refuse":
        built = options.parse(TableFile, {"sha256": sha256, **given, "leave_out": "id,income,colour"})
    held = inspect(built.path(tmp_path))
    found = built.table(built.path(tmp_path))
    assert built.reading(held) == ((len(found.features),), len(found.classes))


@pytest.mark.parametrize("given", [{"target": "nothing"}, {"leave_out": "id,age,colour,income"}])
def test_an_upload_without_an_input_tells_none(tmp_path: Path, given: dict[str, Any]) -> None:
    sha256 = placed(tmp_path, HEAD + "".join(rows()))
    built = options.parse(TableFile, {"sha256": sha256, **given})
    assert built.reading(inspect(built.path(tmp_path))) is None
    assert built.reading({}) is None

"""The terminal as scripts use it: JSON out, faults as one line of JSON on stderr and exit 2."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NB201 = {"kind": "nas_bench_201"}


def engine(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300)


def value(*arguments: object, stdin: str = "") -> Any:
    done = engine(*arguments, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fault(*arguments: object, stdin: str = "") -> dict[str, str]:
    done = engine(*arguments, "--json", stdin=stdin)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    error: dict[str, str] = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    assert set(error) == {"path", "reason", "allowed"}
    return error


@pytest.mark.parametrize("command", ["strategies", "spaces", "estimations"])
def test_lists_tell_everything_a_form_needs(command: str) -> None:
    for entry in value(command):
        assert {"name", "title", "paper", "presets", "options"} <= set(entry) and {"paper", "cpu"} <= set(entry["presets"])
        for option in entry["options"]:
            assert {"name", "type", "default", "bounds", "help", "paper_value"} <= set(option)


def test_datasets_tell_what_is_ready() -> None:
    digits = {d["name"]: d for d in value("datasets")}["digits"]
    assert digits["ready"] is True and digits["shape"] == [1, 8, 8] and digits["classes"] == 10


def test_facts_of_a_space() -> None:
    facts = value("facts", "-", stdin=json.dumps(NB201))
    assert facts["size"] == "15625" and math.isclose(facts["log10_size"], math.log10(15625)) and facts["parameters"] == 6


def test_samples_depend_on_the_seed_alone(tmp_path: Path) -> None:
    space = tmp_path / "space.json"
    space.write_text(json.dumps({"kind": "chain"}))
    first, again, other = (engine("sample", space, "-n", 5, "--seed", s, "--json").stdout for s in (1, 1, 2))
    assert first == again != other and all(set(json.loads(x)) == {"genotype", "hyper"} for x in first.splitlines())


def test_a_sampled_architecture_can_be_measured(tmp_path: Path) -> None:
    (tmp_path / "space.json").write_text(json.dumps(NB201))
    (tmp_path / "architecture.json").write_text(engine("sample", tmp_path / "space.json", "--json").stdout)
    cost = value("measure", tmp_path / "space.json", tmp_path / "architecture.json", "--input", "3x32x32", "--classes", 10)
    assert cost["flops"] == 2 * cost["macs"] and {"encoding_id", "canonical_id", "parameters"} <= set(cost)


def test_a_genotype_of_another_tool_is_converted_and_measured(tmp_path: Path) -> None:
    pairs = "[('sep_conv_3x3', 0), ('skip_connect', 1)]"
    text = f"Genotype(normal={pairs}, normal_concat=range(2, 3), reduce={pairs}, reduce_concat=[2])"
    made = value("convert", "--from", "darts", "-", stdin=text)
    assert made["space"] == {"kind": "darts_cell", "nodes": 1} and made["genotype"]["reduce_concat"] == [2]
    for name in ("space", "genotype"):
        (tmp_path / name).write_text(json.dumps(made[name]))
    cost = value("measure", tmp_path / "space", tmp_path / "genotype", "--input", "3x32x32", "--classes", 10)
    assert cost["parameters"] > 0
    assert fault("convert", "--from", "darts", "-", stdin="__import__('os')")["path"] == ""
    assert fault("convert", "--from", "magic", "-")["path"] == "/from"


@pytest.mark.parametrize(("kind", "classes"), [("mlp", 3), ("recurrent_cell", 98)])
def test_spaces_of_tables_and_of_texts_have_costs_too(tmp_path: Path, kind: str, classes: int) -> None:
    (tmp_path / "space.json").write_text(json.dumps({"kind": kind, "preset": "cpu"}))
    facts = value("facts", tmp_path / "space.json", "--input", "12", "--classes", classes)
    assert facts["infeasible"]["share"] == 0 and facts["ranges"]["flops"][0] > 0
    (tmp_path / "architecture.json").write_text(json.dumps(facts["sample"]))
    cost = value("measure", tmp_path / "space.json", tmp_path / "architecture.json", "--input", 12, "--classes", classes)
    low, _, high = facts["ranges"]["parameters"]
    assert low <= cost["parameters"] <= high
    assert fault("facts", tmp_path / "space.json", "--input", "3x12")["path"] == "/input"


def test_compatibility_is_true_or_a_reason() -> None:
    for row in value("compatible").values():
        assert all(answer is True or (isinstance(answer, str) and answer) for answer in row.values())


@pytest.mark.parametrize(("arguments", "stdin", "path"), [
    (("facts", "-"), "{", ""), (("facts", "-"), '{"kind": NaN}', "/kind"), (("facts", "-"), '{"kind": "no"}', "/kind"),
    (("facts", "-"), '{"kind": "chain", "zz": 1}', "/zz"), (("facts", "/no/such/file"), "", ""), (("nonsense",), "", ""),
    (("measure", "-"), "", ""), (("run", "-", "--workdir", "/dev/null/x"), '{"space": {"kind": "chain"}}', "/strategy"),
    (("sample", "-", "-n", "-1"), '{"kind": "chain"}', "/n"), (("leaderboard", "/no/such"), "", ""),
    (("export", "/no/such", "--trial", "0", "--out", "x.zip"), "", ""),
])
def test_bad_input_is_one_line_with_a_pointer(arguments: tuple[str, ...], stdin: str, path: str) -> None:
    assert fault(*arguments, stdin=stdin)["path"] == path


def test_a_search_runs_resumes_ranks_and_exports(tmp_path: Path) -> None:
    spec = {"space": {"kind": "chain", "preset": "cpu"}, "strategy": {"name": "random_search"},
            "dataset": {"name": "digits"},
            "estimation": {"name": "scratch", "preset": "cpu", "epochs": 1}, "budget": {"trials": 3}}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    lines = engine("run", tmp_path / "spec.json", "--workdir", tmp_path / "run", "--json").stdout.splitlines()
    last = json.loads(lines[-1])
    assert last["event"] == "search_finished" and set(last["best"]) == {"trial", "score", "score_kind", "architecture"}
    again = engine("run", tmp_path / "spec.json", "--workdir", tmp_path / "run", "--json").stdout.splitlines()
    assert json.loads(again[-1]) == last and not any(json.loads(x)["event"] == "epoch" for x in again)
    rows = value("leaderboard", tmp_path / "run")
    assert len(rows) == 4 and rows[0]["trial"] == last["best"]["trial"]
    assert [r["score"] for r in rows] == sorted((r["score"] for r in rows), reverse=True)
    made = value("export", tmp_path / "run", "--trial", rows[0]["trial"], "--out", tmp_path / "net.zip")
    assert (tmp_path / "net.zip").stat().st_size == made["size"]
    assert fault("export", tmp_path / "run", "--trial", 99, "--out", tmp_path / "x.zip")["path"] == "/trial"


def test_a_measured_table_by_architecture() -> None:
    names = [card["name"] for card in value("tables")]
    for name in names:
        found = value("table", name)
        assert set(found) == {"card", "entries"} and found["card"]["completeness"]["strings"] == 15625
        for entry in list(found["entries"].values())[:50]:
            assert set(entry) == {"parameters", "flops", "seeds"}
            assert all(set(seed) == {"validation", "test", "seconds"} for seed in entry["seeds"])
    assert fault("table", "nothing") == {"path": "/table", "reason": "'nothing' is not a table",
                                         "allowed": "one of " + ", ".join(names)}


def test_the_arena_on_a_landscape() -> None:
    given = ("--landscape", "L2", "--strategies", "random_search,aging_evolution", "--seeds", "4", "--evaluations", "60")
    found = value("arena", *given)
    assert [row["strategy"] for row in found["strategies"]] == ["random_search", "aging_evolution"]
    for row in found["strategies"]:
        assert {"mean", "se"} == set(row["regret"]) and len(row["curve"]["mean"]) == len(row["curve"]["evaluations"])
    assert found["strategies"][0]["p_against_random"] is None and 0 < found["strategies"][1]["p_against_random"] <= 1
    other = value("arena", *given, "--first-seed", "4")
    assert other["seeds"] == [4, 5, 6, 7] and other["strategies"] != found["strategies"]
    assert "Wilcoxon" in engine("arena", *given).stdout


def test_the_arena_plays_presets() -> None:
    given = ("--landscape", "L2", "--seeds", "2", "--evaluations", "40", "--strategies")
    found = value("arena", *given, "tpe,tpe:cpu")
    assert [row["strategy"] for row in found["strategies"]] == ["tpe", "tpe (preset=cpu)"]
    assert found["strategies"][0]["curve"] != found["strategies"][1]["curve"]
    assert fault("arena", *given, "tpe:magic")["path"].startswith("/strategies")


@pytest.mark.parametrize(("arguments", "path"), [
    (("--table", "fashion", "--estimators", "flops,magic"), "/estimators"),
    (("--table", "fashion", "--estimators", "flops", "--sample", "1"), "/sample"),
    (("--table", "fashion", "--estimators", "spos", "--epochs", "0"), "/epochs")])
def test_correlate_says_what_it_cannot_do(arguments: tuple[str, ...], path: str) -> None:
    assert fault("correlate", *arguments)["path"] == path


@pytest.mark.parametrize(("arguments", "path"), [
    (("--strategies", "random_search"), "/table"), (("--landscape", "L9", "--strategies", "random_search"), "/landscape"),
    (("--landscape", "L2", "--strategies", "magic"), "/strategies"),
    (("--landscape", "L2", "--strategies", "random_search", "--seeds", "0"), "/seeds"),
    (("--landscape", "L2", "--table", "fashion", "--strategies", "random_search"), "/table")])
def test_the_arena_says_what_it_cannot_play(arguments: tuple[str, ...], path: str) -> None:
    assert fault("arena", *arguments)["path"] == path

"""Pictures are small plain data."""

from __future__ import annotations

import json
import math

from engine import insight


def test_pictures_are_json_and_small_whatever_is_given() -> None:
    many = [str(n) for n in range(1000)]
    table = [[1 / 3 + n + m for m in range(200)] for n in range(200)]
    pictures = [
        insight.series("Reward", mean=math.pi, entropy=math.nan),
        insight.bars("Importance", {name: float(name) for name in many}, "share"),
        insight.heat("Kernel", many, many, table),
        insight.pairs("Densities", ("good", "rest"), {name: ([1, 2], [0.1, 0.2], [0.3, 0.4]) for name in many}),
        insight.scatter("Predictor", "predicted", "observed", [(n / 3, n / 7) for n in range(5000)], "rank correlation 1.0"),
        insight.population(range(5000), "5000 alive"),
    ]
    for picture in pictures:
        assert len(json.dumps(picture, allow_nan=False)) < 6000
    assert pictures[0]["values"] == {"mean": 3.142, "entropy": None}
    assert pictures[1]["values"][0] == ["999", 999.0] and len(pictures[1]["values"]) == insight.LARGEST
    assert len(pictures[2]["values"]) == len(pictures[2]["values"][0]) == insight.LARGEST
    assert pictures[4]["points"][-1] == [1666.0, 714.1]


def test_heat_keeps_what_is_unknown_blank() -> None:
    assert insight.heat("P", ["a"], ["x", "y"], [[None, 0.25]])["values"] == [[None, 0.25]]


def test_alphas_say_all_that_there_is_room_for() -> None:
    def drawn(edges: int, ops: int) -> insight.Picture:
        names, columns = [f"{n} to {n + 1}" for n in range(edges)], [f"operation_{n}" for n in range(ops)]
        kept = [[names[-1], columns[0]], ["elsewhere", columns[0]], [names[0], "unknown"]]
        table = [[1 / 3000 + n + m for m in range(ops)] for n in range(edges)]
        picture = insight.alphas("A", names, columns, table, table, kept, "note")
        assert len(json.dumps(picture)) < insight.FITS + 100
        return picture

    assert drawn(2, 2) == {"picture": "heat", "title": "A", "rows": ["0 to 1", "1 to 2"], "note": "note", "kept": [[1, 0]],
                           "columns": ["operation_0", "operation_1"], "raw": [[0.0003333, 1.0], [1.0, 2.0]],
                           "values": [[0.0003333, 1.0], [1.0, 2.0]]}
    paper, recurrent, widest = drawn(14, 8), drawn(36, 5), drawn(44, 8)
    assert "raw" in paper and "raw" in recurrent and len(recurrent["rows"]) == 36
    assert "raw" not in widest and len(widest["rows"]) == 44 and widest["kept"] == [[43, 0]]
    assert len(drawn(200, 8)["rows"]) == insight.LARGEST


def test_a_trellis_keeps_its_strongest_edges_and_the_path_by_its_places() -> None:
    strengths = {((layer, 1), (layer + 1, 1)): layer / 300 for layer in range(1, 301)}
    picture = insight.trellis("Fabric", strengths, [((1, 1), (2, 1)), ((2, 1), (3, 1))], "all")
    assert picture["path"] == [[1, 1], [2, 1], [3, 1]] and len(picture["edges"]) == insight.EDGES
    assert picture["edges"][0] == [300, 1, 301, 1, 1.0] and len(json.dumps(picture)) < 4000


def test_pictures_thin_out_as_a_search_grows() -> None:
    assert all(insight.due(told) for told in range(1, 101))
    assert [sum(insight.due(told) for told in range(10**k, 10**(k + 1))) for k in (2, 3, 4)] == [90, 90, 90]


def test_an_event_carries_pictures_and_more() -> None:
    assert insight.shown(insight.bars("A", {}), born=3) == {"born": 3, "pictures": [insight.bars("A", {})]}

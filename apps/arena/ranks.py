"""Tests and ranks in words: what is better than random search, and which strategies are not told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

SURE = 0.01                                     # the engine's words call a smaller p value more than chance


def titled(words: Sequence[str], titles: Mapping[str, str]) -> list[str]:
    """Sentences begin with a strategy's name; a person reads its title."""
    split = [sentence.partition(":") for sentence in words]
    return [f"{titles.get(name, name)}:{rest}" for name, _, rest in split]


def caution(seeds: int, tests: int) -> str:
    """Few pairs cannot show anything: the least p value that the signed-rank test can give."""
    least = min(1.0, max(1, tests) * 2.0 ** (1 - seeds))
    if not seeds or least < SURE:
        return ""
    return (f"With {seeds} seed{'s' * (seeds > 1)} the test cannot give less than p = {least:.2g}, so it shows nothing: "
            "use more seeds.")


def groups(rows: Sequence[Mapping[str, Any]], difference: float | None) -> list[list[str]]:
    """Strategies that are not told apart: the longest stretches of ranks within the critical difference."""
    ranked = sorted((row for row in rows if row["mean_rank"] is not None), key=lambda row: row["mean_rank"])
    if difference is None:
        return []
    values = [row["mean_rank"] for row in ranked]
    reach = [max(k for k, other in enumerate(values) if other - value <= difference) for value in values]
    new = [True, *(after > before for before, after in pairwise(reach))]
    return [[row["strategy"] for row in ranked[first: last + 1]]
            for first, last in enumerate(reach) if new[first] and last > first]


def rank_words(rows: Sequence[Mapping[str, Any]], difference: float | None, close: Sequence[Sequence[str]]) -> str:
    """The diagram of ranks as text."""
    ranked = sorted((row for row in rows if row["mean_rank"] is not None), key=lambda row: row["mean_rank"])
    if not ranked or difference is None:
        return "Ranks follow when every strategy has played the first seed."
    titles = {row["strategy"]: row["title"] for row in rows}
    listed = ", ".join(f"{row['title']} {row['mean_rank']:.2f}" for row in ranked)
    apart = "; ".join(" and ".join(titles[name] for name in group) for group in close)
    return (f"Mean ranks, best first: {listed}. Ranks closer than {difference:.2f} are not told apart (Nemenyi, 0.05): "
            f"{apart or 'here all are'}.")

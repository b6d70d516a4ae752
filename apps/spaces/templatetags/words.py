"""Numbers and names in a person's words: what `static/js/words.js` says in the browser, said by the server."""

from __future__ import annotations

import math
from typing import Any

from django import template

register = template.Library()
SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
PROPER = {"nasnet": "NASNet", "pnas": "PNAS", "amoebanet": "AmoebaNet", "imagenet": "ImageNet", "enas": "ENAS", "mlp": "MLP",
          "nas": "NAS", "darts": "DARTS", "cpu": "CPU"}
BORROWED = {"shared": "with shared weights", "hypernetwork": "with generated weights",
            "inherited": "with inherited weights", "proxy": "by a proxy"}
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@register.filter
def count(value: Any) -> str:
    """12,345 as 12.3 k."""
    if not _number(value):
        return "–"
    for size, suffix in SUFFIXES:
        if value >= size:
            short = value / size
            return f"{short:.{0 if short >= 100 else 1 if short >= 10 else 2}f} {suffix}"
    return str(round(value))


@register.filter
def score(value: Any) -> str:
    return f"{value:.4f}" if _number(value) else "–"


@register.filter
def borrowed(kind: Any) -> str:
    """Of a kind of score: how a network came to it that nobody trained from scratch, after a blank; else nothing."""
    return f" {BORROWED[kind]}" if kind in BORROWED else ""


@register.filter
def share(value: Any) -> str:
    """0.125 as 13 %: halves go up, as they do in the browser."""
    return f"{math.floor(100 * value + 0.5)} %" if _number(value) else "–"


@register.filter
def duration(seconds: Any) -> str:
    if not _number(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@register.filter
def power(log10: Any) -> str:
    """A size known by its logarithm: 4.1 · 10¹²; small ones in full."""
    if not _number(log10):
        return "no end"
    if log10 < 6:
        return f"{round(10 ** log10):,}"
    exponent = math.floor(log10)
    return f"{10 ** (log10 - exponent):.1f} · 10{str(exponent).translate(SUPERSCRIPT)}"


@register.filter
def label(name: Any) -> str:
    """An option's name as a label: max_layers as Max layers."""
    text = " ".join(PROPER.get(word, word) for word in str(name).split("_"))
    return text[:1].upper() + text[1:]


@register.filter
def listed(values: Any) -> str:
    """A value of the document as words."""
    if isinstance(values, (list, tuple)):
        return ", ".join(map(str, values))
    return "none" if values is None else str(values)


@register.filter
def times(shape: Any) -> str:
    return "×".join(map(str, shape))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

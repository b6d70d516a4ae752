"""Options: frozen dataclasses whose fields carry bounds, help and the paper's value.

One declaration feeds the web form, the API schema, the terminal, the help page and the tests.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import Invalid, Problem


@dataclass(frozen=True)
class Option:
    """What may be given for one field. `kind`: integer, real, choice, subset, flag or text; or the kind of a structured
    option, whose `read` turns a document part and its path into the value, JSON data in its normal form."""

    kind: str
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    paper: Any = None
    log: bool = False
    optional: bool = False
    odd: bool = False
    read: Callable[[Any, str], Any] | None = None
    form: str = ""                              # of a structured option, in words

    def allowed(self) -> str:
        """The allowed range in words."""
        if self.read:
            return self.form
        if self.kind == "choice":
            return "one of " + ", ".join(map(str, self.choices))
        if self.kind == "subset":
            return "a list without repeats, at least one, of " + ", ".join(map(str, self.choices))
        if self.kind == "flag":
            return "true or false"
        if self.kind == "text":
            return f"up to {int(self.high or 0)} characters"
        noun = ("an odd whole number" if self.odd else "a whole number") if self.kind == "integer" else "a number"
        return f"{noun} from {_plain(self.low)} to {_plain(self.high)}" + (" or null" if self.optional else "")

    def check(self, value: Any) -> str | None:
        """Why `value` is not acceptable, or None."""
        if value is None:
            return None if self.optional else "must not be empty"
        if self.kind == "flag":
            return None if isinstance(value, bool) else "must be true or false"
        if self.kind == "text":
            return _text_fault(value, int(self.high or 0))
        if self.kind == "choice":
            return None if any(value == c and type(value) is type(c) for c in self.choices) else "is not a known choice"
        if self.kind == "subset":
            return _subset_fault(value, self.choices)
        return self._number_fault(value)

    def _number_fault(self, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return "must be a number"
        if not math.isfinite(value):
            return "must be a finite number"
        if self.kind == "integer" and not isinstance(value, int):
            return "must be a whole number"
        if self.low is not None and value < self.low:
            return f"is below {_plain(self.low)}"
        if self.high is not None and value > self.high:
            return f"is above {_plain(self.high)}"
        if self.odd and int(value) % 2 == 0:
            return "must be odd"
        return None


def _text_fault(value: Any, longest: int) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > longest:
        return f"is longer than {longest} characters"
    strange = any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in value)
    return "holds control characters" if strange else None


def _subset_fault(value: Any, choices: tuple[Any, ...]) -> str | None:
    if not isinstance(value, (list, tuple)) or not value:
        return "must be a list with at least one entry"
    for entry in value:
        if not any(entry == c and type(entry) is type(c) for c in choices):
            return f"holds {str(entry)[:40]!r}, which is not a known choice"
    return "repeats an entry" if len(set(value)) != len(value) else None


def _plain(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def integer(default: int | None, *, low: int, high: int, help: str, paper: int | None = None, log: bool = False,
            optional: bool = False, odd: bool = False) -> Any:
    return _field(Option("integer", default, help, low, high, paper=paper, log=log, optional=optional, odd=odd))


def real(default: float | None, *, low: float, high: float, help: str, paper: float | None = None, log: bool = False,
         optional: bool = False) -> Any:
    return _field(Option("real", default, help, low, high, paper=paper, log=log, optional=optional))


def rate(default: float, *, help: str, paper: float | None = None) -> Any:
    return _field(Option("real", default, help, 0.0, 1.0, paper=paper))


def choice(default: Any, *, choices: Iterable[Any], help: str, paper: Any = None) -> Any:
    return _field(Option("choice", default, help, choices=tuple(choices), paper=paper))


def subset(default: Iterable[Any], *, choices: Iterable[Any], help: str, paper: Any = None) -> Any:
    return _field(Option("subset", tuple(default), help, choices=tuple(choices), paper=paper))


def flag(default: bool, *, help: str, paper: bool | None = None) -> Any:
    return _field(Option("flag", default, help, paper=paper))


def text(default: str, *, help: str, longest: int = 200) -> Any:
    return _field(Option("text", default, help, high=longest))


def structured(kind: str, default: Any, *, help: str, read: Callable[[Any, str], Any], form: str) -> Any:
    """A nested document: `kind` names it for forms, `read` checks it and raises Invalid with paths below the given one."""
    option = Option(kind, default, help, read=read, form=form)
    return field(default_factory=lambda: read(default, ""), hash=False, metadata={"option": option})


def _field(option: Option) -> Any:
    return field(default=option.default, metadata={"option": option})


def options_of(kind: type) -> dict[str, Option]:
    """The declared options of a dataclass, in order."""
    return {f.name: f.metadata["option"] for f in dataclasses.fields(kind) if "option" in f.metadata}


def describe(kind: type) -> list[dict[str, Any]]:
    """The options as plain data: what forms, the schema and the terminal show."""
    rows = []
    for name, option in options_of(kind).items():
        bounds = list(option.choices) if option.choices else [option.low, option.high]
        default = list(option.default) if isinstance(option.default, tuple) else option.default
        paper = list(option.paper) if isinstance(option.paper, tuple) else option.paper
        rows.append({"name": name, "type": option.kind, "default": default, "bounds": bounds, "help": option.help,
                     "paper_value": paper, "allowed": option.allowed(), "log": option.log, "optional": option.optional})
    return rows


def parse(kind: type, given: Mapping[str, Any], path: str = "", *, presets: Mapping[str, Mapping[str, Any]] | None = None,
          tag: str = "name") -> Any:
    """Build `kind` from a document part: the preset's values, overridden by what is given beside it.

    Raises Invalid with every problem found. A `check()` method of the dataclass may return cross-field
    problems (paths relative to the part).
    """
    declared = options_of(kind)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    if "preset" in given:
        preset = given["preset"]
        if not isinstance(preset, str) or preset not in (presets or {}):
            problems.append(Problem(f"{path}/preset", "is not a known preset", "one of " + ", ".join(presets or {})))
        else:
            values.update((presets or {})[preset])
    for key, value in given.items():
        if key in ("preset", tag):
            continue
        if key not in declared:
            problems.append(Problem(f"{path}/{_escape(key)}", "is not a known option", ", ".join(declared) or "no options"))
            continue
        values[key] = value
    for key, value in list(values.items()):
        try:
            values[key] = _taken(declared[key], value, f"{path}/{key}")
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(*problems)
    built = kind(**values)
    if cross := [p.under(path) for p in getattr(built, "check", lambda: [])()]:
        raise Invalid(*cross)
    return built


def _taken(option: Option, value: Any, path: str) -> Any:
    """A given value as the dataclass holds it. Raises Invalid."""
    if option.read:
        return option.read(value, path)
    if fault := option.check(value):
        raise Invalid(Problem(path, fault, option.allowed()))
    if option.kind == "subset":
        return tuple(value)
    return float(value) if option.kind == "real" and value is not None else value


def document(built: Any) -> dict[str, Any]:
    """The options as JSON values, each one written out."""
    values = {name: getattr(built, name) for name in options_of(type(built))}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _escape(key: object) -> str:
    return str(key)[:80].replace("~", "~0").replace("/", "~1")

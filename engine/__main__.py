"""The terminal: everything the engine does, one command each; `--json` for scripts."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from engine import api
from engine.errors import Invalid, Unavailable, fail
from engine.events import Event

Command = Callable[[argparse.Namespace], int]
READ = ("kendall", "kendall_interval", "spearman", "spearman_interval", "top", "n", "unscored", "seconds")
LISTS: dict[str, Callable[[], Any]] = {"strategies": api.strategies, "spaces": api.spaces, "estimations": api.estimations,
                                       "datasets": api.datasets, "estimators": api.estimators,
                                       "compatible": api.compatible, "tables": api.tables}


def show(arguments: argparse.Namespace, value: Any) -> int:
    """One JSON value, or a table for people."""
    if arguments.json:
        print(json.dumps(value, allow_nan=False))
    elif isinstance(value, list):
        table(value)
    else:
        print(json.dumps(value, indent=2, allow_nan=False))
    return 0


def table(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        if "title" in row:
            print(f"{row['name']:20} {row['title']:28} {row['summary']}")
        else:
            print("  ".join(f"{key}={value}" for key, value in row.items() if value not in (None, [])))


def content(path: str) -> bytes:
    """A file, or standard input for `-`."""
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise fail("", f"{path} cannot be read: {error.strerror}", "a readable file") from None


def read(path: str) -> Any:
    return api.parse_text(content(path))


def shape_of(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9][0-9]{0,3}(x[1-9][0-9]{0,3}x[1-9][0-9]{0,3})?", text, re.ASCII):
        raise fail("/input", f"{text[:40]!r} is not a shape",
                   "CxHxW of an image, as 3x32x32; how many features or characters, as 30")
    return tuple(int(part) for part in text.split("x"))


def bounded(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise fail(f"/{name}", f"{value} is out of range", f"{low:,} to {high:,}")
    return value


def listed(call: Callable[[], Any], arguments: argparse.Namespace) -> int:
    return show(arguments, call())


def facts(arguments: argparse.Namespace) -> int:
    shape = shape_of(arguments.input) if arguments.input else None
    classes = bounded("classes", arguments.classes, 1, 100_000)
    return show(arguments, api.facts(read(arguments.space), arguments.seed, shape, classes))


def sample(arguments: argparse.Namespace) -> int:
    for line in api.sample(read(arguments.space), bounded("n", arguments.n, 0, 10_000_000), arguments.seed):
        print(json.dumps(line))
    return 0


def measure(arguments: argparse.Namespace) -> int:
    return show(arguments, api.measure(read(arguments.space), read(arguments.architecture), shape_of(arguments.input),
                                       bounded("classes", arguments.classes, 1, 100_000)))


def run(arguments: argparse.Namespace) -> int:
    from engine.estimation.context import Interrupted
    from engine.run import run as run_search

    spec, stopped = api.parse(read(arguments.spec)), []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))

    def emit(event: Event) -> None:
        print(json.dumps(event.document(), allow_nan=False) if arguments.json else words(event), flush=True)

    single_threaded()
    try:
        run_search(spec, Path(arguments.workdir), data_folder(), arguments.device, emit, lambda: bool(stopped))
    except Interrupted:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def words(event: Event) -> str:
    told = {k: round(v, 4) if isinstance(v, float) else v for k, v in event.data.items() if v not in (None, [], {})}
    facts = "  ".join(f"{key}={value}" for key, value in told.items())
    return f"{event.type:16} {'' if event.trial is None else f'trial {event.trial:<5}'} {facts}"


def leaderboard(arguments: argparse.Namespace) -> int:
    from engine.journal import Journal

    journal, spec = Journal.open(Path(arguments.folder))
    return show(arguments, api.leaderboard(spec, [(journal.items[t], o) for t, o in journal.outcomes.items()]))


def export(arguments: argparse.Namespace) -> int:
    from engine.export.bundle import bundle
    from engine.journal import Journal
    from engine.perform import splits

    folder = Path(arguments.folder)
    journal, spec = Journal.open(folder)
    outcome = journal.outcomes.get(arguments.trial)
    if outcome is None or not outcome.ok or outcome.artifact is None:
        done = sorted(t for t, o in journal.outcomes.items() if o.ok and o.artifact is not None)
        raise fail("/trial", f"{arguments.trial} has no trained network", f"one of {done[:50]}")
    single_threaded()
    made = bundle(spec, journal.items[arguments.trial], outcome, folder / "artifacts" / str(arguments.trial),
                  Path(arguments.out), splits(spec, data_folder(), "cpu"))
    return show(arguments, made)


def measured_table(arguments: argparse.Namespace) -> int:
    known = api.table(arguments.name)
    return show(arguments, known if arguments.json else known["card"])


def arena(arguments: argparse.Namespace) -> int:
    first, count = bounded("first-seed", arguments.first_seed, 0, 10**9), bounded("seeds", arguments.seeds, 1, 10_000)
    wanted = [dict(zip(("name", "preset"), text.split(":", 1), strict=False)) for text in arguments.strategies.split(",")]
    found = api.arena(arguments.table, arguments.landscape, wanted,
                      range(first, first + count), bounded("evaluations", arguments.evaluations, 1, 100_000))
    if not arguments.json:
        print(*found["words"], sep="\n")
        return show(arguments, [{"strategy": row["strategy"], **row["regret"], "mean_rank": row["mean_rank"]}
                                for row in found["strategies"]])
    return show(arguments, found)


def correlate(arguments: argparse.Namespace) -> int:
    from engine.estimation.context import Interrupted

    size, stopped = bounded("sample", arguments.sample, 2, 100_000), []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))
    single_threaded()
    try:
        found = api.correlate(arguments.table, arguments.estimators.split(","), size, arguments.seed, data_folder(), tenths,
                              epochs=arguments.epochs, workdir=arguments.workdir and Path(arguments.workdir),
                              stop=lambda: bool(stopped))
    except Interrupted:
        again = "the same command goes on" if arguments.workdir else "with --workdir it could go on"
        print(f"stopped; {again}", file=sys.stderr)
        return 130
    if arguments.keep:
        print(f"kept in {api.keep_correlations(found)}", file=sys.stderr)
    if arguments.json:
        return show(arguments, found)
    print(f"{found['sample']} of {found['entries']} measured networks of {found['table']}; truth: {found['truth']}; "
          f"by chance Kendall's tau is within {found['chance']:.2f} of zero")
    return show(arguments, [{"estimator": row["estimator"], **{key: rounded(row[key]) for key in READ}}
                            for row in found["estimators"]])


def tenths(name: str, done: int, total: int) -> None:
    """Progress for people: a line on standard error at each tenth."""
    if done * 10 // total != (done - 1) * 10 // total:
        print(f"{name}: {done} of {total}", file=sys.stderr, flush=True)


def rounded(value: Any) -> Any:
    if isinstance(value, list):
        return f"{value[0]:.3f}..{value[1]:.3f}"
    return round(value, 3) if isinstance(value, float) else value


def single_threaded() -> None:
    """One thread is the sound default for small work, and bits depend on the number."""
    import torch

    torch.set_num_threads(int(os.environ.get("NASWEB_THREADS", "1")))


def data_folder() -> Path:
    return Path(os.environ.get("NASWEB_DATA") or Path.home() / ".cache" / "nasweb" / "datasets")


def parser() -> argparse.ArgumentParser:
    top = Parser(prog="python -m engine", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, parser_class=Parser)

    def add(name: str, help: str, command: Command, *positional: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help)
        made.add_argument("--json", action="store_true", help="JSON for scripts")
        for each in positional:
            made.add_argument(each)
        made.set_defaults(run=command)
        return made

    for name, call in LISTS.items():
        add(name, f"list: {name}", partial(listed, call))
    made = add("facts", "size and sample of a space; for an input also costs", facts, "space")
    made.add_argument("--input", help="3x32x32 for images, 30 for tables of 30 features or texts of 30 characters")
    made.add_argument("--classes", type=int, default=10)
    made.add_argument("--seed", type=int, default=0)
    made = add("sample", "random architectures of a space", sample, "space")
    made.add_argument("-n", type=int, default=1)
    made.add_argument("--seed", type=int, default=0)
    made = add("measure", "identity and cost of an architecture", measure, "space", "architecture")
    made.add_argument("--input", required=True, help="as for facts")
    made.add_argument("--classes", type=int, required=True)
    made = add("convert", "an architecture in another tool's form: its space and genotype here",
               lambda a: show(a, api.convert(content(a.file), a.source)), "file")
    made.add_argument("--from", dest="source", required=True, help="json, darts or nas_bench_201")
    made = add("run", "run a search; again on the same folder: go on", run, "spec")
    made.add_argument("--workdir", required=True)
    made.add_argument("--device", default="cpu")
    add("table", "a measured table, by architecture", measured_table, "name")
    made = add("arena", "strategies against each other on a measured table or a landscape", arena)
    made.add_argument("--table")
    made.add_argument("--landscape")
    made.add_argument("--strategies", required=True, help="names with commas between; name:preset takes a preset")
    made.add_argument("--seeds", type=int, default=20)
    made.add_argument("--first-seed", type=int, default=0)
    made.add_argument("--evaluations", type=int, default=200)
    made = add("correlate", "proxies and shared weights against a measured table: do they know the order?", correlate)
    made.add_argument("--table", required=True)
    made.add_argument("--estimators", required=True, help="names with commas between")
    made.add_argument("--sample", type=int, default=500)
    made.add_argument("--seed", type=int, default=0, help="of the networks that are drawn, and of all trainings")
    made.add_argument("--epochs", type=int, default=api.EPOCHS, help="of each supernet")
    made.add_argument("--workdir", help="keep supernets and their scores there: the same command goes on")
    made.add_argument("--keep", action="store_true", help="put the result beside the table, where the app shows it")
    add("leaderboard", "trained networks, best first", leaderboard, "folder")
    made = add("export", "a zip that runs without nasweb", export, "folder")
    made.add_argument("--trial", type=int, required=True)
    made.add_argument("--out", required=True)
    return top


class Parser(argparse.ArgumentParser):
    """Usage faults in the same form as faults of documents."""

    def error(self, message: str) -> Any:
        raise fail("", message, self.format_usage().strip())


def main(arguments: list[str] | None = None) -> int:
    try:
        parsed = parser().parse_args(arguments)
        return int(parsed.run(parsed))
    except Invalid as error:
        for problem in error.problems[1:]:
            print(f"{problem.path}: {problem.reason} ({problem.allowed})", file=sys.stderr)
        print(json.dumps(error.document()), file=sys.stderr)
    except Unavailable as error:
        print(json.dumps({"error": {"path": "/dataset", "reason": str(error), "allowed": ""}}), file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""Python's own sources: found in an order that does not change, read without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.datasets import stdlib_text
from engine.datasets.characters import ALPHABET
from engine.datasets.stdlib_text import StdlibText, sources
from engine.errors import Unavailable


def no_progress(done: int, total: int) -> None:
    raise AssertionError("nothing is downloaded")


def test_it_is_here_and_holds_python(tmp_path: Path) -> None:
    source = StdlibText()
    assert source.ready()
    found = source.load(tmp_path, no_progress)
    text = "".join(ALPHABET[code] for code in found.codes)
    assert len(found.codes) + len(found.test_codes) == 200_000 and text.count("def ") > 100
    assert found.fingerprint == source.load(tmp_path, no_progress).fingerprint


def test_more_of_it_begins_with_less_of_it(tmp_path: Path) -> None:
    small, large = (StdlibText(characters=count).load(tmp_path, no_progress) for count in (5_000, 300_000))
    assert small.codes.tolist() == large.codes[:4_500].tolist()


def test_modules_in_the_order_of_their_names_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.py", "a/z.py", "a/test/t.py", "site-packages/s.py", "a.py", "c.txt", "d/__pycache__/c.py",
                 "config-3/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "large.py").write_text("#" * (stdlib_text.LARGEST + 1))
    (tmp_path / "link.py").symlink_to(tmp_path / "c.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in sources(tmp_path)] == ["a/z.py", "a.py", "b.py"]


def test_a_python_without_sources_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdlib_text, "_home", lambda: tmp_path / "nowhere")
    assert not StdlibText().ready()
    with pytest.raises(Unavailable, match="not installed"):
        StdlibText().load(tmp_path, no_progress)


def test_old_encodings_and_line_ends_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdlib_text, "_home", lambda: tmp_path)
    (tmp_path / "a.py").write_bytes(b"caf\xe9\r\n" * 500)
    found = StdlibText().load(tmp_path, no_progress)
    assert "".join(ALPHABET[code] for code in found.codes[:10]) == "caf\ufffd\ncaf\ufffd\n"

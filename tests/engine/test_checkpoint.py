"""Checkpoints: whole or absent, whatever happens; damage is noticed and the one before is taken."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import checkpoint
from engine.checkpoint import Checkpoints, load, write
from engine.errors import Damaged


def state(number: int) -> dict[str, Any]:
    return {"weights": torch.full((300,), float(number)), "curve": [0.5, 0.25], "name": "x", "nested": {"step": number}}


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(state(7), 7)
    found = Checkpoints(tmp_path).latest()
    assert found is not None and torch.equal(found.pop("weights"), state(7)["weights"])
    assert found == {"curve": [0.5, 0.25], "name": "x", "nested": {"step": 7}}


def test_an_empty_or_missing_folder_has_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path).latest() is None
    assert Checkpoints(tmp_path / "missing").latest() is None


def test_the_name_tells_step_size_and_hash(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path / "new" / "folder").save(state(3), 3)
    content = saved.path.read_bytes()
    assert (saved.step, saved.size, saved.sha256) == (3, len(content), hashlib.sha256(content).hexdigest())
    assert Checkpoints(tmp_path / "new" / "folder").all() == [saved]


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path / "new").save(state(1), 1)
    assert saved.path.stat().st_mode & 0o777 == 0o600 and (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_the_two_newest_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 30, 100):
        checkpoints.save(state(step), step)
    assert [saved.step for saved in checkpoints.all()] == [100, 30]
    assert len(list(tmp_path.iterdir())) == 2


def test_one_flipped_byte_anywhere_is_noticed_and_the_one_before_is_taken(tmp_path: Path) -> None:
    size = Checkpoints(tmp_path / "0").save(state(2), 2).size
    for position in range(0, size, max(1, size // 64)):
        rejected: list[tuple[str, str]] = []
        checkpoints = Checkpoints(tmp_path / "0", lambda name, reason, seen=rejected: seen.append((name, reason)))
        checkpoints.save(state(1), 1)
        saved = checkpoints.save(state(2), 2)
        content = bytearray(saved.path.read_bytes())
        content[position] ^= 1
        saved.path.write_bytes(content)
        found = checkpoints.latest()
        assert found is not None and found["nested"]["step"] == 1
        assert [name for name, _ in rejected] == [saved.path.name] and "hash" in rejected[0][1]
        assert [s.step for s in checkpoints.all()] == [1], "the damaged one would crowd out a sound one"


@pytest.mark.parametrize("keep", [0, 1, 500])
def test_a_file_that_is_cut_short_is_noticed(tmp_path: Path, keep: int) -> None:
    saved = Checkpoints(tmp_path).save(state(1), 1)
    saved.path.write_bytes(saved.path.read_bytes()[:keep])
    with pytest.raises(Damaged, match=f"{keep} bytes"):
        load(saved)
    assert Checkpoints(tmp_path).latest() is None


def test_all_damaged_is_none(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(state(step), step).path.write_bytes(b"")
    assert checkpoints.latest() is None and checkpoints.all() == []


def test_a_foreign_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    saved = Checkpoints(tmp_path).save(state(1), 1)
    monkeypatch.undo()
    with pytest.raises(Damaged, match="another format"):
        load(saved)


def test_files_with_other_names_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "step-000000000009-5-abc.pt").write_bytes(b"other")
    assert Checkpoints(tmp_path).all() == []


def test_objects_that_are_not_plain_are_refused(tmp_path: Path) -> None:
    saved = Checkpoints(tmp_path).save({"path": Path("x")}, 1)
    with pytest.raises(Exception, match="[Ww]eights.only"):
        load(saved)


def test_leftovers_of_a_crash_are_swept(tmp_path: Path) -> None:
    (tmp_path / "step-000000000001-1-aa.pt.123.tmp").write_bytes(b"half")
    Checkpoints(tmp_path).save(state(2), 2)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_bytes_reach_the_disk_before_the_name_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda d: (calls.append("sync"), sync(d))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b))[1])
    assert write(tmp_path / "file", b"new") == hashlib.sha256(b"new").hexdigest()
    assert calls == ["sync", "replace", "sync"]


WRITER = """
import sys
from pathlib import Path
import torch
from engine.checkpoint import Checkpoints
checkpoints = Checkpoints(Path(sys.argv[1]))
print("ready", flush=True)
for step in range(1, 100000):
    checkpoints.save({"weights": torch.full((50000,), float(step)), "step": step}, step)
"""


def test_kill_9_at_any_moment_leaves_a_sound_one(tmp_path: Path) -> None:
    for attempt in range(4):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout and process.stdout.readline() == b"ready\n"
        time.sleep(0.08 + 0.023 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        rejected: list[str] = []
        found = Checkpoints(tmp_path, lambda name, reason, seen=rejected: seen.append(name)).latest()
        assert found is not None and torch.equal(found["weights"], torch.full((50000,), float(found["step"])))
        assert rejected == []
        process.stdout.close()

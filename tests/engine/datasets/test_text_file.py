"""An uploaded text: found by its hash, refused with a reason that names the place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from engine import options
from engine.datasets.characters import ALPHABET
from engine.datasets.text_file import BYTES, UPLOADS, TextFile, inspect, read
from engine.errors import Invalid, Unavailable

SOUND = ("All work and no play.\n" * 100).encode()


def uploaded(folder: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    (folder / UPLOADS).mkdir(exist_ok=True)
    (folder / UPLOADS / name).write_bytes(content)
    return name


def test_an_upload_is_found_by_its_hash(tmp_path: Path) -> None:
    source = options.parse(TextFile, {"sha256": uploaded(tmp_path, SOUND), "length": 8})
    assert source.ready(tmp_path) and not source.ready() and not source.ready(tmp_path / "elsewhere")
    found = source.load(tmp_path, lambda done, total: None)
    text = "".join(ALPHABET[code] for code in (*found.codes, *found.test_codes))
    assert text.encode() == SOUND and found.shape == (8,)


@pytest.mark.parametrize("name", ["", "abc", "../" * 20 + "etc/passwd", "A" * 64, "a" * 63 + "\u0664", "a" * 64 + "\n"])
def test_what_is_no_hash_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        options.parse(TextFile, {"sha256": name}, "/dataset")
    assert caught.value.problems[0].path == "/dataset/sha256"
    assert not TextFile(sha256=name).ready(tmp_path)
    with pytest.raises(Unavailable, match="upload it again"):
        TextFile(sha256=name).load(tmp_path, lambda done, total: None)


@pytest.mark.parametrize(("content", "reason"), [
    (SOUND + b"\xff\xfe", "not UTF-8: line 101 holds the byte 0xff"), (SOUND + b"\n\0", "line 102 holds a zero byte"),
    (b"short", "has 5 characters"), (b"", "has 0 characters"), ("щ".encode() * 2000, "100% characters that are not ASCII")])
def test_faults_of_a_file_are_said_with_their_place(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        inspect(path)
    assert reason in caught.value.problems[0].reason
    with pytest.raises(Unavailable, match="cannot be read"):
        TextFile(sha256=uploaded(tmp_path, content)).load(tmp_path, lambda done, total: None)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(BYTES + 1)
    with pytest.raises(Invalid, match="up to|bytes"):
        read(path)


def test_line_ends_and_byte_order_marks_are_made_equal(tmp_path: Path) -> None:
    texts = []
    written = (SOUND, SOUND.replace(b"\n", b"\r\n"), SOUND.replace(b"\n", b"\r"), b"\xef\xbb\xbf" + SOUND)
    for number, content in enumerate(written):
        (tmp_path / str(number)).write_bytes(content)
        texts.append(read(tmp_path / str(number)))
    assert set(texts) == {SOUND.decode()}


def test_an_upload_is_described(tmp_path: Path) -> None:
    path = tmp_path / "sound.txt"
    path.write_bytes(SOUND)
    assert inspect(path) == {"characters": 2200, "lines": 101, "different": len(set(SOUND))}

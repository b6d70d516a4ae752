"""A text of one's own: an uploaded .txt file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from engine.datasets.arrays import Progress, Text
from engine.datasets.characters import ALPHABET, FEWEST, LENGTH, Characters
from engine.errors import Invalid, Problem, Unavailable, fail
from engine.options import text
from engine.registry import dataset

UPLOADS = "uploads"                             # below the data folder, files by their SHA-256
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
BYTES = 64 * 1024 * 1024
KNOWN = frozenset(ALPHABET)
UNKNOWN = 0.2                                   # of a text that may be characters outside the alphabet


@dataset(title="Your text", kind="text", shape=(LENGTH,), classes=len(ALPHABET), source="your upload",
         summary="A .txt file that you uploaded, in UTF-8, read character by character; what is not ASCII is one character.")
@dataclass(frozen=True)
class TextFile(Characters):
    sha256: str = text("", longest=64, help="Which upload: the SHA-256 of the file.")

    def check(self) -> list[Problem]:
        known = SHA256.fullmatch(self.sha256)
        return [] if known else [Problem("/sha256", "is not the SHA-256 of an upload", "64 digits 0-9 a-f")]

    def ready(self, folder: Path | None = None) -> bool:
        return folder is not None and not self.check() and self.path(folder).is_file()

    def path(self, folder: Path) -> Path:
        return folder / UPLOADS / self.sha256

    def load(self, folder: Path, progress: Progress) -> Text:
        if not self.ready(folder):
            raise Unavailable("the uploaded text is not there: upload it again, or choose another")
        try:
            return self.text(read(self.path(folder)))
        except Invalid as error:
            raise Unavailable(f"the uploaded text cannot be read: {error.problems[0].reason}") from None


def read(path: Path) -> str:
    """The text of a file. Raises Invalid for what is none, with its place."""
    if path.stat().st_size > BYTES:
        raise fail("", f"has {path.stat().st_size:,} bytes", f"up to {BYTES:,}")
    content = path.read_bytes()
    try:
        found = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise fail("", f"is not UTF-8: line {line} holds the byte {content[error.start]:#04x}", "text in UTF-8") from None
    if "\0" in found:
        line = found.count("\n", 0, found.index("\0")) + 1
        raise fail("", f"is not text: line {line} holds a zero byte", "text in UTF-8")
    if len(found) < FEWEST:
        raise fail("", f"has {len(found):,} characters", f"at least {FEWEST:,}")
    strange = sum(character not in KNOWN for character in found)
    if strange > UNKNOWN * len(found):
        raise fail("", f"is {strange / len(found):.0%} characters that are not ASCII", f"up to {UNKNOWN:.0%}")
    return found


def inspect(path: Path) -> dict[str, int]:
    """What an upload holds, for the page that offers it. Raises Invalid with the reason."""
    found = read(path)
    return {"characters": len(found), "lines": found.count("\n") + 1, "different": len(set(found))}

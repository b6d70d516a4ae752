"""Downloads over a real (local) server: whole and right, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine.datasets import download
from engine.datasets.download import fetch
from engine.errors import Unavailable

CONTENT = bytes(range(256)) * 10_000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unknown":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:-1000] if self.path == "/cut" else CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    serving = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()
    serving.server_close()


def quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


def test_the_file_arrives_with_progress(server: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch([f"{server}/file"], tmp_path / "new" / "file", MD5, lambda done, total: seen.append((done, total)), "")
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and len(seen) > 1 and seen == sorted(seen)


def test_an_unknown_size_is_zero(server: str, tmp_path: Path) -> None:
    seen: list[int] = []
    fetch([f"{server}/unknown"], tmp_path / "file", MD5, lambda done, total: seen.append(total), "")
    assert set(seen) == {0}


def test_the_next_mirror_is_tried(server: str, tmp_path: Path) -> None:
    assert fetch([f"{server}/missing", f"{server}/cut", f"{server}/file"], tmp_path / "file", MD5, quiet, "").is_file()


@pytest.mark.parametrize(("path", "reason"), [("missing", "404|Not Found"), ("cut", "checksum|IncompleteRead")])
def test_what_is_wrong_leaves_nothing_and_says_what_to_do(server: str, tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(Unavailable, match=f"(?:{reason}).*Put it there by hand"):
        fetch([f"{server}/{path}"], tmp_path / "file", MD5, quiet, "Put it there by hand.")
    assert list(tmp_path.iterdir()) == []


def test_another_checksum_is_refused(server: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="checksum"):
        fetch([f"{server}/file"], tmp_path / "file", "0" * 32, quiet, "")
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_refused(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST", 1000)
    with pytest.raises(Unavailable, match="larger"):
        fetch([f"{server}/file"], tmp_path / "file", MD5, quiet, "")
    assert list(tmp_path.iterdir()) == []


def test_offline_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="could not be downloaded.*refused.*connect to the network"):
        fetch(["http://127.0.0.1:9/file"], tmp_path / "file", MD5, quiet, "Please connect to the network.")

"""Uploads: what is kept, where it lies, whose it is, and when it may go."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.datasets import selectors, services
from apps.datasets.models import UploadedDataset
from apps.searches import services as searches
from apps.searches.forms import NewSearch
from apps.searches.offers import of
from engine import api

TEXT = ("It was a dark and stormy night; the rain fell in torrents.\n" * 400).encode()
KNOWN = [dataset["name"] for dataset in api.datasets()]
TABLE = ("length,width,label\n" + "".join(f"{k}.5,{k % 7},{'ab'[k % 2]}\n" for k in range(40))).encode()
tables = pytest.mark.skipif("table_file" not in KNOWN, reason="tables are not read here")


def send(browser: Client, name: str, content: bytes) -> Any:
    return browser.post("/datasets/uploads/", {"file": SimpleUploadedFile(name, content)})


def stored(person: Any, name: str = "night.txt", content: bytes = TEXT) -> UploadedDataset:
    return services.store(person, SimpleUploadedFile(name, content))


def document(sha256: str) -> dict[str, Any]:
    return {"space": {"kind": "recurrent_cell", "preset": "cpu"}, "strategy": {"name": "random_search"},
            "dataset": {"name": "text_file", "sha256": sha256}, "budget": {"trials": 1}}


def test_a_text_is_kept_under_its_hash(browser: Client, own_folder: Path) -> None:
    assert send(browser, "night.txt", TEXT).headers["Location"] == "/datasets/"
    (upload,) = UploadedDataset.objects.all()
    assert upload.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert (upload.name, upload.kind, upload.size, upload.dataset) == ("night.txt", "text", len(TEXT), "text_file")
    assert upload.facts["characters"] == len(TEXT)
    assert upload.path.read_bytes() == TEXT
    assert upload.path.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in own_folder.iterdir()) == [".lock", upload.sha256]
    page = browser.get("/datasets/").content.decode()
    assert "It was a dark and stormy night" in page
    assert "night.txt" in page


def test_the_same_file_twice_is_one(browser: Client, person: Any) -> None:
    for name in ("a.txt", "b.txt"):
        send(browser, name, TEXT)
    assert UploadedDataset.objects.get().name == "a.txt"


@tables
def test_a_table_says_what_its_columns_hold(browser: Client, person: Any) -> None:
    send(browser, "leaves.csv", TABLE)
    upload = UploadedDataset.objects.get()
    assert [column["name"] for column in upload.facts["columns"]] == ["length", "width", "label"]
    assert selectors.targets(upload)[-1] == "label"
    page = browser.get(upload.get_absolute_url()).content.decode()
    assert "numbers" in page
    assert "0.5,0,a" in page


@tables
def test_a_fault_names_row_and_column(browser: Client) -> None:
    rows = TABLE.replace(b"3.5,3,b", b"3.5,many,b")
    page = send(browser, "leaves.csv", rows)
    assert page.status_code == 422
    assert "Row 5, column &#x27;width&#x27; holds &#x27;many&#x27; among numbers" in page.content.decode()


@pytest.mark.parametrize(("name", "content", "told"), [
    ("x.txt", b"short", "characters"), ("x.txt", b"\xff\xfe" * 9000, "not UTF-8: line 1"),
    ("x.txt", TEXT + b"\0", "line 401"),
    ("x.exe", TEXT, "neither a text nor a table"), ("x", TEXT, "neither"), ("../../etc/passwd", TEXT, "neither"),
    ("x.txt.zip", TEXT, "neither")])
def test_what_cannot_be_read_leaves_nothing(browser: Client, own_folder: Path, name: str, content: bytes, told: str) -> None:
    page = send(browser, name, content)
    assert page.status_code == 422
    assert told in page.content.decode()
    assert not UploadedDataset.objects.exists()
    assert not [path for path in own_folder.glob("*") if path.name != ".lock"]


@pytest.mark.parametrize(("given", "kept"), [
    ("../../../evil.txt", "evil.txt"), ("a\x00b.txt", "ab.txt"), ("<b>.txt", "<b>.txt"), ("x" * 300 + ".TXT", "x" * 200)])
def test_names_are_words_and_never_paths(person: Any, own_folder: Path, given: str, kept: str) -> None:
    file = SimpleUploadedFile("x.txt", TEXT)
    file._name = given                              # as a client that obeys no rule would send it
    upload = services.store(person, file)
    assert upload.name == kept
    assert upload.path.parent == own_folder
    assert {path.name for path in own_folder.iterdir()} == {".lock", upload.sha256}


def test_a_name_is_shown_and_not_obeyed(browser: Client, person: Any) -> None:
    upload = stored(person, "<script>x.txt")
    for path in ("/datasets/", upload.get_absolute_url()):
        assert "<script>x" not in browser.get(path).content.decode()


def test_too_large_is_dropped_on_the_way(browser: Client, settings: Any, own_folder: Path) -> None:
    settings.UPLOAD_LIMIT = 64 * 1024
    page = send(browser, "x.txt", TEXT * 10)
    assert page.status_code == 413
    assert "larger than 0 MiB" in page.content.decode()
    assert not own_folder.exists()
    assert send(browser, "x.txt", TEXT).status_code == 302


def test_no_file_or_an_empty_one(browser: Client) -> None:
    assert browser.post("/datasets/uploads/", {}).status_code == 422
    assert browser.post("/datasets/uploads/", {"file": "text"}).status_code == 422
    assert send(browser, "x.txt", b"").status_code == 422


def test_uploads_are_counted(person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST", 1)
    stored(person)
    with pytest.raises(api.Invalid, match="one too many"):
        stored(person, content=TEXT + b"more\n")


def test_nobody_elses_upload_is_there(browser: Client, visitor: Client, client: Client, person: Any) -> None:
    upload = stored(person)
    page, gone = upload.get_absolute_url(), f"{upload.get_absolute_url()}delete/"
    assert visitor.get(page).status_code == visitor.post(gone).status_code == 404
    assert client.get(page).status_code == client.post(gone).status_code == 302
    assert client.post("/datasets/uploads/").status_code == 302
    assert browser.get(gone).status_code == browser.get("/datasets/uploads/").status_code == 405
    assert browser.get(f"/datasets/uploads/{uuid.uuid4()}/").status_code == 404
    assert "night.txt" not in visitor.get("/datasets/").content.decode()
    assert UploadedDataset.objects.exists()


def test_the_file_goes_with_its_last_owner(browser: Client, visitor: Client, person: Any) -> None:
    upload = stored(person)
    send(visitor, "mine.txt", TEXT)
    browser.post(f"{upload.get_absolute_url()}delete/")
    assert upload.path.exists()
    services.delete(UploadedDataset.objects.get(), person)
    assert not upload.path.exists()


def test_a_search_reads_only_uploads_of_its_owner(person: Any, stranger: Any) -> None:
    upload = stored(person)
    search = searches.create(person, document(upload.sha256))
    assert search.upload == upload
    with pytest.raises(api.Invalid, match="no upload of yours"):
        searches.create(stranger, document(upload.sha256))
    with pytest.raises(api.Invalid, match="no upload of yours"):
        searches.create(person, document("0" * 64))


def test_an_upload_too_short_for_shared_weights_is_refused_beside_its_length(browser: Client, person: Any) -> None:
    upload = stored(person, content=TEXT[:1200])
    own = document(upload.sha256)
    wanted = {**own, "strategy": {"name": "darts"}, "dataset": {**own["dataset"], "length": 300}}
    with pytest.raises(api.Invalid, match="is too long for 971 characters") as caught:
        searches.create(person, wanted)
    assert [problem.path for problem in caught.value.problems] == ["/dataset/length"]
    page = browser.post("/searches/new/", {"document": json.dumps(wanted)})
    assert page.status_code == 422
    assert "2 to 242" in page.content.decode()
    wanted["dataset"]["length"] = 242
    assert searches.create(person, wanted).upload == upload


def test_an_upload_that_a_search_reads_stays(browser: Client, person: Any) -> None:
    upload = stored(person)
    searches.create(person, document(upload.sha256))
    page = browser.post(f"{upload.get_absolute_url()}delete/")
    assert page.status_code == 409
    assert "1 search of yours read it" in page.content.decode()
    assert upload.path.exists()
    assert UploadedDataset.objects.exists()


def test_people_can_be_deleted_with_all_that_is_theirs(person: Any) -> None:
    searches.create(person, document(stored(person).sha256))
    person.delete()
    assert not UploadedDataset.objects.exists()


def test_the_form_of_a_new_search_offers_it(browser: Client, person: Any) -> None:
    upload = stored(person)
    form = NewSearch.blank({"upload": str(upload.pk)}, of(person))
    assert form.document()["dataset"]["name"] == "text_file"
    assert form.document()["dataset"]["sha256"] == upload.sha256
    page = browser.get("/searches/new/").content.decode()
    assert f'value="upload.{upload.pk}"' in page
    assert "needs an upload" in page


def test_a_file_that_is_gone_is_no_error_page(browser: Client, person: Any) -> None:
    upload = stored(person)
    upload.path.unlink()
    assert browser.get("/datasets/").status_code == browser.get(upload.get_absolute_url()).status_code == 200


def test_previews_are_short(person: Any) -> None:
    upload = stored(person, content=b"y" * 5000 + b"\n" + TEXT)
    lines = selectors.preview(upload).split("\n")
    assert len(lines) <= selectors.SHOWN_LINES
    assert max(map(len, lines)) <= selectors.SHOWN_WIDTH + 1


def test_somebody_elses_hash_is_refused_in_the_form_and_as_a_document(visitor: Client, person: Any) -> None:
    upload = stored(person)
    form = NewSearch.blank({"upload": str(upload.pk)}, of(person))
    fields = {one.name: one.texts[-1] for one in form.fields() if one.row["type"] != "subset"}
    sent = fields | {"space": "recurrent_cell", "dataset": "text_file"}
    for body in (sent, {"document": json.dumps(document(upload.sha256))}):
        page = visitor.post("/searches/new/", body)
        assert page.status_code == 422
        assert "no upload of yours" in page.content.decode()

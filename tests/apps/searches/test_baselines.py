"""A weight-sharing search beside its baselines: what they are, who may start them, how often."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from apps.searches import baselines, nudge, services
from apps.searches.models import Search
from apps.searches.states import State, TransitionError
from engine import api
from tests.apps.searches.conftest import Make, add, add_epoch, in_state

DARTS = {"strategy": {"name": "darts", "epochs": 3, "batch_size": 48, "lr": 0.05, "order": "first"},
         "estimation": {"name": "shared", "epochs": 2, "batch_size": 16, "arch_share": 0.4}, "seed": 5,
         "finals": {"epochs": 4}, "name": "Mine"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("advance", "perform", "pack"):
        monkeypatch.setattr(nudge, name, lambda argument: None)


@pytest.fixture
def darts(make: Make) -> Search:
    """Finished: two epochs, a candidate and its final."""
    search = make(**DARTS)
    add_epoch(search, 0, seconds=10.0)
    add_epoch(search, 1, seconds=12.5)
    add(search, 2, "done", 0.6, seconds=0.5, score_kind="shared")
    closed(search, 3, 0.9, 0.85, seconds=30.0)
    return in_state(search, "finished")


def closed(search: Search, number: int, score: float, test: float, **more: Any) -> None:
    """A final with its score on the test data."""
    trial = add(search, number, "done", score, final_of=2, **more)
    trial.outcome["metrics"]["test"] = test
    trial.save()


def test_two_searches_of_the_same_document_at_the_same_cost(darts: Search, person: Any) -> None:
    sharing, scratch = services.compare(darts, person)
    for made in (sharing, scratch):
        assert {part: made.document[part] for part in ("space", "dataset", "finals", "seed", "constraints")} == {
            part: darts.document[part] for part in ("space", "dataset", "finals", "seed", "constraints")}
        assert made.owner == person and made.cloned_from == darts and made.state == "queued"
        assert api.parse(made.document).document() == made.document
    strategy = sharing.document["strategy"]
    assert (strategy["name"], strategy["epochs"], strategy["batch_size"], strategy["lr"]) == ("random_sharing", 3, 48, 0.05)
    assert strategy["seconds"] == 23.0, "its epochs follow from that"
    assert strategy["candidates"] == 20 and sharing.document["budget"]["trials"] == 20
    assert sharing.document["estimation"] == darts.document["estimation"]
    assert scratch.document["strategy"]["name"] == "random_search"
    assert scratch.document["budget"] == {"trials": None, "epochs": None, "seconds": 23.0}, "finals are not charged"
    estimation = scratch.document["estimation"]
    assert (estimation["name"], estimation["epochs"], estimation["batch_size"]) == ("scratch", 2, 16)
    assert sharing.name == "Mine: random search with sharing" and scratch.name == "Mine: random search from scratch"


def test_pressed_twice_it_starts_once(darts: Search, person: Any) -> None:
    assert services.compare(darts, person) == services.compare(darts, person)
    assert Search.objects.count() == 3


def test_one_that_was_deleted_is_started_anew_and_never_while_it_comes_to_rest(darts: Search, person: Any) -> None:
    sharing, scratch = services.compare(darts, person)
    Search.objects.filter(pk=sharing.pk).update(deleted_at=timezone.now())
    with pytest.raises(TransitionError, match="coming to rest"):
        services.compare(darts, person)
    sharing.delete()
    again, same = services.compare(darts, person)
    assert again != sharing and same == scratch


def test_only_a_finished_search_has_a_cost(darts: Search, person: Any) -> None:
    for state in set(State) - {State.FINISHED}:
        with pytest.raises(TransitionError, match=f"this one is {state}"):
            services.compare(in_state(darts, state), person)
    assert Search.objects.count() == 1


def test_only_weight_sharing_is_compared_and_no_baseline_with_itself(make: Make, darts: Search, person: Any) -> None:
    with pytest.raises(TransitionError, match="share weights"):
        services.compare(in_state(make(), "finished"), person)
    sharing, _ = services.compare(darts, person)
    with pytest.raises(TransitionError, match="a baseline itself"):
        services.compare(in_state(sharing, "finished"), person)
    assert baselines.origin(sharing) == darts and baselines.origin(darts) is None and baselines.table(sharing) is None
    chance = make(**{**DARTS, "strategy": {"name": "random_sharing", "epochs": 1, "candidates": 4}})
    [only] = services.compare(in_state(chance, "finished"), person)
    assert only.document["strategy"]["name"] == "random_search" and only.document["budget"]["seconds"] == 1.0


def test_a_key_of_somebody_is_no_proof(make: Make, person: Any, darts: Search) -> None:
    for odd in ("baseline:x:random_search", "baseline::", f"baseline:{darts.pk}:darts", "a:b:c"):
        search = services.create(person, darts.document, odd)
        assert baselines.origin_key(search) is None


def test_every_method_has_baselines_that_are_sound(search: Search) -> None:
    sharing = [found["name"] for found in api.strategies() if "supernet" in found["asks"]]
    fitting = [name for name in sharing if api.compatible()[name]["nas_bench_201"] is True]
    assert {"darts", "gdas", "one_shot", "spos", "smash"} <= set(fitting)
    for name in fitting:
        search.document = api.parse({**search.document, "strategy": {"name": name, "preset": "cpu"},
                                     "estimation": {"name": "shared"}}).document()
        for document in baselines.documents(search).values():
            assert api.parse(document).document()["seed"] == search.document["seed"]


def test_where_choices_are_slices_chance_shares_weights_too(search: Search) -> None:
    wanted = {"space": {"kind": "slimmable", "preset": "cpu"}, "strategy": {"name": "once_for_all", "preset": "cpu"}}
    search.document = api.parse({**search.document, **wanted, "estimation": {"name": "shared"}}).document()
    found = baselines.documents(search)
    assert set(found) == {"random_sharing", "random_search"}
    assert api.parse(found["random_sharing"]).document()["strategy"]["epochs"] == 20


def test_only_the_owner_starts_them(darts: Search, stranger: Any, browser: Client) -> None:
    page = f"{darts.get_absolute_url()}compare/"
    root = get_user_model().objects.create_superuser("root", password="a long pass phrase")
    with pytest.raises(PermissionDenied):
        services.compare(darts, root)
    for user, status in ((stranger, 404), (root, 403)):
        other = Client()
        other.force_login(user)
        answer = other.post(page)
        assert answer.status_code == status
        assert status == 404 or "Only the owner" in answer.content.decode()
    assert Client().post(page).status_code == 302 and browser.get(page).status_code == 405
    assert Search.objects.count() == 1


def test_the_page_says_what_the_button_does_and_then_shows_them_side_by_side(darts: Search, browser: Client) -> None:
    address = darts.get_absolute_url()
    before = browser.get(address).content.decode()
    assert "Compare with baselines at equal cost" in before and "The button starts two searches" in before
    assert browser.post(f"{address}compare/").status_code == 302
    after = browser.get(address).content.decode()
    assert "Compare with baselines at equal cost" not in after and "Still at work" in after
    rows = browser.get(f"{address}baselines.json").json()["baselines"]["rows"]
    assert [(row["title"], row["score"], row["test"], row["seconds"], row["closing"]) for row in rows] == [
        ("this search", 0.9, 0.85, 23.0, 30.0), ("random search with sharing", None, None, 0.0, 0.0),
        ("random search from scratch", None, None, 0.0, 0.0)]
    assert f'A baseline of <a href="{address}#baselines">' in browser.get(rows[1]["url"]).content.decode()


def test_the_sentence_names_the_best_of_the_others(darts: Search, person: Any) -> None:
    sharing, scratch = services.compare(darts, person)
    for search, score in ((sharing, 0.8), (scratch, 0.95)):
        add(in_state(search, "finished"), 2, "done", 0.5)
        closed(search, 3, score, 0.7)
    found = baselines.table(darts)
    assert found is not None and not found["going"] and found["missing"] == 0
    assert found["sentence"].startswith("The final of this search is 0.0500 below that of random search from scratch.")


def test_a_search_that_is_not_finished_promises_the_button(darts: Search, browser: Client) -> None:
    text = browser.get(in_state(darts, "running").get_absolute_url()).content.decode()
    assert "When this search is finished, a button here starts two more" in text
    assert browser.post(f"{darts.get_absolute_url()}compare/").status_code == 409


def test_other_searches_have_no_such_panel(search: Search, browser: Client) -> None:
    assert 'id="baselines"' not in browser.get(search.get_absolute_url()).content.decode()
    assert browser.get(f"{search.get_absolute_url()}baselines.json").json() == {"baselines": None}

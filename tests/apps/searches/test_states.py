"""The table of states: what may follow what, and nothing else."""

from __future__ import annotations

import pytest

from apps.searches.states import ACTIVE, DRAINING, ENDED, TABLE, WISHED, State, TransitionError, Wish, after

ACTIONS = sorted({action for _, action in TABLE})


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_not_in_the_table_is_refused(state: State, action: str) -> None:
    if (state, action) in TABLE:
        assert after(state, action) == TABLE[state, action]
    else:
        with pytest.raises(TransitionError, match=f"{state.value} cannot {action}"):
            after(state.value, action)


def test_unknown_actions_are_refused() -> None:
    with pytest.raises(TransitionError):
        after(State.RUNNING, "explode")


def test_ends_are_ends() -> None:
    assert not [key for key in TABLE if key[0] in ENDED]


def test_every_state_can_be_reached_and_every_other_left() -> None:
    reached = {State.QUEUED}
    for _ in State:
        reached |= {new for (old, _), new in TABLE.items() if old in reached}
    assert reached == set(State)
    assert {old for old, _ in TABLE} == set(State) - ENDED


def test_everything_that_goes_on_can_be_stopped() -> None:
    for state in set(State) - ENDED - {State.STOPPING}:
        assert after(state, "stop") in (State.STOPPING, State.STOPPED)


def test_only_draining_searches_settle() -> None:
    assert {old for old, action in TABLE if action == "settle"} == DRAINING
    assert not {TABLE[state, "settle"] for state in DRAINING} & (DRAINING | ACTIVE)


def test_every_wish_is_an_action() -> None:
    assert set(WISHED) == set(Wish) and set(WISHED.values()) <= set(ACTIONS)

"""The surroundings of a work item can be named without torch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from engine.estimation.context import Context, Interrupted


def test_importing_it_leaves_torch_out() -> None:
    code = "import sys, engine.estimation.context, engine.estimation.scratch; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_a_context_cannot_be_changed_by_what_it_is_given_to() -> None:
    fields = {field.name for field in dataclasses.fields(Context)}
    context = Context(**dict.fromkeys(fields))
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.seed = 1                        # type: ignore[misc]


def test_an_interruption_is_no_failure_that_others_would_catch_as_one() -> None:
    assert issubclass(Interrupted, Exception) and not issubclass(Interrupted, RuntimeError | ValueError | OSError)

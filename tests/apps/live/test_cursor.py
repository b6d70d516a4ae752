"""Laws of the cursor: a whole number from 0, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.live import cursor


@given(st.integers(0, cursor.LARGEST))
def test_reads_back_what_a_page_writes(value: int) -> None:
    assert cursor.parse(str(value)) == value


@given(st.text())
def test_never_raises_and_never_leaves_the_range(text: str) -> None:
    value = cursor.parse(text)
    assert value is None or 0 <= value <= cursor.LARGEST


@given(st.binary())
def test_any_query_string_is_read(query: bytes) -> None:
    value = cursor.from_query(query, "from")
    assert value is None or 0 <= value <= cursor.LARGEST


@pytest.mark.parametrize(("query", "value"), [
    (b"", 0), (b"from=7", 7), (b"after=9", 0), (b"from=1&from=2", 2),
    (b"from=", None), (b"from=+1", None), (b"from=-0", None),
    (f"from={cursor.LARGEST + 1}".encode(), None),
])
def test_examples(query: bytes, value: int | None) -> None:
    assert cursor.from_query(query, "from") == value

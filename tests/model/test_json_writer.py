"""The kept JSON encoder writes what the library's own does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.model.json_writer import json_writer

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.booleans(), st.booleans())
def test_same(value: Any, ascii_only: bool, spaces: bool, sort_keys: bool) -> None:
    """In every way that it is asked for, and the second time, too."""
    separators = (", ", ": ") if spaces else (",", ":")
    expected = json.dumps(value, ensure_ascii=ascii_only, separators=separators, sort_keys=sort_keys)
    write = json_writer(ascii_only=ascii_only, spaces=spaces, sort_keys=sort_keys)

    assert [write(value), write(value)] == [expected, expected]


def test_no_form() -> None:
    """What JSON has no form for is refused, and the next value is written all the same."""
    write = json_writer(allow_nan=False)

    with pytest.raises(ValueError, match="not JSON compliant"):
        write({"rate": float("nan")})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write({"of": object()})
    assert write(1) == "1"


def test_endless() -> None:
    """A value that holds itself ends in an error."""
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(RecursionError):
        json_writer()(endless)


def test_without_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without the C encoder writes the same."""
    monkeypatch.setattr("json.encoder.c_make_encoder", None)

    assert json_writer(sort_keys=True)({"b": 1, "a": [None]}) == '{"a":[null],"b":1}'

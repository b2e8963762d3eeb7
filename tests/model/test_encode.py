"""Views as JSON: camelCase keys, RFC 3339 times, nothing that is no JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.model.encode import camel, encode
from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.inputs import UNSET
from avnz_int.model.secret import Secret
from avnz_int.model.views.integrations import CheckView

WORDS = st.lists(st.from_regex(r"[a-z][a-z0-9]*", fullmatch=True), min_size=1, max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@dataclass(frozen=True, slots=True)
class _Inner:
    is_shared_with_clients: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class _Outer:
    inner: list[_Inner]
    settings: dict[str, Any]
    name: str = field(default="x", metadata={"json": "URL"})


@given(WORDS)
def test_camel(words: list[str]) -> None:
    """A camelCase name has no underscore, begins small, and keeps every letter in its order."""
    name = "_".join(words)
    result = camel(name)
    assert "_" not in result
    assert result[0].islower()
    assert "".join(words) == result.lower()
    assert sum(word[0].isalpha() for word in words[1:]) == sum(c.isupper() for c in result)


@given(JSON)
def test_plain_json_stays(value: Any) -> None:
    """A JSON value is its own form, keys untouched."""
    assert value == encode(value)


def test_nested() -> None:
    """Views in views and lists are encoded, keys of JSON objects inside are not renamed."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    value = _Outer([_Inner(is_shared_with_clients=True, at=moment)], {"snake_case": [moment]})
    expected = {
        "inner": [{"isSharedWithClients": True, "at": "2026-01-02T03:04:05.678Z"}],
        "settings": {"snake_case": ["2026-01-02T03:04:05.678Z"]},
        "URL": "x",
    }
    assert expected == encode(value)


@pytest.mark.parametrize("value", [Secret("x"), UNSET, object(), {1, 2}, b"x", _Inner])
def test_no_json_form(value: object) -> None:
    """What has no JSON form is refused by its type's name, never by its value."""
    with pytest.raises(TypeError):
        encode(value)


def test_words_of_the_api() -> None:
    """A check's JSON has the contract's keys in their order, and plain words."""
    check = CheckView(
        id="a",
        provider="p",
        environment=Environment.SANDBOX,
        success=None,
        outcome=Outcome.UNSUPPORTED,
        code=CheckCode.UNSUPPORTED,
        message="m",
        latency=None,
        tested_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    keys = ["id", "provider", "environment", "success", "outcome", "code", "message", "latency", "testedAt"]
    encoded = json.loads(json.dumps(encode(check)))
    assert keys == list(encoded)
    words = [encoded[key] for key in ("environment", "success", "outcome", "code")]
    assert ["sandbox", None, "unsupported", "unsupported"] == words

"""Secrets: never printed, masked for display, cut out of foreign text."""

from __future__ import annotations

import base64
import copy
import html
import json
import logging
import pickle
import re
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from avnz_int.model.secret import MASK, Secret, mask, masked, redact, written_forms

# Without the mask's own character: a mask would seem to hold such a value.
VALUES = st.text(st.characters(exclude_characters="•", codec="utf-8"), min_size=1, max_size=40)
PLAIN = st.text(st.characters(exclude_characters="•", codec="utf-8"), max_size=60)
ESCAPES = [
    str,
    lambda v: quote(v, safe=""),
    quote,
    quote_plus,
    lambda v: re.sub("%..", lambda found: found[0].lower(), quote(v, safe="")),
    lambda v: base64.b64encode(v.encode()).decode(),
    lambda v: base64.urlsafe_b64encode(v.encode()).decode(),
    lambda v: base64.b64encode(v.encode()).decode().rstrip("="),
    lambda v: json.dumps(v)[1:-1],
    lambda v: json.dumps(v, ensure_ascii=False)[1:-1],
    escape,
    html.escape,
    lambda v: html.escape(v, quote=False),
    lambda v: quoteattr(v)[1:-1],
]


def test_shows_itself_never() -> None:
    """A secret's text, repr, formatting and log record are the mask, on its own and in what holds it."""
    secret = Secret({"password": "hunter2-canary"})
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>80}", repr([secret]), f"{secret!r}"]
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (secret, secret), None)
    assert "canary" not in "".join([*shown, record.getMessage()])
    assert f"Secret({MASK})" == shown[0]


def test_leaves_the_process_never() -> None:
    """A secret is neither pickled, copied, hashed nor encoded as JSON."""
    secret = Secret("hunter2-canary")
    for leave in (pickle.dumps, copy.copy, copy.deepcopy, hash, json.dumps, vars):
        with pytest.raises(TypeError) as caught:
            leave(secret)
        assert "canary" not in str(caught.value)


def test_equality() -> None:
    """Secrets are equal if their values are, and equal to nothing else."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text()), st.booleans()))
def test_mask(value: object) -> None:
    """A mask has the last four characters of a text of twelve or more, and nothing of any other value."""
    shown = mask(value)
    assert shown.startswith(MASK)
    tail = shown[len(MASK) :]
    if isinstance(value, str) and len(value) >= 12:
        assert value[-4:] == tail
    else:
        assert "" == tail


@given(st.text(min_size=12), st.text(min_size=12))
def test_mask_hides_the_length(first: str, second: str) -> None:
    """Masks of texts that end the same are the same, however long the texts."""
    assert mask(first + "last") == mask(second + "last")


@given(st.dictionaries(st.text(), st.one_of(st.text(min_size=13), st.integers())), st.sets(st.text()))
def test_masked(values: dict[str, Any], names: set[str]) -> None:
    """Secret fields are masked, the others as they are, in the same order."""
    shown = masked(Secret(values), names)
    assert list(values) == list(shown)
    for name, value in values.items():
        assert (mask(value) if name in names else value) == shown[name]


@pytest.mark.parametrize("escaped", ESCAPES)
@given(value=VALUES, before=PLAIN, after=PLAIN)
def test_redact(escaped: Any, value: str, before: str, after: str) -> None:
    """However a value is written in foreign text, no written form of it remains."""
    form = escaped(value)
    cleaned = redact(before + form + after, {"secret": value})
    for written in written_forms(value):
        assert written not in cleaned
    assert MASK in cleaned


@given(value=VALUES, other=VALUES, text=PLAIN)
def test_redact_nested(value: str, other: str, text: str) -> None:
    """Values in lists and objects are cut out too; texts that hold none stay as they are."""
    nested = Secret({"a": {"b": [value, {"c": other}]}, "n": 5})
    cleaned = redact(f"{text}{value} {other}{text}", nested)
    assert value not in cleaned
    assert other not in cleaned
    assume(not any(form in text for part in (value, other) for form in written_forms(part)))
    assert text == redact(text, nested)


@given(st.text())
def test_forms_are_no_shorter(value: str) -> None:
    """So that a value longer than a text need not be looked for in it."""
    assert all(len(value) <= len(written) for written in written_forms(value))


def test_redact_longest_first() -> None:
    """Of values that hold one another the longest is cut out as a whole."""
    assert f"got {MASK}." == redact("got secret-longer.", {"a": "secret", "b": "secret-longer"})


def test_redact_nothing() -> None:
    """Empty values and no values leave a text as it is."""
    assert "text" == redact("text", {"a": "", "b": None, "c": 7})
    assert "text" == redact("text", {})


def test_lone_surrogate() -> None:
    """A value that no UTF-8 can hold is cut out all the same."""
    assert MASK == redact("a\udcffb", {"a": "a\udcffb"})

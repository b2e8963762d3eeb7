"""Secrets: a wrapper that never prints itself, masks for display, and redaction of foreign text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, NoReturn, TypeVar
from urllib.parse import quote, quote_plus

MASK = "••••"
_SHOWN = 4
_SHOWN_FROM = 12
_IN_ATTRIBUTE = str.maketrans({"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
_ESCAPE = re.compile(r"(?<=%)[0-9A-F]{2}|(?<=\\u)[0-9a-f]{4}")

T = TypeVar("T")


class Secret(Generic[T]):
    """A value that shows itself only when asked by name.

    `str()`, `repr()`, formatting and logging give `Secret(••••)`; pickling, copying and JSON encoding are
    refused. `reveal()` is called only in `crypto`, `providers`, `definitions.schema`, for `run` and here.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


Credentials = Secret[dict[str, Any]]
"""The credentials of one integration: field name -> JSON value, revealed as a whole."""


def mask(value: object) -> str:
    """`••••`, and the last 4 characters of a string of 12 or more; never the length."""
    if isinstance(value, str) and len(value) >= _SHOWN_FROM:
        return MASK + value[-_SHOWN:]
    return MASK


def masked(credentials: Credentials, secret_fields: Iterable[str]) -> dict[str, Any]:
    """The credentials with every secret field masked and the other fields as they are."""
    hidden = set(secret_fields)
    return {name: mask(v) if name in hidden else v for name, v in credentials.reveal().items()}


def without_newline(text: str) -> str:
    """A secret as read from a file: exactly one line end is cut, which an editor or echo adds."""
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def written_forms(value: str) -> set[str]:
    """The forms in which foreign text may repeat a value: plain, URL-, base64-, JSON-, XML-escaped."""
    # A lone surrogate, which JSON can spell, has no UTF-8; a provider can only have seen something else.
    raw = value.encode(errors="replace")
    # By hand: xml.sax.saxutils imports urllib.request and with it TLS, 20 ms of every command.
    xml = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quoted = xml.replace('"', "&quot;")
    escaped = {xml, quoted, *(quoted.replace("'", code) for code in ("&apos;", "&#39;", "&#x27;"))}
    forms = {
        value,
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        *escaped,
        *(form.translate(_IN_ATTRIBUTE) for form in escaped),
    }
    return {*forms, *(_ESCAPE.sub(lambda found: found[0].swapcase(), form) for form in forms)}


def redact(text: str, credentials: Credentials | Mapping[str, Any], *, shortest: int = 1) -> str:
    """`text` with every written form of every credential value replaced by the mask, longest first.

    Args:
        text: foreign words.
        credentials: what must not stand in them.
        shortest: values of fewer characters stay: a user named `1` would garble `RESULT=1`.
    """
    values = credentials.reveal() if isinstance(credentials, Secret) else credentials
    forms: set[str] = set()
    for value in _texts(values):
        # No form is shorter than the value.
        if shortest <= len(value) <= len(text):
            forms |= written_forms(value)
    # A pattern of what is there only: compiling one is most of the work, and mostly nothing is.
    forms = {form for form in forms if form in text}
    if not forms:
        return text
    # In one pass: what stands where something was cut out is looked at no more.
    longest_first = sorted(forms, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), MASK, text)


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value that is no name of a field."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if part:
                yield part
        elif isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part

r"""Patterns and formats of a schema as plain functions; standard library only.

A schema's pattern is an ECMA-262 regular expression. Read as Python it would mean something else in two
places: `$` also matches before a final newline, and `\d`, `\w`, `\s` match digits and letters of every
script. Both would let through what a provider's wire cannot carry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlsplit

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_EMAIL = re.compile(
    rf"(?=.{{1,64}}@)[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*"
    rf"@{_LABEL}(?:\.{_LABEL})+"
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern as ECMA-262 means it: `$` is the end of the text, classes are ASCII.

    Raises:
        re.error: it is no regular expression.
    """
    parts: list[str] = []
    in_class = False
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(character + next(characters, ""))
            continue
        if in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
        elif character == "$":
            parts.append(r"\Z")
            continue
        parts.append(character)
    return re.compile("".join(parts), re.ASCII)


def is_hostname(text: str) -> bool:
    """Whether it is a host name of RFC 1123 in ASCII, without a final dot."""
    return len(text) <= 253 and _HOSTNAME.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether it is one plain mailbox: no display name, no quoting, a domain with a dot."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def is_uri(text: str) -> bool:
    """Whether it is an absolute URI of RFC 3986; one with `//` needs a host and a valid port."""
    if _URI.fullmatch(text) is None:
        return False
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return port_is_fine and (bool(parts.hostname) or "//" not in text.split(":", 1)[1][:2])


def is_uuid(text: str) -> bool:
    """Whether it is a UUID in its written form with hyphens."""
    return _UUID.fullmatch(text) is not None


FORMATS: Mapping[str, tuple[Callable[[str], bool], str]] = MappingProxyType(
    {
        "email": (is_email, "an e-mail address"),
        "hostname": (is_hostname, "a host name"),
        "uri": (is_uri, "a URL"),
        "uuid": (is_uuid, "a UUID"),
    }
)
"""The formats that are enforced: name -> test and noun. `password`, the mark of a secret, asks nothing."""

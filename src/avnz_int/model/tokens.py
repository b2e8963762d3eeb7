"""Access tokens: their written form, and what services say of them."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from avnz_int.model.enums import Role

PREFIX = "avnzint_"
"""What every token begins with, for people and secret scanners to know it by."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM = 32
_CHECK = 6
_SHOWN = len(PREFIX) + 4
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM + _CHECK}}}")


class TokenStatus(StrEnum):
    """What a token is worth now."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be made.

    Attributes:
        client: the slug of a client_admin's client; None for every other role.
        expires_at: None: it is valid until it is revoked.
    """

    role: Role
    name: str
    client: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token, without its text: `prefix` is what the text begins with, to know a token by."""

    id: str
    name: str
    role: str
    client: str | None
    prefix: str
    status: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class NewTokenView:
    """A token that was just made; `token` is its text, shown this once, None where it went elsewhere."""

    id: str
    name: str
    role: str
    client: str | None
    prefix: str
    expires_at: datetime | None
    created_at: datetime
    created_by: str
    token: str | None = field(repr=False)


def new_text() -> str:
    """A new token: the prefix, 32 random characters (190 bits), and 6 that check them."""
    # A byte in 256 is not evenly one of 62; what is over is drawn again.
    drawn = ""
    while len(drawn) < _RANDOM:
        fit = (byte for byte in os.urandom(_RANDOM) if byte < 4 * len(_DIGITS))
        drawn = (drawn + "".join(_DIGITS[byte % len(_DIGITS)] for byte in fit))[:_RANDOM]
    return PREFIX + drawn + _checksum(drawn)


def is_whole(text: str) -> bool:
    """Whether it has a token's form and its check fits: a typo or a cut is known without a database."""
    return _FORM.fullmatch(text) is not None and _checksum(text[len(PREFIX) : -_CHECK]) == text[-_CHECK:]


def shown_prefix(text: str) -> str:
    """What is shown of a token, and kept of it in the clear."""
    return text[:_SHOWN]


def hashed(text: str) -> str:
    """What is kept of a token: its SHA-256; 190 random bits need no slower hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(drawn: str) -> str:
    number = zlib.crc32(drawn.encode())
    digits = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits

"""Time and ids: the two things that every row needs."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + "0123456789"
_ID_TAIL = 23


def now() -> datetime:
    """The present in UTC, cut to milliseconds: what every column keeps (timestamptz(3))."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def rfc3339(moment: datetime) -> str:
    """`2026-11-22T13:14:15.678Z`: always UTC, always three digits."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The moment written as RFC 3339; an offset is needed.

    Raises:
        ValueError: no such time, or one without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("time without an offset")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def new_id() -> str:
    """A random id in cuid2's shape: a letter, then 23 of a-z and 0-9 (about 123 bits)."""
    # One big draw and a few divisions cost 2 us; a choice() for each character 12 us.
    number = int.from_bytes(os.urandom(20))
    number, first = divmod(number, 26)
    tail = []
    for _ in range(_ID_TAIL):
        number, digit = divmod(number, 36)
        tail.append(_ALPHABET[digit])
    return _LETTERS[first] + "".join(tail)


def elapsed_ms(since: float) -> int:
    """Whole milliseconds since a `time.perf_counter()`."""
    return round((time.perf_counter() - since) * 1000)

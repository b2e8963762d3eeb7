"""Ages and times as people write them: `90s`, `15m`, `24h`, `7d`, or RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from avnz_int import clock
from avnz_int.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_DAYS = 36500
"""The calendar ends."""


def seconds(option: str, text: str) -> float:
    """The seconds of a duration.

    Raises:
        UsageError: it is none, or longer than a century; the message names the option.
    """
    found = _seconds(option, text)
    if found is None:
        raise UsageError(f"{option} {text!r} is no duration", hint="write 90s, 15m, 24h or 7d")
    return found


def expiry(option: str, text: str) -> datetime:
    """The end of something that begins now: after an age, or at a time.

    Raises:
        UsageError: neither is written there, or an age of more than a century.
    """
    age = _seconds(option, text)
    if age is not None:
        return clock.now() + timedelta(seconds=age)
    try:
        moment = clock.parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text!r} is neither an age nor an RFC 3339 time",
            hint="write 90s, 15m, 24h, 90d or 2026-11-22T13:00:00Z",
        ) from None
    # As columns keep it.
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def _seconds(option: str, text: str) -> float | None:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit():
        return None
    found = float(number) * _UNITS[unit]
    if found > _MOST_DAYS * _UNITS["d"]:
        raise UsageError(f"{option} {text} is too long", hint=f"write {_MOST_DAYS}d or less")
    return found

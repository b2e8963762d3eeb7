"""Ages and times as people write them: `90s`, `15m`, `24h`, `7d`, or RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from avnz_int import clock
from avnz_int.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_DAYS = 36500
_MOST_S = _MOST_DAYS * 86400.0


def seconds(option: str, text: str) -> float:
    """The seconds of an age; nothing is older than a century, which is where the calendar ends.

    Raises:
        UsageError: it is none; the message names the option.
    """
    return min(_given(option, text), _MOST_S)


def lasting(option: str, text: str) -> float:
    """The seconds for which something is to be kept.

    Raises:
        UsageError: it is no duration, or more than a century.
    """
    return _bounded(option, text, _given(option, text))


def _given(option: str, text: str) -> float:
    found = _seconds(text)
    if found is None:
        raise UsageError(f"{option} {text!r} is no duration", hint="write 90s, 15m, 24h or 7d")
    return found


def expiry(option: str, text: str) -> datetime:
    """The end of something that begins now: after an age, or at a time.

    Raises:
        UsageError: neither is written there, or an age of more than a century.
    """
    age = _seconds(text)
    if age is not None:
        return clock.now() + timedelta(seconds=_bounded(option, text, age))
    try:
        moment = clock.parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text!r} is neither an age nor an RFC 3339 time",
            hint="write 90s, 15m, 24h, 90d or 2026-11-22T13:00:00Z",
        ) from None
    # As columns keep it.
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def _bounded(option: str, text: str, found: float) -> float:
    if found > _MOST_S:
        raise UsageError(f"{option} {text} is too long", hint=f"write {_MOST_DAYS}d or less")
    return found


def _seconds(text: str) -> float | None:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit():
        return None
    return float(number) * _UNITS[unit]

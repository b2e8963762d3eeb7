"""The audit chain: what is signed, and how one event follows another.

`mac` = hex HMAC-SHA-256, under the audit key named in `keyId`, of the event's canonical JSON: every other
column, keys sorted, no spaces, UTF-8, times as RFC 3339 text. `previousMac` is in it, so that an event can be
neither changed, removed, inserted nor moved without breaking its successor. Times are signed as text, so a
database copied from SQLite to PostgreSQL still verifies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from avnz_int import clock
from avnz_int.crypto.cipher import mac
from avnz_int.model.secret import Secret

SYSTEM = "system"
"""The chain of events that belong to no organization."""

GENESIS = "0" * 64
"""`previousMac` of a chain's first event."""

_SIGNED = (
    "id",
    "organizationId",
    "chain",
    "sequence",
    "occurredAt",
    "actorId",
    "actorRole",
    "action",
    "targetType",
    "targetId",
    "clientId",
    "outcome",
    "changes",
    "requestId",
    "keyId",
    "previousMac",
)
_STORED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def canonical(event: Mapping[str, Any]) -> bytes:
    """The signed form of an event given by its columns."""
    plain = {name: event[name] for name in _SIGNED}
    if isinstance(plain["occurredAt"], datetime):
        plain["occurredAt"] = clock.rfc3339(plain["occurredAt"])
    return _ENCODER.encode(plain).encode("utf-8", "surrogatepass")


def as_signed(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as it was signed, from one as it is stored (`changes` may be text).

    Raises:
        ValueError: the text of `changes` is not JSON, or not written as we write it: two texts of one value
            could differ in a member that stands twice.
    """
    changes = event["changes"]
    if isinstance(changes, str):
        changes = json.loads(changes)
        if _STORED.encode(changes) != event["changes"]:
            raise ValueError("the JSON is not in the form in which it was written")
    return {**event, "changes": changes}


def event_mac(key: Secret[bytes], event: Mapping[str, Any]) -> str:
    """The event's `mac`, 64 hexadecimal digits."""
    return mac(key, canonical(event)).hex()


def storable(value: Any) -> Any:
    """A value as `changes` may hold it in either database, and read back equal.

    No float, whose text PostgreSQL and Python write differently; no NUL and no lone surrogate, which jsonb
    refuses.
    """
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, float | Decimal):
        return repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    if isinstance(value, Mapping):
        return {_clean(str(name)): storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable(part) for part in value]
    return value


def _clean(text: str) -> str:
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")

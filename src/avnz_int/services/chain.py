"""The audit chain: what is signed, and how one event follows another.

`mac` = hex HMAC-SHA-256, under the audit key named in `keyId`, of the event's canonical JSON: every other
column, keys sorted, no spaces, UTF-8, times as RFC 3339 text. `previousMac` is in it, so that an event can be
neither changed, removed, inserted nor moved without breaking its successor. Times are signed as text, so a
database copied from SQLite to PostgreSQL still verifies.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from avnz_int import clock
from avnz_int.crypto.cipher import mac
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Secret

SYSTEM = "system"
"""The chain of events that belong to no organization."""

GENESIS = "0" * 64
"""`previousMac` of a chain's first event."""

_stored = json_writer()
_sorted = json_writer(sort_keys=True)


def canonical(event: Mapping[str, Any]) -> bytes:
    """The signed form of an event given by its columns."""
    moment = event["occurredAt"]
    # Its members by name: written out, since an encoder for the whole takes three times as long.
    text = (
        f'{{"action":{_sorted(event["action"])}'
        f',"actorId":{_sorted(event["actorId"])}'
        f',"actorRole":{_sorted(event["actorRole"])}'
        f',"chain":{_sorted(event["chain"])}'
        f',"changes":{_sorted(event["changes"])}'
        f',"clientId":{_sorted(event["clientId"])}'
        f',"id":{_sorted(event["id"])}'
        f',"keyId":{_sorted(event["keyId"])}'
        f',"occurredAt":{_sorted(clock.rfc3339(moment) if isinstance(moment, datetime) else moment)}'
        f',"organizationId":{_sorted(event["organizationId"])}'
        f',"outcome":{_sorted(event["outcome"])}'
        f',"previousMac":{_sorted(event["previousMac"])}'
        f',"requestId":{_sorted(event["requestId"])}'
        f',"sequence":{_sorted(event["sequence"])}'
        f',"targetId":{_sorted(event["targetId"])}'
        f',"targetType":{_sorted(event["targetType"])}}}'
    )
    return text.encode("utf-8", "surrogatepass")


def as_signed(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as it was signed, from one as it is stored (`changes` may be text).

    Raises:
        ValueError: the text of `changes` is not JSON, or not written as we write it: two texts of one value
            could differ in a member that stands twice.
    """
    changes = event["changes"]
    if isinstance(changes, str):
        changes = json.loads(changes)
        if _stored(changes) != event["changes"]:
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
    kind = type(value)
    if value is None or kind is int or kind is bool:
        return value
    if isinstance(value, str):
        # Most are plain; an import of many rows asks this of a dozen values of each.
        return value if value.isascii() and "\0" not in value else _clean(value)
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


@dataclass(frozen=True, slots=True)
class Bad:
    """What is wrong with a chain, and the number of the first event that shows it, if one does."""

    sequence: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An event that a checkpoint remembers.

    Attributes:
        where: names the checkpoint, for people.
    """

    sequence: int
    mac: str
    where: str


class Walk:
    """Checks a chain event by event, first to last, and keeps nothing of them but the last MAC.

    Args:
        head: its AuditHead; events behind its `sequence` are not for this walk.
        material: audit key id -> key.
        mark: an event that must be there as it was.

    Attributes:
        name: of the chain.
        end: the sequence number of its last event, 0 where that cannot be read.
        count: events seen.
        wrong: the first thing that is wrong.
    """

    def __init__(
        self, head: Mapping[str, Any], material: Mapping[str, Secret[bytes]], mark: Mark | None = None
    ) -> None:
        self.name: str = head["chain"]
        self.end = 0
        self.count = 0
        self.wrong: Bad | None = None
        self._head_mac = head["mac"]
        self._material = material
        self._mark = mark
        self._sequence = 0
        self._previous = GENESIS
        if isinstance(head["sequence"], int):
            self.end = head["sequence"]
        else:  # SQLite keeps any text there
            self.wrong = Bad(None, f"the end (AuditHead) of the chain {self.name} was altered")

    def feed(self, event: Mapping[str, Any]) -> None:
        """Check the next event, as `db.audit` reads it."""
        self.count += 1
        if self.wrong is not None:
            return
        self._sequence += 1
        at = self._sequence
        if event["sequence"] != at:
            self.wrong = Bad(at, f"event {at} of the chain {self.name} is missing")
        elif event["previousMac"] != self._previous:
            self.wrong = Bad(at, f"event {at} of the chain {self.name} does not follow the one before it")
        else:
            self.wrong = self._wrong_mac(event)
        self._previous = event["mac"]
        mark = self._mark
        if self.wrong is None and mark is not None and at == mark.sequence and event["mac"] != mark.mac:
            self.wrong = Bad(
                at, f"event {at} of the chain {self.name} is another than {mark.where} holds: it was replaced"
            )

    @property
    def last(self) -> tuple[str, int, str]:
        """Chain, sequence number and MAC of the last event fed."""
        return self.name, self._sequence, self._previous

    def finish(self, beyond: int = 0) -> Bad | None:
        """What is wrong, once every event up to the end was fed; `beyond` stand behind the end."""
        last = self._sequence
        if self.wrong is None:
            mark = self._mark
            if last < self.end:
                self.wrong = Bad(last + 1, f"the chain {self.name} was cut off after event {last}")
            elif beyond:
                self.wrong = Bad(last + 1, f"the chain {self.name} was added to after event {last}")
            elif self._head_mac != self._previous:
                self.wrong = Bad(last or None, f"the end (AuditHead) of the chain {self.name} was altered")
            elif mark is not None and last < mark.sequence:
                self.wrong = Bad(
                    last + 1,
                    f"the chain {self.name} was cut off after event {last}: "
                    f"{mark.where} holds event {mark.sequence}",
                )
        return self.wrong

    def _wrong_mac(self, event: Mapping[str, Any]) -> Bad | None:
        key = self._material.get(event["keyId"])
        at = f"event {event['sequence']} of the chain {self.name}"
        if key is None:
            return Bad(event["sequence"], f"{at} names an audit key that is not here: {event['keyId']}")
        try:
            expected = event_mac(key, as_signed(event))
        except (TypeError, ValueError, RecursionError):  # a BLOB on SQLite, text that is not JSON
            expected = ""
        # As bytes: of text, compare_digest takes only ASCII.
        if not hmac.compare_digest(expected.encode(), str(event["mac"]).encode("utf-8", "replace")):
            return Bad(event["sequence"], f"{at} was altered")
        return None

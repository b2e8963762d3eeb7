"""What a face asks a service for: which of the things that are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from avnz_int.model.enums import AuditOutcome, Environment, Role


class DefaultClient(str):
    """The slug of a client that nobody named for this REF: bare names are its own, ids are found anywhere."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """What a listing is limited to; None means all."""

    environment: Environment | None = None
    category: str | None = None
    provider: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class TestSelection:
    """Which stored integrations to test; None and False limit nothing.

    Attributes:
        client: slug: those of one client, and the platform's that it uses.
        platform_only: the organization's own.
        stale_s: only those not tested for so many seconds.
    """

    __test__ = False  # pytest: this is no test class

    client: str | None = None
    platform_only: bool = False
    provider: str | None = None
    stale_s: float | None = None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What a listing of events is limited to; None means all. Times are inclusive.

    Attributes:
        limit: only the newest so many.
        before: time, chain and sequence number of an event: only those that a listing has before it.
    """

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    client_id: str | None = None
    role: Role | None = None
    outcome: AuditOutcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    before: tuple[datetime, str, int] | None = None

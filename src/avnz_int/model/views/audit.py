"""Events, and what a check of them found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class AuditView:
    """One audit event."""

    sequence: int
    occurred_at: datetime
    actor_id: str
    actor_role: str
    action: str
    target_type: str | None
    target_id: str | None
    client_id: str | None
    outcome: str
    changes: dict[str, Any] | None
    request_id: str
    id: str
    organization_id: str | None
    chain: str
    key_id: str
    previous_mac: str
    mac: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Result of checking the audit chains; `first_bad_sequence` is None when all is well."""

    valid: bool
    events: int
    first_bad_sequence: int | None
    reason: str | None

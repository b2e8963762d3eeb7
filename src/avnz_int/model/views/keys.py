"""Data keys and master keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RotationView:
    """State of the data keys: counts are of sealed credential values."""

    active_key_id: str
    resealed: int
    pending: int
    unreadable: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A data key that a master key wrapped."""

    id: str
    purpose: str
    status: str


@dataclass(frozen=True, slots=True)
class MasterKeyView:
    """One master key, never its material; what a keyring does not tell of it is None."""

    id: str
    state: str
    created_at: datetime | None
    age_days: int | None
    fingerprint: str | None
    data_keys: list[KeyUse]


@dataclass(frozen=True, slots=True)
class KeyringView:
    """The master keys of a keyring, the active one first, then those that data keys need beside."""

    keyring: str
    keys: list[MasterKeyView]

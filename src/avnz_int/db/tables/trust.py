"""Data keys and the audit trail."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Table, UniqueConstraint

from avnz_int.db import columns
from avnz_int.db.columns import metadata
from avnz_int.model.enums import (
    AuditOutcome,
    KeyPurpose,
    KeyStatus,
)

DataKey = Table(
    "DataKey",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("purpose"),
    columns.json("wrappedKey"),
    columns.text("masterKeyId"),
    columns.text("status"),
    columns.number("sealCount", big=True),
    columns.time("activatedAt"),
    columns.time("retiredAt", required=False),
    *columns.stamps(),
    columns.one_of("purpose", KeyPurpose),
    columns.one_of("status", KeyStatus),
    CheckConstraint('("status" = \'retired\') = ("wrappedKey" IS NULL)', name="material"),
    CheckConstraint('"sealCount" >= 0', name="sealCount"),
    columns.one_where("\"status\" = 'active'", "DataKey_one_active", "organizationId", "purpose"),
)
"""A data key, wrapped by a master key of the keyring; `retired` ones have no material left."""


AuditHead = Table(
    "AuditHead",
    metadata,
    columns.text("chain", key=True),
    columns.number("sequence", big=True),
    columns.text("mac"),
    CheckConstraint('"sequence" >= 0', name="sequence"),
)
"""The end of one audit chain; every writing transaction locks it first."""


AuditEvent = Table(
    "AuditEvent",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id", required=False),
    columns.text("chain", to="AuditHead.chain"),
    columns.number("sequence", big=True),
    columns.time("occurredAt"),
    columns.text("actorId"),
    columns.text("actorRole"),
    columns.text("action"),
    columns.text("targetType", required=False),
    columns.text("targetId", required=False),
    columns.text("clientId", required=False),
    columns.text("outcome"),
    columns.json("changes"),
    columns.text("requestId"),
    columns.text("keyId", to="DataKey.id"),
    columns.text("previousMac"),
    columns.text("mac"),
    UniqueConstraint("chain", "sequence"),
    columns.one_of("outcome", AuditOutcome),
    CheckConstraint('"sequence" > 0', name="sequence"),
    Index("AuditEvent_target_idx", "targetType", "targetId"),
    Index("AuditEvent_occurredAt_idx", "occurredAt"),
)
"""One recorded deed; append-only."""

"""Data keys and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from avnz_int.db import columns
from avnz_int.db.columns import Row
from avnz_int.model.enums import (
    AuditOutcome,
    KeyPurpose,
    KeyStatus,
)


class DataKey(Row, table=True):
    """A data key, wrapped by a master key of the keyring; `retired` ones have no material left."""

    __tablename__ = "DataKey"
    __table_args__ = (
        columns.one_of("purpose", KeyPurpose),
        columns.one_of("status", KeyStatus),
        CheckConstraint('("status" = \'retired\') = ("wrappedKey" IS NULL)', name="material"),
        CheckConstraint('"sealCount" >= 0', name="sealCount"),
        Index(
            "DataKey_one_active",
            "organizationId",
            "purpose",
            unique=True,
            postgresql_where=text("\"status\" = 'active'"),
            sqlite_where=text("\"status\" = 'active'"),
        ),
    )

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    purpose: str = columns.text()
    wrappedKey: dict[str, Any] | None = columns.json()
    masterKeyId: str = columns.text()
    status: str = columns.text()
    sealCount: int = Field(default=0, sa_type=BigInteger)
    activatedAt: datetime = columns.time()
    retiredAt: datetime | None = columns.time(required=False)
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class AuditHead(Row, table=True):
    """The end of one audit chain; every writing transaction locks it first."""

    __tablename__ = "AuditHead"
    __table_args__ = (CheckConstraint('"sequence" >= 0', name="sequence"),)

    chain: str = columns.text(key=True)
    sequence: int = Field(sa_type=BigInteger)
    mac: str = columns.text()


class AuditEvent(Row, table=True):
    """One recorded deed; append-only."""

    __tablename__ = "AuditEvent"
    __table_args__ = (
        UniqueConstraint("chain", "sequence"),
        columns.one_of("outcome", AuditOutcome),
        CheckConstraint('"sequence" > 0', name="sequence"),
        Index("AuditEvent_target_idx", "targetType", "targetId"),
        Index("AuditEvent_occurredAt_idx", "occurredAt"),
    )

    id: str = columns.text(key=True)
    organizationId: str | None = columns.text(to="Organization.id", required=False)
    chain: str = columns.text(to="AuditHead.chain")
    sequence: int = Field(sa_type=BigInteger)
    occurredAt: datetime = columns.time()
    actorId: str = columns.text()
    actorRole: str = columns.text()
    action: str = columns.text()
    targetType: str | None = columns.text(required=False)
    targetId: str | None = columns.text(required=False)
    clientId: str | None = columns.text(required=False)
    outcome: str = columns.text()
    changes: dict[str, Any] | None = columns.json()
    requestId: str = columns.text()
    keyId: str = columns.text(to="DataKey.id")
    previousMac: str = columns.text()
    mac: str = columns.text()

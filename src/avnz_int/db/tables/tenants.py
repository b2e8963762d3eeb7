"""The three levels of the hierarchy, and the tokens that act for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint

from avnz_int.db import columns
from avnz_int.db.columns import Row
from avnz_int.model.enums import (
    Role,
    Status,
)


class Organization(Row, table=True):
    """The platform itself."""

    __tablename__ = "Organization"

    id: str = columns.text(key=True)
    slug: str = columns.text(unique=True)
    name: str = columns.text()
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class Client(Row, table=True):
    """An agency: a customer of the organization."""

    __tablename__ = "Client"
    __table_args__ = (columns.one_of("status", Status, among=("active", "inactive")),)

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    slug: str = columns.text(unique=True)
    name: str = columns.text()
    status: str = columns.text(default="active")
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class Company(Row, table=True):
    """A customer of a client; it inherits all configuration."""

    __tablename__ = "Company"
    __table_args__ = (columns.one_of("status", Status, among=("active", "inactive")),)

    id: str = columns.text(key=True)
    clientId: str = columns.text(to="Client.id")
    slug: str = columns.text(unique=True)
    name: str = columns.text()
    status: str = columns.text(default="active")
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class Token(Row, table=True):
    """An access token: who may act, as what, until when. Of the token itself only a hash is kept."""

    __tablename__ = "Token"
    __table_args__ = (
        columns.one_of("role", Role),
        CheckConstraint('("role" = \'client_admin\') = ("clientId" IS NOT NULL)', name="client"),
        CheckConstraint('("revokedAt" IS NULL) = ("revokedBy" IS NULL)', name="revoked"),
    )

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    clientId: str | None = columns.text(to="Client.id", index=True, required=False)
    name: str = columns.text()
    role: str = columns.text()
    prefix: str = columns.text()
    hash: str = columns.text(unique=True)
    expiresAt: datetime | None = columns.time(required=False)
    lastUsedAt: datetime | None = columns.time(required=False)
    revokedAt: datetime | None = columns.time(required=False)
    revokedBy: str | None = columns.text(required=False)
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)

"""The three levels of the hierarchy, and the tokens that act for them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Table

from avnz_int.db import columns
from avnz_int.db.columns import metadata
from avnz_int.model.enums import (
    Role,
    Status,
)

Organization = Table(
    "Organization",
    metadata,
    columns.text("id", key=True),
    columns.text("slug", unique=True),
    columns.text("name"),
    *columns.stamps(),
)
"""The platform itself."""


Client = Table(
    "Client",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("slug", unique=True),
    columns.text("name"),
    columns.text("status", default="active"),
    *columns.stamps(),
    columns.one_of("status", Status, among=("active", "inactive")),
)
"""An agency: a customer of the organization."""


Company = Table(
    "Company",
    metadata,
    columns.text("id", key=True),
    columns.text("clientId", to="Client.id"),
    columns.text("slug", unique=True),
    columns.text("name"),
    columns.text("status", default="active"),
    *columns.stamps(),
    columns.one_of("status", Status, among=("active", "inactive")),
)
"""A customer of a client; it inherits all configuration."""


Token = Table(
    "Token",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("clientId", to="Client.id", index=True, required=False),
    columns.text("name"),
    columns.text("role"),
    columns.text("prefix"),
    columns.text("hash", unique=True),
    columns.time("expiresAt", required=False),
    columns.time("lastUsedAt", required=False),
    columns.time("revokedAt", required=False),
    columns.text("revokedBy", required=False),
    *columns.stamps(),
    columns.one_of("role", Role),
    CheckConstraint('("role" = \'client_admin\') = ("clientId" IS NOT NULL)', name="client"),
    CheckConstraint('("revokedAt" IS NULL) = ("revokedBy" IS NULL)', name="revoked"),
)
"""An access token: who may act, as what, until when. Of the token itself only a hash is kept."""

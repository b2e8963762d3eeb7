"""The credentials that were in force before, fingerprints of those in force, and access tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from avnz_int.db.types import Json, Sealed, Timestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("PlatformIntegration", "ClientIntegration"):
        _previous(table)
    _token()


def _previous(table: str) -> None:
    with op.batch_alter_table(table) as batch:
        batch.add_column(sa.Column("credentialsFingerprints", Json(), nullable=True))
        batch.add_column(sa.Column("previousCredentials", Sealed(), nullable=True))
        batch.add_column(sa.Column("previousCredentialsKeyId", sa.Text(), nullable=True))
        batch.add_column(sa.Column("previousCredentialsExpireAt", Timestamp(), nullable=True))
        batch.add_column(sa.Column("previousSettings", Json(), nullable=True))
        batch.add_column(sa.Column("previousEnvironment", sa.Text(), nullable=True))
        batch.create_foreign_key(
            f"{table}_previousCredentialsKeyId_fkey",
            "DataKey",
            ["previousCredentialsKeyId"],
            ["id"],
            ondelete="RESTRICT",
        )
        batch.create_check_constraint(
            f"{table}_previousEnvironment_check", "\"previousEnvironment\" IN ('sandbox', 'production')"
        )
        for name, column in (
            ("previousSealed", "previousCredentialsKeyId"),
            ("previousExpiry", "previousCredentialsExpireAt"),
            ("previousPlace", "previousEnvironment"),
        ):
            batch.create_check_constraint(
                f"{table}_{name}_check", f'("previousCredentials" IS NULL) = ("{column}" IS NULL)'
            )
    op.create_index(f"{table}_previousCredentialsKeyId_idx", table, ["previousCredentialsKeyId"])


def _token() -> None:
    op.create_table(
        "Token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("expiresAt", Timestamp(), nullable=True),
        sa.Column("lastUsedAt", Timestamp(), nullable=True),
        sa.Column("revokedAt", Timestamp(), nullable=True),
        sa.Column("revokedBy", sa.Text(), nullable=True),
        sa.Column("createdAt", Timestamp(), nullable=False),
        sa.Column("updatedAt", Timestamp(), nullable=False),
        sa.Column("createdBy", sa.Text(), nullable=False),
        sa.Column("updatedBy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="Token_pkey"),
        sa.UniqueConstraint("hash", name="Token_hash_key"),
        sa.ForeignKeyConstraint(
            ["organizationId"], ["Organization.id"], name="Token_organizationId_fkey", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["clientId"], ["Client.id"], name="Token_clientId_fkey", ondelete="RESTRICT"),
        sa.CheckConstraint(
            "\"role\" IN ('org_admin', 'client_admin', 'auditor', 'service')", name="Token_role_check"
        ),
        sa.CheckConstraint(
            '("role" = \'client_admin\') = ("clientId" IS NOT NULL)', name="Token_client_check"
        ),
        sa.CheckConstraint('("revokedAt" IS NULL) = ("revokedBy" IS NULL)', name="Token_revoked_check"),
    )
    op.create_index("Token_clientId_idx", "Token", ["clientId"])

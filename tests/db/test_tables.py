"""The tables: the names and types of the specification's models, and the rules that stand in the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Table, insert, text
from sqlalchemy.exc import IntegrityError

from avnz_int import clock
from avnz_int.db import tables
from avnz_int.db.engine import Database
from avnz_int.db.failures import violated_constraint
from avnz_int.db.types import Sealed, Timestamp
from support.rows import NOW, PLATFORM_MODE, ROWS, SEALED

MODELS = {
    "IntegrationDefinition": """id provider category name description logoUrl documentationUrl isOrgOnly
        isClientAllowed isPlatformOffered credentialSchema settingsSchema requiredCompliance status createdAt
        updatedAt""",
    "PlatformIntegration": """id organizationId provider category name description credentials settings
        environment isSharedWithClients clientPricing status lastTestedAt lastTestResult errorMessage
        createdAt updatedAt createdBy updatedBy""",
    "ClientIntegration": """id clientId provider category name description mode credentials
        platformIntegrationId settings environment usageThisMonth isDefault priority status lastTestedAt
        lastTestResult errorMessage isVerified verifiedAt verifiedBy createdAt updatedAt createdBy
        updatedBy""",
    "Organization": "id slug name createdAt updatedAt createdBy updatedBy",
    "Client": "id organizationId slug name status createdAt updatedAt createdBy updatedBy",
    "Company": "id clientId slug name status createdAt updatedAt createdBy updatedBy",
    "MerchantAccount": """id clientId organizationId clientIntegrationId platformIntegrationId provider name
        environment currency status externalReference createdAt updatedAt createdBy updatedBy""",
    "DataKey": """id organizationId purpose wrappedKey masterKeyId status sealCount activatedAt retiredAt
        createdAt updatedAt createdBy updatedBy""",
    "AuditEvent": """id organizationId chain sequence occurredAt actorId actorRole action targetType targetId
        clientId outcome changes requestId keyId previousMac mac""",
    "AuditHead": "chain sequence mac",
    "Token": """id organizationId clientId name role prefix hash expiresAt lastUsedAt revokedAt revokedBy
        createdAt updatedAt createdBy updatedBy""",
    "AccountPool": """id organizationId clientId name environment strategy createdAt updatedAt createdBy
        updatedBy""",
    "AccountPoolMember": """id poolId merchantAccountId priority weight transactionLimit monthlyLimit
        limitCurrency currencies createdAt updatedAt createdBy updatedBy""",
    "PriceVersion": """id organizationId platformIntegrationId clientId percentageFee flatFee monthlyMinimum
        currency effectiveAt createdAt createdBy""",
    "ActivationPeriod": "id clientId clientIntegrationId platformIntegrationId startedAt endedAt",
    "UsageRecord": """clientId type transactionId clientIntegrationId platformIntegrationId merchantAccountId
        amount currency occurredAt status refundOf priceVersionId billingMonth recordedAt""",
    "BillingMonth": "month organizationId closedAt closedBy",
    "Statement": """id organizationId clientId platformIntegrationId provider name month currency total
        feeSettings closedAt closedBy""",
    "StatementLine": """statementId number kind description month count volume amount priceVersionId""",
}
BEYOND = {
    *("credentialsKeyId", "credentialsUpdatedAt", "credentialsFingerprints", "previousCredentials"),
    *("previousCredentialsKeyId", "previousCredentialsExpireAt", "previousSettings", "previousEnvironment"),
}
OURS = {"PlatformIntegration": {"isDefaultForNewClients"}}


def table(name: str) -> Table:
    """A table of the models."""
    return tables.metadata.tables[name]


@pytest.fixture
def filled(database: Database) -> Iterator[Connection]:
    """A transaction in which every table has one row."""
    with database.write() as connection:
        for name, row in ROWS.items():
            connection.execute(insert(table(name)).values(**row))
        yield connection


def refusal(connection: Connection, name: str, /, **changes: Any) -> str:
    """Which constraint refuses a row like the table's one with these changes, in PostgreSQL's name of it."""
    savepoint = connection.begin_nested()
    with pytest.raises(IntegrityError) as caught:
        connection.execute(
            insert(table(name)).values(
                **(ROWS[name] | ({"id": "new"} if "id" in ROWS[name] else {}) | changes)
            )
        )
    savepoint.rollback()
    return violated_constraint(caught.value)


def accepted(connection: Connection, name: str, /, **changes: Any) -> None:
    """Insert a row like the table's one with these changes."""
    connection.execute(
        insert(table(name)).values(**(ROWS[name] | ({"id": "new"} if "id" in ROWS[name] else {}) | changes))
    )


@pytest.mark.parametrize("name", MODELS)
def test_columns(name: str) -> None:
    """A table has the columns of its model under their names; sealed ones also the key and the age."""
    extra = {column.name for column in table(name).columns} - set(MODELS[name].split())

    assert set(MODELS[name].split()) <= set(table(name).columns.keys())
    sealed = any(isinstance(c.type, Sealed) for c in table(name).columns)
    assert extra == (BEYOND if sealed else set()) | OURS.get(name, set())


def test_models() -> None:
    """There is a table for every model, and no other."""
    assert set(MODELS) == set(tables.metadata.tables) == set(ROWS)


def test_postgres_types(postgres_url: str) -> None:
    """In PostgreSQL the columns have the types that the platform's own services expect."""
    database = Database(postgres_url)
    with database.read() as connection:
        found = {
            (row.relname, row.attname): row.type
            for row in connection.execute(
                text(
                    "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type"
                    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
                    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
                )
            )
        }
    database.close()

    json = {
        "credentialSchema",
        "settingsSchema",
        "credentials",
        "settings",
        "clientPricing",
        "usageThisMonth",
    }
    json |= {"wrappedKey", "changes", "feeSettings"} | {"credentialsFingerprints", "previousCredentials"}
    json |= {"previousSettings"}
    for (name, column), kind in found.items():
        if name not in MODELS:
            continue
        if column in json:
            assert (column, kind) == (column, "jsonb")
        elif column.endswith("At"):
            assert (column, kind) == (column, "timestamp(3) with time zone")
        elif re.match("is[A-Z]", column):
            assert (column, kind) == (column, "boolean")
    assert found["IntegrationDefinition", "requiredCompliance"] == "text[]"
    assert found["ClientIntegration", "provider"] == "text"
    assert found["ClientIntegration", "category"] == "text"
    assert found["ClientIntegration", "priority"] == "integer"
    assert found["AuditEvent", "sequence"] == "bigint"


def test_round_trip(filled: Connection) -> None:
    """What is written is read again, times to the millisecond and in UTC, on both kinds alike."""
    for name, row in ROWS.items():
        (stored,) = filled.execute(table(name).select()).mappings()
        found = {key: stored[key] for key in row}
        if filled.dialect.name == "postgresql" and "credentials" in found:
            assert found["credentials"] == {"protected": "eyJ9"}
            found["credentials"] = SEALED
        assert row == found


def test_defaults(filled: Connection) -> None:
    """A row written by another service gets the specification's defaults from the database."""
    (platform,) = filled.execute(table("PlatformIntegration").select()).mappings()
    (client,) = filled.execute(table("ClientIntegration").select()).mappings()
    (definition,) = filled.execute(table("IntegrationDefinition").select()).mappings()
    defaults = {
        column.name: column.server_default is not None
        for name in ("PlatformIntegration", "ClientIntegration", "IntegrationDefinition")
        for column in table(name).columns
        if column.name in {"status", "environment", "priority"} or re.match("is[A-Z]", column.name)
    }

    assert all(defaults.values())
    assert ("production", False, "active") == (
        platform["environment"],
        platform["isSharedWithClients"],
        platform["status"],
    )
    assert ("production", 0, "pending", False) == (
        client["environment"],
        client["priority"],
        client["status"],
        client["isVerified"],
    )
    assert (False, True, False, "active") == (
        definition["isOrgOnly"],
        definition["isClientAllowed"],
        definition["isPlatformOffered"],
        definition["status"],
    )


def test_sqlite_times(sqlite_url: str) -> None:
    """On SQLite a time is RFC 3339 text with three digits, so that text order is time order."""
    database = Database(sqlite_url)
    with database.write() as connection:
        connection.execute(insert(table("Organization")).values(**ROWS["Organization"]))
        stored = connection.exec_driver_sql('SELECT "createdAt" FROM "Organization"').scalar()
    database.close()

    assert clock.rfc3339(NOW) == stored
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(stored))


def test_one_default(filled: Connection) -> None:
    """A client has one default for each category and environment, and any number that are none."""
    second = {"name": "Second", "isDefault": True}

    assert refusal(filled, "ClientIntegration", **second) in {
        "ClientIntegration_one_default",
        "ClientIntegration.clientId, ClientIntegration.category, ClientIntegration.environment",
    }
    accepted(filled, "ClientIntegration", **second, environment="sandbox")
    accepted(filled, "ClientIntegration", **second | {"id": "sms", "category": "sms", "name": "Third"})
    for number in range(3):
        values = {"id": f"n{number}", "name": f"N{number}", "isDefault": False}
        accepted(filled, "ClientIntegration", **values)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"credentials": None, "credentialsKeyId": None}, "own"),
        ({"mode": "platform"}, "own"),
        (PLATFORM_MODE | {"platformIntegrationId": None}, "platform"),
        ({"platformIntegrationId": "p"}, "platform"),
        ({"credentialsKeyId": None}, "sealed"),
        ({"mode": "rented"}, "mode"),
        ({"status": "sleeping"}, "status"),
        ({"environment": "staging"}, "environment"),
        ({"category": "pigeon"}, "category"),
        ({"lastTestResult": "maybe"}, "lastTestResult"),
        ({"isVerified": True}, "verified"),
        ({"verifiedAt": NOW}, "verified"),
    ],
)
def test_client_rules(filled: Connection, changes: dict[str, Any], constraint: str) -> None:
    """A client integration that contradicts itself is refused by the database, whoever writes it."""
    row = {"name": "Second", "isDefault": False} | changes

    # PostgreSQL names any of the rules that are broken, SQLite the first.
    broken = {constraint, "own", "platform"} if "mode" in changes else {constraint}
    assert refusal(filled, "ClientIntegration", **row) in {f"ClientIntegration_{x}_check" for x in broken}


def test_platform_mode(filled: Connection) -> None:
    """In platform mode a row has the platform integration and no credentials."""
    accepted(filled, "ClientIntegration", **PLATFORM_MODE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes", "constraint"),
    [
        ("PlatformIntegration", {"status": "pending", "provider": "x"}, "status"),
        ("PlatformIntegration", {"isSharedWithClients": True}, "pricing"),
        ("DataKey", {"purpose": "credentials", "status": "retired"}, "material"),
        ("DataKey", {"status": "decrypt_only", "wrappedKey": None}, "material"),
        ("DataKey", {"status": "decrypt_only", "sealCount": -1}, "sealCount"),
        ("DataKey", {"status": "decrypt_only", "purpose": "fun"}, "purpose"),
        ("IntegrationDefinition", {"isOrgOnly": True, "provider": "x"}, "audience"),
        ("IntegrationDefinition", {"status": "old", "provider": "x"}, "status"),
        ("MerchantAccount", {"clientIntegrationId": None}, "integration"),
        ("MerchantAccount", {"clientId": None}, "client"),
        ("MerchantAccount", {"status": "gone"}, "status"),
        ("Client", {"slug": "x", "status": "error"}, "status"),
        ("Company", {"slug": "x", "status": "error"}, "status"),
        ("AuditEvent", {"sequence": 0}, "sequence"),
        ("AuditEvent", {"sequence": 2, "outcome": "so-so"}, "outcome"),
        ("PlatformIntegration", {"isDefaultForNewClients": True, "provider": "x"}, "newClients"),
        ("PlatformIntegration", {"provider": "x", "previousEnvironment": "sandbox"}, "previousPlace"),
        ("PlatformIntegration", {"provider": "x", "previousCredentialsKeyId": "key"}, "previousSealed"),
        ("PlatformIntegration", {"provider": "x", "previousCredentialsExpireAt": NOW}, "previousExpiry"),
        ("Token", {"hash": "x", "clientId": None}, "client"),
        ("Token", {"hash": "x", "role": "auditor"}, "client"),
        ("Token", {"hash": "x", "role": "king", "clientId": None}, "role"),
        ("Token", {"hash": "x", "revokedAt": NOW}, "revoked"),
        ("AccountPool", {"name": "x", "strategy": "random"}, "strategy"),
        ("AccountPoolMember", {"poolId": "l2", "weight": -1}, "weight"),
        ("AccountPoolMember", {"poolId": "l2", "priority": -1}, "priority"),
        (
            "AccountPoolMember",
            {"poolId": "l2", "transactionLimit": 0, "limitCurrency": "USD"},
            "transactionLimit",
        ),
        ("AccountPoolMember", {"poolId": "l2", "monthlyLimit": 0, "limitCurrency": "USD"}, "monthlyLimit"),
        ("AccountPoolMember", {"poolId": "l2", "monthlyLimit": 5}, "limitCurrency"),
        ("PriceVersion", {"currency": "EUR", "flatFee": -1}, "fees"),
        (
            "ActivationPeriod",
            {"clientIntegrationId": "x", "endedAt": clock.parse_rfc3339("2000-01-01T00:00:00Z")},
            "order",
        ),
        ("UsageRecord", {"transactionId": "y", "amount": -1}, "amount"),
        ("UsageRecord", {"transactionId": "y", "status": "so-so"}, "status"),
        ("UsageRecord", {"type": "gift"}, "type"),
        ("StatementLine", {"number": 2, "kind": "gift"}, "kind"),
    ],
)
def test_rules(filled: Connection, name: str, changes: dict[str, Any], constraint: str) -> None:
    """A row outside the rules of its table is refused by the database."""
    assert refusal(filled, name, **changes) == f"{name}_{constraint}_check"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes", "columns"),
    [
        ("Organization", {}, ["slug"]),
        ("Client", {}, ["slug"]),
        ("Company", {}, ["slug"]),
        ("IntegrationDefinition", {}, ["provider"]),
        ("PlatformIntegration", {}, ["organizationId", "provider"]),
        ("ClientIntegration", {"isDefault": False}, ["clientId", "provider", "name"]),
        ("MerchantAccount", {}, ["clientIntegrationId"]),
        ("AuditEvent", {}, ["chain", "sequence"]),
        ("Token", {}, ["hash"]),
        ("AccountPool", {}, ["clientId", "name"]),
        ("AccountPoolMember", {}, ["poolId", "merchantAccountId"]),
        ("Statement", {}, ["clientId", "platformIntegrationId", "month", "currency"]),
    ],
)
def test_unique(filled: Connection, name: str, changes: dict[str, Any], columns: list[str]) -> None:
    """What must be unique is refused a second time."""
    assert refusal(filled, name, **changes) in {
        f"{name}_{'_'.join(columns)}_key",
        ", ".join(f"{name}.{column}" for column in columns),
    }


def test_one_active_key(filled: Connection) -> None:
    """An organization has one active data key for each purpose, and any number of older ones."""
    assert refusal(filled, "DataKey") in {
        "DataKey_one_active",
        "DataKey.organizationId, DataKey.purpose",
    }
    accepted(filled, "DataKey", purpose="audit")
    accepted(filled, "DataKey", id="older", status="decrypt_only")
    accepted(filled, "DataKey", id="oldest", status="decrypt_only")


def test_platform_account(filled: Connection) -> None:
    """A platform integration has one merchant account of the organization's own."""
    own = {"clientId": None, "clientIntegrationId": None, "platformIntegrationId": "p"}
    accepted(filled, "MerchantAccount", **own)

    assert refusal(filled, "MerchantAccount", **own, id="newer") in {
        "MerchantAccount_platform_account",
        "MerchantAccount.platformIntegrationId",
    }


FOREIGN_KEYS = sorted(
    (name, key.parent.name, key.column.table.name)
    for name in MODELS
    for key in tables.metadata.tables[name].foreign_keys
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "column", "target"), FOREIGN_KEYS)
def test_foreign_keys(filled: Connection, name: str, column: str, target: str) -> None:
    """A row cannot refer to what does not exist."""
    savepoint = filled.begin_nested()
    with pytest.raises(IntegrityError) as caught:
        filled.execute(table(name).update().values({column: "nobody"}))
    savepoint.rollback()

    assert violated_constraint(caught.value).endswith(("_fkey", "a foreign key", "_check"))


@pytest.mark.parametrize("name", sorted({target for _, _, target in FOREIGN_KEYS}))
def test_restrict(filled: Connection, name: str) -> None:
    """What others refer to cannot be deleted, and nothing is deleted along with it."""
    filled.execute(insert(table("ClientIntegration")).values(**(ROWS["ClientIntegration"] | PLATFORM_MODE)))
    savepoint = filled.begin_nested()
    with pytest.raises(IntegrityError):
        filled.execute(table(name).delete())
    savepoint.rollback()

    for other in MODELS:
        assert filled.execute(table(other).select()).first() is not None


def test_times_end_in_at() -> None:
    """A column is a time exactly where its name says so."""
    for each in tables.metadata.sorted_tables:
        for column in each.columns:
            assert column.name.endswith("At") is isinstance(column.type, Timestamp)

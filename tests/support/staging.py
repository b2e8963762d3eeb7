"""Integrations in every state, written into a database behind the services' back, with their accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from avnz_int import clock
from avnz_int.db import clients, definitions, keys, merchants, platform, pools, rows, tenants
from avnz_int.services import merchants as accounts
from avnz_int.wiring import Services
from support.scenes import ADMIN

SEALED = '{"protected":"eyJ9"}'
"""Opaque where nothing is opened."""
GONE = "gone"
"""The id of a retired key."""
_START = clock.now() - timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Own:
    """A client integration with its own credentials: active and verified but for `columns`."""

    name: str
    provider: str = "nmi"
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Using:
    """A client integration that uses the platform's of its provider."""

    name: str
    provider: str = "nmi"
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Platform:
    """The organization's integration of a provider, named after it: active, tested, not shared."""

    provider: str = "nmi"
    columns: Mapping[str, Any] = field(default_factory=dict)


Staged = Own | Using | Platform


def clear(services: Services) -> None:
    """Remove every integration, account and pool."""
    with services.database.write() as connection:
        for table in (
            pools.MEMBER,
            pools.POOL,
            merchants.ACCOUNT,
            clients.INTEGRATION,
            platform.PLATFORM,
        ):
            connection.execute(delete(table))


def stage(services: Services, staged: Sequence[Staged], *, client: str = "acme") -> dict[str, str]:
    """Name -> id of the integrations, each a minute older than the next; the platform's by their provider.

    `columns` may name the key `GONE`, which has no material left.
    """
    with services.database.write() as connection:
        organization = tenants.organization(connection)
        owner = tenants.by_slug(connection, tenants.CLIENT, client)
        assert organization is not None
        assert owner is not None
        key = _key(connection)
        categories = {row["provider"]: row["category"] for row in definitions.listing(connection)}
        ids: dict[str, str] = {}
        used: dict[str, str] = {
            row["provider"]: row["id"] for row in rows.every(connection, select(platform.PLATFORM))
        }
        for number, one in enumerate(staged):
            moment = _START + timedelta(minutes=number)
            base = {
                "id": clock.new_id(),
                "provider": one.provider,
                "category": categories[one.provider],
                "environment": "production",
                "status": "active",
                "createdAt": moment,
                "updatedAt": moment,
                "createdBy": "staged",
            }
            sealed = {"credentials": SEALED, "credentialsKeyId": key, "credentialsUpdatedAt": moment}
            if isinstance(one, Platform):
                row = {
                    **base,
                    **sealed,
                    "organizationId": organization["id"],
                    "name": one.provider,
                    "lastTestResult": "success",
                    **one.columns,
                }
                if row.get("isSharedWithClients"):
                    row["clientPricing"] = {"percentageFee": 1, "flatFee": 0, "monthlyMinimum": 0}
                rows.add(connection, platform.PLATFORM, row)
                accounts.follow_platform(connection, row, ADMIN, moment)
                used[one.provider] = ids[one.provider] = row["id"]
                continue
            of_platform = {"mode": "platform", "platformIntegrationId": used.get(one.provider)}
            mode = of_platform if isinstance(one, Using) else {"mode": "own", **sealed}
            row = {
                **base,
                **mode,
                "clientId": owner["id"],
                "name": one.name,
                "isVerified": True,
                **one.columns,
            }
            row["verifiedAt"] = moment if row["isVerified"] else None
            rows.add(connection, clients.INTEGRATION, row)
            now = clients.by_id(connection, row["id"])
            assert now is not None
            accounts.follow_client(connection, now, organization["id"], ADMIN, moment)
            ids[one.name] = row["id"]
        return ids


def _key(connection: Connection) -> str:
    """The id of the key in use; beside it there is one that is `GONE`."""
    found = {row["id"]: row for row in keys.listing(connection) if row["purpose"] == "credentials"}
    active = next(row for row in found.values() if row["status"] == "active")
    if GONE not in found:
        gone = {**active, "id": GONE, "status": "retired", "wrappedKey": None, "retiredAt": clock.now()}
        rows.add(connection, keys.KEY, gone)
    return str(active["id"])

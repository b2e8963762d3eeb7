"""What the database holds of what a manifest can describe, read in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from avnz_int.db import definitions as definition_rows
from avnz_int.db import manifests, pools, rows, tenants
from avnz_int.services import fingerprints
from avnz_int.services.integrations import Definition, sound
from avnz_int.services.prices import PriceBook
from avnz_int.services.vault import Vault
from avnz_int.services.work import Reading

PoolKey = tuple[str | None, str]
"""Client (None: the organization) and name."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything, by the names that a manifest uses.

    Attributes:
        clients: slug -> row.
        companies: slug -> row.
        platform: provider -> row, without what is sealed.
        integrations: (client, provider, name) -> row with its client's slug, without what is sealed.
        members: pool id -> rows of `db.pools`, those of closed accounts left out: nothing names them.
        named: id of an integration -> (provider, name), name None for a platform integration.
        damaged: the providers whose definition is, which are not among `definitions`.
        fingerprint_key: None where it does not open.
        slugs: client id -> slug.
        of_client: slug -> its integrations.
        bound: client id -> why the client cannot be removed; empty unless that was asked for.
    """

    organization: rows.Row
    clients: dict[str, rows.Row]
    companies: dict[str, rows.Row]
    platform: dict[str, rows.Row]
    integrations: dict[tuple[str, str, str], rows.Row]
    prices: PriceBook
    pools: dict[PoolKey, rows.Row]
    members: dict[str, list[rows.Row]]
    named: dict[str, tuple[str, str | None]]
    definitions: dict[str, Definition]
    damaged: frozenset[str]
    fingerprint_key: fingerprints.Key | None
    slugs: dict[str, str]
    of_client: dict[str, list[rows.Row]]
    bound: dict[str, str]


def load(work: Reading, vault: Vault, *, pruning: datetime | None = None) -> State:
    """The state; `pruning`: the moment for which it is asked which clients cannot be removed."""
    connection = work.connection
    clients = {row["slug"]: row for row in tenants.clients(connection)}
    integrations = manifests.client_integrations(connection)
    platform = manifests.platform_integrations(connection)
    named: dict[str, tuple[str, str | None]] = {
        row["id"]: (row["provider"], row["name"]) for row in integrations
    }
    named |= {row["id"]: (row["provider"], None) for row in platform}
    of_client: dict[str, list[rows.Row]] = {}
    for row in integrations:
        of_client.setdefault(row["client"], []).append(row)
    stored = {row["provider"]: row for row in definition_rows.listing(connection)}
    definitions = {row["provider"]: Definition.of(row) for row in sound(stored.values())}
    members: dict[str, list[rows.Row]] = {}
    for member in pools.members(connection):
        if member["clientIntegrationId"] or member["platformIntegrationId"]:
            members.setdefault(member["poolId"], []).append(member)
    return State(
        organization=work.organization,
        clients=clients,
        companies={row["slug"]: row for row in tenants.companies(connection)},
        platform={row["provider"]: row for row in platform},
        integrations={(row["client"], row["provider"], row["name"]): row for row in integrations},
        prices=PriceBook.load(connection),
        pools={(row["client"], row["name"]): row for row in pools.listing(connection)},
        members=members,
        named=named,
        definitions=definitions,
        damaged=frozenset(stored.keys() - definitions.keys()),
        fingerprint_key=vault.fingerprint_key(connection),
        slugs={row["id"]: slug for slug, row in clients.items()},
        of_client=of_client,
        bound={} if pruning is None else manifests.bound_clients(connection, pruning),
    )


def account_of(state: State, member: rows.Row) -> tuple[str, str | None]:
    """The integration whose account a member is: provider and name, name None for a platform's own."""
    return state.named[member["clientIntegrationId"] or member["platformIntegrationId"]]

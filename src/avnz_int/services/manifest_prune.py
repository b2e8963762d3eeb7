"""What a manifest does not name any more: only in the sections that it has, never the organization."""

from __future__ import annotations

from collections.abc import Mapping

from avnz_int.db import rows
from avnz_int.model.enums import TenantKind
from avnz_int.model.inputs import Unset
from avnz_int.model.manifest import Deed, Kind, Manifest, WantedClient
from avnz_int.services.manifest_integrations import users_of
from avnz_int.services.manifest_state import State
from avnz_int.services.manifest_steps import ClientStep, PlatformStep, PoolStep, Step, TenantStep


def pruned(state: State, manifest: Manifest) -> list[Step]:
    """The deletions, what depends on another before that other."""
    pools: list[Step] = []
    integrations: list[Step] = []
    companies: list[Step] = []
    clients: list[Step] = []
    wanted = {} if isinstance(manifest.clients, Unset) else {one.slug: one for one in manifest.clients}
    for (client, name), row in state.pools.items():
        if _pool_goes(manifest, wanted, client, name):
            step = PoolStep(Deed.DELETE, Kind.POOL, f"{client or 'platform'}/{name}", row)
            step.change("strategy", row["strategy"], None)
            pools.append(step)
    if not isinstance(manifest.clients, Unset):
        for slug, row in state.clients.items():
            kept = wanted.get(slug)
            if kept is None:
                clients.append(_tenant(row, TenantKind.CLIENT, state.bound.get(row["id"])))
            named = None if kept is None else kept.integrations
            if not isinstance(named, Unset):
                keys = {one.key for one in named or ()}
                integrations += [
                    _integration(one)
                    for one in state.of_client.get(slug, [])
                    if (slug, one["provider"], one["name"]) not in keys
                ]
        for slug, row in state.companies.items():
            owner = wanted.get(state.slugs[row["clientId"]])
            below = None if owner is None else owner.companies
            if not isinstance(below, Unset) and slug not in {one.slug for one in below or ()}:
                companies.append(_tenant(row, TenantKind.COMPANY, None))
    gone = {step.ref for step in integrations}
    return [*pools, *integrations, *companies, *clients, *_platform(state, manifest, gone)]


def _pool_goes(manifest: Manifest, wanted: Mapping[str, WantedClient], client: str | None, name: str) -> bool:
    if client is None:
        named = manifest.pools
    elif isinstance(manifest.clients, Unset):
        return False
    elif client not in wanted:
        return True
    else:
        named = wanted[client].pools
    return not isinstance(named, Unset) and name not in {one.name for one in named}


def _platform(state: State, manifest: Manifest, gone: set[str]) -> list[Step]:
    if isinstance(manifest.platform, Unset):
        return []
    named = {one.provider for one in manifest.platform}
    used = {
        one.provider: "/".join(one.key)
        for client in (() if isinstance(manifest.clients, Unset) else manifest.clients)
        for one in (() if isinstance(client.integrations, Unset) else client.integrations)
        if one.mode == "platform"
    }
    found: list[Step] = []
    for provider, row in state.platform.items():
        if provider in named:
            continue
        step = PlatformStep(Deed.DELETE, Kind.PLATFORM, f"platform/{provider}", row)
        for column in ("name", "environment", "status"):
            step.change(column, row[column], None)
        users = [ref for ref in users_of(state, row) if ref not in gone]
        users += [used[provider]] if provider in used and used[provider] not in users else []
        if users:
            step.refused = f"{', '.join(users)} use it"
        found.append(step)
    return found


def _integration(row: rows.Row) -> ClientStep:
    ref = f"{row['client']}/{row['provider']}/{row['name']}"
    step = ClientStep(Deed.DELETE, Kind.CLIENT, ref, row)
    for column in ("mode", "environment", "status"):
        step.change(column, row[column], None)
    return step


def _tenant(row: rows.Row, level: TenantKind, bound: str | None) -> TenantStep:
    step = TenantStep(Deed.DELETE, Kind.TENANT, row["slug"], row, level=level, slug=row["slug"])
    step.change("name", row["name"], None)
    step.refused = bound
    return step

"""What is to be done so that the database holds what a manifest asks for: pure, of what was read before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from avnz_int.errors import ConflictError
from avnz_int.model.enums import Category, Mode, TenantKind
from avnz_int.model.inputs import Unset
from avnz_int.model.manifest import (
    Deed,
    Kind,
    Manifest,
    Spot,
    WantedClient,
    WantedClientIntegration,
    WantedIntegration,
    WantedTenant,
)
from avnz_int.model.names import shown_name
from avnz_int.model.secret import Credentials
from avnz_int.services import manifest_pools
from avnz_int.services.manifest_fields import Problems
from avnz_int.services.manifest_integrations import Comparer, require_provider
from avnz_int.services.manifest_prune import pruned
from avnz_int.services.manifest_state import State
from avnz_int.services.manifest_steps import ClientStep, Step, TenantStep

T = TypeVar("T")


def every_integration(manifest: Manifest) -> Iterator[tuple[str, WantedIntegration]]:
    """(REF, integration) of both levels."""
    for platform in _each(manifest.platform):
        yield f"platform/{platform.provider}", platform
    for client in _each(manifest.clients):
        for integration in _each(client.integrations):
            yield "/".join(integration.key), integration


def require_known(state: State, manifest: Manifest, problems: Problems) -> None:
    """Report to `problems` each provider that does not exist.

    Raises:
        ConflictError: the file is another organization's.
        ForbiddenError: a provider is not for clients.
        InvalidInputError: one is unknown.
    """
    slug, there = manifest.organization_slug, state.organization["slug"]
    if slug != there and not isinstance(slug, Unset):
        raise ConflictError(
            f"{manifest.origin} is of the organization {slug}, this database of the organization {there}",
            hint="name the right database, or leave organization.slug out",
        )
    for _, wanted in every_integration(manifest):
        of_client = isinstance(wanted, WantedClientIntegration)
        require_provider(state, problems, wanted, of_client=of_client)
    problems.raise_any("avnz-int definitions list shows the providers")


def difference(
    state: State,
    manifest: Manifest,
    credentials: Mapping[str, Credentials],
    problems: Problems,
    *,
    moment: datetime,
    prune: bool,
) -> list[Step]:
    """The steps in the order in which they are to be taken.

    Args:
        state: what is there.
        manifest: what is wanted; `require_known` took it.
        credentials: ref -> those that the file names.
        problems: gets what is wrong with the file by what is there.
        moment: the present, by which prices are in force.
        prune: whether what the file does not name is to go.
    """
    return _Difference(state, manifest, credentials, problems, moment).steps(prune=prune)


class _Difference:
    def __init__(
        self,
        state: State,
        manifest: Manifest,
        credentials: Mapping[str, Credentials],
        problems: Problems,
        moment: datetime,
    ) -> None:
        self._state = state
        self._manifest = manifest
        self._problems = problems
        self._comparer = Comparer(state, problems, credentials, moment)
        self._offered = self._offers()
        self._wanted_clients = {client.slug: client for client in _each(manifest.clients)}

    def steps(self, *, prune: bool) -> list[Step]:
        found: list[Step | None] = [self._organization()]
        self._check_price_clients()
        found += [self._comparer.platform(wanted) for wanted in _each(self._manifest.platform)]
        for client in _each(self._manifest.clients):
            found += self._tenants(client)
        for client in _each(self._manifest.clients):
            found += self._integrations(client)
        pools = [*_each(self._manifest.pools)]
        for client in _each(self._manifest.clients):
            pools += _each(client.pools)
        found += [manifest_pools.compare(self._state, self._problems, pool, self._accounts) for pool in pools]
        found += pruned(self._state, self._manifest) if prune else []
        return [step for step in found if step is not None]

    # --- tenants -----------------------------------------------------------------------------

    def _organization(self) -> Step | None:
        name, row = self._manifest.organization_name, self._state.organization
        if isinstance(name, Unset) or name == row["name"]:
            return None
        step = TenantStep(
            Deed.UPDATE,
            Kind.TENANT,
            row["slug"],
            row,
            level=TenantKind.ORGANIZATION,
            slug=row["slug"],
            name=name,
        )
        step.change("name", row["name"], name)
        return step

    def _tenants(self, client: WantedClient) -> list[Step | None]:
        row = self._state.clients.get(client.slug)
        managed = not isinstance(client.integrations, Unset)
        step = self._tenant(client, TenantKind.CLIENT, row is not None)
        if step is not None and step.action is Deed.CREATE:
            step.enrolled = not managed
            default = [] if managed else self._enrolling()
            step.notes += [f"uses {ref}, as new clients do by default" for ref in default]
        found: list[Step | None] = [step]
        for company in _each(client.companies):
            below = self._tenant(company, TenantKind.COMPANY, company.slug in self._state.companies)
            if below is not None:
                below.under = client.slug
            there = self._state.companies.get(company.slug)
            owner = None if there is None else self._state.slugs[there["clientId"]]
            if owner not in {None, client.slug}:
                below = below or self._step_of(company, TenantKind.COMPANY)
                below.refused = f"it is a company of {owner}: a tenant cannot be moved"
            found.append(below)
        return found

    def _tenant(self, wanted: WantedTenant, level: TenantKind, there: bool) -> TenantStep | None:
        step = self._step_of(wanted, level)
        if there:
            row = step.row or {}
            if isinstance(wanted.name, Unset) or wanted.name == row["name"]:
                return None
            step.change("name", row["name"], wanted.name)
            return step
        step.action = Deed.CREATE
        step.change("name", None, step.name or wanted.slug)
        others = {TenantKind.CLIENT: self._state.companies, TenantKind.COMPANY: self._state.clients}[level]
        if wanted.slug in others or wanted.slug == self._state.organization["slug"]:
            step.refused = "the slug is taken by another kind of tenant"
        return step

    def _step_of(self, wanted: WantedTenant, level: TenantKind) -> TenantStep:
        held = self._state.clients if level is TenantKind.CLIENT else self._state.companies
        return TenantStep(
            Deed.UPDATE,
            Kind.TENANT,
            wanted.slug,
            held.get(wanted.slug),
            level=level,
            slug=wanted.slug,
            name=None if isinstance(wanted.name, Unset) else wanted.name,
        )

    def _enrolling(self) -> list[str]:
        """The platform integrations that new clients will use from their first day."""
        default = {
            provider for provider, row in self._state.platform.items() if row["isDefaultForNewClients"]
        }
        for wanted in _each(self._manifest.platform):
            share = wanted.share
            if share is None or (not isinstance(share, Unset) and share.default_for_new is False):
                default.discard(wanted.provider)
            elif not isinstance(share, Unset) and share.default_for_new is True:
                default.add(wanted.provider)
        return [f"platform/{provider}" for provider in sorted(default)]

    # --- integrations ------------------------------------------------------------------------

    def _offers(self) -> dict[str, str]:
        """Provider -> environment of what will be offered to clients."""
        found = {
            provider: row["environment"]
            for provider, row in self._state.platform.items()
            if row["isSharedWithClients"]
        }
        for wanted in _each(self._manifest.platform):
            row = self._state.platform.get(wanted.provider)
            if wanted.share is None:
                found.pop(wanted.provider, None)
            elif not isinstance(wanted.share, Unset) or wanted.provider in found:
                before = "production" if row is None else row["environment"]
                given = wanted.environment
                found[wanted.provider] = before if isinstance(given, Unset) else given.value
        return found

    def _integrations(self, client: WantedClient) -> list[Step | None]:
        found: list[Step | None] = []
        defaults: dict[tuple[str, str], str] = {}
        for wanted in _each(client.integrations):
            step = self._comparer.client(wanted, self._offered.get(wanted.provider))
            found.append(step)
            if wanted.is_default is True:
                self._default(client, wanted, step, defaults)
        return found

    def _default(
        self,
        client: WantedClient,
        wanted: WantedClientIntegration,
        step: ClientStep | None,
        defaults: dict[tuple[str, str], str],
    ) -> None:
        """Two defaults are a mistake; one that takes another's place is told."""
        category = self._state.definitions[wanted.provider].category
        group = (category, self._environment(wanted))
        first = defaults.setdefault(group, str(wanted.name))
        if first != wanted.name:
            self._problems.add(
                wanted.spot, f"default: {first!r} is the default of {category} in {group[1]} already"
            )
        named = {
            one.key
            for one in _each(client.integrations)
            if not isinstance(one.is_default, Unset) and one.is_default is False
        }
        for row in self._state.of_client.get(client.slug, []):
            key = (row["client"], row["provider"], row["name"])
            same = row["isDefault"] and (row["category"], row["environment"]) == group
            if same and step is not None and key != wanted.key and key not in named:
                step.notes.append(f"{row['provider']}/{row['name']} is the default no more")

    def _environment(self, wanted: WantedClientIntegration) -> str:
        if wanted.mode is Mode.PLATFORM:
            return self._offered.get(wanted.provider, "production")
        if not isinstance(wanted.environment, Unset):
            return wanted.environment.value
        row = self._state.integrations.get(wanted.key)
        return "production" if row is None else str(row["environment"])

    def _check_price_clients(self) -> None:
        for wanted in _each(self._manifest.platform):
            share = wanted.share
            for price in () if share is None or isinstance(share, Unset) else share.prices:
                known = price.client in self._state.clients or price.client in self._wanted_clients
                if price.client is not None and not known:
                    spot = Spot(price.spot.line, f"{price.spot.path}.client")
                    self._problems.add(spot, f"no client {shown_name(price.client)!r}")

    # --- pools -------------------------------------------------------------------------------

    def _accounts(
        self, client: str | None, provider: str | None, name: str | None
    ) -> list[tuple[str, str | None]]:
        """The payment gateways that there will be and that fit; `client` None: the organization's."""
        if client is None:
            there = {*self._state.platform, *(one.provider for one in _each(self._manifest.platform))}
            return [(provider, None)] if provider in there and self._takes_payments(provider) else []
        keys = {(row["provider"], row["name"]) for row in self._state.of_client.get(client, [])}
        wanted = self._wanted_clients.get(client)
        keys |= {(one.provider, str(one.name)) for one in _each(wanted.integrations if wanted else ())}
        return [
            key
            for key in sorted(keys)
            if key[1] == name and provider in {None, key[0]} and self._takes_payments(key[0])
        ]

    def _takes_payments(self, provider: str | None) -> bool:
        found = self._state.definitions.get(provider or "")
        return found is not None and found.category == Category.PAYMENT_GATEWAY


def _each(found: Iterable[T] | Unset) -> Iterable[T]:
    return () if isinstance(found, Unset) else found

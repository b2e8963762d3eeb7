"""Reference data: the definitions in force, and copying the seeds into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.crypto.cipher import destination_digest
from avnz_int.db import clients, definitions, platform, rows
from avnz_int.definitions import env_names, loader, plugins, schema
from avnz_int.definitions.loader import Seed
from avnz_int.errors import InUseError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, DefinitionStatus
from avnz_int.model.filters import Filter
from avnz_int.model.views.definitions import DefinitionView, SeedReport
from avnz_int.services import access, field_order, integrations
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing

_TABLE = "IntegrationDefinition"
_SEEDED = (
    "category",
    "name",
    "description",
    "logoUrl",
    "documentationUrl",
    "isOrgOnly",
    "isClientAllowed",
    "isPlatformOffered",
    "credentialSchema",
    "settingsSchema",
    "requiredCompliance",
    "status",
)


@dataclass(frozen=True, slots=True)
class Seeds:
    """Definitions as their seeds state them.

    Attributes:
        sound: those that are fit to be used.
        left_out: providers of installed plugins whose seeds are not; `prune` spares what they had before.
    """

    sound: list[Seed]
    left_out: frozenset[str] = frozenset()


class Definitions:
    """Lists, shows and seeds definitions.

    Args:
        work: the database.
        notify: told of plugins that are left out.
    """

    def __init__(self, work: Work, notify: Notify = lambda _: None) -> None:
        self._work = work
        self._notify = notify

    def listing(
        self, actor: Actor, *, category: str | None = None, client_allowed: bool = False
    ) -> list[DefinitionView]:
        """The definitions in force; a client_admin sees those that clients may use."""
        with self._work.reading(actor, Action.DEFINITION_READ) as work:
            only_clients = client_allowed or actor.client_id is not None
            found = definitions.listing(work.connection, category=category, client_allowed=only_clients)
            return [_view(row) for row in found]

    def show(self, actor: Actor, provider: str) -> DefinitionView:
        """One definition in force.

        Raises:
            UnknownProviderError: none that the actor may know of.
        """
        with self._work.reading(actor, Action.DEFINITION_READ) as work:
            if actor.client_id is not None:
                return _view(integrations.client_definition_row(work.connection, actor, provider))
            return _view(integrations.definition_row(work.connection, provider))

    def seed(self, actor: Actor, *, directory: Path | None = None, prune: bool = False) -> SeedReport:
        """What copying the seeds changed; a second time nothing.

        Args:
            actor: an org_admin.
            directory: other seeds than those shipped and those of plugins.
            prune: deprecate definitions that have no seed.

        Raises:
            InvalidDefinitionError: a seed breaks a rule; nothing was changed.
            InUseError: a seed would send stored credentials elsewhere; nothing was changed.
        """
        with self._work.reading(actor, Action.DEFINITION_SEED):
            access.require_admin(actor, Action.DEFINITION_SEED)
        seeds = valid_seeds(directory, self._notify)
        with self._work.writing(actor, Action.DEFINITION_SEED, system=True) as work:
            return apply(work, seeds, prune=prune)

    def compare(self, actor: Actor, *, directory: Path | None = None, prune: bool = False) -> SeedReport:
        """What `seed` would change."""
        with self._work.reading(actor, Action.DEFINITION_READ) as work:
            access.require(actor, Action.DEFINITION_READ, *access.READERS)
            seeds = valid_seeds(directory, self._notify)
            return _compared(work.connection, seeds, prune=prune, act=lambda *_: None)


def valid_seeds(directory: Path | None, notify: Notify) -> Seeds:
    """The seeds of a folder; without one, those shipped and, as far as they are sound, those of plugins.

    Args:
        directory: the folder.
        notify: told of each plugin that is left out.

    Raises:
        InvalidDefinitionError: names file, path and rule of everything that is wrong.
    """
    seeds = loader.read_seeds(directory)
    problems = [problem for seed in seeds for problem in schema.validate_definition(seed)]
    problems += [] if problems else env_names.clashes(seeds)
    if problems:
        raise loader.invalid_definitions(problems)
    if directory is not None:
        return Seeds(seeds)
    found = plugins.find()
    for plugin in found:
        if plugin.seed is None:
            notify(plugin.refusal)
    return Seeds(
        seeds + [plugin.seed for plugin in found if plugin.seed is not None],
        frozenset(plugin.provider for plugin in found if plugin.seed is None),
    )


def apply(work: Writing, seeds: Seeds, *, prune: bool = False) -> SeedReport:
    """Copy seeds into the open transaction, with an event for each definition that changed."""

    def act(row: rows.Row | None, values: dict[str, Any], provider: str) -> None:
        moment = clock.now()
        if row is None:
            made = {"id": clock.new_id(), "provider": provider, "createdAt": moment, "updatedAt": moment}
            rows.add(work.connection, definitions.DEFINITION, values | made)
            work.record({"provider": provider, "created": True}, target=Target(_TABLE, made["id"]))  # type: ignore[arg-type]  # an id is a str
            return
        _require_same_destinations(work, row, values)
        changed = {name: value for name, value in values.items() if row[name] != value}
        rows.change(work.connection, definitions.DEFINITION, row["id"], changed | {"updatedAt": moment})
        facts = {"provider": provider, "fields": sorted(changed)}
        work.record(facts, target=Target(_TABLE, row["id"]))

    return _compared(work.connection, seeds, prune=prune, act=act)


def _compared(
    connection: Connection,
    seeds: Seeds,
    *,
    prune: bool,
    act: Callable[[rows.Row | None, dict[str, Any], str], None],
) -> SeedReport:
    report = SeedReport()
    stored = {row["provider"]: row for row in definitions.listing(connection)}
    for seed in seeds.sound:
        row = stored.pop(seed.provider, None)
        values = _values(seed)
        if row is not None and all(row[name] == values[name] for name in _SEEDED):
            report.unchanged.append(seed.provider)
            continue
        (report.created if row is None else report.updated).append(seed.provider)
        act(row, values, seed.provider)
    if prune:
        for provider, row in sorted(stored.items()):
            if provider not in seeds.left_out and row["status"] != DefinitionStatus.DEPRECATED:
                report.deprecated.append(provider)
                act(row, {"status": DefinitionStatus.DEPRECATED.value}, provider)
    return report


def _require_same_destinations(work: Reading, row: rows.Row, values: dict[str, Any]) -> None:
    """A seed that marks other settings as destinations would make stored credentials unreadable."""
    # A damaged schema tells nothing of what was sealed by it; its seed is what mends it.
    if "settingsSchema" not in values or not _tells(row["settingsSchema"]):
        return
    old = schema.destination_fields(row["settingsSchema"])
    new = schema.destination_fields(values["settingsSchema"])
    if set(old) == set(new):
        return
    limits = Filter(provider=row["provider"])
    stored = [(f"platform/{r['provider']}", r) for r in platform.listing(work.connection, limits)]
    stored += [
        (f"{r['client']}/{r['provider']}/{r['name']}", r)
        for r in clients.listing(work.connection, limits)
        if r["credentials"] is not None
    ]
    moved = [
        {"id": r["id"], "ref": ref}
        for ref, r in stored
        for settings in [integrations.settings_of(r["settings"])]
        if destination_digest(settings, old) != destination_digest(settings, new)
    ]
    if moved:
        raise InUseError(
            f"the seed of {row['provider']} marks other settings as destinations, which "
            f"{', '.join(one['ref'] for one in moved)} set: their credentials would not open any more",
            hint="delete these integrations first and add them again after seeding",
            details={"dependents": moved},
        )


def _tells(stored: object) -> bool:
    return stored is None or schema.is_sound(stored)


def _values(seed: Seed) -> dict[str, Any]:
    return {
        "category": seed.category.value,
        "name": seed.name,
        "description": seed.description,
        "logoUrl": seed.logo_url,
        "documentationUrl": seed.documentation_url,
        "isOrgOnly": seed.is_org_only,
        "isClientAllowed": seed.is_client_allowed,
        "isPlatformOffered": seed.is_platform_offered,
        "credentialSchema": field_order.kept(seed.credential_schema),
        "settingsSchema": field_order.kept(seed.settings_schema),
        "requiredCompliance": list(seed.required_compliance),
        "status": seed.status.value,
    }


def _view(row: rows.Row) -> DefinitionView:
    return DefinitionView(
        id=row["id"],
        provider=row["provider"],
        category=row["category"],
        name=row["name"],
        description=row["description"],
        logo_url=row["logoUrl"],
        documentation_url=row["documentationUrl"],
        is_org_only=row["isOrgOnly"],
        is_client_allowed=row["isClientAllowed"],
        is_platform_offered=row["isPlatformOffered"],
        credential_schema=field_order.shown(row["credentialSchema"]),
        settings_schema=field_order.shown_settings(row["settingsSchema"]),
        required_compliance=row["requiredCompliance"],
        status=row["status"],
        created_at=row["createdAt"],
        updated_at=row["updatedAt"],
    )

"""Which integrations `run` uses: those that REFs name, or those in force as `candidates` says."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from avnz_int.db import clients, definitions, platform, resolution, rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnverifiedError,
    UsageError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.encode import encode
from avnz_int.model.enums import Action, Category, Environment, Mode
from avnz_int.model.filters import Filter
from avnz_int.model.routing import REASONS, CandidateView, Level, Rule
from avnz_int.model.running import RunWanted
from avnz_int.services import access, candidates, integrations, layers, refs
from avnz_int.services.candidates import Candidate, Surroundings
from avnz_int.services.integrations import Definition
from avnz_int.services.vault import Notify
from avnz_int.services.work import Writing

_UNTESTED = frozenset({Rule.PENDING, Rule.UNVERIFIED, Rule.PLATFORM_UNVERIFIED})
# Nobody knows whether these would serve: they are opened, so that the key that is missing is named.
_LOCKED = frozenset({Rule.UNREADABLE, Rule.PLATFORM_UNREADABLE})


@dataclass(frozen=True, slots=True)
class Chosen:
    """An integration to be used.

    Attributes:
        row: of the client or the platform integration that was asked for.
        holder: the row that holds the credentials: itself, or in platform mode the platform's.
        settings: as `resolve` shows them.
    """

    table: str
    row: rows.Row
    holder_table: str
    holder: rows.Row
    found: Definition
    settings: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What no other integration has."""
        return self.table, self.row["id"]

    @property
    def name(self) -> str:
        """What people call it; a client's integrations of several providers may share a name."""
        if self.table == PLATFORM_TABLE:
            return f"{refs.PLATFORM_WORD}/{self.row['provider']}"
        return f"{self.row['client']}/{self.row['provider']}/{self.row['name']}"

    @property
    def target(self) -> Target:
        """For the audit event."""
        return Target(self.table, self.row["id"], self.row.get("clientId"))


def chosen(work: Writing, actor: Actor, wanted: RunWanted, notify: Notify) -> list[Chosen]:
    """What is asked for, none of it opened.

    Raises:
        NotFoundError: no such tenant or REF; or nothing is in force, then `details["candidates"]` says why.
        ForbiddenError: the role may not, or the credentials are the platform's and the actor a client's.
        ConflictError, UnverifiedError: a REF names what is not in force.
        InvalidInputError: a REF names what is of another environment.
        UsageError: nobody is named.
    """
    if wanted.refs:
        return [_named(work, actor, wanted, ref) for ref in wanted.refs]
    environment = wanted.environment or Environment.PRODUCTION
    whose = refs.PLATFORM_WORD
    seen: list[CandidateView] = []
    if wanted.platform:
        access.require_use(actor, Action.CREDENTIALS_READ)
        picked = _of_platform(work, actor, wanted, environment, seen)
    else:
        if actor.client_id is None and wanted.client is None and wanted.company is None:
            raise UsageError("whose credentials?", hint="give --client, --company, --platform or a REF")
        owner = refs.owner(work.connection, actor, wanted.client, wanted.company)
        whose = owner["slug"]
        access.require_use(actor, Action.CREDENTIALS_READ, owner)
        work.target = Target(CLIENT_TABLE, client_id=owner["id"])
        found = list(_in_force(work, actor, wanted, environment, owner["id"], seen, notify))
        picked = list(_given(work, actor, wanted, found, notify))
    if not picked:
        raise _none(whose, wanted, environment, seen)
    return picked


def _named(work: Writing, actor: Actor, wanted: RunWanted, ref: str) -> Chosen:
    if wanted.platform:
        access.require_use(actor, Action.CREDENTIALS_READ)
        table, row = PLATFORM_TABLE, refs.platform_integration(work.connection, ref)
    else:
        slug = wanted.client
        if wanted.company is not None:
            slug = refs.owner(work.connection, actor, wanted.client, wanted.company)["slug"]
        table, row = refs.integration(work.connection, actor, ref, slug)
    around = Surroundings.read(
        work.connection, actor, Category(row["category"]), Environment(row["environment"])
    )
    level = Level.CLIENT if table == CLIENT_TABLE else Level.ORGANIZATION
    one = _made(work.connection, level, row, around)
    work.target = one.target
    of = {"id": row["clientId"], "slug": row["client"]} if table == CLIENT_TABLE else None
    access.require_use(actor, Action.CREDENTIALS_READ, of)
    _require_given(actor, one)
    if wanted.environment not in {None, row["environment"]}:
        raise InvalidInputError(f"{one.name} is in {row['environment']}, not in {wanted.environment}")
    of_client = level is Level.CLIENT
    rule = candidates.refusal(row, around) if of_client else candidates.platform_refusal(row, around)
    if rule is not None and rule not in _LOCKED:
        raise _refused(one, rule)
    return one


def _of_platform(
    work: Writing, actor: Actor, wanted: RunWanted, environment: Environment, seen: list[CandidateView]
) -> list[Chosen]:
    """All of the organization's that can serve; `seen` gets those that cannot."""
    picked: list[Chosen] = []
    found = platform.listing(work.connection, Filter(environment, wanted.category, wanted.provider))
    for category in sorted({row["category"] for row in found}):
        around = Surroundings.read(work.connection, actor, Category(category), environment)
        for row in found:
            if row["category"] != category:
                continue
            rule = candidates.platform_refusal(row, around)
            if rule is None or rule in _LOCKED:
                picked.append(_made(work.connection, Level.ORGANIZATION, row, around))
            else:
                seen.append(Candidate(row, Level.ORGANIZATION, rule, None).view(around))
    return picked


def _in_force(
    work: Writing,
    actor: Actor,
    wanted: RunWanted,
    environment: Environment,
    client_id: str,
    seen: list[CandidateView],
    notify: Notify,
) -> Iterator[Chosen]:
    """Of each category the first that can serve; `seen` gets every candidate.

    The organization's own serve a client where their category or provider is asked for, and not unasked: a
    command for a client is not to have every secret that the organization holds.
    """
    asked = wanted.category is not None or wanted.provider is not None
    for category in _categories(work.connection, wanted, environment, client_id):
        around = Surroundings.read(work.connection, actor, category, environment)
        own = resolution.client_candidates(work.connection, category, client_id)
        found = [
            one
            for one in candidates.ordered(own, around)
            if wanted.provider in {None, one.row["provider"]} and (asked or one.level is Level.CLIENT)
        ]
        seen += [one.view(around) for one in found]
        locked = [one for one in found if one.rule in _LOCKED]
        taken = next((one for one in found if one.position is not None), None)
        if taken is not None:
            for one in locked:
                notify(f"{one.row['name']} ({one.row['provider']}) is passed over: {REASONS[one.rule]}")
        elif locked:
            taken = locked[0]
        if taken is not None:
            row = _whole(work.connection, taken.level, taken.row["id"])
            yield _made(work.connection, taken.level, row, around)


def _categories(
    connection: Connection, wanted: RunWanted, environment: Environment, client_id: str
) -> list[Category]:
    """The category that is asked for, by itself or by its provider; else each in which the client has any."""
    if wanted.provider is not None:
        definition = definitions.by_provider(connection, wanted.provider)
        found = set() if definition is None else {definition["category"]}
        return [Category(name) for name in found if wanted.category in {None, name}]
    if wanted.category is not None:
        return [Category(wanted.category)]
    listed = clients.listing(connection, Filter(environment), client_id=client_id)
    return [Category(name) for name in sorted({row["category"] for row in listed})]


def _given(
    work: Writing, actor: Actor, wanted: RunWanted, found: Sequence[Chosen], notify: Notify
) -> Iterator[Chosen]:
    """Those whose credentials the actor may have: what a client was not asked for is left out, and told.

    Raises:
        ForbiddenError: it was asked for.
    """
    for one in found:
        if actor.client_id is None or one.holder_table == CLIENT_TABLE:
            yield one
            continue
        if wanted.category or wanted.provider:
            work.target = one.target
            _require_given(actor, one)
        notify(f"{one.name} uses the platform's credentials, which are not given out: left out")


def _whole(connection: Connection, level: Level, row_id: str) -> rows.Row:
    """The row with its credentials, which the queries of `db.resolution` leave where they are."""
    by_id = clients.by_id if level is Level.CLIENT else platform.by_id
    row = by_id(connection, row_id)
    if row is None:
        raise NotFoundError(f"the integration {row_id} was deleted meanwhile")
    return row


def _made(connection: Connection, level: Level, row: rows.Row, around: Surroundings) -> Chosen:
    found = integrations.definition(connection, row["provider"])
    table = CLIENT_TABLE if level is Level.CLIENT else PLATFORM_TABLE
    holder_table, holder = table, row
    if level is Level.CLIENT and row["mode"] == Mode.PLATFORM:
        holder_table, holder = (
            PLATFORM_TABLE,
            _whole(connection, Level.ORGANIZATION, row["platformIntegrationId"]),
        )
    settings, _ = layers.settings_of(Candidate(row, level, Rule.STANDBY, None), around)
    return Chosen(table, row, holder_table, holder, found, settings)


def _require_given(actor: Actor, one: Chosen) -> None:
    """Refuse to give a client what is the platform's.

    Raises:
        ForbiddenError: it would.
    """
    if actor.client_id is not None and one.holder_table == PLATFORM_TABLE:
        raise ForbiddenError(
            f"{one.name} uses the platform's credentials, which are not given to clients",
            hint="add an integration with credentials of your own: avnz-int client add --mode own",
        )


def _refused(one: Chosen, rule: Rule) -> ConflictError:
    test = shlex.join(("avnz-int", "test", one.name))
    if rule in _UNTESTED:
        return UnverifiedError(f"{one.name} has not passed a connection test", hint=test)
    return ConflictError(f"{one.name} is not in force: {REASONS[rule]}", hint=f"{test}, then enable it")


def _none(
    whose: str, wanted: RunWanted, environment: Environment, seen: Sequence[CandidateView]
) -> NotFoundError:
    what = wanted.provider or wanted.category or "any category"
    # Of what is in force and was left out, a notice has told why.
    why = "; ".join(f"{one.provider} {one.name}: {one.reason}" for one in seen if one.position is None)
    if not why and seen:
        what += " that may be given"
    return NotFoundError(
        f"nothing is in force for {whose} in {what} ({environment})" + (f": {why}" if why else ""),
        hint="avnz-int client list and platform list show what there is; --environment chooses another world",
        details={"candidates": encode(list(seen))},
    )

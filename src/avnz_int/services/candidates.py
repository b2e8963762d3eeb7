"""The rules that take or drop an integration: the same for `resolve` and for routing, here and nowhere else.

In force is the client's default, else the one with the lowest priority number, else the oldest; after the
client's own, where the category allows it, the organization's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection

from avnz_int.db import definitions, keys, resolution, rows
from avnz_int.definitions import schema
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Category, Environment, Mode, Status
from avnz_int.model.lifecycle import effective
from avnz_int.model.routing import REASONS, CandidateView, Level, Rule
from avnz_int.services import integrations

_OF_STATUS = {
    Status.INACTIVE.value: Rule.INACTIVE,
    Status.PENDING.value: Rule.PENDING,
    Status.ERROR.value: Rule.FAILING,
}
_OF_PLATFORM = {
    Rule.INACTIVE: Rule.PLATFORM_INACTIVE,
    Rule.FAILING: Rule.PLATFORM_FAILING,
    Rule.UNVERIFIED: Rule.PLATFORM_UNVERIFIED,
    Rule.UNREADABLE: Rule.PLATFORM_UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a definition says of settings, read once for all who use it.

    Attributes:
        values: of the settings that have a default.
        destinations: the settings that decide where credentials are sent.
    """

    values: Mapping[str, Any]
    destinations: frozenset[str]

    @classmethod
    def of(cls, rules: Mapping[str, Any] | None) -> Defaults:
        """From a settings schema."""
        return cls(schema.with_defaults(rules, None), frozenset(schema.destination_fields(rules)))


_NO_DEFAULTS = Defaults({}, frozenset())


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the candidates of every client are judged by.

    Attributes:
        definitions: provider -> row of the definition in force.
        platforms: id -> row of `db.resolution.platform_candidates`, the oldest first.
        readable: ids of the keys that still have material.
        defaults: provider -> what its definition says of settings.
        of_client: whether somebody asks to whom the organization's own integrations do not exist.
    """

    category: Category
    environment: Environment
    definitions: Mapping[str, rows.Row]
    platforms: Mapping[str, rows.Row]
    readable: Collection[str]
    of_client: bool
    defaults: Mapping[str, Defaults]

    @classmethod
    def read(
        cls, connection: Connection, actor: Actor, category: Category, environment: Environment
    ) -> Surroundings:
        """From the database, in three statements."""
        found = list(integrations.sound(definitions.listing(connection, category=category)))
        return cls(
            category,
            environment,
            {row["provider"]: row for row in found},
            {row["id"]: row for row in resolution.platform_candidates(connection, category)},
            keys.readable_ids(connection),
            actor.client_id is not None,
            {row["provider"]: Defaults.of(row["settingsSchema"]) for row in found},
        )

    def defaults_of(self, provider: str) -> Defaults:
        """What the definition of a provider says of settings; nothing where there is none in the category."""
        return self.defaults.get(provider, _NO_DEFAULTS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of `db.resolution` and what became of it; the attributes are those of CandidateView."""

    row: rows.Row
    level: Level
    rule: Rule
    position: int | None

    def view(self, around: Surroundings) -> CandidateView:
        """For people and scripts."""
        row, of_client = self.row, self.level is Level.CLIENT
        used = around.platforms.get(row["platformIntegrationId"] or "") if of_client else None
        worth = _worth(row["status"], None if used is None else used["status"])
        return CandidateView(
            position=self.position,
            rule=self.rule,
            reason=REASONS[self.rule],
            level=self.level,
            id=row["id"],
            provider=row["provider"],
            name=row["name"],
            mode=row["mode"] if of_client else None,
            environment=row["environment"],
            is_default=row["isDefault"] if of_client else False,
            priority=row["priority"] if of_client else None,
            status=row["status"],
            effective_status=worth,
        )


def ordered(own: Iterable[rows.Row], around: Surroundings) -> list[Candidate]:
    """All candidates of one client: those that can serve in the order to try them, then those dropped.

    Args:
        own: the client's rows of `db.resolution.client_candidates`.
        around: what they are judged by.
    """
    rows_of_client = sorted(own, key=_place)
    able: list[tuple[rows.Row, Level]] = []
    dropped: list[Candidate] = []
    for row in rows_of_client:
        rule = refusal(row, around)
        if rule is None:
            able.append((row, Level.CLIENT))
        else:
            dropped.append(Candidate(row, Level.CLIENT, rule, None))
    taken_up = {row["platformIntegrationId"] for row in rows_of_client}
    for row in around.platforms.values():
        if row["id"] in taken_up:
            continue  # it stands there as the client's, in platform mode
        rule = _organization_refusal(row, around)
        if around.of_client and not (row["isSharedWithClients"] and _for_fee(row, around)):
            continue
        if rule is None:
            able.append((row, Level.ORGANIZATION))
        else:
            dropped.append(Candidate(row, Level.ORGANIZATION, rule, None))
    return [*_taken(able), *dropped]


def refusal(row: rows.Row, around: Surroundings) -> Rule | None:
    """The rule that drops a client's integration; None if it can serve."""
    definition = around.definitions.get(row["provider"])
    if definition is not None and not definition["isClientAllowed"]:
        return Rule.PLATFORM_ONLY
    if row["environment"] != around.environment:
        return Rule.WRONG_ENVIRONMENT
    if row["status"] != Status.ACTIVE:
        return _OF_STATUS[row["status"]]
    if row["mode"] == Mode.PLATFORM:
        used = around.platforms.get(row["platformIntegrationId"])
        # Verified is what the platform's is today; the client's column tells of the day it took it up.
        rule = Rule.INACTIVE if used is None else platform_refusal(used, around)
        return None if rule is None else _OF_PLATFORM.get(rule, rule)
    if not row["isVerified"]:
        return Rule.UNVERIFIED
    return None if _opens(row, around) else Rule.UNREADABLE


def platform_refusal(row: rows.Row, around: Surroundings) -> Rule | None:
    """The rule that drops an integration of the organization; None if it can serve."""
    if row["environment"] != around.environment:
        return Rule.WRONG_ENVIRONMENT
    if row["lastTestResult"] is None and row["status"] != Status.ERROR:
        return Rule.UNVERIFIED
    # An active one whose last test is a failure was only out of reach: a refusal makes it `error`.
    if row["status"] != Status.ACTIVE:
        return _OF_STATUS[row["status"]]
    return None if _opens(row, around) else Rule.UNREADABLE


def _opens(row: rows.Row, around: Surroundings) -> bool:
    # A damaged definition, which is not among them, does not say where the credentials are sent.
    return row["credentialsKeyId"] in around.readable and row["provider"] in around.definitions


def _organization_refusal(row: rows.Row, around: Surroundings) -> Rule | None:
    # What costs a fee serves a client that agreed to it: it has an integration in platform mode.
    if _for_fee(row, around):
        if not row["isSharedWithClients"]:
            return Rule.NOT_SHARED
        # Taken up, it would be of that environment still.
        here = row["environment"] == around.environment
        return Rule.NOT_TAKEN_UP if here else Rule.WRONG_ENVIRONMENT
    return platform_refusal(row, around)


def _for_fee(row: rows.Row, around: Surroundings) -> bool:
    definition = around.definitions.get(row["provider"])
    offered = definition is not None and definition["isPlatformOffered"]
    return offered or around.category is Category.PAYMENT_GATEWAY


def _place(row: rows.Row) -> tuple[object, ...]:
    priority, made = row["priority"], row["createdAt"]
    # SQLite takes anything into a column: what is of another kind comes last, and is compared with its like.
    return (
        not row["isDefault"],
        *((False, priority) if isinstance(priority, int) else (True, str(priority))),
        *((False, made) if isinstance(made, datetime) else (True, str(made))),
        row["id"],
    )


@cache
def _worth(own: str, platform: str | None) -> str:
    return effective(Status(own), None if platform is None else Status(platform)).value


def taking_rule(row: rows.Row, level: Level) -> Rule:
    """The rule that takes a row that can serve and is the first."""
    if level is Level.ORGANIZATION:
        return Rule.ORGANIZATION
    return Rule.DEFAULT if row["isDefault"] else Rule.PRIORITY


def _taken(able: Sequence[tuple[rows.Row, Level]]) -> list[Candidate]:
    return [
        Candidate(row, level, Rule.STANDBY if position > 1 else taking_rule(row, level), position)
        for position, (row, level) in enumerate(able, start=1)
    ]

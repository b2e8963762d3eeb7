"""`run`: the credentials of integrations in force, as environment variables of a command."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from avnz_int.db import clients, platform, rows, tenants
from avnz_int.definitions import env_names, schema
from avnz_int.errors import (
    ConflictError,
    ForbiddenError,
    HiddenError,
    InvalidInputError,
    NotFoundError,
    UnverifiedError,
    UsageError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Environment, Mode, Status
from avnz_int.model.inputs import Filter
from avnz_int.model.running import RunVariables, RunWanted
from avnz_int.model.secret import Secret
from avnz_int.services import access, integrations, refs
from avnz_int.services.integrations import CLIENT_TABLE, PLATFORM_TABLE, Definition
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Chosen:
    """An integration to be used.

    Attributes:
        row: of the client or the platform integration that was asked for.
        holder: the row that holds the credentials: itself, or in platform mode the platform's.
    """

    table: str
    row: rows.Row
    holder_table: str
    holder: rows.Row
    found: Definition

    @property
    def name(self) -> str:
        """What people call it."""
        if self.table == PLATFORM_TABLE:
            return f"{refs.PLATFORM_WORD}/{self.row['provider']}"
        return f"{self.row['client']}/{self.row['name']}"

    @property
    def settings(self) -> dict[str, Any]:
        """The holder's; in platform mode with the client's over them, but for where credentials are sent."""
        own = self.row["settings"] or {}
        fixed = self.found.destination_fields if self.holder is not self.row else ()
        return {**(self.holder["settings"] or {}), **{k: v for k, v in own.items() if k not in fixed}}

    @property
    def target(self) -> Target:
        """For the audit event."""
        return Target(self.table, self.row["id"], self.row.get("clientId"))


class Running:
    """Gives credentials to commands (org_admin, service, client_admin of that client).

    Args:
        work: the database.
        notify: told of what was passed over.
    """

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def variables(self, actor: Actor, wanted: RunWanted) -> RunVariables:
        """The variables, each opened integration recorded; committed before anybody has them.

        Raises:
            NotFoundError: no such tenant or REF, or nothing active and verified of what is asked for.
            ForbiddenError: the role may not, or the credentials are the platform's and the actor a client's.
            ConflictError, UnverifiedError: a REF names what is not in force.
            UsageError: two integrations give one variable different values, or `only` names an unknown one.
            SealBrokenError, KeyMissingError: credentials do not open.
        """
        told: dict[str, dict[str, str]] = defaultdict(dict)
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            chosen = self._chosen(work, actor, wanted)
            possible = {name for one in chosen for name in _names(one.found, every=True)}
            unknown = sorted(wanted.only - possible)
            if unknown:
                raise UsageError(
                    f"--only {', '.join(unknown)}: none of these integrations has it",
                    hint=f"there are {', '.join(sorted(possible)) or 'none'}",
                )
            for one in chosen:
                if wanted.only and not wanted.only & _names(one.found, every=True):
                    continue
                for name, value in self._opened(work, one, wanted):
                    told[name][one.name] = value
            # Inside: what is refused was read by nobody.
            _require_one_value(told)
            if not told:
                raise InvalidInputError(
                    f"{', '.join(one.name for one in chosen)}: nothing that is set has a variable's name",
                    hint="avnz-int definitions show PROVIDER lists the names",
                )
        values = {name: next(iter(by.values())) for name, by in told.items()}
        used = dict.fromkeys(name for by in told.values() for name in by)
        return RunVariables(Secret(values), tuple(used))

    # --- which -----------------------------------------------------------------------------------

    def _chosen(self, work: Writing, actor: Actor, wanted: RunWanted) -> list[Chosen]:
        if wanted.refs:
            return [self._named(work, actor, wanted, ref) for ref in wanted.refs]
        environment = wanted.environment or Environment.PRODUCTION
        limits = Filter(environment, wanted.category, wanted.provider)
        if wanted.platform:
            access.require_use(actor, Action.CREDENTIALS_READ)
            found: Sequence[rows.Row] = platform.listing(work.connection, limits)
            usable = [row for row in found if row["status"] == Status.ACTIVE]
            picked = [_chosen(work.connection, PLATFORM_TABLE, row) for row in usable]
        else:
            owner = _owner(work, actor, wanted)
            access.require_use(actor, Action.CREDENTIALS_READ, owner)
            work.target = Target(CLIENT_TABLE, client_id=owner["id"])
            found = clients.listing(work.connection, limits, client_id=owner["id"])
            picked = self._first(work, actor, wanted, [row for row in found if _usable(row)])
        if not picked:
            raise _none(wanted, environment, len(found))
        return picked

    def _named(self, work: Writing, actor: Actor, wanted: RunWanted, ref: str) -> Chosen:
        if wanted.platform:
            access.require_use(actor, Action.CREDENTIALS_READ)
            table, row = PLATFORM_TABLE, refs.platform_integration(work.connection, ref)
        else:
            slug = wanted.client
            if wanted.company is not None:
                slug = _owner(work, actor, wanted)["slug"]
            table, row = refs.integration(work.connection, actor, ref, slug)
        one = _chosen(work.connection, table, row)
        work.target = one.target
        of = {"id": row["clientId"], "slug": row["client"]} if table == CLIENT_TABLE else None
        access.require_use(actor, Action.CREDENTIALS_READ, of)
        _require_given(actor, one)
        if wanted.environment not in {None, row["environment"]}:
            raise InvalidInputError(f"{one.name} is in {row['environment']}, not in {wanted.environment}")
        _require_usable(one)
        return one

    def _first(
        self, work: Writing, actor: Actor, wanted: RunWanted, usable: Sequence[rows.Row]
    ) -> list[Chosen]:
        """Of each category the default, else the first by priority."""
        ranked = sorted(
            usable, key=lambda row: (not row["isDefault"], row["priority"], row["createdAt"], row["id"])
        )
        first: dict[str, rows.Row] = {}
        for row in ranked:
            first.setdefault(row["category"], row)
        picked = []
        for row in first.values():
            one = _chosen(work.connection, CLIENT_TABLE, row)
            if actor.client_id is not None and one.holder_table == PLATFORM_TABLE:
                if wanted.category or wanted.provider:
                    work.target = one.target
                    _require_given(actor, one)
                self._notify(f"{one.name} uses the platform's credentials, which are not given out: left out")
                continue
            picked.append(one)
        return picked

    # --- what ------------------------------------------------------------------------------------

    def _opened(self, work: Writing, one: Chosen, wanted: RunWanted) -> Iterator[tuple[str, str]]:
        """Each variable of an integration and its value."""
        work.target = one.target
        place = integrations.place(one.holder_table, one.holder, one.found)
        credentials = self._work.vault.cipher(work.connection).open(one.holder["credentials"], place)
        facts = {} if one.holder is one.row else {"platformIntegrationId": one.holder["id"]}
        work.record({"purpose": "run", **facts})
        prefix = _prefix(wanted.prefix, one)
        settings = schema.with_defaults(one.found.settings_schema, one.settings)
        for found, values in (
            (one.found.credential_schema, credentials.reveal()),
            (one.found.settings_schema, settings),
        ):
            for field in env_names.named(found):
                if values.get(field.field) is None:
                    continue
                names = field.names if wanted.all_names or wanted.only else field.names[:1]
                for name in names:
                    if not wanted.only or name in wanted.only:
                        yield prefix + name, _text(values[field.field], one, field.field)


def _owner(work: Writing, actor: Actor, wanted: RunWanted) -> rows.Row:
    """The client whose integrations are meant.

    Raises:
        NotFoundError: no such client or company that the actor may know of.
        UsageError: none was named.
    """
    if wanted.company is None:
        if wanted.client is None:
            raise UsageError("whose credentials?", hint="give --client, --company, --platform or a REF")
        return refs.client(work.connection, actor, wanted.client)
    slug, hint = wanted.company, "avnz-int tenant list shows the companies"
    company = tenants.by_slug(work.connection, tenants.COMPANY, slug) if refs.findable(slug) else None
    if company is None:
        raise NotFoundError(f"no company {slug!r}", hint=hint)
    if actor.client_id not in {None, company["clientId"]}:
        raise HiddenError(f"no company {slug!r}", hint=hint)
    owner = tenants.by_id(work.connection, tenants.CLIENT, company["clientId"])
    if owner is None or (wanted.client is not None and owner["slug"] != wanted.client):
        raise NotFoundError(f"no company {slug!r} of the client {wanted.client!r}", hint=hint)
    return owner


def _chosen(connection: Connection, table: str, row: rows.Row) -> Chosen:
    found = integrations.definition(connection, row["provider"])
    if table == CLIENT_TABLE and row["mode"] == Mode.PLATFORM:
        held = platform.by_id(connection, row["platformIntegrationId"])
        if held is not None:
            return Chosen(table, row, PLATFORM_TABLE, held, found)
    return Chosen(table, row, table, row, found)


def _usable(row: rows.Row) -> bool:
    """Whether a client integration is in force: active, and verified or the platform's active one."""
    if row["mode"] == Mode.PLATFORM:
        return bool(row["status"] == Status.ACTIVE and row["platformStatus"] == Status.ACTIVE)
    return bool(row["status"] == Status.ACTIVE and row["isVerified"])


def _require_usable(one: Chosen) -> None:
    """Nothing, if it is in force.

    Raises:
        UnverifiedError: it has not passed a connection test.
        ConflictError: it is inactive or failing.
    """
    fine = one.row["status"] == Status.ACTIVE if one.table == PLATFORM_TABLE else _usable(one.row)
    if fine:
        return
    if one.row.get("isVerified") is False and one.row["status"] in {Status.PENDING, Status.ACTIVE}:
        raise UnverifiedError(
            f"{one.name} has not passed a connection test", hint=f"avnz-int test {one.name}"
        )
    status = one.holder["status"] if one.row["status"] == Status.ACTIVE else one.row["status"]
    raise ConflictError(
        f"{one.name} is {status}: only what is active and verified is used",
        hint=f"avnz-int test {one.name}, then enable it",
    )


def _require_given(actor: Actor, one: Chosen) -> None:
    """Nothing, unless a client would get what is the platform's.

    Raises:
        ForbiddenError: it would.
    """
    if actor.client_id is not None and one.holder_table == PLATFORM_TABLE:
        raise ForbiddenError(
            f"{one.name} uses the platform's credentials, which are not given to clients",
            hint="add an integration with credentials of your own: avnz-int client add --mode own",
        )


def _none(wanted: RunWanted, environment: Environment, unusable: int) -> NotFoundError:
    whose = "the platform" if wanted.platform else wanted.client or f"the company {wanted.company}"
    what = wanted.provider or wanted.category or "any category"
    also = f"; {unusable} are there that are not" if unusable else ""
    return NotFoundError(
        f"{whose} has no active, verified integration of {what} in {environment}{also}",
        hint="avnz-int client list and platform list show what there is; --environment chooses another world",
    )


def _names(found: Definition, *, every: bool) -> frozenset[str]:
    fields = (*env_names.named(found.credential_schema), *env_names.named(found.settings_schema))
    return frozenset(name for field in fields for name in (field.names if every else field.names[:1]))


def _prefix(prefix: str, one: Chosen) -> str:
    """The prefix with its placeholders filled.

    Raises:
        UsageError: it makes no name of a variable.
    """
    known: Mapping[str, str] = {
        key: _NO_WORD.sub("_", str(one.row[key])).strip("_").upper()
        for key in ("provider", "name", "category", "environment")
    }

    def filled(part: re.Match[str]) -> str:
        if part[1] not in known:
            raise UsageError(
                f"--prefix: {{{part[1]}}} stands for nothing",
                hint=f"there are {', '.join(f'{{{name}}}' for name in known)}",
            )
        return known[part[1]]

    made = _PLACEHOLDER.sub(filled, prefix)
    if made and not _VARIABLE.fullmatch(made):
        raise UsageError(
            f"--prefix {prefix}: {made!r} begins no name of a variable", hint="use letters, digits and _"
        )
    return made


def _text(value: Any, one: Chosen, field: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if "\0" in text:
        raise InvalidInputError(f"{one.name}: {field} holds a NUL, which no environment can hold")
    return text


def _require_one_value(told: Mapping[str, Mapping[str, str]]) -> None:
    """Nothing, if no two integrations give a variable different values.

    Raises:
        UsageError: some do.
    """
    clashing = {name: sorted(by) for name, by in told.items() if len(set(by.values())) > 1}
    if clashing:
        listed = "; ".join(f"{name} of {' and '.join(by)}" for name, by in sorted(clashing.items()))
        raise UsageError(
            f"several integrations give the same variable: {listed}",
            hint="name fewer integrations, or tell them apart with --prefix '{name}_' or '{provider}_'",
            details={"variables": clashing},
        )

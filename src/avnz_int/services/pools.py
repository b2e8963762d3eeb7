"""Pools of merchant accounts: which of a client's (or of the organization's own) take its transactions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avnz_int import clock
from avnz_int.db import pools, rows
from avnz_int.errors import ConflictError, InvalidInputError, NotFoundError
from avnz_int.model import currency, names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import AccountStatus, Action, PoolStrategy
from avnz_int.model.inputs import Unset
from avnz_int.model.routing import MemberChanges, PoolMemberView, PoolView
from avnz_int.services import access, integrations, merchants, refs
from avnz_int.services.saving import checked_priority
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing

MAX_WEIGHT = 1_000_000
_MAX_LIMIT = 10**15
_POOL = "AccountPool"
_SET = ("priority", "weight", "transactionLimit", "monthlyLimit", "limitCurrency", "currencies")


class Pools:
    """Changes and lists pools: a client's by its client_admin, all of them by an org_admin."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def listing(self, actor: Actor, *, client: str | None = None) -> list[PoolView]:
        """Those of all, the organization's own first, or those of one client."""
        with self._work.reading(actor, Action.POOL_READ) as work:
            client_id = actor.client_id
            if client is not None:
                client_id = refs.client(work.connection, actor, client)["id"]
            access.require(actor, Action.POOL_READ, *access.USERS)
            members = pools.members(work.connection, client_id)
            return _views(pools.listing(work.connection, client_id), members)

    def put(self, actor: Actor, name: str, wanted: MemberChanges, *, client: str | None = None) -> PoolView:
        """The pool as it now stands: made with its first account, with one more, or with one changed.

        Args:
            actor: an org_admin, or the client_admin of the client.
            name: of the pool.
            wanted: the account and what is to be set of it.
            client: slug; None for a pool of the organization's own accounts.

        Raises:
            NotFoundError: no such client or account that the actor may know of.
            InvalidInputError: a value out of its range, a limit without a currency, another's account, or one
                of another environment.
            ConflictError: the account is closed.
        """
        name = names.checked_name(name)
        values = _checked(wanted)
        with self._work.writing(actor, Action.POOL_UPDATE) as work:
            owner = _owner(work, actor, Action.POOL_UPDATE, client)
            account = merchants.found(work.connection, actor, wanted.account, client)
            pool = self._pool(work, actor, name, wanted, owner, account)
            _require_fit(pool, account, client)
            self._member(work, actor, pool, account, values)
            return _shown(work, pool["id"])

    def remove(
        self, actor: Actor, name: str, *, account: str | None = None, client: str | None = None
    ) -> PoolView:
        """The pool without the account; without `account` the pool that is gone now.

        Raises:
            NotFoundError: no such client, pool, or account in it.
        """
        with self._work.writing(actor, Action.POOL_REMOVE) as work:
            owner = _owner(work, actor, Action.POOL_REMOVE, client)
            pool = named(work, owner["id"] if owner else None, name, client)
            work.target = _target(pool)
            if account is None:
                view = _shown(work, pool["id"])
                pools.remove(work.connection, pool["id"])
                gone: dict[str, Any] = {key: [pool[key], None] for key in ("name", "environment", "strategy")}
                work.record(gone | {"accounts": [one.merchant_account_id for one in view.members]})
                return view
            found = merchants.found(work.connection, actor, account, client)
            member = _member_of(work, pool, found["id"])
            if member is None:
                raise NotFoundError(
                    f"{account!r} is not in the pool {name!r}",
                    hint="avnz-int merchant pool list shows who is",
                )
            rows.remove(work.connection, pools.MEMBER, member["id"])
            facts = {"merchantAccountId": [found["id"], None]} | {key: [member[key], None] for key in _SET}
            work.record(facts, action=Action.POOL_UPDATE)
            _touch(work, pool, actor)
            view = _shown(work, pool["id"])
        if not view.members:
            self._notify(f"the pool {name!r} has no account left: nothing is routed by it")
        return view

    def _pool(
        self,
        work: Writing,
        actor: Actor,
        name: str,
        wanted: MemberChanges,
        owner: rows.Row | None,
        account: rows.Row,
    ) -> rows.Row:
        """The pool, made or changed as far as it has to be."""
        client_id = owner["id"] if owner else None
        there = pools.of_owner(work.connection, client_id, name)
        if not there:
            moment = clock.now()
            pool = {
                "id": clock.new_id(),
                "organizationId": work.organization["id"],
                "clientId": client_id,
                "name": name,
                "environment": str(wanted.environment or account["environment"]),
                "strategy": (wanted.strategy or PoolStrategy.PRIORITY).value,
                "createdAt": moment,
                "updatedAt": moment,
                "createdBy": actor.id,
                "updatedBy": None,
            }
            rows.add(work.connection, pools.POOL, pool)
            work.target = _target(pool)
            made = {key: [None, pool[key]] for key in ("name", "environment", "strategy")}
            work.record(made, action=Action.POOL_CREATE)
            return pool
        pool = dict(there[0])
        work.target = _target(pool)
        if wanted.environment not in {None, pool["environment"]}:
            raise InvalidInputError(
                f"the pool {name!r} is of {pool['environment']}",
                hint="leave --environment out, or choose another name",
            )
        if wanted.strategy is not None and wanted.strategy != pool["strategy"]:
            work.record({"strategy": [pool["strategy"], wanted.strategy.value]})
            pool["strategy"] = wanted.strategy.value
            _touch(work, pool, actor, strategy=pool["strategy"])
        return pool

    def _member(
        self, work: Writing, actor: Actor, pool: rows.Row, account: rows.Row, values: dict[str, Any]
    ) -> None:
        current = _member_of(work, pool, account["id"])
        before: Mapping[str, Any] = current or dict.fromkeys(_SET)
        after = {**_DEFAULTS, **(current or {}), **values}
        _settle_limits(after, values)
        changed = {key: after[key] for key in _SET if after[key] != before[key]}
        if current is not None and not changed:
            return
        facts = {"merchantAccountId": account["id"]} | {
            key: [before[key], value] for key, value in changed.items()
        }
        work.record(facts)
        moment = clock.now()
        if current is not None:
            stamps = {"updatedAt": integrations.next_moment(current["updatedAt"]), "updatedBy": actor.id}
            rows.change(work.connection, pools.MEMBER, current["id"], changed | stamps)
        else:
            made = {
                "id": clock.new_id(),
                "poolId": pool["id"],
                "merchantAccountId": account["id"],
                "createdAt": moment,
                "updatedAt": moment,
                "createdBy": actor.id,
                "updatedBy": None,
            }
            rows.add(work.connection, pools.MEMBER, made | {key: after[key] for key in _SET})
        _touch(work, pool, actor)


_DEFAULTS: dict[str, Any] = {
    "priority": 0,
    "weight": 1,
    "transactionLimit": None,
    "monthlyLimit": None,
    "limitCurrency": None,
    "currencies": [],
}


def settled(wanted: MemberChanges) -> dict[str, Any]:
    """Column -> value of a member that is made as `wanted` says.

    Raises:
        InvalidInputError: a value out of its range, or a limit without a currency.
    """
    values = _checked(wanted)
    after = {**_DEFAULTS, **values}
    _settle_limits(after, values)
    return {column: after[column] for column in _SET}


def named(work: Reading, client_id: str | None, name: str, client: str | None) -> rows.Row:
    """The pool of this name of a client, or (None) of the organization.

    Raises:
        NotFoundError: there is none.
    """
    found = pools.of_owner(work.connection, client_id, name) if refs.findable(name) else []
    if not found:
        whose = "the organization" if client is None else client
        raise NotFoundError(
            f"{whose} has no pool {name!r}", hint="avnz-int merchant pool list shows what there is"
        )
    return found[0]


def _owner(work: Reading, actor: Actor, action: Action, client: str | None) -> rows.Row | None:
    """The client whose pool may be changed; None for the organization."""
    owner = refs.client_or_own(work.connection, actor, client)
    if owner is None:
        access.require_admin(actor, action)
    else:
        access.require_client(actor, action, owner)
    return owner


def _checked(wanted: MemberChanges) -> dict[str, Any]:
    """Column -> value of what is to be set."""
    values: dict[str, Any] = {}
    if not isinstance(wanted.priority, Unset):
        values["priority"] = checked_priority(wanted.priority)
    if not isinstance(wanted.weight, Unset):
        if not 0 <= wanted.weight <= MAX_WEIGHT:
            raise InvalidInputError(f"--weight must be from 0 to {MAX_WEIGHT}")
        values["weight"] = wanted.weight
    for column, option, limit in (
        ("transactionLimit", "--transaction-limit", wanted.transaction_limit),
        ("monthlyLimit", "--monthly-limit", wanted.monthly_limit),
    ):
        if not isinstance(limit, Unset):
            if limit is not None and not 0 < limit <= _MAX_LIMIT:
                raise InvalidInputError(f"{option} must be a whole number of minor units, 1 to {_MAX_LIMIT}")
            values[column] = limit
    if not isinstance(wanted.limit_currency, Unset):
        values["limitCurrency"] = currency.checked(wanted.limit_currency)
    if not isinstance(wanted.currencies, Unset):
        values["currencies"] = sorted({currency.checked(code) for code in wanted.currencies})
    return values


def _settle_limits(after: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Limits are in the currency that was given, else the one they were in, else the only one it takes.

    Raises:
        InvalidInputError: none of these, or a currency that the account does not take.
    """
    taken = after["currencies"]
    if after["transactionLimit"] is None and after["monthlyLimit"] is None:
        if given.get("limitCurrency") is not None:
            raise InvalidInputError("--limit-currency goes with --transaction-limit or --monthly-limit")
        after["limitCurrency"] = None
        return
    if after["limitCurrency"] is None and len(taken) == 1:
        after["limitCurrency"] = taken[0]
    if after["limitCurrency"] is None:
        raise InvalidInputError(
            "in which currency are the limits?", hint="give --limit-currency, or one --currency only"
        )
    if taken and after["limitCurrency"] not in taken:
        raise InvalidInputError(
            f"the limits are in {after['limitCurrency']}, which is none of the currencies taken:"
            f" {', '.join(taken)}",
            hint="give --limit-currency together with the limits",
        )


def _require_fit(pool: rows.Row, account: rows.Row, client: str | None) -> None:
    if account["clientId"] != pool["clientId"]:
        whose = "the organization's" if account["clientId"] is None else f"{account['client']}'s"
        raise InvalidInputError(
            f"the account {account['name']!r} is {whose}: a pool has accounts of one owner",
            hint="avnz-int merchant list"
            + (f" --client {client} shows which fit" if client else " shows which have no client"),
        )
    if account["status"] == AccountStatus.CLOSED:
        raise ConflictError(f"the account {account['name']!r} is closed: its integration was deleted")
    if account["environment"] != pool["environment"]:
        raise InvalidInputError(
            f"the account {account['name']!r} is of {account['environment']},"
            f" the pool {pool['name']!r} of {pool['environment']}",
            hint="a pool has accounts of one environment",
        )


def _member_of(work: Reading, pool: rows.Row, account_id: str) -> rows.Row | None:
    listed = pools.members(work.connection, pool_id=pool["id"])
    return next((member for member in listed if member["merchantAccountId"] == account_id), None)


def _touch(work: Writing, pool: rows.Row, actor: Actor, **values: Any) -> None:
    stamps = {"updatedAt": integrations.next_moment(pool["updatedAt"]), "updatedBy": actor.id}
    rows.change(work.connection, pools.POOL, pool["id"], values | stamps)


def _target(pool: rows.Row) -> Target:
    return Target(_POOL, pool["id"], pool["clientId"])


def _shown(work: Reading, pool_id: str) -> PoolView:
    found = pools.listing(work.connection, pool_id=pool_id)
    return _views(found, pools.members(work.connection, pool_id=pool_id))[0]


def _views(listed: list[rows.Row], rows_of_members: list[rows.Row]) -> list[PoolView]:
    members: dict[str, list[PoolMemberView]] = {}
    for row in rows_of_members:
        view = PoolMemberView(
            merchant_account_id=row["merchantAccountId"],
            name=row["name"],
            provider=row["provider"],
            status=row["status"],
            priority=row["priority"],
            weight=row["weight"],
            transaction_limit=row["transactionLimit"],
            monthly_limit=row["monthlyLimit"],
            limit_currency=row["limitCurrency"],
            currencies=row["currencies"],
        )
        members.setdefault(row["poolId"], []).append(view)
    return [
        PoolView(
            id=pool["id"],
            client_id=pool["clientId"],
            client=pool["client"],
            name=pool["name"],
            environment=pool["environment"],
            strategy=pool["strategy"],
            members=members.get(pool["id"], []),
            created_at=pool["createdAt"],
            updated_at=pool["updatedAt"],
        )
        for pool in listed
    ]

"""Which merchant account takes a transaction, and which follow should it fail.

What drops an account is, before anything of its pool, what drops its integration in `resolve`; without a pool
the order is that of `resolve` too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from avnz_int import clock
from avnz_int.db import pools, resolution, rows
from avnz_int.errors import AmbiguousRefError, InvalidInputError, NotFoundError
from avnz_int.model import currency
from avnz_int.model.actor import Actor
from avnz_int.model.encode import encode
from avnz_int.model.enums import Action, Category, Environment, PoolStrategy
from avnz_int.model.routing import (
    Level,
    RouteCandidateView,
    RouteView,
    Rule,
    Transaction,
)
from avnz_int.services import access, candidates, refs, route_rules
from avnz_int.services.candidates import Candidate, Surroundings
from avnz_int.services.lots import lot
from avnz_int.services.pools import named
from avnz_int.services.route_rules import Account
from avnz_int.services.work import Reading, Work

_ACTION = Action.MERCHANT_ROUTE


@dataclass(frozen=True, slots=True)
class _Plan:
    """Accounts in the order to try them, whether they can or not."""

    pool: rows.Row | None
    strategy: PoolStrategy
    accounts: Sequence[Account]


class Routing:
    """Routes transactions for every role; changes nothing."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def route(
        self,
        actor: Actor,
        transaction: Transaction,
        *,
        client: str | None = None,
        environment: Environment = Environment.PRODUCTION,
        pool: str | None = None,
        fail: Collection[str] | None = None,
    ) -> RouteView:
        """The account that takes a transaction, those that follow, and those that were dropped.

        Args:
            actor: of a client may route for that one only.
            transaction: amount, currency, key.
            client: slug; None for the organization's own accounts, or for the actor's own client.
            environment: where.
            pool: its name; needed where there are several.
            fail: simulates that these fail: ids, REFs or names of accounts or integrations, or providers.

        Raises:
            NotFoundError: no such client or pool, `fail` names nothing, or no account can take it; then
                `details["candidates"]` has each with the rule that dropped it.
            AmbiguousRefError: which of several pools?
            InvalidInputError: an amount without a currency, or a pool by weight and no key.
        """
        transaction = _checked(transaction)
        with self._work.reading(actor, _ACTION) as work:
            owner = refs.client_or_own(work.connection, actor, client)
            access.require(actor, _ACTION, *access.USERS)
            slug = None if owner is None else str(owner["slug"])
            chosen = _chosen_pool(work, owner, slug, pool, environment)
            around = Surroundings.read(work.connection, actor, Category.PAYMENT_GATEWAY, environment)
            plan = _plan(work, owner, chosen, around, transaction)
        judged = [
            replace(one, dropped=one.dropped or route_rules.over_limit(one, transaction))
            for one in plan.accounts
        ]
        if fail is not None:
            judged = route_rules.failed(judged, fail, slug)
        listed = route_rules.listed(judged)
        if not listed or listed[0].position is None:
            raise _nothing(slug, environment, listed)
        return RouteView(
            client=slug,
            environment=environment.value,
            pool=None if plan.pool is None else str(plan.pool["name"]),
            strategy=plan.strategy,
            amount=transaction.amount,
            currency=transaction.currency,
            key=transaction.key,
            simulated=fail is not None,
            chosen=listed[0],
            candidates=listed,
        )


def _checked(transaction: Transaction) -> Transaction:
    if transaction.amount is not None:
        if transaction.currency is None:
            raise InvalidInputError("an amount of what?", hint="give --currency with --amount")
        if transaction.amount <= 0:
            raise InvalidInputError("--amount must be a whole number of minor units, at least 1")
    if transaction.key is not None and not (transaction.key and refs.findable(transaction.key)):
        raise InvalidInputError("the transaction's key is empty, or holds NUL or bytes that are not UTF-8")
    code = None if transaction.currency is None else currency.checked(transaction.currency)
    return replace(transaction, currency=code)


def _chosen_pool(
    work: Reading, owner: rows.Row | None, slug: str | None, name: str | None, environment: Environment
) -> rows.Row | None:
    client_id = None if owner is None else owner["id"]
    if name is not None:
        found = named(work, client_id, name, slug)
        if found["environment"] != environment:
            raise InvalidInputError(
                f"the pool {name!r} is of {found['environment']}",
                hint=f"give --environment {found['environment']}",
            )
        return found
    there = [one for one in pools.of_owner(work.connection, client_id) if one["environment"] == environment]
    if len(there) > 1:
        listed = [one["name"] for one in there]
        raise AmbiguousRefError(
            f"which pool? there are {', '.join(listed)}", hint="give --pool", details={"candidates": listed}
        )
    return there[0] if there else None


def _plan(
    work: Reading,
    owner: rows.Row | None,
    pool: rows.Row | None,
    around: Surroundings,
    transaction: Transaction,
) -> _Plan:
    if owner is not None:
        own = resolution.client_candidates(work.connection, Category.PAYMENT_GATEWAY, owner["id"])
        found = [one for one in candidates.ordered(own, around) if one.level is Level.CLIENT]
    else:
        found = _of_organization(around)
    if pool is None:
        accounts = [_implied(one) for one in found if one.row["merchantAccountId"] is not None]
        return _Plan(None, PoolStrategy.PRIORITY, accounts)
    return _of_pool(work, pool, found, transaction)


def _of_organization(around: Surroundings) -> list[Candidate]:
    """The organization's own integrations, the oldest first, judged for its own transactions."""
    return [
        Candidate(row, Level.ORGANIZATION, rule or Rule.ORGANIZATION, 1 if rule is None else None)
        for row in around.platforms.values()
        for rule in (candidates.platform_refusal(row, around),)
    ]


def _implied(one: Candidate) -> Account:
    """An account of no pool: nothing limits it but its integration."""
    row, of_client = one.row, one.level is Level.CLIENT
    return Account(
        id=row["merchantAccountId"],
        client_integration_id=row["id"] if of_client else None,
        platform_integration_id=row["platformIntegrationId"] if of_client else row["id"],
        provider=row["provider"],
        name=row["name"],
        environment=row["environment"],
        status=row["accountStatus"],
        currency=row["accountCurrency"],
        priority=row["priority"] if of_client else 0,
        limits=route_rules.NO_LIMITS,
        taken=candidates.taking_rule(row, one.level),
        dropped=None if one.position else one.rule,
    )


def _of_pool(work: Reading, pool: rows.Row, found: Sequence[Candidate], transaction: Transaction) -> _Plan:
    strategy = PoolStrategy(pool["strategy"])
    by_weight = strategy is PoolStrategy.WEIGHTED
    if by_weight and transaction.key is None:
        raise InvalidInputError(
            f"the pool {pool['name']!r} chooses by weight from the transaction's key",
            hint="give --key TRANSACTION",
        )
    integrations = {one.row["merchantAccountId"]: one for one in found}
    members = pools.members(work.connection, pool_id=pool["id"])
    used = _used(work, pool) if any(one["monthlyLimit"] is not None for one in members) else {}
    accounts = []
    for member in members:
        one = integrations.get(member["merchantAccountId"])
        rule = Rule.CLOSED if one is None else None if one.position else one.rule
        charged = used.get(
            (
                member["merchantAccountId"] if pool["clientId"] else member["platformIntegrationId"],
                member["limitCurrency"],
            ),
            0,
        )
        accounts.append(
            Account(
                id=member["merchantAccountId"],
                client_integration_id=member["clientIntegrationId"],
                platform_integration_id=member["platformIntegrationId"],
                provider=member["provider"],
                name=member["name"],
                environment=member["environment"],
                status=member["status"],
                currency=member["accountCurrency"],
                priority=member["priority"],
                limits=member,
                taken=Rule.WEIGHT if by_weight and member["weight"] else Rule.PRIORITY,
                dropped=rule,
                used=None if member["monthlyLimit"] is None else charged,
            )
        )
    if by_weight:
        accounts = _by_lot(accounts, transaction.key or "")
        return _Plan(pool, strategy, accounts)
    return _Plan(pool, strategy, accounts)


def _by_lot(accounts: Sequence[Account], key: str) -> list[Account]:
    """By priority, among equals by lot; those of weight 0 behind all others, in the order they had."""
    weighted = [one for one in accounts if one.limits["weight"]]
    drawn = sorted(weighted, key=lambda one: (one.priority, lot(one.id, key, one.limits["weight"]), one.id))
    return [*drawn, *(one for one in accounts if not one.limits["weight"])]


def _used(work: Reading, pool: rows.Row) -> dict[tuple[str, str], int]:
    """What this month's charges add up to, by account and currency (UTC's month)."""
    start = clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month = f"{start:%Y-%m}"
    if pool["clientId"] is None:
        # The organization's own account takes what all clients in platform mode take through it.
        return pools.charged_to_platforms(work.connection, month, start)
    return pools.charged_to_accounts(work.connection, pool["clientId"], month, start)


def _nothing(
    client: str | None, environment: Environment, listed: Sequence[RouteCandidateView]
) -> NotFoundError:
    whom = client or "the organization"
    why = "; ".join(f"{one.provider} {one.name}: {one.reason}" for one in listed)
    return NotFoundError(
        f"no merchant account can take it for {whom} ({environment})" + (f": {why}" if why else ""),
        hint="avnz-int merchant list shows the accounts, avnz-int merchant pool list what limits them",
        details={"client": client, "environment": environment.value, "candidates": encode(list(listed))},
    )

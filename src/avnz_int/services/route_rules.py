"""What a pool's limits, currencies and simulated failures make of an account whose integration can serve."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from avnz_int.errors import NotFoundError
from avnz_int.model.routing import REASONS, RouteCandidateView, Rule, Transaction
from avnz_int.services import refs

NO_LIMITS: Mapping[str, Any] = {
    "weight": 1,
    "transactionLimit": None,
    "monthlyLimit": None,
    "limitCurrency": None,
    "currencies": (),
}


@dataclass(frozen=True, slots=True)
class Account:
    """An account that may take the transaction.

    Attributes:
        limits: the columns of a member of a pool, or what stands for them without one.
        taken: the rule that takes it, if it is the first that can.
        dropped: the rule that dropped it so far.
        used: approved charges of this month in the currency of its limits; None where no limit asks.
    """

    id: str
    client_integration_id: str | None
    platform_integration_id: str | None
    provider: str
    name: str
    environment: str
    status: str
    currency: str | None
    priority: int
    limits: Mapping[str, Any]
    taken: Rule
    dropped: Rule | None
    used: int | None = None


def over_limit(one: Account, transaction: Transaction) -> Rule | None:
    """The rule of the pool that drops an account whose integration can serve."""
    limits, code, amount = one.limits, transaction.currency, transaction.amount
    if code is not None:
        if one.currency not in {None, code} or (limits["currencies"] and code not in limits["currencies"]):
            return Rule.CURRENCY
        if limits["limitCurrency"] not in {None, code}:
            return Rule.LIMIT_CURRENCY
    most = limits["transactionLimit"]
    if most is not None and amount is not None and amount > most:
        return Rule.TRANSACTION_LIMIT
    most = limits["monthlyLimit"]
    # Without an amount any would do: the smallest there is.
    if most is not None and (one.used or 0) + (amount or 1) > most:
        return Rule.MONTHLY_LIMIT
    return None


def failed(accounts: Sequence[Account], fail: Collection[str], client: str | None) -> list[Account]:
    """The accounts, those dropped that are named to fail.

    Args:
        accounts: all of them.
        fail: ids, prefixes of ids, names or REFs of accounts or integrations, or providers.
        client: slug.

    Raises:
        NotFoundError: one of `fail` names no account.
    """
    failing: set[str] = set()
    for word in fail:
        named_by_it = {one.id for one in accounts if _is_named(one, word, client)}
        if not named_by_it:
            raise NotFoundError(
                f"no account to fail is named by {word!r}",
                hint="name it by id, by its integration's name, or all of a provider by that",
            )
        failing |= named_by_it
    return [
        replace(one, dropped=Rule.SIMULATED_FAILURE) if one.id in failing and one.dropped is None else one
        for one in accounts
    ]


def _is_named(one: Account, word: str, client: str | None) -> bool:
    ids = [known for known in (one.id, one.client_integration_id) if known is not None]
    if client is None:
        ids += [one.platform_integration_id] if one.platform_integration_id else []
        paths = {f"{refs.PLATFORM_WORD}/{one.provider}"}
    else:
        paths = {f"{client}/{one.name}", f"{client}/{one.provider}/{one.name}"}
    by_prefix = refs.is_prefix(word) and any(known.startswith(word) for known in ids)
    return word in {one.provider, one.name, *paths, *ids} or by_prefix


def listed(accounts: Sequence[Account]) -> list[RouteCandidateView]:
    """Those that can take it, in their order, then the others."""
    able = [one for one in accounts if one.dropped is None]
    views = [
        _view(one, position, one.taken if position == 1 else Rule.STANDBY)
        for position, one in enumerate(able, start=1)
    ]
    return [*views, *(_view(one, None, one.dropped) for one in accounts if one.dropped is not None)]


def _view(one: Account, position: int | None, rule: Rule) -> RouteCandidateView:
    return RouteCandidateView(
        position=position,
        rule=rule,
        reason=REASONS[rule],
        merchant_account_id=one.id,
        client_integration_id=one.client_integration_id,
        platform_integration_id=one.platform_integration_id,
        provider=one.provider,
        name=one.name,
        environment=one.environment,
        status=one.status,
        priority=one.priority,
        weight=one.limits["weight"],
        used_this_month=one.used,
    )

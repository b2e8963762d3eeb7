"""Compares the pools that a manifest wants with those that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from avnz_int.db import rows
from avnz_int.model.enums import Category, PoolStrategy
from avnz_int.model.inputs import Unset
from avnz_int.model.manifest import Deed, FieldChange, Kind, WantedMember, WantedPool
from avnz_int.services.manifest_fields import Problems
from avnz_int.services.manifest_state import State, account_of
from avnz_int.services.manifest_steps import PoolStep

Found = Callable[[str | None, str | None, str | None], list[tuple[str, str | None]]]
"""Client, provider, name -> the integrations of the future that they name."""


def compare(state: State, problems: Problems, wanted: WantedPool, found: Found) -> PoolStep | None:
    """The step of one pool, None where nothing is to be done."""
    row = state.pools.get((wanted.client, wanted.name))
    ref = f"{wanted.client or 'platform'}/{wanted.name}"
    step = PoolStep(Deed.CREATE if row is None else Deed.UPDATE, Kind.POOL, ref, row, wanted=wanted)
    environment = None if isinstance(wanted.environment, Unset) else wanted.environment.value
    strategy = None if isinstance(wanted.strategy, Unset) else wanted.strategy.value
    if row is None:
        step.change("environment", None, environment)
        step.change("strategy", None, strategy or PoolStrategy.PRIORITY.value)
        if not wanted.members:
            problems.add(wanted.spot, "members: a new pool needs one at least")
    else:
        if environment is not None and environment != row["environment"]:
            step.change("environment", row["environment"], environment)
            step.refused = "its environment cannot change: remove it, and make it anew"
        if strategy is not None:
            step.change("strategy", row["strategy"], strategy)
    there = {} if row is None else {account_of(state, one): one for one in state.members.get(row["id"], [])}
    if isinstance(wanted.members, Unset):
        if step.fields and not there:
            step.refused = "it has no account: name its members"
        # A pool is changed together with one of its accounts.
        step.puts = [_as_it_is(wanted, *account) for account in list(there)[:1]]
    else:
        _members(step, problems, wanted.members, there, found)
        if step.fields and not step.puts:
            step.puts = [
                replace(one, provider=provider, name=name, values={})
                for one in wanted.members[:1]
                for provider, name in _named(wanted, one, found)
            ]
    return step if row is None or step.fields else None


def _members(
    step: PoolStep,
    problems: Problems,
    members: tuple[WantedMember, ...],
    there: Mapping[tuple[str, str | None], rows.Row],
    found: Found,
) -> None:
    kept = set()
    for member in members:
        wanted = step.wanted
        named = [] if wanted is None else found(wanted.client, member.provider, member.name)
        if len(named) != 1:
            words = "fits several integrations: write PROVIDER/NAME" if named else _nothing(step)
            problems.add(member.spot, f"account: {words}")
            continue
        account = named[0]
        if account in kept:
            problems.add(member.spot, "account: it stands in this pool already")
        kept.add(account)
        _member(step, replace(member, provider=account[0], name=account[1]), there.get(account))
    for account, row in there.items():
        if account not in kept:
            step.gone.append(row["merchantAccountId"])
            step.fields.append(FieldChange(f"members[{_shown(account)}]", _told(row), None))


def _member(step: PoolStep, member: WantedMember, row: rows.Row | None) -> None:
    name = f"members[{_shown((str(member.provider), member.name))}]"
    if row is None:
        step.fields.append(FieldChange(name, None, _told(member.values)))
        step.puts.append(member)
        return
    before = len(step.fields)
    for column, value in member.values.items():
        step.change(f"{name}.{column}", row[column], value)
    if len(step.fields) > before:
        step.puts.append(member)


def _nothing(step: PoolStep) -> str:
    of_client = step.wanted is not None and step.wanted.client is not None
    kind = Category.PAYMENT_GATEWAY.value.replace("_", " ")
    if of_client:
        return f"the client has no {kind} of this name: write NAME or PROVIDER/NAME"
    return f"the organization has no {kind} of this provider"


def _named(wanted: WantedPool, member: WantedMember, found: Found) -> list[tuple[str, str | None]]:
    """The one account that a member names; none where it names several, or none."""
    named = found(wanted.client, member.provider, member.name)
    return named if len(named) == 1 else []


def _as_it_is(wanted: WantedPool, provider: str, name: str | None) -> WantedMember:
    return WantedMember(provider, name, {}, wanted.spot)


def _shown(account: tuple[str, str | None]) -> str:
    provider, name = account
    return provider if name is None else f"{provider}/{name}"


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a member has, without what it has not."""
    columns = ("priority", "weight", "transactionLimit", "monthlyLimit", "limitCurrency", "currencies")
    return {name: values[name] for name in columns if values[name] is not None and values[name] != []}

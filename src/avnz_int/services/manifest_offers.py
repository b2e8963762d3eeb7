"""Compares what a manifest offers to clients, and at which prices, with what is offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from avnz_int import clock
from avnz_int.db import rows
from avnz_int.model.inputs import Unset
from avnz_int.model.manifest import FieldChange, WantedPlatform, WantedPrice
from avnz_int.model.pricing import Pricing
from avnz_int.services.manifest_fields import Problems
from avnz_int.services.manifest_state import State
from avnz_int.services.manifest_steps import PlatformStep


def compare(
    state: State, problems: Problems, step: PlatformStep, wanted: WantedPlatform, moment: datetime
) -> None:
    """Put into the step what is to be done with the offer and its prices.

    Args:
        state: what is there.
        problems: gets what is wrong with the file.
        step: of the platform integration.
        wanted: as the file has it.
        moment: the present, by which prices are in force.
    """
    share, row = wanted.share, step.row
    if isinstance(share, Unset):
        return
    is_shared = row is not None and row["isSharedWithClients"]
    if share is None:
        step.unshared = bool(is_shared)
        if is_shared:
            step.change("isSharedWithClients", is_shared, False)
        return
    found = state.definitions[wanted.provider]
    if not (found.is_client_allowed and found.is_platform_offered):
        problems.add(share.spot, f"{found.name} cannot be shared with clients")
        return
    step.change("isSharedWithClients", bool(is_shared), True)
    relevant = _relevant(share.prices, moment)
    step.prices = _missing(state, step, relevant, moment)
    if not is_shared and not any(price.client is None for price in step.prices):
        # The same price again opens the offer.
        step.prices.insert(0, next(price for price in relevant if price.client is None))
    if not isinstance(share.default_for_new, Unset):
        before = bool(row is not None and row["isDefaultForNewClients"])
        if before != share.default_for_new:
            step.change("isDefaultForNewClients", before, share.default_for_new)
            step.default_for_new = share.default_for_new


def _relevant(wanted: tuple[WantedPrice, ...], moment: datetime) -> list[WantedPrice]:
    """The prices that are to be in force, one for each client and currency, and those to come."""
    due: dict[tuple[str | None, str], WantedPrice] = {}
    later: list[WantedPrice] = []
    for price in sorted(wanted, key=lambda one: (one.effective is not None, one.effective or moment)):
        if price.effective is None or price.effective <= moment:
            due[price.client, price.pricing.currency] = price
        else:
            later.append(price)
    return [*due.values(), *later]


def _missing(
    state: State, step: PlatformStep, wanted: list[WantedPrice], moment: datetime
) -> list[WantedPrice]:
    """The prices that do not stand yet, those for all before those of one client."""
    missing = []
    for price in wanted:
        standing = _standing(state, price, step.row, moment)
        if standing == price.pricing:
            continue
        # What was in force in the meantime stays as it was: the price is set right from now on.
        is_past = price.effective is not None and price.effective <= moment
        missing.append(replace(price, effective=None) if standing and is_past else price)
        whose = price.client or "all"
        when = f" from {clock.rfc3339(price.effective)}" if price.effective else ""
        step.fields.append(
            FieldChange(
                f"price[{whose} {price.pricing.currency}]{when}",
                None if standing is None else standing.shown(),
                price.pricing.shown(),
            )
        )
    return sorted(missing, key=lambda one: (one.client is not None, one.effective or moment))


def _standing(state: State, price: WantedPrice, row: rows.Row | None, moment: datetime) -> Pricing | None:
    """The price that is in force when the wanted one is to be."""
    client = state.clients.get(price.client or "")
    if row is None or (price.client is not None and client is None):
        return None
    key = (row["id"], client["id"] if price.client and client else None, price.pricing.currency)
    then = max(price.effective or moment, moment)
    version = state.prices.version(key, then)
    if version is None or (then > moment and version["effectiveAt"] != then):
        return None
    return Pricing.from_json(version)

"""What sharing gives back: who uses a platform integration, at which prices, and what that would cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from avnz_int.model.enums import PriceState, Status


@dataclass(frozen=True, slots=True)
class PriceView:
    """A price version: for all clients, or (`client`, a slug) for one.

    Attributes:
        percentage_fee: per cent, a JSON number of at most four decimals.
        effective_at: when it takes effect; it ends where the next of the same client and currency does.
    """

    id: str
    client: str | None
    percentage_fee: int | float
    flat_fee: int
    monthly_minimum: int
    currency: str
    effective_at: datetime
    state: PriceState
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class ShareView:
    """A shared platform integration, its prices and who uses it.

    Attributes:
        client_pricing: the price for all in force now, in the primary currency; before the first takes
            effect, the one to come.
        prices: every version, those for all first, then by client, currency and time.
    """

    id: str
    provider: str
    name: str
    environment: str
    status: Status
    is_shared_with_clients: bool
    client_pricing: dict[str, Any] | None
    clients: list[str]
    prices: list[PriceView]
    is_default_for_new_clients: bool


@dataclass(frozen=True, slots=True)
class PlatformCost:
    """A month with the platform's credentials, in minor units: `minimum` is what is missing to it."""

    percentage: int
    flat: int
    minimum: int
    total: int


@dataclass(frozen=True, slots=True)
class OwnCost:
    """A month with the client's own account, in minor units: what its gateway asks, and no markup."""

    percentage: int
    flat: int
    monthly: int
    total: int


@dataclass(frozen=True, slots=True)
class SimulationView:
    """What a month costs either way; amounts are minor units.

    Attributes:
        average_amount: of a transaction, half a unit rounded up.
        client_pricing: the price that was reckoned with.
        difference: what the platform costs more than an own account; negative where it costs less.
        cheaper: `own`, `platform` or `equal`.
        break_even: from how many transactions a month of this average amount on an own account is the
            cheaper one; None if from no number on.
    """

    id: str
    provider: str
    client: str | None
    currency: str
    count: int
    volume: int
    average_amount: int
    client_pricing: dict[str, Any]
    platform: PlatformCost
    own: OwnCost
    difference: int
    cheaper: str
    break_even: int | None

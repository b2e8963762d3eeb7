"""Which integration is in force, and which merchant account takes a transaction: rules and views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from avnz_int.model.enums import PoolStrategy
from avnz_int.model.inputs import UNSET, Unset


class Level(StrEnum):
    """Whose an integration is."""

    CLIENT = "client"
    ORGANIZATION = "organization"


class Origin(StrEnum):
    """Where the value of a setting came from; a later one stands over an earlier one."""

    DEFINITION = "definition"
    ORGANIZATION = "organization"
    CLIENT = "client"


class Rule(StrEnum):
    """The rule that took a candidate (the first five) or dropped it; `REASONS` has its words."""

    DEFAULT = "default"
    PRIORITY = "priority"
    ORGANIZATION = "organization"
    WEIGHT = "weight"
    STANDBY = "standby"
    PLATFORM_ONLY = "platform_only"
    WRONG_ENVIRONMENT = "wrong_environment"
    INACTIVE = "inactive"
    PENDING = "pending"
    FAILING = "failing"
    UNVERIFIED = "unverified"
    UNREADABLE = "unreadable"
    PLATFORM_INACTIVE = "platform_inactive"
    PLATFORM_FAILING = "platform_failing"
    PLATFORM_UNVERIFIED = "platform_unverified"
    PLATFORM_UNREADABLE = "platform_unreadable"
    NOT_SHARED = "not_shared"
    NOT_TAKEN_UP = "not_taken_up"
    CLOSED = "closed"
    CURRENCY = "currency"
    LIMIT_CURRENCY = "limit_currency"
    TRANSACTION_LIMIT = "transaction_limit"
    MONTHLY_LIMIT = "monthly_limit"
    SIMULATED_FAILURE = "simulated_failure"


REASONS: dict[Rule, str] = {
    Rule.DEFAULT: "it is the client's default",
    Rule.PRIORITY: "no other that can serve stands before it by priority",
    Rule.ORGANIZATION: "it is the organization's, which serves where a client has none of its own",
    Rule.WEIGHT: "the transaction's key chose it by weight",
    Rule.STANDBY: "it could serve, and stands behind",
    Rule.PLATFORM_ONLY: "clients may not use its provider any more",
    Rule.WRONG_ENVIRONMENT: "it is of the other environment",
    Rule.INACTIVE: "it was switched off",
    Rule.PENDING: "it has not passed its first connection test",
    Rule.FAILING: "its last connection test was refused",
    Rule.UNVERIFIED: "it has not passed a connection test",
    Rule.UNREADABLE: "its credentials do not open: avnz-int doctor says why",
    Rule.PLATFORM_INACTIVE: "the organization's integration that it uses was switched off",
    Rule.PLATFORM_FAILING: "the last connection test of the organization's integration was refused",
    Rule.PLATFORM_UNVERIFIED: "the organization's integration that it uses has not passed a test",
    Rule.PLATFORM_UNREADABLE: "the organization's credentials do not open",
    Rule.NOT_SHARED: "it is the organization's, which does not share it",
    Rule.NOT_TAKEN_UP: "the organization offers it for a fee, and the client has not taken it up",
    Rule.CLOSED: "its integration was deleted",
    Rule.CURRENCY: "it does not take this currency",
    Rule.LIMIT_CURRENCY: "its limits are in another currency, so nobody can tell whether it keeps to them",
    Rule.TRANSACTION_LIMIT: "the amount is over its limit of a transaction",
    Rule.MONTHLY_LIMIT: "its limit of a month is reached",
    Rule.SIMULATED_FAILURE: "it fails in this simulation",
}


@dataclass(frozen=True, slots=True)
class CandidateView:
    """An integration that was looked at.

    Attributes:
        position: 1 for the one in force, 2 for the one that follows it, None where it was dropped.
        mode: `own` or `platform`; None for the organization's.
        effective_status: what it is worth today: in platform mode no more than the platform integration.
    """

    position: int | None
    rule: Rule
    reason: str
    level: Level
    id: str
    provider: str
    name: str
    mode: str | None
    environment: str
    is_default: bool
    priority: int | None
    status: str
    effective_status: str


@dataclass(frozen=True, slots=True)
class InForceView:
    """The integration in force, with the settings to use it by.

    Attributes:
        settings: definition's defaults, the organization's over them, the client's over these.
        origins: setting -> where its value came from; None unless asked for.
        merchant_account_id: of a payment gateway; None for others.
    """

    id: str
    level: Level
    rule: Rule
    provider: str
    name: str
    mode: str | None
    environment: str
    client_integration_id: str | None
    platform_integration_id: str | None
    merchant_account_id: str | None
    settings: dict[str, Any]
    origins: dict[str, Origin] | None


@dataclass(frozen=True, slots=True)
class ResolutionView:
    """What serves a client, or a company of it, in a category.

    Attributes:
        in_force: None where nothing does.
        candidates: all that were looked at; None in a listing that does not explain.
    """

    client: str
    company: str | None
    category: str
    environment: str
    in_force: InForceView | None
    candidates: list[CandidateView] | None


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """A merchant account to be put into a pool, or changed in it; what is `UNSET` stays or has its default.

    Attributes:
        account: REF of the merchant account or its integration.
        weight: share among those of one priority; with 0 it takes only what all others cannot.
        transaction_limit: minor units of `limit_currency`; None takes the limit away, as in `monthly_limit`.
        currencies: those it takes; empty means all.
        strategy: of the whole pool.
        environment: of a new pool; the account's if it is None.
    """

    account: str
    priority: int | Unset = UNSET
    weight: int | Unset = UNSET
    transaction_limit: int | Unset | None = UNSET
    monthly_limit: int | Unset | None = UNSET
    limit_currency: str | Unset = UNSET
    currencies: tuple[str, ...] | Unset = UNSET
    strategy: PoolStrategy | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class PoolMemberView:
    """A merchant account in a pool; limits are minor units of `limit_currency`."""

    merchant_account_id: str
    name: str
    provider: str
    status: str
    priority: int
    weight: int
    transaction_limit: int | None
    monthly_limit: int | None
    limit_currency: str | None
    currencies: list[str]


@dataclass(frozen=True, slots=True)
class PoolView:
    """AccountPool with its members; `client` is None for one of the organization's own."""

    id: str
    client_id: str | None
    client: str | None
    name: str
    environment: str
    strategy: str
    members: list[PoolMemberView]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is to be routed; what is None limits nothing.

    Attributes:
        amount: minor units of `currency`, which it needs.
        key: of the transaction: the same key always gives the same order.
    """

    amount: int | None = None
    currency: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class RouteCandidateView:
    """A merchant account that was looked at; the attributes are those of CandidateView.

    Attributes:
        used_this_month: approved charges in minor units of its limit's currency; None where no limit asks.
    """

    position: int | None
    rule: Rule
    reason: str
    merchant_account_id: str
    client_integration_id: str | None
    platform_integration_id: str | None
    provider: str
    name: str
    environment: str
    status: str
    priority: int
    weight: int
    used_this_month: int | None


@dataclass(frozen=True, slots=True)
class RouteView:
    """Which merchant account takes a transaction, and which take it should that one fail.

    Attributes:
        pool: its name; None where the client has none, and the order is that of `resolve`.
        chosen: the first of `candidates`.
        candidates: those that can take it in the order to try them, then those that were dropped.
    """

    client: str | None
    environment: str
    pool: str | None
    strategy: PoolStrategy
    amount: int | None
    currency: str | None
    key: str | None
    simulated: bool
    chosen: RouteCandidateView
    candidates: list[RouteCandidateView]

"""The parts of a manifest that say who takes which transactions, and at which price."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from avnz_int import clock
from avnz_int.errors import InvalidInputError
from avnz_int.model import names
from avnz_int.model.currency import checked
from avnz_int.model.enums import Environment, PoolStrategy
from avnz_int.model.inputs import UNSET, Unset
from avnz_int.model.manifest import WantedMember, WantedPool, WantedPrice, WantedShare
from avnz_int.model.pricing import Pricing
from avnz_int.model.routing import MemberChanges
from avnz_int.services import pools
from avnz_int.services.manifest_fields import Fields, Problems, each, given, require_once
from avnz_int.services.manifest_reading import Node
from avnz_int.services.tenants import checked_slug

ATTRIBUTES = {
    "priority": "priority",
    "weight": "weight",
    "transactionLimit": "transaction_limit",
    "monthlyLimit": "monthly_limit",
    "limitCurrency": "limit_currency",
    "currencies": "currencies",
}
"""Columns of a pool's member, which are its fields in the file, and their names in `MemberChanges`."""


def slug(text: str) -> str:
    """A slug of the file.

    Raises:
        InvalidInputError: it is none; unlike on the command line it is not shown unless it looks like a name.
    """
    try:
        return checked_slug(text)
    except InvalidInputError as exc:
        if names.shown_name(text) == text:
            raise
        words = exc.hint
    raise InvalidInputError(f"this is not a slug: {words}")


def share(problems: Problems, fields: Fields) -> WantedShare | Unset | None:
    """What the field `share` asks for; None where the offer is to end."""
    node = fields.node("share")
    if node is None:
        return UNSET
    spot = fields.at("share")
    if node.value is False:
        return None
    if not isinstance(node.value, dict):
        problems.add(spot, "must be an object with prices, or false")
        return UNSET
    inner = Fields(problems, node, spot.path, ("prices", "defaultForNewClients"), ("prices",))
    prices = given(each(inner, "prices", lambda item, path: _price(problems, item, path)), ())
    kept = tuple(price for price in prices if price is not None)
    require_once(
        problems,
        kept,
        lambda one: (one.pricing.currency, one.client, one.effective),
        "a price of this client, currency and time",
    )
    if "prices" in inner and not any(price is None or price.client is None for price in prices):
        problems.add(inner.at("prices"), "one of them must be for all: leave its client out")
    return WantedShare(kept, inner.flag("defaultForNewClients"), spot)


def _price(problems: Problems, node: Node, path: str) -> WantedPrice | None:
    allowed = ("percentageFee", "flatFee", "monthlyMinimum", "currency", "client", "effectiveAt")
    fields = Fields(problems, node, path, allowed)
    percent, flat, minimum = (
        fields.number("percentageFee"),
        fields.whole("flatFee"),
        fields.whole("monthlyMinimum"),
    )
    for name, amount in (("flatFee", flat), ("monthlyMinimum", minimum)):
        if amount is None:
            problems.add(fields.at(name), "must be a whole number")
    currency, client = fields.text("currency"), fields.checked("client", slug)
    effective = fields.checked("effectiveAt", lambda text: clock.rfc3339(_moment(text)))
    pricing = problems.attempt(
        fields.spot,
        lambda: Pricing(
            given(percent, Decimal(0)),
            given(flat, 0) or 0,
            given(minimum, 0) or 0,
            checked(given(currency, "USD")),
        ),
    )
    if pricing is None:
        return None
    moment = None if isinstance(effective, Unset) else clock.parse_rfc3339(effective)
    return WantedPrice(pricing, None if isinstance(client, Unset) else client, moment, fields.spot)


def pool(problems: Problems, node: Node, path: str, client: str | None) -> WantedPool:
    """A pool of a client's accounts, or (None) of the organization's own."""
    allowed = ("name", "environment", "strategy", "members")
    fields = Fields(problems, node, path, allowed, ("name",))
    members = each(fields, "members", lambda item, below: _member(problems, item, below, client))
    require_once(problems, members, lambda one: (one.provider, one.name), "this account")
    return WantedPool(
        client=client,
        name=given(fields.checked("name", names.checked_name), ""),
        environment=fields.word("environment", Environment, tuple(Environment)),
        strategy=fields.word("strategy", PoolStrategy, tuple(PoolStrategy)),
        members=members,
        spot=fields.spot,
    )


def _member(problems: Problems, node: Node, path: str, client: str | None) -> WantedMember:
    fields = Fields(problems, node, path, ("account", *ATTRIBUTES), ("account",))
    values: dict[str, Any] = {}
    for name in ("priority", "weight", "transactionLimit", "monthlyLimit"):
        number = fields.whole(name)
        if number is None and name in {"priority", "weight"}:
            problems.add(fields.at(name), "must be a whole number")
        elif not isinstance(number, Unset):
            values[name] = number
    code = fields.nullable_text("limitCurrency")
    if isinstance(code, str):
        values["limitCurrency"] = code
    codes = fields.items("currencies")
    if not isinstance(codes, Unset):
        texts = [item.value for item, _ in codes]
        if all(isinstance(text, str) for text in texts):
            values["currencies"] = tuple(texts)
        else:
            problems.add(fields.at("currencies"), "must be a list of currencies")
    wanted = MemberChanges("", **{ATTRIBUTES[column]: value for column, value in values.items()})
    settled = problems.attempt(fields.spot, lambda: pools.settled(wanted))
    account = given(fields.text("account"), "")
    provider, named = _account(problems, fields, account, client)
    return WantedMember(provider, named, settled or {}, fields.spot)


def _account(
    problems: Problems, fields: Fields, account: str, client: str | None
) -> tuple[str | None, str | None]:
    first, slash, second = account.partition("/")
    if client is None:
        if first == "platform" and second and "/" not in second:
            return second, None
        if not slash and account:
            return account, None
        words = "must be a provider: a pool of the organization's own has its accounts"
    elif slash and first and second and "/" not in second:
        return first, second
    elif not slash and account:
        return None, account
    else:
        words = "must be the NAME of an integration of this client, or PROVIDER/NAME"
    if "account" in fields:
        problems.add(fields.at("account"), words)
    return None, account


def _moment(text: str) -> datetime:
    """A time, or the beginning of a day in UTC."""
    try:
        if len(text) == len("2026-11-22"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        return clock.parse_rfc3339(text)
    except ValueError:
        raise InvalidInputError("must be a time as 2026-12-01T00:00:00Z, or a day") from None

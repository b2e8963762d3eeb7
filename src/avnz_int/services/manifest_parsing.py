"""The text of a manifest -> what it asks for; every misfit is told, with its line and never its value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar

from avnz_int import clock
from avnz_int.errors import InvalidInputError
from avnz_int.model import names
from avnz_int.model.enums import Environment, Mode, PoolStrategy
from avnz_int.model.inputs import UNSET, Unset
from avnz_int.model.manifest import (
    API_VERSION,
    KIND,
    STORED,
    Given,
    Literal,
    Manifest,
    Reference,
    Scheme,
    Spot,
    WantedClient,
    WantedClientIntegration,
    WantedMember,
    WantedPlatform,
    WantedPool,
    WantedPrice,
    WantedShare,
    WantedTenant,
)
from avnz_int.model.pricing import Pricing
from avnz_int.model.routing import MemberChanges
from avnz_int.services import pools
from avnz_int.services.manifest_fields import Fields, Problems, plain
from avnz_int.services.manifest_reading import Node, read
from avnz_int.services.saving import checked_priority
from avnz_int.services.tenants import checked_slug

T = TypeVar("T")
_REFERENCE = re.compile(f"({'|'.join(Scheme)}):(.+)", re.DOTALL)
_PROVIDER = re.compile(r"[a-z][a-z0-9_]*")
_INTEGRATION = (
    "provider",
    "name",
    "description",
    "environment",
    "credentials",
    "settings",
    "status",
)
_STATUS = ("active", "inactive")
_ATTRIBUTES = {
    "priority": "priority",
    "weight": "weight",
    "transactionLimit": "transaction_limit",
    "monthlyLimit": "monthly_limit",
    "limitCurrency": "limit_currency",
    "currencies": "currencies",
}
"""Columns of a pool's member, which are its fields in the file, and their names in `MemberChanges`."""


def parse(text: str, origin: str) -> Manifest:
    """What a file asks for.

    Args:
        text: YAML, or JSON, which is YAML too.
        origin: the file's name, for messages.

    Raises:
        InvalidInputError: it is no manifest; names the line of each misfit.
    """
    problems = Problems(origin)
    found = _Parser(problems).manifest(read(text, origin), origin)
    problems.raise_any()
    return found


class _Parser:
    """Reads object by object; what stands twice is found at the end of each list."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._slugs: dict[str, Spot] = {}

    def manifest(self, node: Node, origin: str) -> Manifest:
        """The whole file."""
        names_ = ("apiVersion", "kind", "organization", "platform", "clients", "pools")
        top = Fields(self._problems, node, "", names_, ("apiVersion", "kind"))
        for field, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
            given = top.text(field)
            if not isinstance(given, Unset) and given != wanted:
                self._problems.add(top.at(field), f"must be {wanted}")
        slug: str | Unset = UNSET
        name: str | Unset = UNSET
        about = top.node("organization")
        if about is not None:
            fields = Fields(self._problems, about, "organization", ("slug", "name"))
            slug, name = fields.checked("slug", checked_slug), fields.checked("name", names.checked_name)
        platform = self._list(top, "platform", self._platform)
        self._once(platform, lambda one: (one.provider,), "this provider")
        pools = self._list(top, "pools", lambda item, path: self._pool(item, path, None))
        self._once(pools, lambda one: (one.name,), "a pool of this name")
        return Manifest(
            origin=origin,
            organization_slug=slug,
            organization_name=name,
            organization_spot=top.at("organization"),
            platform=platform,
            clients=self._list(top, "clients", self._client),
            pools=pools,
        )

    # --- tenants -----------------------------------------------------------------------------

    def _client(self, node: Node, path: str) -> WantedClient:
        allowed = ("slug", "name", "companies", "integrations", "pools")
        fields = Fields(self._problems, node, path, allowed, ("slug",))
        slug = self._slug(fields)
        integrations = self._list(
            fields, "integrations", lambda item, below: self._integration(item, below, slug)
        )
        self._once(integrations, lambda one: one.key, "an integration of this provider and name")
        pools = self._list(fields, "pools", lambda item, below: self._pool(item, below, slug))
        self._once(pools, lambda one: (one.name,), "a pool of this name")
        return WantedClient(
            slug=slug,
            name=fields.checked("name", names.checked_name),
            spot=fields.spot,
            companies=self._list(fields, "companies", self._company),
            integrations=integrations,
            pools=pools,
        )

    def _company(self, node: Node, path: str) -> WantedTenant:
        fields = Fields(self._problems, node, path, ("slug", "name"), ("slug",))
        return WantedTenant(self._slug(fields), fields.checked("name", names.checked_name), fields.spot)

    def _slug(self, fields: Fields) -> str:
        slug = fields.checked("slug", checked_slug)
        if isinstance(slug, Unset):
            return ""
        first = self._slugs.setdefault(slug, fields.spot)
        if first is not fields.spot:
            self._problems.add(fields.at("slug"), f"this slug stands in line {first.line} already")
        return slug

    # --- integrations ------------------------------------------------------------------------

    def _common(self, fields: Fields) -> dict[str, Any]:
        active = fields.word("status", lambda word: word == "active", _STATUS)
        return {
            "provider": _or(fields.checked("provider", _provider), ""),
            "name": fields.checked("name", names.checked_name),
            "description": self._description(fields),
            "environment": fields.word("environment", Environment, tuple(Environment)),
            "credentials": self._credentials(fields),
            "settings": self._settings(fields),
            "active": active,
            "spot": fields.spot,
        }

    def _description(self, fields: Fields) -> str | Unset | None:
        given = fields.nullable_text("description")
        if isinstance(given, Unset):
            return UNSET
        return self._problems.attempt(fields.at("description"), lambda: names.checked_text(given))

    def _platform(self, node: Node, path: str) -> WantedPlatform:
        fields = Fields(self._problems, node, path, (*_INTEGRATION, "share"), ("provider",))
        return WantedPlatform(**self._common(fields), share=self._share(fields))

    def _integration(self, node: Node, path: str, client: str) -> WantedClientIntegration:
        allowed = (*_INTEGRATION, "mode", "default", "priority")
        fields = Fields(self._problems, node, path, allowed, ("provider", "name"))
        mode = _or(fields.word("mode", Mode, tuple(Mode)), Mode.OWN)
        if mode is Mode.PLATFORM and "credentials" in fields:
            self._problems.add(fields.at("credentials"), "platform mode uses the platform's: leave them out")
        priority = fields.whole("priority")
        if priority is None:
            self._problems.add(fields.at("priority"), "must be a whole number")
        elif not isinstance(priority, Unset):
            number = priority
            self._problems.attempt(fields.at("priority"), lambda: str(checked_priority(number)))
        return WantedClientIntegration(
            **self._common(fields),
            client=client,
            mode=mode,
            is_default=fields.flag("default"),
            priority=UNSET if priority is None else priority,
        )

    def _settings(self, fields: Fields) -> dict[str, Any] | Unset:
        node = fields.node("settings")
        if node is None:
            return UNSET
        if not isinstance(node.value, dict):
            self._problems.add(fields.at("settings"), "must be an object")
            return UNSET
        return {name: plain(part) for name, part in node.value.items() if part.value is not None}

    def _credentials(self, fields: Fields) -> Given | Unset | None:
        node = fields.node("credentials")
        if node is None:
            return UNSET
        if node.value == STORED:
            return None
        spot = fields.at("credentials")
        if not isinstance(node.value, dict):
            self._problems.add(spot, f"must be an object, or {STORED}")
            return UNSET
        if not node.value:
            self._problems.add(spot, "is empty")
        return Given(
            {name: _value(part, f"{spot.path}.{name}") for name, part in node.value.items()},
            spot,
        )

    # --- sharing -----------------------------------------------------------------------------

    def _share(self, fields: Fields) -> WantedShare | Unset | None:
        node = fields.node("share")
        if node is None:
            return UNSET
        spot = fields.at("share")
        if node.value is False:
            return None
        if not isinstance(node.value, dict):
            self._problems.add(spot, "must be an object with prices, or false")
            return UNSET
        inner = Fields(self._problems, node, spot.path, ("prices", "defaultForNewClients"), ("prices",))
        prices = _or(self._list(inner, "prices", self._price), ())
        kept = tuple(price for price in prices if price is not None)
        self._once(
            kept,
            lambda one: (one.pricing.currency, one.client, one.effective),
            "a price of this client, currency and time",
        )
        if "prices" in inner and not any(price is None or price.client is None for price in prices):
            self._problems.add(inner.at("prices"), "one of them must be for all: leave its client out")
        return WantedShare(kept, inner.flag("defaultForNewClients"), spot)

    def _price(self, node: Node, path: str) -> WantedPrice | None:
        allowed = ("percentageFee", "flatFee", "monthlyMinimum", "currency", "client", "effectiveAt")
        fields = Fields(self._problems, node, path, allowed)
        percent, flat, minimum = (
            fields.number("percentageFee"),
            fields.whole("flatFee"),
            fields.whole("monthlyMinimum"),
        )
        for name, amount in (("flatFee", flat), ("monthlyMinimum", minimum)):
            if amount is None:
                self._problems.add(fields.at(name), "must be a whole number")
        currency, client = fields.text("currency"), fields.checked("client", checked_slug)
        effective = fields.checked("effectiveAt", lambda text: clock.rfc3339(_moment(text)))
        pricing = self._problems.attempt(
            fields.spot,
            lambda: Pricing.of(
                str(_or(percent, Decimal(0))), _or(flat, 0) or 0, _or(minimum, 0) or 0, _or(currency, "USD")
            ),
        )
        if pricing is None:
            return None
        moment = None if isinstance(effective, Unset) else clock.parse_rfc3339(effective)
        return WantedPrice(pricing, None if isinstance(client, Unset) else client, moment, fields.spot)

    # --- pools -------------------------------------------------------------------------------

    def _pool(self, node: Node, path: str, client: str | None) -> WantedPool:
        allowed = ("name", "environment", "strategy", "members")
        fields = Fields(self._problems, node, path, allowed, ("name",))
        members = self._list(fields, "members", lambda item, below: self._member(item, below, client))
        self._once(members, lambda one: (one.provider, one.name), "this account")
        return WantedPool(
            client=client,
            name=_or(fields.checked("name", names.checked_name), ""),
            environment=fields.word("environment", Environment, tuple(Environment)),
            strategy=fields.word("strategy", PoolStrategy, tuple(PoolStrategy)),
            members=members,
            spot=fields.spot,
        )

    def _member(self, node: Node, path: str, client: str | None) -> WantedMember:
        fields = Fields(self._problems, node, path, ("account", *_ATTRIBUTES), ("account",))
        values: dict[str, Any] = {}
        for name in ("priority", "weight", "transactionLimit", "monthlyLimit"):
            number = fields.whole(name)
            if number is None and name in {"priority", "weight"}:
                self._problems.add(fields.at(name), "must be a whole number")
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
                self._problems.add(fields.at("currencies"), "must be a list of currencies")
        wanted = MemberChanges("", **{_ATTRIBUTES[column]: value for column, value in values.items()})
        settled = self._problems.attempt(fields.spot, lambda: pools.settled(wanted))
        account = _or(fields.text("account"), "")
        provider, named = self._account(fields, account, client)
        return WantedMember(provider, named, settled or {}, fields.spot)

    def _account(self, fields: Fields, account: str, client: str | None) -> tuple[str | None, str | None]:
        first, slash, second = account.partition("/")
        if client is None:
            if slash and first == "platform":
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
            self._problems.add(fields.at("account"), words)
        return None, account

    # --- lists -------------------------------------------------------------------------------

    def _list(self, fields: Fields, name: str, make: Callable[[Node, str], T]) -> tuple[T, ...] | Unset:
        items = fields.items(name)
        return UNSET if isinstance(items, Unset) else tuple(make(node, path) for node, path in items)

    def _once(self, found: Iterable[T] | Unset, key: Callable[[T], tuple[Any, ...]], what: str) -> None:
        first: dict[tuple[Any, ...], Spot] = {}
        for one in () if isinstance(found, Unset) else found:
            spot: Spot | None = getattr(one, "spot", None)
            if spot is None:
                continue
            seen = first.setdefault(key(one), spot)
            if seen is not spot:
                self._problems.add(spot, f"{what} stands in line {seen.line} already")


def _or(value: T | Unset, default: T) -> T:
    return default if isinstance(value, Unset) else value


def _provider(text: str) -> str:
    if not _PROVIDER.fullmatch(text):
        raise InvalidInputError("must be a provider; avnz-int definitions list shows them")
    return text


def _value(node: Node, path: str) -> Any:
    """A reference, a literal, or an object or list of these."""
    spot = Spot(node.line, path)
    value = node.value
    if isinstance(value, dict):
        return {name: _value(part, f"{path}.{name}") for name, part in value.items()}
    if isinstance(value, list):
        return [_value(part, f"{path}[{i}]") for i, part in enumerate(value)]
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found:
        return Reference(Scheme(found[1]), found[2], spot)
    return Literal(plain(node), spot)


def _moment(text: str) -> datetime:
    """A time, or the beginning of a day in UTC."""
    try:
        if len(text) == len("2026-11-22"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        return clock.parse_rfc3339(text)
    except ValueError:
        raise InvalidInputError("must be a time as 2026-12-01T00:00:00Z, or a day") from None

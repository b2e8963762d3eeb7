"""What recorded usage adds up to: by integration and currency, with an estimate of the bill; the cache."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import billing, clients, prices, rows, tenants, usage
from avnz_int.errors import IntegrityError
from avnz_int.model.filters import Filter
from avnz_int.model.pricing import rate_of
from avnz_int.model.spans import Month
from avnz_int.model.usage import CurrencyUsage, UsageView
from avnz_int.services.bills import Bills

_COUNTS = ("transactions", "approved", "declined", "voided", "refunds", "volume", "refunded")


def sums(
    connection: Connection, month: Month, client_id: str | None = None, integration_id: str | None = None
) -> list[UsageView]:
    """The usage of a month, by client, integration and currency."""
    versions = {row["id"]: row for row in prices.versions(connection)}
    rates = {key: rate_of(Decimal(row["percentageFee"])) for key, row in versions.items()}
    found = usage.summary(
        connection, month.start, month.end, rates, client_id=client_id, integration_id=integration_id
    )
    names = {row["id"]: row["name"] for row in clients.listing(connection, Filter(), client_id=client_id)}
    slugs = {row["id"]: row["slug"] for row in tenants.clients(connection, client_id)}
    views = []
    for (owner, integration, platform, currency), grouped in itertools.groupby(found, _place):
        parts = list(grouped)
        counted = {name: sum(part[name] for part in parts) for name in _COUNTS}
        fees = None if platform is None else sum(_fees(part, versions) for part in parts)
        views.append(
            UsageView(
                client=slugs[owner],
                client_id=owner,
                client_integration_id=integration,
                name=names.get(integration),
                platform_integration_id=platform,
                month=str(month),
                currency=currency,
                fees=fees,
                **counted,
            )
        )
    return sorted(views, key=lambda view: (view.client, view.name or "", view.currency))


def _place(row: rows.Row) -> tuple[str, str, str | None, str]:
    return row["clientId"], row["clientIntegrationId"], row["platformIntegrationId"], row["currency"]


def _fees(part: rows.Row, versions: Mapping[str, rows.Row]) -> int:
    if not part["transactions"]:
        return 0
    version = versions.get(part["priceVersionId"])
    if version is None:
        raise IntegrityError(
            f"usage was recorded at the price version {part['priceVersionId']}, which is not there",
            hint="restore the PriceVersion table from a backup",
        )
    return int(part["percentage"] + part["transactions"] * version["flatFee"])


def with_estimate(connection: Connection, row: rows.Row, month: Month) -> list[CurrencyUsage]:
    """The usage of a client integration in a month, and what the client owes for what it uses.

    The estimate of an open month is that of the bill, with the corrections of closed months; of a closed one
    it is what the month comes to by all that is known now.

    Args:
        connection: of the transaction.
        row: of `db.clients`.
        month: which.
    """
    used = {view.currency: view for view in sums(connection, month, row["clientId"], row["id"])}
    platform = row["platformIntegrationId"]
    bills = Bills(connection, row["clientId"])
    charges = bills.charges(month) if platform else {}
    last = billing.last_closed(connection)
    billed = None
    if platform and (last is None or str(month) > last):
        billed = bills.lines(month, Month.parse(last) if last else None)
    codes = {key[2] for key in (*charges, *(billed or ())) if key[1] == platform} | set(used)
    if platform:
        codes |= bills.primary_of_active(platform, row["clientId"], month)
    found = []
    for code in sorted(codes):
        view = used.get(code)
        counted = {name: 0 if view is None else getattr(view, name) for name in _COUNTS}
        fees = minimum = so_far = estimate = None
        if platform:
            key = (row["clientId"], platform, code)
            fees = sum(part.fees for part in charges.get(key, {}).values())
            minimum = bills.minimum(key, month, used=key in charges).amount
            so_far = bills.minimum(key, month, used=key in charges, until=clock.now()).amount
            lines = None if billed is None else billed.get(key, ())
            estimate = max(fees, minimum) if lines is None else sum(line.amount for line in lines)
        found.append(
            CurrencyUsage(
                currency=code,
                **counted,
                fees=fees,
                minimum_so_far=so_far,
                minimum=minimum,
                estimate=estimate,
            )
        )
    return found


def refresh_caches(connection: Connection, touched: Collection[tuple[str, str]]) -> None:
    """Bring `usageThisMonth` of integrations, given with their client's id, up to date."""
    month = Month.of(clock.now())
    owners = {client_id for client_id, _ in touched}
    split = _split(connection, month, next(iter(owners)) if len(owners) == 1 else None)
    usage.put_caches(
        connection, {integration: _cache(month, split[integration]) for _, integration in sorted(touched)}
    )


def stale_caches(connection: Connection) -> list[rows.Row]:
    """The integrations whose `usageThisMonth` is not what was recorded this month, by id.

    One that tells of an earlier month is not wrong: nothing was recorded since.
    """
    return [row for row, _ in _stale(connection)]


def refresh_stale(connection: Connection) -> list[str]:
    """Bring those of `stale_caches` up to date; their ids. The month is summed but once for all."""
    found = {row["id"]: cache for row, cache in _stale(connection)}
    if found:
        usage.put_caches(connection, found)
    return list(found)


def _stale(connection: Connection) -> list[tuple[rows.Row, dict[str, Any]]]:
    """Each, and what is to stand there."""
    month = Month.of(clock.now())
    split = _split(connection, month, None)
    stored = {row["id"]: row for row in usage.caches(connection, set(split))}
    return [
        (row, cache)
        for _, row in sorted(stored.items())
        if row["id"] in split or (row["usageThisMonth"] or {}).get("month") == str(month)
        if row["usageThisMonth"] != (cache := _cache(month, split[row["id"]]))
    ]


def _split(
    connection: Connection, month: Month, client_id: str | None
) -> defaultdict[str, dict[str, dict[str, int]]]:
    """Integration id -> currency -> transactions and volume of the month, if there are charges in it."""
    split: defaultdict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for row in usage.summary(connection, month.start, month.end, {}, client_id=client_id):
        if not row["approved"] + row["declined"]:
            continue
        part = split[row["clientIntegrationId"]].setdefault(row["currency"], {"transactions": 0, "volume": 0})
        for name in part:
            part[name] += row[name]
    return split


def _cache(month: Month, split: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """`volume` is of the currency with most transactions: amounts of several do not add up."""
    first = max(sorted(split), key=lambda code: split[code]["transactions"], default=None)
    return {
        "transactions": sum(part["transactions"] for part in split.values()),
        "volume": split[first]["volume"] if first else 0,
        "currency": first,
        "currencies": {code: dict(split[code]) for code in sorted(split)},
        "month": str(month),
    }

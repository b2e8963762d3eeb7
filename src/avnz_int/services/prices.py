"""What the use of a platform integration costs a client at a time: price versions, looked up.

A client's own version stands before one for all, whichever is newer. Each currency has prices of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import prices, rows
from avnz_int.model.pricing import Pricing

Key = tuple[str, str | None, str]
"""Platform integration, client (None: all), currency."""
_USD = "USD"


def shown(version: rows.Row) -> dict[str, Any]:
    """A version as `clientPricing`."""
    return Pricing.from_json(version).as_json()


def in_step(connection: Connection, found: Sequence[rows.Row]) -> list[rows.Row]:
    """Rows of PlatformIntegration whose `clientPricing` is the price of this moment.

    The column is written when a price is set; a price that was set for a later time comes into force without
    anybody writing.
    """
    priced = [row["id"] for row in found if row["clientPricing"] is not None]
    book = PriceBook.load(connection, priced) if priced else PriceBook([])
    moment = clock.now()
    return [
        {**row, "clientPricing": book.headline(row["id"], None, moment) or row["clientPricing"]}
        for row in found
    ]


class PriceBook:
    """Price versions in memory: a lookup is two bisections, so a million lines ask it at no cost.

    Args:
        versions: rows of PriceVersion, in whatever order.
    """

    def __init__(self, versions: Iterable[rows.Row]) -> None:
        self._rows: dict[Key, list[rows.Row]] = {}
        for row in sorted(versions, key=lambda one: (one["effectiveAt"], one["id"])):
            key = (row["platformIntegrationId"], row["clientId"], row["currency"])
            self._rows.setdefault(key, []).append(row)
        # Asked for each of many clients: to walk over all keys each time would be quadratic.
        self._currencies: dict[tuple[str, str | None], set[str]] = {}
        for integration, owner, code in self._rows:
            self._currencies.setdefault((integration, owner), set()).add(code)
        self._times = {key: [row["effectiveAt"] for row in found] for key, found in self._rows.items()}

    @classmethod
    def load(cls, connection: Connection, platform_integration_ids: Collection[str] | None = None) -> Self:
        """The prices of these platform integrations, or of all: also of those that are deleted."""
        return cls(prices.versions(connection, platform_integration_ids))

    def at(
        self, platform_integration_id: str, client_id: str | None, currency: str, moment: datetime
    ) -> rows.Row | None:
        """The version in force at a moment for a client (None: for all); None where there is no price yet."""
        if client_id is not None:
            own = self._newest((platform_integration_id, client_id, currency), moment)
            if own is not None:
                return own
        return self._newest((platform_integration_id, None, currency), moment)

    def timeline(
        self,
        platform_integration_id: str,
        client_id: str | None,
        currency: str,
        start: datetime,
        end: datetime,
    ) -> list[tuple[datetime, datetime, rows.Row | None]]:
        """The time from `start` to before `end`, cut where another version takes effect.

        Each part is its start, its end and the version in force in it (None: no price). The parts follow one
        another without a gap; neighbours have different versions. An empty time has no parts.
        """
        cuts = {start}
        for owner in {client_id, None}:
            times = self._times.get((platform_integration_id, owner, currency), [])
            cuts.update(times[bisect_right(times, start) : bisect_left(times, end)])
        parts: list[tuple[datetime, datetime, rows.Row | None]] = []
        for cut in sorted(cuts) if start < end else ():
            row = self.at(platform_integration_id, client_id, currency, cut)
            if parts and _same(parts[-1][2], row):
                continue
            if parts:
                parts[-1] = (parts[-1][0], cut, parts[-1][2])
            parts.append((cut, end, row))
        return parts

    def primary(self, platform_integration_id: str, moment: datetime) -> str | None:
        """The currency that stands for all: USD where it has a price for all in force, else the first one's.

        The first is the oldest of the prices for all. None where no price for all is in force.
        """
        found = {
            code: self._rows[platform_integration_id, None, code][0]
            for code in self.currencies(platform_integration_id)
            if self._newest((platform_integration_id, None, code), moment)
        }
        if not found or _USD in found:
            return _USD if found else None
        return min(found, key=lambda code: (found[code]["effectiveAt"], found[code]["id"]))

    def offered(
        self, platform_integration_id: str, client_id: str | None, moment: datetime
    ) -> list[rows.Row]:
        """The versions in force for a client, one a currency, that of the primary currency first."""
        primary = self.primary(platform_integration_id, moment)
        codes = self.currencies(platform_integration_id, client_id)
        found = [self.at(platform_integration_id, client_id, code, moment) for code in codes]
        return sorted((row for row in found if row is not None), key=lambda row: row["currency"] != primary)

    def headline(
        self, platform_integration_id: str, client_id: str | None, moment: datetime
    ) -> dict[str, Any] | None:
        """`clientPricing`: the price in the primary currency; before any takes effect, the next to come."""
        in_force = self.offered(platform_integration_id, client_id, moment)
        if in_force:
            return shown(in_force[0])
        owners = {client_id, None}
        to_come = [row for row in self.of(platform_integration_id) if row["clientId"] in owners]
        first = min(to_come, key=lambda row: (row["effectiveAt"], row["currency"] != _USD), default=None)
        return None if first is None else shown(first)

    def version(self, key: Key, moment: datetime) -> rows.Row | None:
        """The newest version of exactly this integration, client (None: all) and currency at a moment."""
        return self._newest(key, moment)

    def following(self, key: Key, moment: datetime) -> rows.Row | None:
        """The first version of exactly this integration, client (None: all) and currency after a moment."""
        place = bisect_right(self._times.get(key, []), moment)
        return self._rows[key][place] if place < len(self._rows.get(key, [])) else None

    def currencies(self, platform_integration_id: str, client_id: str | None = None) -> list[str]:
        """The currencies that have a price for all or, if one is given, for this client; now or some day."""
        found = self._currencies.get((platform_integration_id, client_id), set())
        return sorted(found | self._currencies.get((platform_integration_id, None), set()))

    def of(self, platform_integration_id: str) -> list[rows.Row]:
        """Every version of a platform integration: those for all first, then by client, currency and time."""
        keys = [key for key in self._rows if key[0] == platform_integration_id]
        return [row for key in sorted(keys, key=_order) for row in self._rows[key]]

    def _newest(self, key: Key, moment: datetime) -> rows.Row | None:
        times = self._times.get(key)
        if times is None:
            return None
        place = bisect_right(times, moment)
        return self._rows[key][place - 1] if place else None


def _same(one: rows.Row | None, other: rows.Row | None) -> bool:
    return one is other or (one is not None and other is not None and one["id"] == other["id"])


def _order(key: Key) -> tuple[bool, str, str]:
    return (key[1] is not None, key[1] or "", key[2])

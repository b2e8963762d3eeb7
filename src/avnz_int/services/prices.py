"""What the use of a platform integration costs a client at a time: price versions, looked up.

A client's own version stands before one for all, whichever is newer. Each currency has prices of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Self

from sqlalchemy import Connection

from avnz_int.db import prices, rows

_Key = tuple[str, str | None, str]


class PriceBook:
    """Price versions in memory: a lookup is two bisections, so a million lines ask it at no cost.

    Args:
        versions: rows of PriceVersion, in whatever order.
    """

    def __init__(self, versions: Iterable[rows.Row]) -> None:
        self._rows: dict[_Key, list[rows.Row]] = {}
        for row in sorted(versions, key=lambda one: (one["effectiveAt"], one["id"])):
            key = (row["platformIntegrationId"], row["clientId"], row["currency"])
            self._rows.setdefault(key, []).append(row)
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

    def currencies(self, platform_integration_id: str, client_id: str | None = None) -> list[str]:
        """The currencies that have a price for all or, if one is given, for this client; now or some day."""
        owners = {client_id, None}
        return sorted(
            {key[2] for key in self._rows if key[0] == platform_integration_id and key[1] in owners}
        )

    def of(self, platform_integration_id: str) -> list[rows.Row]:
        """Every version of a platform integration: those for all first, then by client, currency and time."""
        keys = [key for key in self._rows if key[0] == platform_integration_id]
        return [row for key in sorted(keys, key=_order) for row in self._rows[key]]

    def _newest(self, key: _Key, moment: datetime) -> rows.Row | None:
        times = self._times.get(key)
        if times is None:
            return None
        place = bisect_right(times, moment)
        return self._rows[key][place - 1] if place else None


def _same(one: rows.Row | None, other: rows.Row | None) -> bool:
    return one is other or (one is not None and other is not None and one["id"] == other["id"])


def _order(key: _Key) -> tuple[bool, str, str]:
    return (key[1] is not None, key[1] or "", key[2])

"""What each client owes for a month: settled charges, the prorated minimum, corrections of closed months.

The bill of a client, a platform integration, a month and a currency is the fees or the minimum, whichever is
more, of all that is known. A closed month is corrected by lines of a later statement that bring what was
billed to that; so the sum over all statements does not depend on the order in which usage came.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from avnz_int.db import billing, prices, rows, usage
from avnz_int.errors import IntegrityError
from avnz_int.model.enums import LineKind
from avnz_int.model.fees import (
    Billed,
    Charges,
    Line,
    Minimum,
    Share,
    correction_lines,
    month_lines,
    prorated,
)
from avnz_int.model.pricing import rate_of
from avnz_int.model.spans import Month, touched_days
from avnz_int.services.prices import PriceBook

Key = tuple[str, str, str]
"""Client id, platform integration id, currency."""
ByVersion = Mapping[str, Charges]
_MOMENT = timedelta(milliseconds=1)


class Bills:
    """Computes bills in one transaction.

    Args:
        connection: of the transaction.
        client_id: only of this client.
    """

    def __init__(self, connection: Connection, client_id: str | None = None) -> None:
        self._connection = connection
        self._client_id = client_id
        found = prices.versions(connection)
        self.versions = {row["id"]: row for row in found}
        self._book = PriceBook(found)
        self._rates = {row["id"]: rate_of(Decimal(row["percentageFee"])) for row in found}
        self._shown = {row["id"]: (row["percentageFee"], row["flatFee"]) for row in found}
        self._primary: dict[tuple[str, Month], str | None] = {}
        self._own: dict[tuple[str, str], tuple[str, datetime]] = {}
        for row in found:  # in the order in which they take effect
            if row["clientId"] is not None:
                place = (row["platformIntegrationId"], row["clientId"])
                self._own.setdefault(place, (row["currency"], row["effectiveAt"]))
        self._periods: dict[Month, dict[tuple[str, str], list[rows.Row]]] = {}
        self._charges: dict[Month, dict[Key, dict[str, Charges]]] = {}

    def charges(self, month: Month) -> dict[Key, dict[str, Charges]]:
        """Key -> price version -> the settled charges that took place in a month."""
        if month in self._charges:
            return self._charges[month]
        found: dict[Key, dict[str, Charges]] = defaultdict(dict)
        for row in usage.charges(
            self._connection, month.start, month.end, self._rates, client_id=self._client_id
        ):
            version = self.versions.get(row["priceVersionId"])
            if version is None:
                raise IntegrityError(
                    f"usage was recorded at the price version {row['priceVersionId']}, which is not there",
                    hint="restore the PriceVersion table from a backup",
                )
            key = (row["clientId"], row["platformIntegrationId"], row["currency"])
            flat = row["count"] * version["flatFee"]
            found[key][version["id"]] = Charges(row["count"], row["volume"], row["percentage"], flat)
        self._charges[month] = dict(found)
        return self._charges[month]

    def minimum(self, key: Key, month: Month, *, used: bool, until: datetime | None = None) -> Minimum:
        """The minimum of a month, prorated by active days; each day has the price in force at its end.

        Args:
            key: client, platform integration, currency.
            month: which.
            used: whether the client has settled charges in the currency; another currency than the primary
                one has a minimum only then.
            until: count only what was active before this time; None counts on to the month's end.
        """
        client_id, platform_id, currency = key
        if not used and currency != self.primary(platform_id, client_id, month):
            return Minimum()
        end = month.end if until is None else min(until, month.end)
        days: set[int] = set()
        for period in self._active(month).get((client_id, platform_id), ()):
            days |= touched_days(period["startedAt"], min(period["endedAt"] or end, end), month)
        counted: Counter[str] = Counter()
        for day in sorted(days):
            moment = month.start + timedelta(days=day) - _MOMENT
            version = self._book.at(platform_id, client_id, currency, moment)
            if version is not None:
                counted[version["id"]] += 1
        shares = [Share(one, self.versions[one]["monthlyMinimum"], n) for one, n in counted.items()]
        return prorated(shares, month)

    def primary(self, platform_id: str, client_id: str, month: Month) -> str | None:
        """The currency whose minimum an active client owes without any usage; None where there is no price.

        It is the primary one of the prices for all by the month's end; where there is none, that of the
        client's oldest price.
        """
        place = (platform_id, month)
        if place not in self._primary:
            self._primary[place] = self._book.primary(platform_id, month.end - _MOMENT)
        if self._primary[place] is not None:
            return self._primary[place]
        own, since = self._own.get((platform_id, client_id), (None, month.end))
        return own if since < month.end else None

    def primary_of_active(self, platform_id: str, client_id: str, month: Month) -> set[str]:
        """The primary currency, if the client is active at some time of the month."""
        code = self.primary(platform_id, client_id, month)
        return {code} if code and (client_id, platform_id) in self._active(month) else set()

    def lines(self, month: Month, closed: Month | None) -> dict[Key, list[Line]]:
        """Key -> the lines of a month's statement, corrections of the months up to `closed` included."""
        found: dict[Key, list[Line]] = {}
        charges = self.charges(month)
        keys = set(charges)
        for client_id, platform_id in self._active(month):
            code = self.primary(platform_id, client_id, month)
            keys |= {(client_id, platform_id, code)} if code else set()
        for key in keys:
            minimum = self.minimum(key, month, used=key in charges)
            found[key] = month_lines(month, charges.get(key, {}), minimum, self._shown, key[2])
        for key, corrections in self._corrections(month, closed).items():
            found[key] = found.get(key, []) + corrections
        return {key: found[key] for key in sorted(found) if found[key]}

    def _corrections(self, month: Month, closed: Month | None) -> dict[Key, list[Line]]:
        changed: dict[Month, set[Key]] = defaultdict(set)
        for row in usage.corrected(self._connection, str(month), month.start):
            when = Month.parse(row["month"])
            if closed is not None and when <= closed and self._client_id in {None, row["clientId"]}:
                changed[when].add((row["clientId"], row["platformIntegrationId"], row["currency"]))
        billed = self._billed(changed)
        found: dict[Key, list[Line]] = defaultdict(list)
        for when in sorted(changed):
            charges = self.charges(when)
            for key in changed[when]:
                now = charges.get(key, {})
                minimum = self.minimum(key, when, used=bool(now))
                before = billed.get((key, str(when)), Billed({}))
                found[key] += correction_lines(when, now, minimum, before, key[2])
        return found

    def _billed(self, changed: Mapping[Month, set[Key]]) -> dict[tuple[Key, str], Billed]:
        """Key and month -> what all statements so far say of it."""
        fees: dict[tuple[Key, str], dict[str, Charges]] = defaultdict(dict)
        top_ups: Counter[tuple[Key, str]] = Counter()
        for row in billing.lines_about(self._connection, [str(month) for month in changed]):
            place = ((row["clientId"], row["platformIntegrationId"], row["currency"]), row["month"])
            version = row["priceVersionId"]
            if version is None:
                top_ups[place] += row["amount"]
                continue
            # A percentage line and a flat one are of the same transactions.
            once = row["kind"] != LineKind.FLAT
            before = fees[place].get(version, Charges())
            fees[place][version] = Charges(
                before.count + row["count"] * once,
                before.volume + row["volume"] * once,
                before.percentage + row["amount"],
            )
        return {place: Billed(fees[place], top_ups[place]) for place in {*fees, *top_ups}}

    def _active(self, month: Month) -> dict[tuple[str, str], list[rows.Row]]:
        if month not in self._periods:
            found: dict[tuple[str, str], list[rows.Row]] = defaultdict(list)
            for row in prices.periods(self._connection, month.start, month.end, client_id=self._client_id):
                found[row["clientId"], row["platformIntegrationId"]].append(row)
            self._periods[month] = dict(found)
        return self._periods[month]

"""The weekly payout report: what was settled for each client in platform mode."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

from avnz_int import clock
from avnz_int.db import payouts, prices, rows, tenants
from avnz_int.errors import InvalidInputError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, UsageType
from avnz_int.model.pricing import rate_of
from avnz_int.model.spans import Week, day_of
from avnz_int.model.statements import PayoutView
from avnz_int.services.usage import readable_client
from avnz_int.services.work import Work

_MOST_WEEKS = 530
_Place = tuple[Week, str, str]
"""Week, client id, currency."""


class Payouts:
    """Reports what is to be paid out (org_admin, auditor, client_admin its own)."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def listing(
        self,
        actor: Actor,
        *,
        client: str | None = None,
        week: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[PayoutView]:
        """The settled volume of a week, or of every week with a day from `since` to `until`.

        The last week that is over is reported if none is named, and every week from `since` on up to that.
        """
        first, last = _weeks(week, since, until)
        with self._work.reading(actor, Action.BILLING_READ) as work:
            client_id = readable_client(work, actor, Action.BILLING_READ, client)
            slugs = {row["id"]: row["slug"] for row in tenants.clients(work.connection, client_id)}
            versions = prices.versions(work.connection)
            rates = {row["id"]: rate_of(Decimal(row["percentageFee"])) for row in versions}
            flat = {row["id"]: row["flatFee"] for row in versions}
            during = (work.connection, first.start, last.end)
            sums: dict[_Place, Counter[str]] = defaultdict(Counter)
            _add_charges(sums, payouts.charges(*during, rates, client_id), flat, "charges", 1)
            _add_charges(sums, payouts.voided(*during, rates, client_id), flat, "voids", -1)
            _add_refunds(sums, payouts.refunds(*during, client_id))
        views = [_view(place, slugs[place[1]], found) for place, found in sums.items() if any(found.values())]
        return sorted(views, key=lambda view: (view.week, view.client, view.currency))


def _weeks(week: str | None, since: str | None, until: str | None) -> tuple[Week, Week]:
    if week is not None:
        if since is not None or until is not None:
            raise InvalidInputError("a week, or a time from one day to another: not both")
        one = Week.parse(week)
        return one, one
    over = Week.of(clock.now().date() - timedelta(days=7))
    last = over if until is None else Week.of(day_of(until))
    first = last if since is None else Week.of(day_of(since))
    if last < first:
        raise InvalidInputError("the first day is after the last", hint="--from is the earlier one")
    if (last.monday - first.monday).days // 7 >= _MOST_WEEKS:
        raise InvalidInputError(f"that is more than {_MOST_WEEKS} weeks", hint="ask for a shorter time")
    return first, last


def _place(row: rows.Row) -> _Place:
    return Week.of(date.fromisoformat(row["day"])), row["clientId"], row["currency"]


def _add_charges(
    sums: dict[_Place, Counter[str]],
    found: Iterable[rows.Row],
    flat: Mapping[str, int],
    name: str,
    sign: int,
) -> None:
    for row in found:
        part = sums[_place(row)]
        part[name] += row["volume"]
        part["fees"] += sign * (row["percentage"] + row["count"] * flat[row["priceVersionId"]])
        part["transactions"] += row["count"] if sign > 0 else 0
        part["over_refunded"] += row["count"] * bool(row.get("over"))


def _add_refunds(sums: dict[_Place, Counter[str]], found: Iterable[rows.Row]) -> None:
    for row in found:
        part = sums[_place(row)]
        if row["type"] == UsageType.REFUND:
            part["refunds"] += row["volume"]
            part["over_refunded"] += row["count"] * bool(row["over"])
        part["unmatched"] += row["count"] * bool(row["unmatched"])


def _view(place: _Place, slug: str, found: Counter[str]) -> PayoutView:
    week, client_id, currency = place
    volume = found["charges"] - found["refunds"] - found["voids"]
    return PayoutView(
        client=slug,
        client_id=client_id,
        week=str(week),
        start=week.start,
        end=week.end,
        currency=currency,
        transactions=found["transactions"],
        charges=found["charges"],
        refunds=found["refunds"],
        voids=found["voids"],
        volume=volume,
        fees=found["fees"],
        net=volume - found["fees"],
        unmatched=found["unmatched"],
        over_refunded=found["over_refunded"],
    )

"""Bills: months are closed in their order, statements are final; estimates of what is open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import audit, billing, platform, prices, rows, tenants, usage
from avnz_int.errors import AmbiguousRefError, ConflictError, HiddenError, NotFoundError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action
from avnz_int.model.fees import Line
from avnz_int.model.filters import EventFilter, Filter
from avnz_int.model.spans import Month
from avnz_int.model.statements import ClosedMonth, LineView, StatementView, Total
from avnz_int.services import access, refs
from avnz_int.services.bills import Bills, Key
from avnz_int.services.usage import readable_client
from avnz_int.services.work import Reading, Work

_HINT = "avnz-int billing show lists the statements"


class Billing:
    """Closes months (org_admin) and shows bills (org_admin, auditor, client_admin its own)."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def close(self, actor: Actor, month: str) -> ClosedMonth:
        """The statements of a month, made now, or as they were made when it was closed.

        Raises:
            ConflictError: the month is not over, an earlier one has to be closed first, or there is nothing
                to bill yet.
        """
        when = Month.parse(month)
        with self._work.writing(actor, Action.BILLING_CLOSE, Target("BillingMonth", str(when))) as work:
            access.require_admin(actor, Action.BILLING_CLOSE)
            known = billing.month(work.connection, str(when))
            if known is None:
                moment = clock.now()
                last = _closable(work.connection, when)
                if when.end > moment:
                    raise ConflictError(
                        f"{when} is not over before {clock.rfc3339(when.end)}",
                        hint=f"avnz-int billing show --estimate --month {when} tells what it comes to so far",
                    )
                stamp = {"closedAt": moment, "closedBy": actor.id}
                views = _computed(work, when, last)
                made = [_row(view, work.organization["id"], stamp) for view in views]
                closed = {"month": str(when), "organizationId": work.organization["id"], **stamp}
                lines = [
                    line for row, view in zip(made, views, strict=True) for line in _line_rows(row, view)
                ]
                billing.add(work.connection, closed, made, lines)
                totals = {total.currency: total.total for total in _totals(views)}
                work.record({"month": str(when), "statements": len(made), "totals": totals})
            found = known or {**stamp}
            views = _stored(work.connection, month=str(when))
            return ClosedMonth(
                str(when), found["closedAt"], found["closedBy"], known is not None, _totals(views), views
            )

    def listing(
        self, actor: Actor, *, client: str | None = None, month: str | None = None
    ) -> list[StatementView]:
        """Statements by month and client, with their lines."""
        with self._work.reading(actor, Action.BILLING_READ) as work:
            client_id = readable_client(work, actor, Action.BILLING_READ, client)
            when = None if month is None else str(Month.parse(month))
            return _stored(work.connection, client_id=client_id, month=when)

    def show(self, actor: Actor, ref: str) -> StatementView:
        """One statement, by its id or 6 characters of it and more.

        Raises:
            NotFoundError: none that the actor may know of.
            AmbiguousRefError: several.
        """
        with self._work.reading(actor, Action.BILLING_READ) as work:
            only = readable_client(work, actor, Action.BILLING_READ, None)
            ids = billing.by_id_prefix(work.connection, ref, None) if refs.is_prefix(ref) else []
            found = [view for one in ids for view in _stored(work.connection, statement_id=one)]
            mine = [view for view in found if only in {None, view.client_id}]
            if len(mine) > 1:
                raise AmbiguousRefError(
                    f"{ref!r} fits several statements",
                    hint="write more of it",
                    details={"candidates": [view.id for view in mine]},
                )
            if not mine:
                missing = HiddenError if any(view.id == ref for view in found) else NotFoundError
                raise missing(f"no statement {ref!r}", hint=_HINT)
            return mine[0]

    def estimate(
        self, actor: Actor, *, client: str | None = None, month: str | None = None
    ) -> list[StatementView]:
        """What the statements of an open month would be, if those who are active stay so to its end.

        Raises:
            ConflictError: the month is closed.
        """
        when = Month.of(clock.now()) if month is None else Month.parse(month)
        with self._work.reading(actor, Action.BILLING_READ) as work:
            client_id = readable_client(work, actor, Action.BILLING_READ, client)
            closed = billing.last_closed(work.connection)
            if closed is not None and str(when) <= closed:
                raise ConflictError(
                    f"{when} is closed: there is nothing to estimate",
                    hint=f"avnz-int billing show --month {when} shows its statements",
                )
            return _computed(work, when, Month.parse(closed) if closed else None, client_id)


def _closable(connection: Connection, month: Month) -> Month | None:
    """The last month that is closed, if this one may be closed next.

    Raises:
        ConflictError: another one has to be closed first, or this one is before all that were, or before
            all with anything to bill: closing it would make its followers wait for a month without end.
    """
    closed = billing.last_closed(connection)
    if closed is not None:
        last = Month.parse(closed)
        if month <= last:
            raise ConflictError(
                f"{month} is before the first month that was closed",
                hint="usage of it that comes now is corrected in the next month's statement",
            )
        expected = last.next
    else:
        last = None
        used, active = usage.first_month(connection), prices.first_active(connection)
        first = [Month.parse(used)] if used else []
        first += [Month.of(active)] if active else []
        if not first:
            raise ConflictError(
                f"there is nothing to bill in {month} or before",
                hint="months are closed from the first on in which a client uses the platform's integration",
            )
        expected = min(first)
        if month < expected:
            raise ConflictError(
                f"there is nothing to bill before {expected}",
                hint=f"avnz-int billing close --month {expected}"
                if expected.end <= clock.now()
                else f"{expected} can be closed once it is over",
            )
    if month > expected:
        raise ConflictError(
            f"{expected} has to be closed before {month}", hint=f"avnz-int billing close --month {expected}"
        )
    return last


def _computed(
    work: Reading, month: Month, closed: Month | None, client_id: str | None = None
) -> list[StatementView]:
    bills = Bills(work.connection, client_id)
    lines = bills.lines(month, closed)
    slugs = {row["id"]: row["slug"] for row in tenants.clients(work.connection, client_id)}
    names = _names(work.connection, {key[1] for key in lines})
    views = []
    for key, listed in lines.items():
        provider, name = names[key[1]]
        views.append(
            StatementView(
                id=None,
                client=slugs[key[0]],
                client_id=key[0],
                platform_integration_id=key[1],
                provider=provider,
                name=name,
                month=str(month),
                currency=key[2],
                total=sum(line.amount for line in listed),
                lines=[LineView.of(number, line) for number, line in enumerate(listed, 1)],
                fee_settings=_fee_settings(bills, key, month, listed),
                closed_at=None,
                closed_by=None,
            )
        )
    return sorted(views, key=lambda view: (view.client, view.name, view.currency))


def _fee_settings(bills: Bills, key: Key, month: Month, lines: Sequence[Line]) -> dict[str, Any]:
    used = any(line.month == str(month) and line.version for line in lines)
    minimum = bills.minimum(key, month, used=used)
    ids = [line.version for line in lines if line.version] + [share.version for share in minimum.shares]
    versions = [bills.versions[version] for version in dict.fromkeys(ids)]
    return {
        "versions": [
            {
                "id": row["id"],
                "percentageFee": row["percentageFee"],
                "flatFee": row["flatFee"],
                "monthlyMinimum": row["monthlyMinimum"],
                "currency": row["currency"],
                "effectiveAt": clock.rfc3339(row["effectiveAt"]),
                "clientId": row["clientId"],
            }
            for row in versions
        ],
        "minimum": {
            "amount": minimum.amount,
            "activeDays": minimum.days,
            "daysOfMonth": month.days,
            "shares": [{"priceVersionId": share.version, "days": share.days} for share in minimum.shares],
        },
    }


def _names(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Provider and name of platform integrations, also of those that are deleted."""
    here = {row["id"]: (row["provider"], row["name"]) for row in platform.listing(connection, Filter())}
    found = {}
    for one in ids:
        if one not in here:
            gone = EventFilter(action=Action.PLATFORM_DELETE, target=one)
            changes = next((row["changes"] or {} for row in audit.listing(connection, gone)), {})
            here[one] = tuple(  # type: ignore[assignment]  # of two
                str((changes.get(name) or ["deleted"])[0]) for name in ("provider", "name")
            )
        found[one] = here[one]
    return found


def _row(view: StatementView, organization_id: str, stamp: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": clock.new_id(),
        "organizationId": organization_id,
        "clientId": view.client_id,
        "platformIntegrationId": view.platform_integration_id,
        "provider": view.provider,
        "name": view.name,
        "month": view.month,
        "currency": view.currency,
        "total": view.total,
        "feeSettings": dict(view.fee_settings),
        **stamp,
    }


def _line_rows(row: Mapping[str, Any], view: StatementView) -> list[dict[str, Any]]:
    return [
        {
            "statementId": row["id"],
            "number": line.number,
            "kind": line.kind,
            "description": line.description,
            "month": line.month,
            "count": line.count,
            "volume": line.volume,
            "amount": line.amount,
            "priceVersionId": line.price_version_id,
        }
        for line in view.lines
    ]


def _stored(connection: Connection, **limits: str | None) -> list[StatementView]:
    listed: dict[str, list[rows.Row]] = defaultdict(list)
    for line in billing.lines(connection, **limits):
        listed[line["statementId"]].append(line)
    return [_view(row, listed[row["id"]]) for row in billing.statements(connection, **limits)]


def _view(row: rows.Row, lines: Sequence[rows.Row]) -> StatementView:
    return StatementView(
        id=row["id"],
        client=row["client"],
        client_id=row["clientId"],
        platform_integration_id=row["platformIntegrationId"],
        provider=row["provider"],
        name=row["name"],
        month=row["month"],
        currency=row["currency"],
        total=row["total"],
        lines=[
            LineView(
                number=line["number"],
                kind=line["kind"],
                description=line["description"],
                month=line["month"],
                count=line["count"],
                volume=line["volume"],
                amount=line["amount"],
                price_version_id=line["priceVersionId"],
            )
            for line in lines
        ],
        fee_settings=row["feeSettings"],
        closed_at=row["closedAt"],
        closed_by=row["closedBy"],
    )


def _totals(views: Sequence[StatementView]) -> list[Total]:
    sums: Counter[str] = Counter()
    counts = Counter(view.currency for view in views)
    for view in views:
        sums[view.currency] += view.total
    return [Total(code, counts[code], sums[code]) for code in sorted(counts)]

"""Setting a price: which version it makes, and from when it may be in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from avnz_int import clock
from avnz_int.db import billing, prices, rows
from avnz_int.errors import ConflictError, InvalidInputError
from avnz_int.model.actor import Actor
from avnz_int.model.pricing import Pricing
from avnz_int.services.prices import Key, PriceBook, shown
from avnz_int.services.work import Writing

_LONGEST_AGO = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class Offer:
    """A price to be set.

    Attributes:
        client_id: whose; None: for all.
        effective: from when; None: from now on.
    """

    pricing: Pricing
    client_id: str | None = None
    effective: datetime | None = None


def put(
    work: Writing, actor: Actor, book: PriceBook, platform_integration_id: str, offer: Offer, now: datetime
) -> dict[str, Any]:
    """What an audit event holds of the change: both prices, the time. Empty where the price stands already.

    `now` is later than that of every call before for this integration. A price that has not taken effect yet
    may be replaced by another of the same time; one that has stays as it was for good.

    Raises:
        InvalidInputError: the time is more than 10 years ago.
        ConflictError: the time is in a month whose bills are final, or usage was recorded at another price.
    """
    key: Key = (platform_integration_id, offer.client_id, offer.pricing.currency)
    moment = _moment(offer, now)
    current = book.version(key, moment)
    if current is not None and Pricing.from_json(current) == offer.pricing:
        return {}
    replaced = current if current is not None and current["effectiveAt"] == moment else None
    if replaced is not None and moment <= now:
        raise ConflictError(
            f"another price is in force from {clock.rfc3339(moment)} already, and stays",
            hint="choose a later --effective",
        )
    # Not only of the past: usage is taken some minutes ahead of its time.
    _require_unused(work, book, key, moment, replaced)
    if replaced is not None:
        rows.remove(work.connection, prices.VERSION, replaced["id"])
    rows.add(work.connection, prices.VERSION, _row(work, actor, key, offer.pricing, moment))
    return {
        "clientPricing": [None if current is None else shown(current), offer.pricing.as_json()],
        "effectiveAt": clock.rfc3339(moment),
    }


def _moment(offer: Offer, now: datetime) -> datetime:
    """From when the price is to be in force, in whole milliseconds, which every column keeps."""
    moment = (offer.effective or now).astimezone(UTC)
    # A price that has taken effect stays: a mistyped year could not be taken back.
    if moment < now - _LONGEST_AGO:
        raise InvalidInputError(
            "a price cannot take effect more than 10 years ago",
            hint="look at the year, or leave the time out",
        )
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _require_unused(
    work: Writing, book: PriceBook, key: Key, moment: datetime, replaced: rows.Row | None
) -> None:
    """Refuse a price from a moment on that would change a bill or recorded usage.

    No record may name the version that is to be replaced: its fee would be lost.
    """
    month = f"{moment:%Y-%m}"
    closed = billing.last_closed(work.connection)
    if closed is not None and month <= closed:
        raise ConflictError(
            f"the bills of {closed} are final: a price cannot take effect in {month}",
            hint=f"choose an --effective after {closed}",
        )
    integration, client_id, currency = key
    # A price for all does not touch what was recorded at a client's own.
    touched = [
        row["id"]
        for row in book.of(integration)
        if row["currency"] == currency and row["clientId"] in {client_id, None}
    ]
    after = book.following(key, moment)
    used = prices.first_use(work.connection, touched, client_id, moment, month) if touched else None
    before_next = used is not None and (after is None or used < after["effectiveAt"])
    if not before_next and replaced is not None:
        used = prices.first_use(work.connection, [replaced["id"]], None, moment, month)
        before_next = used is not None
    if used is not None and before_next:
        raise ConflictError(
            f"usage of {clock.rfc3339(used)} was recorded at the price that was in force then",
            hint="choose an --effective after the last recorded usage",
        )


def _row(work: Writing, actor: Actor, key: Key, pricing: Pricing, moment: datetime) -> rows.Row:
    integration, client_id, currency = key
    return {
        "id": clock.new_id(),
        "organizationId": work.organization["id"],
        "platformIntegrationId": integration,
        "clientId": client_id,
        "percentageFee": pricing.percentage_text,
        "flatFee": pricing.flat_fee,
        "monthlyMinimum": pricing.monthly_minimum,
        "currency": currency,
        "effectiveAt": moment,
        "createdAt": clock.now(),
        "createdBy": actor.id,
    }

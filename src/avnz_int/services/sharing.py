"""Offering a platform integration to clients, with its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from avnz_int import clock
from avnz_int.db import clients, platform, rows, tenants
from avnz_int.db.integrations import PLATFORM_TABLE
from avnz_int.errors import ConflictError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, PriceState, Status
from avnz_int.model.filters import Filter
from avnz_int.model.pricing import Pricing
from avnz_int.model.sharing import PriceView, ShareView, SimulationView
from avnz_int.model.simulation import Month, OwnFees, break_even, own_cost, platform_cost
from avnz_int.services import access, client_rows, integrations, refs
from avnz_int.services.prices import PriceBook, shown
from avnz_int.services.pricing import Offer, put
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing

_SWITCHES = ("isSharedWithClients", "isDefaultForNewClients")


class Sharing:
    """Shares platform integrations and ends the sharing (role org_admin)."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def listing(self, actor: Actor) -> list[ShareView]:
        """What is shared, at which price, and who uses it; also what is shared no more but still used."""
        with self._work.reading(actor, Action.PLATFORM_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            found = platform.listing(work.connection, Filter())
            book = PriceBook.load(work.connection)
            views = [_view(work, row, book) for row in found]
            return [view for view in views if view.is_shared_with_clients or view.clients]

    def show(self, actor: Actor, ref: str) -> ShareView:
        """One platform integration and the clients that use it."""
        with self._work.reading(actor, Action.PLATFORM_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            return _view(work, refs.platform_integration(work.connection, ref))

    def share(
        self,
        actor: Actor,
        ref: str,
        pricing: Pricing | None = None,
        *,
        client: str | None = None,
        effective: datetime | None = None,
        default_for_new: bool | None = None,
    ) -> ShareView:
        """The integration, offered to every client at this price; the same price again changes nothing.

        Args:
            actor: who does it.
            ref: of the platform integration.
            pricing: the price; None leaves the prices as they are.
            client: slug: the price is for this client only, and does not open the offer.
            effective: from when the price is in force; now if left out.
            default_for_new: whether new clients are to use it from their first day; None leaves it so.

        Raises:
            ConflictError: clients may not use the provider, or only with their own credentials; the offer has
                no price yet; or the price cannot take effect then.
            NotFoundError: no such client.
        """
        with self._work.writing(actor, Action.PLATFORM_SHARE) as work:
            access.require_admin(actor, Action.PLATFORM_SHARE)
            row = self._found(work, ref)
            owner = None if client is None else refs.client(work.connection, actor, client)
            _require_sharable(work, row)
            _require_offered(row, pricing, owner, default_for_new)
            # Later than the price before, even if that was set in this millisecond.
            now = integrations.next_moment(row["updatedAt"])
            facts: dict[str, Any] = {}
            if pricing is not None:
                offer = Offer(pricing, owner["id"] if owner else None, effective)
                facts = put(work, actor, PriceBook.load(work.connection, [row["id"]]), row["id"], offer, now)
            if owner is not None:
                work.target = Target(PLATFORM_TABLE, row["id"], owner["id"])
                facts = facts and {"client": owner["slug"], **facts}
            book = PriceBook.load(work.connection, [row["id"]])
            values: dict[str, Any] = {"clientPricing": book.headline(row["id"], None, now)}
            if pricing is not None and owner is None:
                values["isSharedWithClients"] = True
            if default_for_new is not None:
                values["isDefaultForNewClients"] = default_for_new
            row = self._change(work, row, values, actor, facts)
            view = _view(work, row, book, now)
        if view.status is not Status.ACTIVE:
            self._notify(f"platform/{view.provider} is {view.status}: clients cannot use it yet")
        self._tell_gap(view, now)
        return view

    def simulate(
        self,
        actor: Actor,
        ref: str,
        month: Month,
        own: OwnFees,
        *,
        pricing: Pricing | None = None,
        currency: str | None = None,
        client: str | None = None,
    ) -> SimulationView:
        """What a month of transactions costs at the platform's price and with an account of one's own.

        Args:
            actor: who asks.
            ref: of the platform integration.
            month: how many transactions, and their sum.
            own: what an own gateway asks for them.
            pricing: a price to try; the one in force now if left out.
            currency: of the price in force; the primary one if left out.
            client: slug: the price in force for this client.

        Raises:
            ConflictError: no price is in force, and none is to be tried.
        """
        with self._work.reading(actor, Action.PLATFORM_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            row = refs.platform_integration(work.connection, ref)
            owner = None if client is None else refs.client(work.connection, actor, client)
            if pricing is None:
                book = PriceBook.load(work.connection, [row["id"]])
                in_force = book.offered(row["id"], owner["id"] if owner else None, clock.now())
                pricing = _chosen(row, in_force, currency)
        platform, mine = platform_cost(pricing, month), own_cost(own, month)
        difference = platform.total - mine.total
        return SimulationView(
            id=row["id"],
            provider=row["provider"],
            client=client,
            currency=pricing.currency,
            count=month.count,
            volume=month.volume,
            average_amount=month.average,
            client_pricing=pricing.as_json(),
            platform=platform,
            own=mine,
            difference=difference,
            cheaper="equal" if difference == 0 else "own" if difference > 0 else "platform",
            break_even=break_even(pricing, own, month),
        )

    def unshare(self, actor: Actor, ref: str, *, revoke: bool = False) -> ShareView:
        """The integration, offered to nobody new; `revoke` also disables those who use it."""
        with self._work.writing(actor, Action.PLATFORM_SHARE) as work:
            access.require_admin(actor, Action.PLATFORM_SHARE)
            row = self._found(work, ref)
            if row["isSharedWithClients"]:
                ended = {"isSharedWithClients": False, "isDefaultForNewClients": False}
                row = self._change(work, row, ended, actor)
            if revoke:
                for user in platform.dependents(work.connection, row["id"]):
                    self._revoke(work, user["id"], actor)
            return _view(work, row)

    def _found(self, work: Writing, ref: str) -> rows.Row:
        row = refs.platform_integration(work.connection, ref)
        work.target = Target(PLATFORM_TABLE, row["id"])
        return platform.by_id(work.connection, row["id"], lock=True) or row

    def _change(
        self,
        work: Writing,
        row: rows.Row,
        values: dict[str, Any],
        actor: Actor,
        facts: dict[str, Any] | None = None,
    ) -> rows.Row:
        """The row with these values, and the event of it; nothing happens where nothing changes."""
        values = {name: value for name, value in values.items() if value != row[name]}
        switched = {name: [row[name], value] for name, value in values.items() if name in _SWITCHES}
        told = switched | (facts or {})
        if told:
            values |= {"updatedAt": integrations.next_moment(row["updatedAt"]), "updatedBy": actor.id}
            work.record(told)
        if values:
            rows.change(work.connection, platform.PLATFORM, row["id"], values)
        return {**row, **values}

    def _tell_gap(self, view: ShareView, now: datetime) -> None:
        """Say so where the offer stands before its price does."""
        shared_prices = [price for price in view.prices if price.client is None]
        if view.is_shared_with_clients and all(price.effective_at > now for price in shared_prices):
            first = min(price.effective_at for price in shared_prices)
            self._notify(
                f"platform/{view.provider} has no price for all before {clock.rfc3339(first)}: "
                "usage until then is refused"
            )

    def _revoke(self, work: Writing, integration_id: str, actor: Actor) -> None:
        row = clients.by_id(work.connection, integration_id, lock=True)
        if row is not None and row["status"] != Status.INACTIVE:
            ended = {"status": Status.INACTIVE.value}
            client_rows.change(work, row, ended, actor, {"revoked": True}, action=Action.CLIENT_DISABLE)


def _require_sharable(work: Reading, row: rows.Row) -> None:
    found = integrations.definition(work.connection, row["provider"])
    if not found.is_client_allowed or not found.is_platform_offered:
        whose = "own credentials only" if found.is_client_allowed else "for the platform only"
        raise ConflictError(
            f"{found.name} cannot be shared with clients: it is {whose}",
            hint="avnz-int definitions list shows isPlatformOffered",
        )


def _require_offered(
    row: rows.Row, pricing: Pricing | None, owner: rows.Row | None, default_for_new: bool | None
) -> None:
    """Refuse a client's price, or a default, for what is not offered."""
    ref = f"{refs.PLATFORM_WORD}/{row['provider']}"
    hint = f"avnz-int share {ref} --percentage-fee … offers it to all"
    if owner is not None and row["clientPricing"] is None:
        raise ConflictError(f"{ref} has no price for all that one client's could stand before", hint=hint)
    opens = pricing is not None and owner is None
    if default_for_new and not (opens or row["isSharedWithClients"]):
        raise ConflictError(f"{ref} is offered to nobody: new clients cannot use it", hint=hint)


def _chosen(row: rows.Row, in_force: Sequence[rows.Row], currency: str | None) -> Pricing:
    """The price in force of a currency, or (None) of the primary one, which stands first."""
    found = [version for version in in_force if currency in {None, version["currency"]}]
    if not found:
        which = "" if currency is None else f" in {currency}"
        raise ConflictError(
            f"{refs.PLATFORM_WORD}/{row['provider']} has no price{which} in force",
            hint="give the price to try: --percentage-fee, --flat-fee, --monthly-minimum",
        )
    return Pricing.from_json(found[0])


def _view(
    work: Reading, row: rows.Row, book: PriceBook | None = None, now: datetime | None = None
) -> ShareView:
    users = platform.dependents(work.connection, row["id"])
    book, now = book or PriceBook.load(work.connection, [row["id"]]), now or clock.now()
    owners = {version["clientId"] for version in book.of(row["id"]) if version["clientId"] is not None}
    found = rows.by_ids(work.connection, tenants.CLIENT, owners)
    slugs = {client_id: client["slug"] for client_id, client in found.items()}
    return ShareView(
        id=row["id"],
        provider=row["provider"],
        name=row["name"],
        environment=row["environment"],
        status=Status(row["status"]),
        is_shared_with_clients=row["isSharedWithClients"],
        client_pricing=book.headline(row["id"], None, now) or row["clientPricing"],
        clients=[f"{user['client']}/{user['name']}" for user in users],
        prices=[_price(book, version, slugs, now) for version in book.of(row["id"])],
        is_default_for_new_clients=row["isDefaultForNewClients"],
    )


def _price(book: PriceBook, version: rows.Row, slugs: Mapping[str, str], now: datetime) -> PriceView:
    owner = version["clientId"]
    current = book.version((version["platformIntegrationId"], owner, version["currency"]), now)
    state = PriceState.UPCOMING if version["effectiveAt"] > now else PriceState.PAST
    if current is not None and current["id"] == version["id"]:
        state = PriceState.IN_FORCE
    return PriceView(
        id=version["id"],
        client=None if owner is None else slugs[owner],
        percentage_fee=shown(version)["percentageFee"],
        flat_fee=version["flatFee"],
        monthly_minimum=version["monthlyMinimum"],
        currency=version["currency"],
        effective_at=version["effectiveAt"],
        state=state,
        created_at=version["createdAt"],
        created_by=version["createdBy"],
    )

"""Whose usage a line is of: merchant account, client and integration as named -> where it counts.

All that can be named is loaded at once: a million lines ask memory, and a batch of ten thousand clients is no
ten thousand queries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import audit, clients, merchants, prices, rows, tenants, usage
from avnz_int.model.actor import Actor
from avnz_int.model.enums import AccountStatus, Action, Category, Environment, Mode
from avnz_int.model.filters import EventFilter, Filter
from avnz_int.model.usage import LineRefusedError, Whose
from avnz_int.services.prices import PriceBook

_EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
_MOST_KEPT = 100_000


class Place(NamedTuple):
    """An integration that usage counts for.

    Attributes:
        platform_id: the platform integration it uses; None in own mode.
    """

    client_id: str
    integration_id: str
    platform_id: str | None
    account_id: str | None


class Rated(NamedTuple):
    """A place with its prices in one currency.

    Attributes:
        since: times, ascending, from which another price version is in force; empty in own mode.
        versions: their ids; None where there is no price.
    """

    place: Place
    since: list[str]
    versions: list[str | None]

    def version_at(self, occurred: str) -> str | None:
        """The id of the price version of a transaction at this time; None in own mode.

        Raises:
            LineRefusedError: platform mode, and no price then.
        """
        if self.place.platform_id is None:
            return None
        version = self.versions[bisect_right(self.since, occurred) - 1]
        if version is None:
            raise LineRefusedError("no_price", "the platform's integration had no price in its currency then")
        return version


class Places:
    """What there is, as an actor may know of it, at the time of loading.

    Args:
        connection: of the transaction.
        actor: a client's actor finds nothing of others.
    """

    def __init__(self, connection: Connection, actor: Actor) -> None:
        only = actor.client_id
        self._connection = connection
        self._clients = {row["slug"]: row["id"] for row in tenants.clients(connection, only)}
        self._clients |= {client_id: client_id for client_id in self._clients.values()}
        self._integrations: dict[str, list[rows.Row]] = defaultdict(list)
        for row in clients.listing(connection, Filter(), client_id=only):
            self._integrations[row["clientId"]].append(row)
        self._accounts = {row["id"]: row for row in merchants.listing(connection, only)}
        if only is not None:
            self._accounts = {key: row for key, row in self._accounts.items() if row["clientId"] == only}
        self._account_of = {row["clientIntegrationId"]: key for key, row in self._accounts.items()}
        self._ended: dict[str, dict[str, str]] = defaultdict(dict)
        for row in prices.periods(connection, *_EVER, client_id=only):
            self._ended[row["clientId"]][row["clientIntegrationId"]] = row["platformIntegrationId"]
        self._gone: dict[str, dict[str, tuple[str, str]]] = {}
        self._book = PriceBook.load(connection)
        self._rated: dict[tuple[Whose, str], Rated] = {}
        self._timelines: dict[tuple[str, str, str], tuple[list[str], list[str | None]]] = {}

    def rated(self, whose: Whose, currency: str) -> Rated:
        """The place of a merchant account, a client and an integration as a line names them, and its prices.

        Raises:
            LineRefusedError: there is no such place, or it is not clear which.
        """
        rated = self._rated.get((whose, currency))
        if rated is None:
            place = self._resolved(*whose)
            rated = Rated(place, *self._timeline(place, currency))
            if len(self._rated) >= _MOST_KEPT:
                self._rated.clear()
            self._rated[whose, currency] = rated
        return rated

    def _timeline(self, place: Place, currency: str) -> tuple[list[str], list[str | None]]:
        if place.platform_id is None:
            return [], []
        key = (place.platform_id, place.client_id, currency)
        if key not in self._timelines:
            parts = self._book.timeline(*key, *_EVER)
            self._timelines[key] = (
                [clock.rfc3339(start) for start, _, _ in parts],
                [None if row is None else row["id"] for _, _, row in parts],
            )
        return self._timelines[key]

    def _resolved(self, account: str | None, client: str | None, integration: str | None) -> Place:
        client_id = None
        if client is not None:
            client_id = self._clients.get(client)
            if client_id is None:
                raise LineRefusedError("unknown_client", f"there is no client {client}")
        if account is not None:
            return self._of_account(account, client_id, integration)
        if client_id is None:
            raise LineRefusedError("missing_field", "it names neither merchantAccount nor client")
        if integration is not None:
            return self._named(client_id, integration)
        return self._default(client_id)

    def _of_account(self, account: str, client_id: str | None, integration: str | None) -> Place:
        row = self._accounts.get(account)
        unknown = LineRefusedError("unknown_account", f"there is no merchant account {account}")
        if row is None:
            raise unknown
        if row["clientId"] is None:
            return self._by_platform_account(row, client_id, integration)
        if client_id not in {None, row["clientId"]}:
            raise LineRefusedError("unknown_account", f"merchant account {account} is another client's")
        owner = row["clientId"]
        if row["status"] == AccountStatus.CLOSED:
            place = self._by_closed_account(owner, account)
        else:
            platform_id = row["platformIntegrationId"]
            place = Place(owner, row["clientIntegrationId"], platform_id, account)
        same = integration in {None, place.integration_id}
        if not same and self._named(owner, integration or "")[:3] != place[:3]:
            raise LineRefusedError("unknown_integration", f"{account} is not the account of {integration}")
        return place

    def _by_platform_account(self, row: rows.Row, client_id: str | None, integration: str | None) -> Place:
        if client_id is None:
            raise LineRefusedError("missing_field", "the account is the platform's: name the client, too")
        if row["status"] == AccountStatus.CLOSED:
            raise LineRefusedError(
                "unknown_integration", f"{row['id']} is closed: name the client's integration instead"
            )
        if integration is not None:
            place = self._named(client_id, integration)
            users = [place] if place.platform_id == row["platformIntegrationId"] else []
        else:
            users = [
                self._place(used)
                for used in self._integrations[client_id]
                if used["platformIntegrationId"] == row["platformIntegrationId"]
            ]
        return _only(users, "the client uses the account's platform integration")

    def _by_closed_account(self, client_id: str, account: str) -> Place:
        """Where usage of a deleted integration belongs: to what its deletion, or else its records, say.

        Whose account it was is on record or not known: a likely integration would be a wrong bill.
        """
        integration_id, mode = self._deleted(client_id).get(account, (None, None))
        if integration_id is not None and mode == Mode.OWN:
            return Place(client_id, integration_id, None, account)
        platform_id = self._ended[client_id].get(integration_id or "")
        if integration_id is not None and platform_id is not None:
            return Place(client_id, integration_id, platform_id, account)
        known = usage.integration_of_account(self._connection, client_id, account)
        if known is None:
            raise LineRefusedError(
                "unknown_integration",
                f"merchant account {account} is closed, and nothing says of which integration it was: "
                "name the integration by its id in its place",
            )
        return Place(client_id, known["clientIntegrationId"], known["platformIntegrationId"], account)

    def _deleted(self, client_id: str) -> dict[str, tuple[str, str]]:
        """Merchant account -> the id and the mode of its integration, of a client's that are deleted."""
        if client_id not in self._gone:
            limits = EventFilter(action=Action.CLIENT_DELETE, client_id=client_id)
            self._gone[client_id] = {
                event["changes"]["merchantAccount"][0]: (event["targetId"], event["changes"]["mode"][0])
                for event in audit.listing(self._connection, limits)
                if "merchantAccount" in (event["changes"] or {})
            }
        return self._gone[client_id]

    def _named(self, client_id: str, name: str) -> Place:
        found = self._integrations[client_id]
        exact = [row for row in found if row["id"] == name]
        provider, slash, own_name = name.partition("/")
        if not exact:
            exact = [row for row in found if row["name"] == name]
        if not exact and slash:
            exact = [row for row in found if (row["provider"], row["name"]) == (provider, own_name)]
        if not exact:
            exact = [row for row in found if row["provider"] == name]
        places = [self._place(row) for row in exact]
        if not places and name in self._ended[client_id]:
            places = [Place(client_id, name, self._ended[client_id][name], None)]
        if not places:
            raise LineRefusedError("unknown_integration", f"the client has no integration {name}")
        return _only(places, f"{name} is the client's integration")

    def _default(self, client_id: str) -> Place:
        """The client's default payment gateway, production first; else the only one in platform mode."""
        gateways = [
            row for row in self._integrations[client_id] if row["category"] == Category.PAYMENT_GATEWAY
        ]
        defaults = [row for row in gateways if row["isDefault"]]
        defaults.sort(key=lambda row: row["environment"] != Environment.PRODUCTION)
        if not defaults:
            defaults = [row for row in gateways if row["mode"] == Mode.PLATFORM]
            if len(defaults) != 1:
                what = "more than one" if defaults else "no"
                raise LineRefusedError(
                    "ambiguous_integration",
                    f"the client has no default payment gateway and {what} gateway of the platform's: "
                    "name the integration",
                )
        return self._place(defaults[0])

    def _place(self, row: rows.Row) -> Place:
        account = self._account_of.get(row["id"])
        return Place(row["clientId"], row["id"], row["platformIntegrationId"], account)


def _only(places: list[Place], what: str) -> Place:
    if len(places) == 1:
        return places[0]
    if not places:
        raise LineRefusedError("unknown_integration", f"not so: {what}")
    raise LineRefusedError("ambiguous_integration", f"{what} more than once: name the integration by id")

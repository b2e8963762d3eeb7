"""Services over a database of the test's own: made, filled, looked at from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, inspect, text

from avnz_int import clock
from avnz_int.db import clients
from avnz_int.db.engine import Database
from avnz_int.model.filters import Filter
from avnz_int.model.inputs import NewClient, NewPlatform
from avnz_int.model.secret import Credentials, Secret
from avnz_int.model.views.access import InitView
from avnz_int.services import integrations, sealing
from avnz_int.settings import Settings
from avnz_int.wiring import Services

ORGANIZATION = "avnz"
CLIENTS = ("acme", "globex")
COMPANY = ("shop", "acme")
PASSWORD = "correct horse 1"
ACCOUNTS = {
    ("PayPal", "acme", "acme"): PASSWORD,
    ("PayPal", "acmeagency", "acmeagency"): PASSWORD,
    ("PayPal", "globex", "globex"): "battery staple 2",
}
"""For `PayflowGateway(ACCOUNTS)`: (partner, vendor, user) -> password."""


def payflow_credentials(password: str = PASSWORD, *, vendor: str = "acme") -> Credentials:
    """A Payflow login; with the defaults one that `ACCOUNTS` knows."""
    return Secret({"partner": "PayPal", "vendor": vendor, "user": vendor, "password": password})


def make_services(
    url: str,
    keyring: Path,
    gateway_url: str | None = None,
    notices: list[str] | None = None,
    **environment: str,
) -> Services:
    """Services over a database and a keyring file, neither of which need exist; the caller closes them.

    On PostgreSQL they present the token that `present` kept.

    Args:
        url: of the database.
        keyring: the keyring file.
        gateway_url: stands in for Payflow's hosts.
        notices: gets what a person would be told.
        environment: more of the environment variables that settings are read from.
    """
    variables = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}", **environment}
    variables = token_variables(url, keyring) | variables
    if gateway_url is not None:
        variables["AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"] = gateway_url
    told = [] if notices is None else notices
    return Services(Settings.load(variables), told.append)


def initialize(services: Services, organization: str | None = ORGANIZATION, **options: Any) -> InitView:
    """What `init` says; the token that it issued is presented from then on."""
    view = services.setup.init(services.operator, organization=organization, **options)
    if view.token is not None:
        present(services, view.token)
    return view


def present(services: Services, token: str) -> None:
    """Present a token from now on, here and in services made later with this keyring."""
    services.settings = replace(services.settings, token=token)
    for name in ("identity", "actor", "operator"):
        services.__dict__.pop(name, None)
    # Tests that compare whole databases must not meet the note of its use, however long they run.
    with services.database.write() as connection:
        connection.execute(text("""UPDATE "Token" SET "lastUsedAt" = '2999-01-01T00:00:00.000Z'"""))
    if services.settings.keyring_url.startswith("file://"):
        token_of(Path(services.settings.keyring_url.removeprefix("file://"))).write_text(token)


def token_of(keyring: Path) -> Path:
    """Where `present` keeps the token of the database with this keyring."""
    return keyring.with_suffix(".token")


def token_variables(url: str, keyring: Path) -> dict[str, str]:
    """The environment variable of a PostgreSQL database's token, if `present` kept one."""
    kept = token_of(keyring)
    return {"AVNZ_INT_TOKEN": kept.read_text()} if url.startswith("postgresql") and kept.exists() else {}


def prepare(services: Services) -> None:
    """Make the organization, its clients `acme` and `globex`, and the company `shop` under `acme`."""
    initialize(services)
    for slug in CLIENTS:
        services.tenants.add(services.actor, slug)
    services.tenants.add(services.actor, COMPANY[0], under=COMPANY[1])


@contextmanager
def prepared(
    url: str, keyring: Path, gateway_url: str | None = None, notices: list[str] | None = None
) -> Iterator[Services]:
    """Prepared services, closed at the end."""
    services = make_services(url, keyring, gateway_url, notices)
    try:
        prepare(services)
        yield services
    finally:
        services.close()


def add_untested(services: Services, name: str, password: str = PASSWORD, client: str = "acme") -> str:
    """The id of a new Payflow integration of a client, saved without a connection test."""
    new = NewClient(client, "paypal_payflow", name=name, credentials=payflow_credentials(password))
    return services.clients.add(services.actor, new, test=False).id


def add_platform_untested(services: Services, password: str = PASSWORD) -> str:
    """The id of a new Payflow platform integration, saved without a connection test."""
    new = NewPlatform("paypal_payflow", payflow_credentials(password))
    return services.platform.add(services.actor, new, test=False).id


def add_many(services: Services, count: int, client: str = "acme") -> dict[str, str]:
    """Name -> password of new Payflow integrations of a client: sealed rows, without events and accounts."""
    passwords = {f"many-{number:05d}": f"initial-{number:05d}" for number in range(count)}
    first = add_untested(services, f"model of {count}", client=client)
    work = services._work
    with work.database.write() as connection:
        model = clients.by_id(connection, first)
        assert model is not None
        found = integrations.definition(connection, model["provider"])
        seals = sealing.Seals(connection, work.vault, "ClientIntegration", count)
        made = []
        for name, password in passwords.items():
            row = {column.name: model[column.name] for column in clients.INTEGRATION.c}
            row |= {"id": clock.new_id(), "name": name}
            made.append(row | seals.columns(row, found, payflow_credentials(password)))
        connection.execute(insert(clients.INTEGRATION), made)
    services.clients.delete(services.actor, first)
    return passwords


def opened(services: Services) -> dict[str, str]:
    """Name -> password of every client integration in own mode; a row that does not open raises."""
    work = services._work
    with work.database.read() as connection:
        cipher = work.vault.cipher(connection)
        found = {
            row["provider"]: integrations.definition(connection, row["provider"])
            for row in clients.listing(connection, Filter())
        }
        return {
            row["name"]: cipher.open(
                row["credentials"], integrations.place("ClientIntegration", row, found[row["provider"]])
            ).reveal()["password"]
            for row in clients.listing(connection, Filter())
            if row["credentials"] is not None
        }


def execute(url: str, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run one SQL statement behind the services' back, foreign keys on; what it returned, if anything."""
    database = Database(url)
    try:
        with database.write() as connection:
            result = connection.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        database.close()


def dump(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as the driver gives it, in a stable order."""
    database = Database(url)
    try:
        with database.read() as connection:
            return {
                table: sorted(
                    (tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')), key=repr
                )
                for table in sorted(inspect(connection).get_table_names())
            }
    finally:
        database.close()


def columns_of(url: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table as the driver gives them, by id."""
    database = Database(url)
    try:
        with database.read() as connection:
            found = connection.exec_driver_sql(f'SELECT * FROM "{table}" ORDER BY "id"')
            return [dict(row) for row in found.mappings()]
    finally:
        database.close()


def key_statuses(url: str, purpose: str = "credentials") -> list[str]:
    """The statuses of a purpose's keys, oldest first."""
    statement = (
        'SELECT "status" FROM "DataKey" WHERE "purpose" = :purpose ORDER BY "activatedAt", "status" DESC'
    )
    return [row[0] for row in execute(url, statement, purpose=purpose)]


def actions(services: Services) -> list[tuple[str, str]]:
    """Action and outcome of every event."""
    return [(event.action, event.outcome) for event in services.audit.listing(services.actor)]

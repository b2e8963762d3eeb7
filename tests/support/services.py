"""Services over a database of the test's own: made, filled, looked at from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text

from avnz_int.db.engine import Database
from avnz_int.model.inputs import NewClient, NewPlatform
from avnz_int.model.secret import Credentials, Secret
from avnz_int.settings import Settings
from avnz_int.wiring import Services

ORGANIZATION = "avnz"
CLIENTS = ("acme", "globex")
COMPANY = ("shop", "acme")
PASSWORD = "correct horse 1"
ACCOUNTS = {("PayPal", "acme", "acme"): PASSWORD, ("PayPal", "globex", "globex"): "battery staple 2"}
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

    Args:
        url: of the database.
        keyring: the keyring file.
        gateway_url: stands in for Payflow's hosts.
        notices: gets what a person would be told.
        environment: more of the environment variables that settings are read from.
    """
    variables = {"AVNZ_INT_DATABASE_URL": url, "AVNZ_INT_KEYRING": f"file://{keyring}", **environment}
    if gateway_url is not None:
        variables["AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW"] = gateway_url
    told = [] if notices is None else notices
    return Services(Settings.load(variables), told.append)


def prepare(services: Services) -> None:
    """Make the organization, its clients `acme` and `globex`, and the company `shop` under `acme`."""
    services.setup.init(services.actor, organization=ORGANIZATION)
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

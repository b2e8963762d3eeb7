"""What tests of services act with: a gateway that can be steered, people of every role, looks at the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from avnz_int import clock
from avnz_int.db.integrations import TABLES
from avnz_int.demo.gateway import PayflowGateway
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Environment, Mode, Role
from avnz_int.model.inputs import Changes, NewClient, NewPlatform
from avnz_int.model.pricing import Pricing
from avnz_int.model.views.audit import AuditView
from avnz_int.model.views.integrations import ClientView, MerchantView, PlatformView
from avnz_int.wiring import Services
from support.services import ACCOUNTS, dump, payflow_credentials

PAYFLOW = "paypal_payflow"
ADMIN = Actor("os:tester", Role.ORG_ADMIN)
AUDITOR = Actor("token:auditor", Role.AUDITOR)
SERVICE = Actor("token:service", Role.SERVICE)
PRICE = Pricing.of("0.5", 10, 5000, "USD")
PASSED = "RESULT=19&PNREF=V1&RESPMSG=Original transaction ID not found"
REFUSED = "RESULT=1&RESPMSG=User authentication failed"
GARBAGE = "no name-value pairs at all"


class SteeredGateway(PayflowGateway):
    """A gateway of known accounts.

    Attributes:
        says: the answer to every request, in place of one about the login.
        meanwhile: called once, while the next request waits for its answer.
    """

    def __init__(self) -> None:
        super().__init__(ACCOUNTS)
        self.says: str | None = None
        self.meanwhile: Callable[[], object] | None = None
        self.failures: list[BaseException] = []

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> str:
        """The body of the reply."""
        said = super().answer(path, headers, body)
        happening, self.meanwhile = self.meanwhile, None
        if happening is not None:
            try:
                happening()
            except BaseException as exc:  # noqa: BLE001  # the test looks at it, this thread cannot
                self.failures.append(exc)
        return said if self.says is None else self.says


def admin_of(services: Services, client: str) -> Actor:
    """The client_admin of a client."""
    return Actor(f"token:{client}", Role.CLIENT_ADMIN, services.tenants.show(ADMIN, client).id)


def own(
    services: Services,
    name: str = "Main",
    *,
    client: str = "acme",
    test: bool = True,
    actor: Actor = ADMIN,
    default: bool = False,
    environment: Environment | None = None,
    password: str | None = None,
) -> ClientView:
    """A Payflow integration with the client's own credentials."""
    credentials = payflow_credentials() if password is None else payflow_credentials(password)
    return services.clients.add(
        actor,
        NewClient(
            client,
            PAYFLOW,
            name=name,
            credentials=credentials,
            environment=environment,
            is_default=default,
        ),
        test=test,
    )


def platform(services: Services, *, test: bool = True, share: bool = False) -> PlatformView:
    """The platform's Payflow integration."""
    view = services.platform.add(ADMIN, NewPlatform(PAYFLOW, payflow_credentials()), test=test)
    if share:
        services.sharing.share(ADMIN, PAYFLOW, PRICE)
        view = services.platform.show(ADMIN, PAYFLOW)
    return view


def using(services: Services, name: str = "Ours", *, client: str = "acme") -> ClientView:
    """A client integration that uses the platform's."""
    return services.clients.add(ADMIN, NewClient(client, PAYFLOW, name=name, mode=Mode.PLATFORM))


def account(services: Services, integration_id: str) -> MerchantView:
    """The open merchant account of an integration."""
    found = [
        view
        for view in services.merchants.listing(ADMIN)
        if integration_id == (view.client_integration_id or view.platform_integration_id)
    ]
    assert 1 == len(found)
    return found[0]


def events(services: Services, action: Action | None = None) -> list[AuditView]:
    """The organization's events, oldest first."""
    found = [event for event in services.audit.listing(ADMIN) if event.chain != "system"]
    return [event for event in found if action is None or event.action == action]


def row(services: Services, table: str, row_id: str) -> dict[str, Any]:
    """A row as it stands in the database."""
    with services.database.read() as connection:
        found = connection.execute(text(f'SELECT * FROM "{table}" WHERE id = :id'), {"id": row_id})
        return dict(found.mappings().one())


def written(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the audit trail's, where refusals are recorded too."""
    return {table: rows for table, rows in dump(url).items() if not table.startswith("Audit")}


def replaced(services: Services, ref: str, password: str | None = None, *, test: bool = False) -> None:
    """Replace an integration's credentials: `acme/Main`, or the provider of a platform integration."""
    credentials = payflow_credentials() if password is None else payflow_credentials(password)
    service = services.clients if "/" in ref else services.platform
    service.update(ADMIN, ref, Changes(credentials=credentials), test=test)


def expire_previous(services: Services) -> None:
    """Let the grace time of all previous credentials be over."""
    moment = clock.now() - timedelta(seconds=1)
    with services.database.write() as connection:
        for table in TABLES:
            held = table.c.previousCredentials.is_not(None)
            connection.execute(table.update().where(held).values(previousCredentialsExpireAt=moment))

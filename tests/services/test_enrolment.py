"""New clients use from their first day what is shared with new clients by default."""

from __future__ import annotations

import pytest

from avnz_int.errors import ConflictError
from avnz_int.model.enums import Action
from avnz_int.model.inputs import NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import ADMIN, PAYFLOW, PRICE, account, events, platform
from support.services import columns_of, execute


def test_enrolled(services: Services, prepared_url: str, notices: list[str]) -> None:
    """A new client has an integration of it: default, active, audited, with account and period."""
    shared = platform(services)
    services.sharing.share(ADMIN, PAYFLOW, PRICE, default_for_new=True)
    owner = services.tenants.add(ADMIN, "new")
    (view,) = services.clients.listing(ADMIN, client="new")
    assert ("platform", shared.name, shared.id, True, "active") == (
        view.mode,
        view.name,
        view.platform_integration_id,
        view.is_default,
        view.effective_status,
    )
    assert "active" == account(services, view.id).status
    assert [view.id] == [row["clientIntegrationId"] for row in columns_of(prepared_url, "ActivationPeriod")]
    made = [event for event in events(services, Action.CLIENT_CREATE) if event.target_id == view.id]
    assert [(owner.id, True)] == [(event.client_id, (event.changes or {})["enrolled"]) for event in made]
    assert any("new uses platform/paypal_payflow (production)" in notice for notice in notices)
    services.tenants.add(ADMIN, "branch", under="new")
    assert 1 == len(services.clients.listing(ADMIN))


def test_one_default(services: Services) -> None:
    """Of two of one category the first is the default."""
    platform(services)
    nmi = NewPlatform("nmi", Secret(sample("nmi").credentials))
    services.platform.add(ADMIN, nmi, test=False)
    for provider in ("nmi", PAYFLOW):
        services.sharing.share(ADMIN, provider, PRICE, default_for_new=True)
    services.tenants.add(ADMIN, "new")
    found = {view.provider: view.is_default for view in services.clients.listing(ADMIN, client="new")}
    assert {"nmi": True, PAYFLOW: False} == found


def test_switched(services: Services) -> None:
    """It can be switched without a price where the offer stands, and ends with the offer."""
    platform(services)
    with pytest.raises(ConflictError, match="offered to nobody"):
        services.sharing.share(ADMIN, PAYFLOW, default_for_new=True)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    assert services.sharing.share(ADMIN, PAYFLOW, default_for_new=True).is_default_for_new_clients
    assert not services.sharing.share(ADMIN, PAYFLOW, default_for_new=False).is_default_for_new_clients
    services.sharing.share(ADMIN, PAYFLOW, default_for_new=True)
    assert not services.sharing.unshare(ADMIN, PAYFLOW).is_default_for_new_clients
    services.tenants.add(ADMIN, "new")
    assert [] == services.clients.listing(ADMIN)


def test_left_out(services: Services, prepared_url: str, notices: list[str]) -> None:
    """What nobody could add any more is left out, and whoever adds the client is told."""
    platform(services)
    services.sharing.share(ADMIN, PAYFLOW, PRICE, default_for_new=True)
    retire = 'UPDATE "IntegrationDefinition" SET "status" = \'deprecated\' WHERE "provider" = :provider'
    execute(prepared_url, retire, provider=PAYFLOW)
    services.tenants.add(ADMIN, "new")
    assert [] == services.clients.listing(ADMIN)
    assert any("does not use platform/paypal_payflow" in notice for notice in notices)

"""Activation periods: open exactly while a platform-mode integration is active, kept after it is gone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avnz_int.errors import AvnzError, ConflictError
from avnz_int.model.inputs import Changes
from avnz_int.wiring import Services
from support.scenes import ADMIN, PAYFLOW, PRICE, SteeredGateway, own, platform, using
from support.services import columns_of, make_services, payflow_credentials

SHARE, REVOKE = "share", "revoke"
DEEDS: dict[str, Callable[[Services], object]] = {
    "add": using,
    "add another's": lambda s: using(s, client="globex"),
    "add own": lambda s: own(s, test=False),
    "disable": lambda s: s.clients.disable(ADMIN, "acme/Ours"),
    "enable": lambda s: s.clients.enable(ADMIN, "acme/Ours"),
    "delete": lambda s: s.clients.delete(ADMIN, "acme/Ours"),
    "rename": lambda s: s.clients.update(ADMIN, "acme/Ours", Changes(description="x")),
    "default": lambda s: s.clients.set_default(ADMIN, "acme/Ours"),
    "test": lambda s: s.checks.test(ADMIN, "acme/Ours"),
    "platform off": lambda s: s.platform.disable(ADMIN, PAYFLOW),
    "platform on": lambda s: s.platform.enable(ADMIN, PAYFLOW),
    "platform changed": lambda s: s.platform.update(
        ADMIN, PAYFLOW, Changes(credentials=payflow_credentials()), test=False
    ),
    "platform deleted": lambda s: s.platform.delete(ADMIN, PAYFLOW),
    "platform added": platform,
    SHARE: lambda s: s.sharing.share(ADMIN, PAYFLOW, PRICE),
    "off": lambda s: s.sharing.unshare(ADMIN, PAYFLOW),
    REVOKE: lambda s: s.sharing.unshare(ADMIN, PAYFLOW, revoke=True),
}


def periods(url: str) -> list[dict[str, Any]]:
    """The rows of ActivationPeriod."""
    return columns_of(url, "ActivationPeriod")


def check(url: str) -> None:
    """Open periods are those of what is active in platform mode; ended ones end after they begin."""
    found = periods(url)
    begun = {row["clientIntegrationId"]: row for row in found if row["endedAt"] is None}
    active = {
        row["id"]: (row["clientId"], row["platformIntegrationId"])
        for row in columns_of(url, "ClientIntegration")
        if row["mode"] == "platform" and row["status"] == "active"
    }
    assert active == {key: (row["clientId"], row["platformIntegrationId"]) for key, row in begun.items()}
    assert len(begun) == sum(row["endedAt"] is None for row in found)
    assert all(row["endedAt"] is None or row["startedAt"] <= row["endedAt"] for row in found)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=st.lists(st.sampled_from(sorted(DEEDS)), min_size=3, max_size=14))
def test_any_order(prepared_sqlite: Path, gateway: SteeredGateway, deeds: list[str]) -> None:
    """Whatever is done in whatever order, one period is open exactly for what is active in platform mode."""
    with tempfile.TemporaryDirectory() as folder:
        keyring, database = Path(folder) / "k" / "keyring.json", Path(folder) / "avnz-int.db"
        keyring.parent.mkdir(mode=0o700)
        shutil.copy(prepared_sqlite / "keyring.json", keyring)
        shutil.copy(prepared_sqlite / "avnz-int.db", database)
        url = f"sqlite:///{database}"
        services = make_services(url, keyring, gateway.url)
        try:
            platform(services, share=True)
            for name in deeds:
                with suppress(AvnzError):
                    DEEDS[name](services)
                check(url)
        finally:
            services.close()


def test_life(services: Services, prepared_url: str) -> None:
    """Each time of activity is a period, and deletion leaves them, ended."""
    shared = platform(services, share=True)
    view = using(services)
    services.clients.disable(ADMIN, view.id)
    services.clients.enable(ADMIN, view.id)
    services.sharing.unshare(ADMIN, PAYFLOW, revoke=True)
    check(prepared_url)
    services.sharing.share(ADMIN, PAYFLOW, PRICE)
    services.clients.enable(ADMIN, view.id)
    check(prepared_url)
    services.clients.delete(ADMIN, view.id)
    services.platform.delete(ADMIN, PAYFLOW)
    found = periods(prepared_url)
    assert 3 == len(found)
    assert {(view.client_id, view.id, shared.id)} == {
        (row["clientId"], row["clientIntegrationId"], row["platformIntegrationId"]) for row in found
    }
    assert all(row["endedAt"] is not None for row in found)


def test_health_does_not_count(services: Services, prepared_url: str) -> None:
    """A platform integration that is down ends no period: the client has not given it up."""
    platform(services, share=True)
    using(services)
    services.platform.disable(ADMIN, PAYFLOW)
    assert [None] == [row["endedAt"] for row in periods(prepared_url)]


def test_own_mode(services: Services, prepared_url: str) -> None:
    """What has credentials of its own has no periods."""
    own(services)
    assert [] == periods(prepared_url)


def test_client_removed(services: Services) -> None:
    """A client whose use is on record is not removed; one with nothing but a price of its own is."""
    platform(services, share=True)
    for slug in ("new", "newer"):
        services.tenants.add(ADMIN, slug)
        services.sharing.share(ADMIN, PAYFLOW, PRICE, client=slug)
    services.clients.delete(ADMIN, using(services, client="new").id)
    with pytest.raises(ConflictError):
        services.tenants.remove(ADMIN, "new")
    services.tenants.remove(ADMIN, "newer")
    assert [None, "new"] == [price.client for price in services.sharing.show(ADMIN, PAYFLOW).prices]

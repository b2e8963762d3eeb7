"""Platform integrations: one for each provider, dependents, races, what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from avnz_int.errors import (
    AvnzError,
    ChangedMeanwhileError,
    ExistsError,
    InUseError,
    InvalidInputError,
    NotFoundError,
    RejectedError,
    SchemaViolationError,
    UnknownProviderError,
)
from avnz_int.model.enums import Action, Environment
from avnz_int.model.filters import Filter
from avnz_int.model.inputs import Changes, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import ADMIN, AUDITOR, PAYFLOW, SteeredGateway, events, platform, using, written
from support.services import PASSWORD, payflow_credentials

GOOD = payflow_credentials().reveal()


def _new(provider: str = PAYFLOW, **given: Any) -> NewPlatform:
    return NewPlatform(provider, **{"credentials": payflow_credentials(), **given})


BAD: dict[str, tuple[NewPlatform, type[AvnzError], int]] = {
    "duplicate": (_new(), ExistsError, 5),
    "unknown provider": (_new("payflow"), UnknownProviderError, 2),
    "no UTF-8": (_new("pay\udcff"), UnknownProviderError, 2),
    "missing fields": (_new("stripe", credentials=Secret({})), SchemaViolationError, 2),
    "unknown setting": (_new("nmi", settings={"colour": "red"}), SchemaViolationError, 2),
    "too large": (_new("nmi", credentials=Secret({"securityKey": "x" * 70_000})), InvalidInputError, 2),
}


def test_bad_input(services: Services, prepared_url: str) -> None:
    """Whatever is wrong has its error, and nothing is written."""
    platform(services)
    before = written(prepared_url)
    for new, kind, code in BAD.values():
        with pytest.raises(AvnzError) as caught:
            services.platform.add(ADMIN, new)
        assert (kind, code) == (type(caught.value), caught.value.exit_code)
    assert before == written(prepared_url)


def test_rejected(services: Services, prepared_url: str) -> None:
    """What the provider refuses is not saved; the event has its code and no row."""
    before = written(prepared_url)
    with pytest.raises(RejectedError) as caught:
        services.platform.add(ADMIN, _new(credentials=payflow_credentials("wrong one")))
    assert ("RESULT=1", "bad_credentials") == (
        caught.value.details["providerCode"],
        caught.value.details["code"],
    )
    assert before == written(prepared_url)
    last = events(services)[-1]
    assert (Action.PLATFORM_TEST, "failure", None) == (last.action, last.outcome, last.target_id)


def test_show(services: Services) -> None:
    """An org_admin sees masked credentials, an auditor none; a listing opens nothing."""
    view = platform(services)
    shown = services.platform.show(ADMIN, view.id)
    assert {**GOOD, "password": f"••••{PASSWORD[-4:]}"} == shown.credentials
    before = len(events(services))
    assert "••••" == services.platform.show(AUDITOR, PAYFLOW).credentials
    assert ["••••"] == [listed.credentials for listed in services.platform.listing(AUDITOR)]
    assert before == len(events(services))


def test_listing_limits(services: Services) -> None:
    """A listing is limited by environment, category, provider and status."""
    platform(services)
    given = sample("auth0")
    new = NewPlatform(
        "auth0", Secret(given.credentials), settings=given.settings, environment=Environment.SANDBOX
    )
    services.platform.add(ADMIN, new, test=False)

    def providers(**limits: Any) -> list[str]:
        return [view.provider for view in services.platform.listing(ADMIN, Filter(**limits))]

    assert ["auth0", PAYFLOW] == providers()
    assert ["auth0"] == providers(environment=Environment.SANDBOX)
    assert [PAYFLOW] == providers(status="active")
    assert ["auth0"] == providers(category="authentication")
    assert [PAYFLOW] == providers(provider=PAYFLOW)


def test_dependents(services: Services, prepared_url: str) -> None:
    """What clients use is neither deleted nor moved to another environment; the dependents are listed."""
    platform(services, share=True)
    users = [using(services), using(services, client="globex")]
    before = written(prepared_url)
    moved = Changes(environment=Environment.SANDBOX, credentials=payflow_credentials())
    for deed in (
        lambda: services.platform.delete(ADMIN, PAYFLOW),
        lambda: services.platform.update(ADMIN, PAYFLOW, moved),
    ):
        with pytest.raises(InUseError) as caught:
            deed()
        assert [user.id for user in users] == [one["id"] for one in caught.value.details["dependents"]]
        assert "acme/paypal_payflow/Ours" in caught.value.message
    assert before == written(prepared_url)
    for user in users:
        services.clients.delete(ADMIN, user.id)
    services.platform.delete(ADMIN, PAYFLOW)
    assert [] == services.platform.listing(ADMIN)


def test_joined_meanwhile(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """The environment does not change if a client began to use the integration during the test."""
    platform(services, share=True)
    other = open_services()
    gateway.meanwhile = lambda: using(other)
    moved = Changes(environment=Environment.SANDBOX, credentials=payflow_credentials())
    with pytest.raises(InUseError):
        services.platform.update(ADMIN, PAYFLOW, moved)
    assert "production" == services.platform.show(ADMIN, PAYFLOW).environment


def test_changed_meanwhile(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """An update is refused if the row was changed or deleted during its test."""
    platform(services)
    other = open_services()
    gateway.meanwhile = lambda: other.platform.disable(ADMIN, PAYFLOW)
    with pytest.raises(ChangedMeanwhileError):
        services.platform.update(ADMIN, PAYFLOW, Changes(credentials=payflow_credentials()))
    assert "inactive" == services.platform.show(ADMIN, PAYFLOW).status
    gateway.meanwhile = lambda: other.platform.delete(ADMIN, PAYFLOW)
    with pytest.raises(ChangedMeanwhileError):
        services.platform.update(ADMIN, PAYFLOW, Changes(credentials=payflow_credentials()))


def test_added_meanwhile(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """Of two that add the same provider at once the second is refused, after its test."""
    other = open_services()
    gateway.meanwhile = lambda: platform(other, test=False)
    with pytest.raises(ExistsError):
        platform(services)
    assert ["inactive"] == [view.status for view in services.platform.listing(ADMIN)]


def test_destination_needs_credentials(services: Services) -> None:
    """The environment and a host change only together with the credentials."""
    given = sample("auth0")
    new = NewPlatform("auth0", Secret(given.credentials), settings=given.settings)
    services.platform.add(ADMIN, new, test=False)
    for wanted in (
        Changes(settings={"domain": "other.us.auth0.com"}),
        Changes(environment=Environment.SANDBOX),
    ):
        with pytest.raises(InvalidInputError) as caught:
            services.platform.update(ADMIN, "auth0", wanted, test=False)
        assert caught.value.details["fields"] in (["domain"], ["environment"])
    services.platform.update(
        ADMIN,
        "auth0",
        Changes(
            settings={"domain": "other.us.auth0.com"},
            environment=Environment.SANDBOX,
            credentials=Secret(given.credentials),
        ),
        test=False,
    )
    assert not services.platform.show(ADMIN, "auth0").unreadable


def test_client_words(services: Services) -> None:
    """A platform integration has neither priority nor default: they are no change of it."""
    platform(services)
    with pytest.raises(InvalidInputError):
        services.platform.update(ADMIN, PAYFLOW, Changes(priority=1))
    with pytest.raises(InvalidInputError):
        services.platform.update(ADMIN, PAYFLOW, Changes(is_default=True))


def test_deleted(services: Services) -> None:
    """A deleted one is gone, its event has what it was, and another of the provider can be added."""
    view = platform(services)
    assert view.id == services.platform.delete(ADMIN, PAYFLOW).id
    with pytest.raises(NotFoundError):
        services.platform.show(ADMIN, PAYFLOW)
    changes = events(services, Action.PLATFORM_DELETE)[-1].changes or {}
    assert [PAYFLOW, None] == changes["provider"]
    assert view.id != platform(services).id

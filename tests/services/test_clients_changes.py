"""Changes of client integrations: the default, updates, and what others do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from avnz_int import clock
from avnz_int.errors import (
    ChangedMeanwhileError,
    ExistsError,
    InvalidInputError,
)
from avnz_int.model.enums import Action, Environment
from avnz_int.model.inputs import Changes, NewClient
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import (
    ADMIN,
    SteeredGateway,
    events,
    own,
)
from support.services import payflow_credentials


def _defaults(services: Services) -> list[str]:
    return sorted(
        f"{view.client}/{view.environment}/{view.name}"
        for view in services.clients.listing(ADMIN)
        if view.is_default
    )


def test_default_moves(services: Services) -> None:
    """Each client, category and environment has one default; adding, setting or moving one moves it."""
    own(services, "A", default=True, test=False)
    own(services, "B", default=True, test=False)
    own(services, "S", default=True, test=False, environment=Environment.SANDBOX)
    own(services, "G", default=True, test=False, client="globex")
    assert ["acme/production/B", "acme/sandbox/S", "globex/production/G"] == _defaults(services)
    services.clients.set_default(ADMIN, "acme/A")
    assert ["acme/production/A", "acme/sandbox/S", "globex/production/G"] == _defaults(services)
    services.clients.update(ADMIN, "acme/B", Changes(is_default=True))
    assert ["acme/production/B", "acme/sandbox/S", "globex/production/G"] == _defaults(services)
    moved = events(services, Action.CLIENT_SET_DEFAULT)
    assert [services.clients.show(ADMIN, f"acme/{name}").id for name in "BA"] == [
        (event.changes or {})["previousDefault"] for event in moved
    ]
    # Changing the environment of a default takes the place of the default there.
    services.clients.update(
        ADMIN,
        "acme/B",
        Changes(environment=Environment.SANDBOX, credentials=payflow_credentials()),
        test=False,
    )
    assert ["acme/sandbox/B", "globex/production/G"] == _defaults(services)


def test_default_given_up(services: Services) -> None:
    """A default that is given up or deleted leaves none; one that moves as no default takes nothing."""
    own(services, "A", default=True, test=False)
    own(services, "S", default=True, test=False, environment=Environment.SANDBOX)
    change = Changes(environment=Environment.SANDBOX, credentials=payflow_credentials(), is_default=False)
    services.clients.update(ADMIN, "acme/A", change, test=False)
    assert ["acme/sandbox/S"] == _defaults(services)
    services.clients.update(ADMIN, "acme/S", Changes(is_default=False))
    assert [] == _defaults(services)
    services.clients.set_default(ADMIN, "acme/S")
    services.clients.delete(ADMIN, "acme/S")
    assert [] == _defaults(services)


def test_default_over_an_inactive_one(services: Services, notices: list[str]) -> None:
    """An integration that nothing uses can be the default; whoever makes it so is told."""
    own(services, "A", test=False)
    assert services.clients.set_default(ADMIN, "acme/A").is_default
    assert any("nothing uses it" in notice for notice in notices)


def test_concurrent_defaults(services: Services, open_services: Callable[[], Services]) -> None:
    """Many that set the default at once leave one default and no error but that of a lost race."""
    names = ["A", "B", "C", "D"]
    for name in names:
        own(services, name, test=False)
    failures: list[BaseException] = []

    def work(name: str, mine: Services) -> None:
        try:
            for _ in range(5):
                mine.clients.set_default(ADMIN, f"acme/{name}")
        except BaseException as exc:  # noqa: BLE001  # looked at below
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(name, open_services())) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    assert 1 == len(_defaults(services))
    assert services.audit.verify(ADMIN).valid


def test_default_moved_meanwhile(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """A row that lost its default during its update is changed meanwhile, as by any other deed."""
    view = own(services, "A", default=True)
    own(services, "B")
    other = open_services()
    gateway.meanwhile = lambda: other.clients.set_default(ADMIN, "acme/B")
    with pytest.raises(ChangedMeanwhileError):
        services.clients.update(ADMIN, view.id, Changes(is_default=True, credentials=payflow_credentials()))
    assert ["acme/production/B"] == _defaults(services)


def test_changed_meanwhile(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services], prepared_url: str
) -> None:
    """An update is refused if the row was changed, or deleted, during its test; the other change stands."""
    view = own(services)
    other = open_services()
    gateway.meanwhile = lambda: other.clients.update(ADMIN, view.id, Changes(name="Theirs"))
    with pytest.raises(ChangedMeanwhileError):
        services.clients.update(ADMIN, view.id, Changes(name="Mine", credentials=payflow_credentials()))
    assert "Theirs" == services.clients.show(ADMIN, view.id).name
    gateway.meanwhile = lambda: other.clients.delete(ADMIN, view.id)
    with pytest.raises(ChangedMeanwhileError):
        services.clients.update(ADMIN, view.id, Changes(credentials=payflow_credentials()))
    assert [] == services.clients.listing(ADMIN)


def test_added_meanwhile(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """Of two that add the same name at once the second is refused as a duplicate, after its test."""
    other = open_services()
    gateway.meanwhile = lambda: own(other, test=False)
    with pytest.raises(ExistsError):
        own(services)
    assert 1 == len(services.clients.listing(ADMIN))


def test_renamed_meanwhile(
    services: Services, gateway: SteeredGateway, open_services: Callable[[], Services]
) -> None:
    """A name that was free before the test and taken after it is a duplicate."""
    view = own(services)
    other = open_services()
    gateway.meanwhile = lambda: own(other, "Wanted", test=False)
    with pytest.raises(ExistsError):
        services.clients.update(ADMIN, view.id, Changes(name="Wanted", credentials=payflow_credentials()))


def test_rename_collision(services: Services) -> None:
    """A name is unique for each client and provider; its own name, and another client's, are no collision."""
    view = own(services, "A", test=False)
    own(services, "B", test=False)
    own(services, "C", client="globex", test=False)
    with pytest.raises(ExistsError):
        services.clients.update(ADMIN, view.id, Changes(name="B"))
    assert "A" == services.clients.update(ADMIN, view.id, Changes(name=" A ")).name
    assert "C" == services.clients.update(ADMIN, view.id, Changes(name="C")).name


def test_destination_needs_credentials(services: Services) -> None:
    """A setting that decides where the secret goes, and the environment, change only with the credentials."""
    given = sample("webhook")
    new = NewClient("acme", "webhook", credentials=Secret(given.credentials), settings=given.settings)
    view = services.clients.add(ADMIN, new, test=False)
    for wanted in (
        Changes(settings={"url": "https://elsewhere.example.com/"}),
        Changes(environment=Environment.SANDBOX),
    ):
        with pytest.raises(InvalidInputError) as caught:
            services.clients.update(ADMIN, view.id, wanted, test=False)
        assert caught.value.details["fields"] in (["url"], ["environment"])
    kept = services.clients.update(ADMIN, view.id, Changes(settings={"timeoutSeconds": 5}), test=False)
    assert (kept.settings or {})["timeoutSeconds"] == 5
    moved = Changes(settings={"url": "https://elsewhere.example.com/"}, credentials=Secret(given.credentials))
    services.clients.update(ADMIN, view.id, moved, test=False)
    shown = services.clients.show(ADMIN, view.id)
    assert not shown.unreadable
    assert "https://elsewhere.example.com/" == (shown.settings or {})["url"]


def test_settings_are_merged(services: Services) -> None:
    """Settings that are given replace those of their name, None takes one away, the others stay."""
    given = sample("mailchimp")
    new = NewClient("acme", "mailchimp", credentials=Secret(given.credentials), settings=given.settings)
    view = services.clients.add(ADMIN, new, test=False)
    wanted = Changes(settings={"fromName": None, "audienceId": "def456"})
    after = services.clients.update(ADMIN, view.id, wanted, test=False)
    expected = {**given.settings, "audienceId": "def456"}
    del expected["fromName"]
    assert expected == after.settings


def test_nothing_to_change(services: Services) -> None:
    """An update with what is there already changes nothing, not even the time of the last change."""
    view = own(services)
    same = services.clients.update(
        ADMIN, view.id, Changes(name=view.name, is_default=False, environment=Environment.PRODUCTION)
    )
    assert view.updated_at == same.updated_at
    assert [] == events(services, Action.CLIENT_UPDATE)


def test_update_event(services: Services) -> None:
    """The event of an update has old and new values, and of credentials only that they were replaced."""
    view = own(services)
    services.clients.update(
        ADMIN, view.id, Changes(name="Other", priority=2, credentials=payflow_credentials())
    )
    changes = dict(events(services, Action.CLIENT_UPDATE)[-1].changes or {})
    none, kept_until = changes.pop("previousCredentialsExpireAt")
    assert {"name": ["Main", "Other"], "priority": [0, 2], "credentials": "replaced"} == changes
    assert none is None
    assert clock.parse_rfc3339(kept_until) > clock.now()

"""Every form of a REF, what is ambiguous, and what stays hidden."""

from __future__ import annotations

import pytest

from avnz_int.errors import AmbiguousRefError, AvnzError, NotFoundError, UsageError
from avnz_int.model.enums import AuditOutcome
from avnz_int.model.inputs import NewClient, NewPlatform
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import ADMIN, PAYFLOW, admin_of, events, own, platform, using
from support.services import execute

pytestmark = pytest.mark.sqlite_first


def _renamed(services: Services, url: str, name: str, new: str) -> str:
    """The id, given by hand, of a new platform-mode integration: it has nothing sealed to its id."""
    old = using(services, name).id
    execute(url, 'UPDATE "MerchantAccount" SET "clientIntegrationId" = NULL, status = \'closed\'')
    execute(
        url, 'UPDATE "ClientIntegration" SET id = :new WHERE id = :old', new=new + old[len(new) :], old=old
    )
    return new + old[len(new) :]


def test_client_forms(services: Services) -> None:
    """An id, a prefix of 6, CLIENT/NAME, CLIENT/PROVIDER/NAME, and a name with its client all name it."""
    view = own(services, "Main Card", test=False)
    own(services, "Main Card", client="globex", test=False)
    refs = [view.id, view.id[:6], "acme/Main Card", f"acme/{PAYFLOW}/Main Card"]
    for ref in refs:
        assert view.id == services.clients.show(ADMIN, ref).id
        assert view.id == services.clients.show(ADMIN, ref, client="acme").id
        assert view.id == services.checks.test(ADMIN, ref).id
        assert view.id == services.clients.show(admin_of(services, "acme"), ref).id
    assert view.id == services.clients.show(ADMIN, "Main Card", client="acme").id
    assert view.id == services.clients.show(admin_of(services, "acme"), "Main Card").id
    assert view.id == services.checks.test(ADMIN, "Main Card", client="acme").id


def test_platform_forms(services: Services) -> None:
    """An id, a prefix of 6, platform/PROVIDER and the bare provider all name a platform integration."""
    view = platform(services, test=False)
    for ref in (view.id, view.id[:6], "platform/" + PAYFLOW, PAYFLOW):
        assert view.id == services.platform.show(ADMIN, ref).id
        assert view.id == services.checks.test(ADMIN, ref).id


NOTHING: dict[str, type[AvnzError]] = {
    "acme/": UsageError,
    "/Main": UsageError,
    "acme//Main": UsageError,
    "a/b/c/d": UsageError,
    **dict.fromkeys(
        [
            "",
            "Main",
            "acme/None",
            "nobody/Main",
            "acme/nmi/Main",
            "platform/stripe",
            "z" * 24,
            "acme/Ma\udcffin",
            "\udcff",
            "a\0",
            "acme/\0",
            "%",
            "a%aaaa",
            "______",
        ],
        NotFoundError,
    ),
}


def test_no_such(services: Services) -> None:
    """What names nothing is not found, what can name nothing is wrong usage; on both levels and in `test`."""
    own(services, test=False)
    platform(services, test=False)
    for ref, kind in NOTHING.items():
        for ask in (services.clients.show, services.checks.test):
            with pytest.raises(AvnzError) as caught:
                ask(ADMIN, ref)
            assert (ref, kind) == (ref, type(caught.value))
        with pytest.raises(NotFoundError):
            services.platform.show(ADMIN, ref)


def test_short_prefix(services: Services) -> None:
    """Fewer than 6 characters of an id name nothing, on either level."""
    mine, ours = own(services, test=False), platform(services, test=False)
    for ref in (mine.id[:5], ours.id[:5]):
        for ask in (services.clients.show, services.checks.test, services.platform.show):
            with pytest.raises(NotFoundError):
                ask(ADMIN, ref)


def test_ambiguous_name(services: Services) -> None:
    """CLIENT/NAME of two providers is ambiguous and lists both; with the provider it is not."""
    first = own(services, "Main", test=False)
    new = NewClient("acme", "stripe", name="Main", credentials=Secret(sample("stripe").credentials))
    second = services.clients.add(ADMIN, new, test=False)
    for ask in (
        lambda: services.clients.show(ADMIN, "acme/Main"),
        lambda: services.clients.show(ADMIN, "Main", client="acme"),
        lambda: services.checks.test(ADMIN, "acme/Main"),
    ):
        with pytest.raises(AmbiguousRefError) as caught:
            ask()
        expected = sorted([f"acme/{PAYFLOW}/Main ({first.id})", f"acme/stripe/Main ({second.id})"])
        assert expected == caught.value.details["candidates"]
        assert all(candidate in caught.value.message for candidate in expected)
    assert second.id == services.clients.show(ADMIN, "acme/stripe/Main").id


def test_ambiguous_prefix(services: Services, prepared_url: str) -> None:
    """A prefix that fits two ids is ambiguous; a whole id, or the name of the own client's, is not."""
    platform(services, share=True)
    ids = [_renamed(services, prepared_url, name, f"samesame{n}") for n, name in enumerate(("A", "B"))]
    with pytest.raises(AmbiguousRefError) as caught:
        services.clients.show(ADMIN, "samesame")
    assert [f"acme/{PAYFLOW}/{name} ({row_id})" for name, row_id in zip("AB", ids, strict=True)] == (
        caught.value.details["candidates"]
    )
    for row_id in ids:
        assert row_id == services.clients.show(ADMIN, row_id).id


def test_ambiguous_levels(services: Services, prepared_url: str) -> None:
    """In `test` a prefix may fit integrations of both levels, and lists both."""
    shared = platform(services, share=True)
    client_id = _renamed(services, prepared_url, "A", shared.id[:8])
    with pytest.raises(AmbiguousRefError) as caught:
        services.checks.test(ADMIN, shared.id[:8])
    expected = sorted([f"acme/{PAYFLOW}/A ({client_id})", f"platform/{PAYFLOW} ({shared.id})"])
    assert expected == caught.value.details["candidates"]


def test_wrong_client(services: Services) -> None:
    """With --client an integration of another client is not found, even by its id, and nobody is denied."""
    theirs = own(services, client="globex", test=False)
    for ref in (theirs.id, theirs.id[:8], "globex/Main"):
        for ask in (services.clients.show, services.checks.test):
            with pytest.raises(NotFoundError):
                ask(ADMIN, ref, client="acme")
    assert [] == [event for event in events(services) if event.outcome == AuditOutcome.DENIED]


def test_hidden(services: Services) -> None:
    """To a client_admin what belongs to others, or to the platform, is as unknown as what does not exist."""
    ours = platform(services, test=False)
    theirs = own(services, client="globex", test=False)
    given = sample("auth0")
    services.platform.add(
        ADMIN, NewPlatform("auth0", Secret(given.credentials), settings=given.settings), test=False
    )
    actor = admin_of(services, "acme")
    pairs = {
        theirs.id: "z" * 24,
        theirs.id[:8]: "zzzzzzzz",
        ours.id: "y" * 24,
        "globex/Main": "nobody/Main",
        f"globex/{PAYFLOW}/Main": f"nobody/{PAYFLOW}/Main",
        PAYFLOW: "anything_at_all",
        "platform/auth0": "platform/okta",
    }
    for ask in (
        services.clients.show,
        services.checks.test,
        services.clients.disable,
        services.merchants.show,
    ):
        for foreign, unknown in pairs.items():
            answers = []
            for ref in (foreign, unknown):
                with pytest.raises(NotFoundError) as caught:
                    ask(actor, ref)
                error = caught.value
                said = f"{error.code} {error.exit_code} {error.message} {error.hint} {error.details}"
                for part in (ref, ref.partition("/")[0]):
                    said = said.replace(repr(part), "?")
                answers.append(said)
            assert answers[0] == answers[1], (ask, foreign)
    for client in ("globex", "nobody"):
        with pytest.raises(NotFoundError):
            services.clients.listing(actor, client=client)


def test_denials_are_recorded(services: Services) -> None:
    """Each look at another client's integration is in the trail as a denial, an unknown one is not."""
    theirs = own(services, client="globex", test=False)
    actor = admin_of(services, "acme")
    for ref in (theirs.id, "globex/Main", "platform/" + PAYFLOW, "z" * 24):
        with pytest.raises(NotFoundError):
            services.checks.test(actor, ref)
    denied = [event for event in events(services) if event.outcome == AuditOutcome.DENIED]
    assert [actor.id] * 3 == [event.actor_id for event in denied]
    assert services.audit.verify(ADMIN).valid

"""Client integrations: bad input that leaves nothing behind, platform mode, what is shown."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from avnz_int.errors import (
    AvnzError,
    ExistsError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    NotSharedError,
    ProviderUnreachableError,
    RejectedError,
    SchemaViolationError,
    UnknownProviderError,
)
from avnz_int.model.enums import Action, Environment, Mode
from avnz_int.model.filters import Filter
from avnz_int.model.inputs import Changes, NewClient
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.scenes import (
    ADMIN,
    GARBAGE,
    PAYFLOW,
    REFUSED,
    SteeredGateway,
    admin_of,
    events,
    own,
    platform,
    using,
    written,
)
from support.services import PASSWORD, payflow_credentials

GOOD = payflow_credentials().reveal()


def _new(**given: Any) -> NewClient:
    values: dict[str, Any] = {"client": "acme", "provider": PAYFLOW, "name": "New"}
    values |= {"credentials": payflow_credentials()} | given
    return NewClient(**values)


def _secret(**fields: Any) -> Secret[dict[str, Any]]:
    return Secret({**GOOD, **fields})


# name -> (what is asked for, error, exit code, words of the message or hint)
BAD: dict[str, tuple[NewClient, type[AvnzError], int, str]] = {
    "unknown client": (_new(client="nobody"), NotFoundError, 3, "no client 'nobody'"),
    "unknown provider": (
        _new(provider="paypal_payflo"),
        UnknownProviderError,
        2,
        "did you mean paypal_payflow",
    ),
    "provider that is no UTF-8": (_new(provider="pay\udcff"), UnknownProviderError, 2, "unknown provider"),
    "client that is no UTF-8": (_new(client="a\udcff"), NotFoundError, 3, "no client"),
    "provider with NUL": (_new(provider="pay\0"), UnknownProviderError, 2, "unknown provider"),
    "platform-only": (_new(provider="auth0"), ForbiddenError, 4, "for the platform only"),
    "duplicate": (_new(name="Main"), ExistsError, 5, "named 'Main' already"),
    "no credentials": (_new(credentials=None), InvalidInputError, 2, "own mode needs credentials"),
    "missing fields": (_new(credentials=Secret({})), SchemaViolationError, 2, "password"),
    "empty secret": (_new(credentials=_secret(password="")), SchemaViolationError, 2, "password"),
    "unknown field": (_new(credentials=_secret(pasword="x")), SchemaViolationError, 2, "pasword"),
    "wrong pattern": (_new(credentials=_secret(vendor=" acme")), SchemaViolationError, 2, "vendor"),
    "NUL": (_new(credentials=_secret(vendor="a\0b")), SchemaViolationError, 2, "vendor"),
    "too large": (_new(credentials=_secret(password="x" * 66_000)), InvalidInputError, 2, "64 KiB"),
    "no JSON": (_new(credentials=_secret(password={"a set"})), InvalidInputError, 2, "JSON"),
    "unknown setting": (_new(settings={"colour": "red"}), SchemaViolationError, 2, "settings.colour"),
    "name with slash": (_new(name="a/b"), InvalidInputError, 2, "'/'"),
    "name too long": (_new(name="x" * 201), InvalidInputError, 2, "1 to 200"),
    "name of spaces": (_new(name="  "), InvalidInputError, 2, "1 to 200"),
    "name that is no UTF-8": (_new(name="a\udcff"), InvalidInputError, 2, "control"),
    "description with bell": (_new(description="\a"), InvalidInputError, 2, "control"),
    "priority too large": (_new(priority=2**40), InvalidInputError, 2, "priority must be"),
    "nothing shared": (
        _new(mode=Mode.PLATFORM, credentials=None),
        NotSharedError,
        5,
        "shares no integration",
    ),
    "platform mode with credentials": (
        _new(mode=Mode.PLATFORM, provider=PAYFLOW),
        NotSharedError,
        5,
        "shares no",
    ),
    "wrong password": (_new(credentials=_secret(password="not this")), RejectedError, 6, "refused"),
}


def test_bad_input(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """Whatever is wrong is named with its exit code and without the secret, and nothing is written."""
    own(services)
    before = written(prepared_url)
    wrong = {}
    for name, (new, kind, code, words) in BAD.items():
        with pytest.raises(AvnzError) as caught:
            services.clients.add(ADMIN, new)
        error = caught.value
        said = f"{error.message} {error.hint}"
        if type(error) is not kind or error.exit_code != code or words not in said:
            wrong[name] = repr(error)
        assert (
            error.hint
            or name in {"too large", "no JSON"}
            or "name" in name
            or "priority" in name
            or code == 2
        )
        assert "not this" not in f"{error!r} {error.hint} {error.details}"
        assert before == written(prepared_url)
    assert {} == wrong
    # One request for the first one that stands, one for the wrong password: nothing else was sent anywhere.
    assert 2 == len(gateway.requests)


def test_all_violations_at_once(services: Services) -> None:
    """Every missing field and every broken rule, of credentials and settings, stands in one error."""
    new = _new(credentials=Secret({"vendor": "", "extra": 1}), settings={"colour": "red"})
    with pytest.raises(SchemaViolationError) as caught:
        services.clients.add(ADMIN, new)
    fields = {violation["field"] for violation in caught.value.details["violations"]}
    assert {"partner", "vendor", "user", "password", "extra", "settings.colour"} == fields


def test_unreachable_is_not_saved(services: Services, prepared_url: str, gateway: SteeredGateway) -> None:
    """What cannot be reached is not saved; the event of the test says so."""
    before = written(prepared_url)
    gateway.says = GARBAGE
    with pytest.raises(ProviderUnreachableError) as caught:
        own(services)
    assert (7, "unexpected_reply") == (caught.value.exit_code, caught.value.details["code"])
    assert before == written(prepared_url)
    last = events(services)[-1]
    assert (Action.CLIENT_TEST, "failure", "unreachable") == (
        last.action,
        last.outcome,
        (last.changes or {})["outcome"],
    )


def test_platform_only_is_hidden(services: Services) -> None:
    """To a client_admin a platform-only provider is an unknown one, byte for byte apart from its name."""
    actor = admin_of(services, "acme")
    answers = []
    for provider in ("auth0", "abcd0"):
        for ask in (
            lambda p=provider: services.clients.add(actor, _new(provider=p)),
            lambda p=provider: services.clients.require_addable(actor, "acme", p),
            lambda p=provider: services.definitions.show(actor, p),
        ):
            with pytest.raises(UnknownProviderError) as caught:
                ask()
            error = caught.value
            answers.append((error.code, error.message, error.hint, error.details, error.exit_code))
    assert answers[:3] == [
        (code, message.replace("abcd0", "auth0"), hint, details, exit_code)
        for code, message, hint, details, exit_code in answers[3:]
    ]
    assert 3 == sum(event.outcome == "denied" for event in events(services))


def test_platform_mode(services: Services) -> None:
    """In platform mode a client has no credentials, the platform's environment and is active at once."""
    shared = platform(services, share=True)
    view = using(services)
    assert ("platform", "active", "active", None, shared.id, "production", True) == (
        view.mode,
        view.status,
        view.effective_status,
        view.credentials,
        view.platform_integration_id,
        view.environment,
        view.is_verified,
    )
    bad = [
        _new(mode=Mode.PLATFORM),
        _new(mode=Mode.PLATFORM, credentials=None, environment=Environment.SANDBOX),
        _new(mode=Mode.PLATFORM, credentials=None, settings={"colour": "red"}),
    ]
    for new in bad:
        with pytest.raises(InvalidInputError):
            services.clients.add(ADMIN, new)
    for wanted in (
        Changes(credentials=payflow_credentials()),
        Changes(environment=Environment.SANDBOX),
        Changes(settings={"colour": "red"}),
    ):
        with pytest.raises(InvalidInputError):
            services.clients.update(ADMIN, view.id, wanted)
    renamed = services.clients.update(ADMIN, view.id, Changes(name="Theirs", priority=3))
    assert ("Theirs", 3, "active") == (renamed.name, renamed.priority, renamed.status)


def test_follows_the_platform(services: Services, gateway: SteeredGateway) -> None:
    """What a platform-mode integration is worth follows the platform integration, its own status stays."""
    platform(services, share=True)
    view = using(services)
    found = []

    def look() -> None:
        now = services.clients.show(ADMIN, view.id)
        found.append((now.status, now.effective_status))

    services.platform.disable(ADMIN, PAYFLOW)
    look()
    services.platform.enable(ADMIN, PAYFLOW)
    look()
    gateway.says = REFUSED
    services.checks.test(ADMIN, "platform/" + PAYFLOW)
    look()
    services.clients.disable(ADMIN, view.id)
    look()
    assert [
        ("active", "inactive"),
        ("active", "active"),
        ("active", "error"),
        ("inactive", "inactive"),
    ] == found


def test_masks(services: Services) -> None:
    """A listing shows no credentials, `show` masks secrets with their last four characters, audited."""
    view = own(services)
    assert {"••••"} == {listed.credentials for listed in services.clients.listing(ADMIN)}
    shown = services.clients.show(ADMIN, view.id).credentials
    assert {**GOOD, "password": f"••••{PASSWORD[-4:]}"} == shown
    assert list(shown) == ["partner", "vendor", "user", "password"]
    read = events(services, Action.CREDENTIALS_READ)
    assert [(view.id, {"purpose": "show"})] == [(event.target_id, event.changes) for event in read]


def test_listing_limits(services: Services) -> None:
    """A listing is limited by client, environment, category, provider and status."""
    own(services, "A")
    own(services, "B", test=False, environment=Environment.SANDBOX)
    own(services, "C", client="globex", test=False)

    def names(client: str | None = None, **limits: Any) -> list[str]:
        found = services.clients.listing(ADMIN, client=client, limits=Filter(**limits))
        return [view.name for view in found]

    assert ["A", "B", "C"] == names()
    assert ["C"] == names("globex")
    assert ["B"] == names(environment=Environment.SANDBOX)
    assert ["A"] == names(status="active")
    assert [] == names(provider="stripe")
    assert ["A", "B", "C"] == names(category="payment_gateway")


def test_available(services: Services) -> None:
    """A client sees what it may configure, and what the platform offers of it with its price."""
    platform(services, share=True)
    offers = {offer.provider: offer for offer in services.clients.available(admin_of(services, "acme"))}
    assert "auth0" not in offers
    assert ["own", "platform"] == offers[PAYFLOW].modes
    offered = offers[PAYFLOW].platform
    assert offered is not None
    assert 0.5 == offered.client_pricing["percentageFee"]
    assert (["own"], None) == (offers["stripe"].modes, offers["stripe"].platform)


def test_unreadable_in_show(services: Services, notices: list[str]) -> None:
    """`show` of a row that does not open says so, tells why, records it, and is no error."""
    view = own(services, test=False)
    with services.database.write() as connection:
        connection.execute(text("UPDATE \"ClientIntegration\" SET environment = 'sandbox'"))
    shown = services.clients.show(ADMIN, view.id)
    assert (None, True) == (shown.credentials, shown.unreadable)
    assert any("environment" in notice for notice in notices)
    last = events(services, Action.CREDENTIALS_READ)[-1]
    assert ("failure", {"purpose": "show", "reason": "unreadable"}) == (last.outcome, last.changes)

"""Credentials for a command: whose, which, under which names, and that each reading is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from avnz_int.db.clients import INTEGRATION
from avnz_int.errors import (
    ConflictError,
    ForbiddenError,
    HiddenError,
    InvalidInputError,
    KeyMissingError,
    NotFoundError,
    SealBrokenError,
    UnverifiedError,
    UsageError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, AuditOutcome, Category, Environment, Mode, Role
from avnz_int.model.inputs import NewClient, NewPlatform
from avnz_int.model.routing import Level
from avnz_int.model.running import RunWanted
from avnz_int.model.secret import Secret
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import (
    ADMIN,
    AUDITOR,
    PAYFLOW,
    PRICE,
    SERVICE,
    admin_of,
    events,
    own,
    platform,
    using,
)
from support.services import PASSWORD, execute

pytestmark = pytest.mark.sqlite_first

PASSED = "UPDATE \"PlatformIntegration\" SET status = 'active', \"lastTestResult\" = 'success' WHERE id = :i"
NAMES = {"PAYFLOW_PARTNER", "PAYFLOW_VENDOR", "PAYFLOW_USER", "PAYFLOW_PASSWORD"}


def given(services: Services, actor: Actor = ADMIN, **wanted: Any) -> dict[str, str]:
    """The variables."""
    return services.running.variables(actor, RunWanted(**wanted)).variables.reveal()


def reads(services: Services) -> list[tuple[str, str | None, str]]:
    """Outcome, target and purpose of every reading of credentials for a command."""
    return [
        (event.outcome, event.target_id, event.changes["purpose"])
        for event in events(services, Action.CREDENTIALS_READ)
        if event.changes and event.changes.get("purpose") == "run"
    ]


def verified(services: Services, ref: str) -> None:
    """What no gateway here can test is put in force."""
    row = services.clients.find(ADMIN, ref).id
    execute(
        services.settings.database_url,
        'UPDATE "ClientIntegration" SET status = \'active\', "isVerified" = true, '
        '"verifiedAt" = "createdAt", "verifiedBy" = \'me\' WHERE id = :id',
        id=row,
    )


def add(services: Services, provider: str, name: str, **more: Any) -> str:
    """The REF of an integration of acme with the provider's sample, in force."""
    values = sample(provider)
    new = NewClient(
        "acme", provider, name=name, credentials=Secret(values.credentials), settings=values.settings, **more
    )
    services.clients.add(ADMIN, new, test=False)
    verified(services, f"acme/{name}")
    return f"acme/{name}"


def test_names(services: Services) -> None:
    """Each field has its usual name, settings too; the reading is recorded with its purpose."""
    own(services)
    found = given(services, client="acme")
    assert NAMES == set(found)
    assert (PASSWORD, "acme") == (found["PAYFLOW_PASSWORD"], found["PAYFLOW_VENDOR"])
    assert [("success", services.clients.find(ADMIN, "acme/Main").id, "run")] == reads(services)

    add(services, "mailchimp", "News")
    values = sample("mailchimp")
    expected = {
        "MAILCHIMP_API_KEY": values.credentials["apiKey"],
        "MAILCHIMP_SERVER_PREFIX": "us21",
        "MAILCHIMP_LIST_ID": "abc123",
    }
    assert expected == given(services, client="acme", provider="mailchimp")
    assert NAMES | set(expected) == set(given(services, client="acme"))
    assert {"PAYFLOW_PWD", "PAYPAL_PAYFLOW_PWD"} <= set(given(services, refs=["acme/Main"], all_names=True))


def test_company(services: Services) -> None:
    """A company uses what its client has."""
    own(services)
    assert NAMES == set(given(services, company="shop"))
    assert NAMES == set(given(services, company="shop", refs=["Main"]))
    with pytest.raises(NotFoundError):
        given(services, company="none")
    with pytest.raises(NotFoundError):
        given(services, company="shop", client="globex")
    with pytest.raises(HiddenError):
        given(services, admin_of(services, "globex"), company="shop")


def test_choice(services: Services) -> None:
    """Of a category the default is taken, else the first by priority; REFs take what they name."""
    sandbox = sample("stripe")
    live = {"secretKey": "rk_" + "live_" + "1" * 24}
    own(services, "Second")
    services.clients.add(
        ADMIN, NewClient("acme", "stripe", name="Live", credentials=Secret(live), priority=7), test=False
    )
    verified(services, "acme/Live")
    new = NewClient(
        "acme", "stripe", name="Try", credentials=Secret(sandbox.credentials), environment=Environment.SANDBOX
    )
    services.clients.add(ADMIN, new, test=False)
    verified(services, "acme/Try")

    assert NAMES == set(given(services, client="acme", category="payment_gateway"))
    services.clients.set_default(ADMIN, "acme/Live")
    assert (
        live["secretKey"] == given(services, client="acme", category="payment_gateway")["STRIPE_SECRET_KEY"]
    )
    tried = given(services, client="acme", environment=Environment.SANDBOX)
    assert sandbox.credentials["secretKey"] == tried["STRIPE_SECRET_KEY"]
    assert NAMES | {"STRIPE_SECRET_KEY"} == set(given(services, refs=["acme/Live", "acme/Second"]))
    with pytest.raises(InvalidInputError):
        given(services, refs=["acme/Live"], environment=Environment.SANDBOX)


def test_not_in_force(services: Services) -> None:
    """What is unverified, inactive or failing is given by no way."""
    own(services, "New", test=False)
    with pytest.raises(NotFoundError):
        given(services, client="acme")
    with pytest.raises(UnverifiedError) as untested:
        given(services, refs=["acme/New"])
    assert "avnz-int test acme/paypal_payflow/New" == untested.value.hint
    own(services, "Off")
    services.clients.disable(ADMIN, "acme/Off")
    with pytest.raises(ConflictError):
        given(services, refs=["acme/Off"])
    with pytest.raises(NotFoundError):
        given(services, client="acme", provider=PAYFLOW)
    with pytest.raises(NotFoundError):
        given(services, platform=True)
    platform(services, test=False)
    with pytest.raises(ConflictError):
        given(services, platform=True, refs=[PAYFLOW])
    assert [] == reads(services)


def test_platform(services: Services) -> None:
    """The platform's credentials are for org_admins and services of no client."""
    view = platform(services, share=True)
    using(services)
    bound = Actor("token:bound", Role.SERVICE, services.tenants.show(ADMIN, "acme").id)
    for actor in (ADMIN, SERVICE):
        assert NAMES == set(given(services, actor, platform=True))
        assert NAMES == set(given(services, actor, client="acme"))
        assert NAMES == set(given(services, actor, refs=["acme/Ours"]))
    assert view.id == events(services, Action.CREDENTIALS_READ)[-1].changes["platformIntegrationId"]  # type: ignore[index]  # it has some

    for actor in (admin_of(services, "acme"), bound):
        for wanted in ({"refs": ["acme/Ours"]}, {"client": "acme", "provider": PAYFLOW}, {"platform": True}):
            with pytest.raises(ForbiddenError):
                given(services, actor, **wanted)
        with pytest.raises(
            NotFoundError, match=r"in any category that may be given \(production\)$"
        ):  # passed over
            given(services, actor, client="acme")
        with pytest.raises(HiddenError):
            given(services, actor, refs=[f"platform/{PAYFLOW}"])
    own(services, "Theirs")
    assert NAMES == set(given(services, admin_of(services, "acme"), refs=["acme/Theirs"]))

    services.platform.disable(ADMIN, PAYFLOW)
    with pytest.raises(ConflictError):
        given(services, refs=["acme/Ours"])


def test_platform_settings(services: Services) -> None:
    """In platform mode a client's settings count, but for those that say where credentials are sent."""
    values = sample("nmi")
    new = NewPlatform("nmi", Secret({"securityKey": "k" * 32}), settings=values.settings)
    made = services.platform.add(ADMIN, new, test=False)
    url = services.settings.database_url
    execute(url, PASSED, i=made.id)
    services.sharing.share(ADMIN, "nmi", PRICE)
    services.clients.add(
        ADMIN,
        NewClient(
            "acme", "nmi", name="N", mode=Mode.PLATFORM, settings={"host": "evil.transactiongateway.com"}
        ),
    )
    assert values.settings["host"] == given(services, refs=["acme/N"])["NMI_API_BASE_URL"]


def of_organization(services: Services, provider: str, **more: Any) -> None:
    """The organization's integration of a provider with its sample, in force."""
    values = sample(provider)
    new = NewPlatform(provider, Secret(values.credentials), settings={**(values.settings or {}), **more})
    made = services.platform.add(ADMIN, new, test=False)
    execute(services.settings.database_url, PASSED, i=made.id)


def test_as_resolved(services: Services) -> None:
    """What is asked for is what `resolve` says: the client's, else the organization's where it may serve."""
    of_organization(services, "datadog", env="live")
    own(services)
    monitoring = {"client": "acme", "category": "monitoring"}
    of_category = given(services, **monitoring)
    resolved = services.resolution.resolve(ADMIN, Category.MONITORING, client="acme").in_force
    assert resolved is not None
    assert (Level.ORGANIZATION, "live") == (resolved.level, of_category["DD_ENV"])
    assert of_category == given(services, client="acme", provider="datadog") == given(services, platform=True)
    # Unasked a command for a client has the client's alone.
    assert NAMES == set(given(services, client="acme"))
    # To somebody of the client there is no such integration.
    with pytest.raises(NotFoundError) as hidden:
        given(services, admin_of(services, "acme"), **monitoring)
    assert [] == hidden.value.details["candidates"]
    # A gateway of the organization never serves unasked-for: it costs a fee.
    platform(services, share=True)
    with pytest.raises(NotFoundError) as refused:
        given(services, client="globex", category="payment_gateway")
    assert ["not_taken_up"] == [one["rule"] for one in refused.value.details["candidates"]]


def test_settings_as_resolved(services: Services) -> None:
    """A client's own integration has the organization's settings below its own, as `resolve` shows."""
    of_organization(services, "twilio", fromNumber="+12065550100")
    ref = add(services, "twilio", "Texts")
    resolved = services.resolution.resolve(ADMIN, Category.SMS, client="acme").in_force
    assert resolved is not None
    for wanted in ({"refs": [ref]}, {"client": "acme"}, {"client": "acme", "category": "sms"}):
        assert resolved.settings["fromNumber"] == given(services, **wanted)["TWILIO_FROM_NUMBER"]


def test_dropped(services: Services) -> None:
    """A default that fails or whose key is gone gives way to the next; alone, a missing key is named."""
    url = services.settings.database_url
    own(services, default=True)
    with services.database.read() as connection:
        main = dict(connection.execute(select(INTEGRATION)).mappings().one())
    add(services, "stripe", "Next")
    execute(url, "UPDATE \"ClientIntegration\" SET status = 'error' WHERE name = 'Main'")
    for wanted in ({"client": "acme", "category": "payment_gateway"}, {"client": "acme"}):
        assert "STRIPE_SECRET_KEY" in (taken := given(services, **wanted))
        assert not NAMES & set(taken)

    # As a single row from a backup would be, of a key that was erased since.
    services.keys.rotate(ADMIN)
    with services.database.write() as connection:
        back = {name: main[name] for name in ("status", "credentials", "credentialsKeyId")}
        connection.execute(update(INTEGRATION).where(INTEGRATION.c.id == main["id"]).values(back))
    execute(
        url,
        'UPDATE "DataKey" SET status = \'retired\', "wrappedKey" = NULL, "retiredAt" = "createdAt" '
        "WHERE id = :key",
        key=main["credentialsKeyId"],
    )
    assert "STRIPE_SECRET_KEY" in given(services, client="acme")
    services.clients.disable(ADMIN, "acme/Next")
    for wanted in ({"client": "acme"}, {"client": "acme", "provider": PAYFLOW}, {"refs": ["acme/Main"]}):
        with pytest.raises(KeyMissingError):
            given(services, **wanted)
        assert AuditOutcome.FAILURE == events(services, Action.CREDENTIALS_READ)[-1].outcome


def test_only_and_prefix(services: Services) -> None:
    """Some variables alone, from integrations that have them; a prefix of the integration's words."""
    own(services)
    add(services, "mailchimp", "My news")
    refs = ["acme/Main", "acme/My news"]
    assert {"PAYFLOW_PWD"} == set(given(services, refs=refs, only=frozenset({"PAYFLOW_PWD"})))
    assert 1 == len(reads(services))
    with pytest.raises(UsageError) as refused:
        given(services, refs=refs, only=frozenset({"PAYFLOW_PASSWORD", "STRIPE_SECRET_KEY"}))
    assert "STRIPE_SECRET_KEY" in refused.value.message

    found = given(services, refs=refs, prefix="APP_{name}_{environment}_")
    assert PASSWORD == found["APP_MAIN_PRODUCTION_PAYFLOW_PASSWORD"]
    assert "APP_MY_NEWS_PRODUCTION_MAILCHIMP_API_KEY" in found
    for prefix in ("{id}_", "1", "A B", "A="):
        with pytest.raises(UsageError):
            given(services, refs=refs, prefix=prefix)


def test_clash(services: Services) -> None:
    """Two values for one variable are refused, naming it and both integrations; then nothing was read."""
    own(services)
    own(services, "Other", client="globex", password=PASSWORD)
    assert NAMES == set(given(services, refs=["acme/Main", "globex/Other"]))  # the same login
    services.clients.delete(ADMIN, "globex/Other")
    new = {"partner": "PayPal", "vendor": "globex", "user": "globex", "password": "battery staple 2"}
    services.clients.add(ADMIN, NewClient("globex", PAYFLOW, name="Other", credentials=Secret(new)))
    before = len(reads(services))
    with pytest.raises(UsageError) as refused:
        given(services, refs=["acme/Main", "globex/Other"])
    called = ["acme/paypal_payflow/Main", "globex/paypal_payflow/Other"]
    assert called == refused.value.details["variables"]["PAYFLOW_PASSWORD"]
    assert before == len(reads(services))
    assert "battery" not in str(refused.value.details) + refused.value.message
    assert 8 == len(given(services, refs=["acme/Main", "globex/Other"], prefix="{name}_"))


def test_clash_under_one_name(services: Services) -> None:
    """Two providers' integrations of one name, which a client may have, are two all the same."""
    url = services.settings.database_url
    providers = ("aws_ses", "aws_sns")
    execute(
        url,
        'UPDATE "IntegrationDefinition" SET "isClientAllowed" = true, "isOrgOnly" = false'
        " WHERE provider IN ('aws_ses', 'aws_sns')",
    )
    for provider in providers:
        credentials = {"accessKeyId": "AKIAEXAMPLE000000000", "secretAccessKey": provider.ljust(40, "0")}
        settings = {
            "region": "us-east-1",
            **({"fromEmail": "a@example.com"} if provider == "aws_ses" else {}),
        }
        new = NewClient("acme", provider, name="Main", credentials=Secret(credentials), settings=settings)
        made = services.clients.add(ADMIN, new, test=False)
        verified(services, made.id)
    called = [f"acme/{provider}/Main" for provider in providers]
    with pytest.raises(UsageError) as refused:
        given(services, refs=called)
    assert {"AWS_SECRET_ACCESS_KEY": called} == refused.value.details["variables"]
    assert [] == reads(services)


def test_broken(services: Services) -> None:
    """What does not open is given to nobody, and recorded."""
    own(services)
    execute(services.settings.database_url, "UPDATE \"ClientIntegration\" SET name = 'M', provider = 'nmi'")
    with pytest.raises(SealBrokenError):
        given(services, refs=["acme/M"])
    assert AuditOutcome.FAILURE == events(services, Action.CREDENTIALS_READ)[-1].outcome


def test_nobody(services: Services) -> None:
    """Without a tenant there is a question, an auditor gets nothing, and neither does a stranger."""
    own(services)
    with pytest.raises(UsageError):
        given(services)
    with pytest.raises(ForbiddenError):
        given(services, AUDITOR, client="acme")
    with pytest.raises(HiddenError):
        given(services, admin_of(services, "globex"), client="acme")
    assert AuditOutcome.DENIED == events(services, Action.CREDENTIALS_READ)[-1].outcome

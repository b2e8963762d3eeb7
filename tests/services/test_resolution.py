"""What is in force: a table of situations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from avnz_int.errors import NotFoundError
from avnz_int.model.enums import Category, Environment
from avnz_int.model.routing import ResolutionView
from avnz_int.wiring import Services
from support.scenes import ADMIN, PAYFLOW
from support.services import make_services
from support.staging import GONE, Own, Platform, Staged, Using, clear, stage

PAY = Category.PAYMENT_GATEWAY
SANDBOX = {"environment": "sandbox"}
OFF = {"status": "inactive"}
DOWN = {"status": "error"}
SHARED = {"isSharedWithClients": True}
DEFAULT = {"isDefault": True}
KEY_GONE = {"credentialsKeyId": GONE}
UNTESTED = {"lastTestResult": None}


@dataclass(frozen=True, slots=True)
class Case:
    """A situation of the client `acme`, and what comes of it.

    Attributes:
        there: what is staged, the oldest first.
        able: names of what can serve, in order, with the rule that takes the first.
        dropped: name -> rule.
    """

    there: tuple[Staged, ...]
    able: tuple[str, ...] = ()
    rule: str | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)
    category: Category = PAY
    environment: Environment = Environment.PRODUCTION


CASES: dict[str, Case] = {
    # The order of what can serve.
    "nothing there": Case(()),
    "one": Case((Own("a"),), ("a",), "priority"),
    "the oldest of equals": Case((Own("a"), Own("b")), ("a", "b"), "priority"),
    "the lowest number": Case((Own("a", columns={"priority": 5}), Own("b")), ("b", "a"), "priority"),
    "three by number": Case(
        (Own("a", columns={"priority": 9}), Own("b", columns={"priority": 3}), Own("c")),
        ("c", "b", "a"),
        "priority",
    ),
    "the default": Case((Own("a"), Own("b", columns=DEFAULT)), ("b", "a"), "default"),
    "the default whatever its number": Case(
        (Own("a"), Own("b", columns=DEFAULT | {"priority": 99})), ("b", "a"), "default"
    ),
    "behind the default by number": Case(
        (Own("a", columns={"priority": 2}), Own("b", columns=DEFAULT), Own("c", columns={"priority": 1})),
        ("b", "c", "a"),
        "default",
    ),
    "several providers": Case(
        (Own("a", "stripe"), Own("b", PAYFLOW, DEFAULT), Own("c")), ("b", "a", "c"), "default"
    ),
    # What its own state drops.
    "switched off": Case((Own("a", columns=OFF),), dropped={"a": "inactive"}),
    "pending": Case((Own("a", columns={"status": "pending"}),), dropped={"a": "pending"}),
    "failing": Case((Own("a", columns=DOWN),), dropped={"a": "failing"}),
    "unverified": Case((Own("a", columns={"isVerified": False}),), dropped={"a": "unverified"}),
    "its key is gone": Case((Own("a", columns=KEY_GONE),), dropped={"a": "unreadable"}),
    "the default is off": Case(
        (Own("a"), Own("b", columns=DEFAULT | OFF)), ("a",), "priority", {"b": "inactive"}
    ),
    "the default is failing": Case(
        (Own("a"), Own("b", columns=DEFAULT | DOWN)), ("a",), "priority", {"b": "failing"}
    ),
    "the default is pending": Case(
        (Own("a"), Own("b", columns=DEFAULT | {"status": "pending"})), ("a",), "priority", {"b": "pending"}
    ),
    "the default is unverified": Case(
        (Own("a", columns=DEFAULT | {"isVerified": False}), Own("b")), ("b",), "priority", {"a": "unverified"}
    ),
    "all are down": Case(
        (Own("a", columns=DOWN), Own("b", columns=OFF | DEFAULT)), dropped={"a": "failing", "b": "inactive"}
    ),
    "off tells before unverified": Case(
        (Own("a", columns=OFF | {"isVerified": False}),), dropped={"a": "inactive"}
    ),
    "an old failure of one that is verified": Case(
        (Own("a", columns={"lastTestResult": "failure"}),), ("a",), "priority"
    ),
    # Environments.
    "of the other environment": Case((Own("a", columns=SANDBOX),), dropped={"a": "wrong_environment"}),
    "asked for in the sandbox": Case(
        (Own("a", columns=SANDBOX), Own("b")),
        ("a",),
        "priority",
        {"b": "wrong_environment"},
        environment=Environment.SANDBOX,
    ),
    "a default of each environment": Case(
        (Own("a", columns=DEFAULT), Own("b", columns=DEFAULT | SANDBOX), Own("c", columns=SANDBOX)),
        ("b", "c"),
        "default",
        {"a": "wrong_environment"},
        environment=Environment.SANDBOX,
    ),
    "the sandbox's default is none of production's": Case(
        (Own("a", columns=SANDBOX | DEFAULT), Own("b")), ("b",), "priority", {"a": "wrong_environment"}
    ),
    # Platform mode.
    "the platform's": Case((Platform(columns=SHARED), Using("u")), ("u",), "priority"),
    "the platform's as default": Case(
        (Platform(columns=SHARED), Own("a"), Using("u", columns=DEFAULT)), ("u", "a"), "default"
    ),
    "the platform's behind the own": Case(
        (Platform(columns=SHARED), Own("a"), Using("u", columns={"priority": 1})), ("a", "u"), "priority"
    ),
    "shared no more, but in use": Case((Platform(), Using("u")), ("u",), "priority"),
    "the platform's is off": Case(
        (Platform(columns=SHARED | OFF), Using("u")), dropped={"u": "platform_inactive"}
    ),
    "the platform's is failing": Case(
        (Platform(columns=SHARED | DOWN), Using("u")), dropped={"u": "platform_failing"}
    ),
    "the platform's was never tested": Case(
        (Platform(columns=SHARED | UNTESTED), Using("u")), dropped={"u": "platform_unverified"}
    ),
    "the platform's is new and untested": Case(
        (Platform(columns=SHARED | OFF | UNTESTED), Using("u")), dropped={"u": "platform_unverified"}
    ),
    "the platform's was out of reach": Case(
        (Platform(columns=SHARED | {"lastTestResult": "failure"}), Using("u")), ("u",), "priority"
    ),
    "the key of the platform's is gone": Case(
        (Platform(columns=SHARED | KEY_GONE), Using("u")),
        dropped={"u": "platform_unreadable"},
    ),
    "the platform's moved": Case(
        (Platform(columns=SHARED | SANDBOX), Using("u")), dropped={"u": "wrong_environment"}
    ),
    "verified since it was taken up": Case(
        (Platform(columns=SHARED), Using("u", columns={"isVerified": False})), ("u",), "priority"
    ),
    "the use is switched off": Case(
        (Platform(columns=SHARED), Using("u", columns=OFF)), (), None, {"u": "inactive"}
    ),
    "the own serves while the platform's is down": Case(
        (Platform(columns=SHARED | DOWN), Using("u", columns=DEFAULT), Own("a", "stripe")),
        ("a",),
        "priority",
        {"u": "platform_failing"},
    ),
    # What the organization has and the client has not taken up.
    "offered for a fee": Case((Platform(columns=SHARED),), dropped={"nmi": "not_taken_up"}),
    "not shared": Case((Platform(),), dropped={"nmi": "not_shared"}),
    "offered in the other environment": Case(
        (Platform(columns=SHARED | SANDBOX),), dropped={"nmi": "wrong_environment"}
    ),
    "offered beside the own": Case(
        (Platform(PAYFLOW, SHARED), Platform("stripe"), Own("a")),
        ("a",),
        "priority",
        {PAYFLOW: "not_taken_up", "stripe": "not_shared"},
    ),
    # Categories of the platform alone.
    "monitoring": Case((Platform("datadog"),), ("datadog",), "organization", category=Category.MONITORING),
    "monitoring by the oldest": Case(
        (Platform("sentry"), Platform("datadog")),
        ("sentry", "datadog"),
        "organization",
        category=Category.MONITORING,
    ),
    "monitoring by the one that works": Case(
        (Platform("sentry", DOWN), Platform("datadog"), Platform("cloudwatch", OFF)),
        ("datadog",),
        "organization",
        {"sentry": "failing", "cloudwatch": "inactive"},
        category=Category.MONITORING,
    ),
    "monitoring untested": Case(
        (Platform("datadog", OFF | UNTESTED),),
        dropped={"datadog": "unverified"},
        category=Category.MONITORING,
    ),
    "monitoring in the sandbox": Case(
        (Platform("datadog"),),
        dropped={"datadog": "wrong_environment"},
        category=Category.MONITORING,
        environment=Environment.SANDBOX,
    ),
    "sign-in whose key is gone": Case(
        (Platform("auth0", KEY_GONE),),
        dropped={"auth0": "unreadable"},
        category=Category.AUTHENTICATION,
    ),
    "a client's of what is the platform's alone": Case(
        (Platform("aws_sns"), Own("a", "aws_sns")),
        ("aws_sns",),
        "organization",
        {"a": "platform_only"},
        category=Category.SMS,
    ),
    # Categories that clients may have too, and nobody pays for: the organization's is what they override.
    "messages by the organization's": Case(
        (Platform("aws_sns"),), ("aws_sns",), "organization", category=Category.SMS
    ),
    "messages by the own": Case(
        (Platform("aws_sns"), Own("a", "twilio")), ("a", "aws_sns"), "priority", category=Category.SMS
    ),
    "messages while the own is down": Case(
        (Platform("aws_sns"), Own("a", "twilio", DOWN)),
        ("aws_sns",),
        "organization",
        {"a": "failing"},
        category=Category.SMS,
    ),
    "another category is none": Case((Own("a"),), category=Category.WEBHOOK),
}


def resolved(services: Services, case: Case) -> ResolutionView | NotFoundError:
    """What `resolve` says, or why there is nothing."""
    try:
        return services.resolution.resolve(
            ADMIN, case.category, client="acme", environment=case.environment, explain=True
        )
    except NotFoundError as exc:
        return exc


def assert_case(services: Services, case: Case) -> None:
    """The situation comes out as its table says, alone and among all."""
    clear(services)
    ids = stage(services, case.there)
    names = {value: name for name, value in ids.items()}
    said = resolved(services, case)
    if isinstance(said, NotFoundError):
        found = said.details["candidates"]
        listed = [(names[one["id"]], one["rule"], one["position"]) for one in found]
    else:
        assert said.in_force is not None
        assert (ids[case.able[0]], case.rule) == (said.in_force.id, said.in_force.rule)
        looked_at = said.candidates or []
        listed = [(names[one.id], one.rule.value, one.position) for one in looked_at]
    rules = (case.rule, *("standby" for _ in case.able[1:]))
    able = [(name, rules[place], place + 1) for place, name in enumerate(case.able)]
    assert able == listed[: len(able)]
    assert {(name, rule, None) for name, rule in case.dropped.items()} == set(listed[len(able) :])
    (alone,) = [
        view
        for view in services.resolution.resolve_all(
            ADMIN, case.category, environment=case.environment, explain=True
        )
        if view.client == "acme"
    ]
    assert (alone.in_force is None) == isinstance(said, NotFoundError)
    assert isinstance(said, NotFoundError) or alone == said


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_table(on_sqlite: str, keyring: Path, case: Case) -> None:
    """Each situation has its integration in force, its order, and the rule that dropped each other one."""
    services = make_services(on_sqlite, keyring)
    try:
        assert_case(services, case)
    finally:
        services.close()


def test_table_on_postgres(on_postgres: str, keyring: Path) -> None:
    """Every situation of the table comes out the same on PostgreSQL."""
    services = make_services(on_postgres, keyring)
    try:
        for case in CASES.values():
            assert_case(services, case)
    finally:
        services.close()

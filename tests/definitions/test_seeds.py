"""The shipped definitions: each accepts its sample, and refuses each broken rule by the field's name."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from avnz_int.definitions import loader, schema
from avnz_int.model.enums import Category
from avnz_int.providers import registry
from support.bad_values import BAD
from support.samples import SAMPLES, sample

SEEDS = {seed.provider: seed for seed in loader.read_seeds()}
ENUM = {
    *("auth0", "okta", "cognito", "paypal_payflow", "nmi", "authorize_net", "stripe", "aws_ses", "sendgrid"),
    *("klaviyo", "aws_sns", "twilio", "aws_bedrock", "openai", "aws_s3", "datadog", "sentry", "cloudwatch"),
    *("launchdarkly", "aws_appconfig"),
}
BEYOND = {"mailchimp", "vonage", "aws_sagemaker", "webhook"}
GATEWAYS = {"paypal_payflow", "nmi", "authorize_net", "stripe"}
TWILIO = "AC" + "0" * 32
CLIENTS_OWN = {"klaviyo", "mailchimp", "twilio", "vonage", "webhook"}

NO_RULES = {
    *("type", "title", "description", "default", "x-public", "x-destination", "x-default-from"),
    *("x-environment", "x-env", "x-env-shared"),
}


def schema_of(provider: str, part: int) -> dict[str, Any]:
    """The provider's schema of credentials (0) or settings (1)."""
    seed = SEEDS[provider]
    return seed.credential_schema if part == 0 else seed.settings_schema or {"properties": {}}


def values_of(provider: str, part: int) -> dict[str, Any]:
    """The provider's sample of credentials (0) or settings (1)."""
    values = sample(provider)
    return values.credentials if part == 0 else values.settings


def violations(provider: str, part: int, values: dict[str, Any]) -> list[schema.Violation]:
    """What the provider's schema has against the values."""
    return schema.violations(schema_of(provider, part), values)


def cases() -> Iterator[tuple[str, int, str, str, Any]]:
    """The table of bad values as rows: provider, part, field, rule, value."""
    for provider, parts in BAD.items():
        for part, fields in enumerate(parts):
            for field, rules in fields.items():
                for rule, value in rules.items():
                    yield provider, part, field, rule, value


CASES = list(cases())
SECRETS = [(p, name) for p, seed in SEEDS.items() for name in schema.secret_fields(seed.credential_schema)]
BOTH = [(p, part) for p in SEEDS for part in (0, 1)]
REQUIRED = [(p, part, name) for p, part in BOTH for name in schema_of(p, part).get("required", ())]


def test_complete() -> None:
    """There is one definition for every provider of the specification's enum and tables, and no other."""
    expected = ENUM | BEYOND
    assert expected == set(SEEDS)
    assert sorted(SEEDS) == loader.provider_names()
    assert set(SEEDS) == set(SAMPLES)
    assert set(SEEDS) == set(BAD)


def test_availability() -> None:
    """Clients configure gateways and their own tools, are offered gateways, and never see the rest."""
    gateways, allowed = set(GATEWAYS), GATEWAYS | CLIENTS_OWN
    assert gateways == {p for p, s in SEEDS.items() if s.is_platform_offered}
    assert gateways == {p for p, s in SEEDS.items() if s.category is Category.PAYMENT_GATEWAY}
    assert allowed == {p for p, s in SEEDS.items() if s.is_client_allowed}
    assert set(SEEDS) - allowed == {p for p, s in SEEDS.items() if s.is_org_only}
    login = {"auth0", "okta", "cognito"}
    assert login == {p for p, s in SEEDS.items() if s.category is Category.AUTHENTICATION}


@pytest.mark.parametrize("provider", SEEDS)
def test_sound(provider: str) -> None:
    """Each definition keeps to the house rules, and its schemas to the meta-schema."""
    seed = SEEDS[provider]
    assert not schema.validate_definition(seed, shipped=True)
    Draft202012Validator.check_schema(seed.credential_schema)
    Draft202012Validator.check_schema(seed.settings_schema or {})
    assert seed.documentation_url is not None


@pytest.mark.parametrize("provider", SEEDS)
def test_told_test(provider: str) -> None:
    """Each definition says what its connection test asks and needs, each in a sentence."""
    told = schema.tested(SEEDS[provider].credential_schema)
    assert told is not None
    for text in (told.request, told.permission):
        assert text.endswith(".")
        assert 20 < len(text) < 320


def test_actions() -> None:
    """What AWS permissions a definition names are those of the operations that its test calls."""
    for provider, seed in SEEDS.items():
        told = schema.tested(seed.credential_schema)
        module = Path(registry.__file__).with_name(f"{provider}.py").read_text()
        assert told is not None
        if "_aws.check(" in module:
            needed = set(re.findall(r'"([a-z-]+:[A-Z][A-Za-z]+)"', module))
            assert needed <= set(re.findall(r"[a-z-]+:[A-Z][A-Za-z]+", told.permission)), provider


@pytest.mark.parametrize(("provider", "part"), BOTH)
def test_sample_passes(provider: str, part: int) -> None:
    """The sample fills every field, and passes."""
    values = values_of(provider, part)
    assert set(schema_of(provider, part)["properties"]) == set(values)
    assert not violations(provider, part, values)


@pytest.mark.parametrize(("provider", "part", "field", "rule", "value"), CASES)
def test_bad_value(provider: str, part: int, field: str, rule: str, value: Any) -> None:
    """A value that breaks one rule is refused, by the names of field and rule."""
    values = values_of(provider, part) | {field: value}
    found = violations(provider, part, values)
    named = {(v.field, v.rule) for v in found}
    nested = {"additionalProperties": ("headers.X-Api", "pattern"), "items": ("eventTypes.0", "pattern")}
    assert nested.get(rule, (field, rule)) in named
    assert {field} == {v.field.split(".")[0] for v in found}


@pytest.mark.parametrize(("provider", "part"), BOTH)
def test_every_rule_has_a_case(provider: str, part: int) -> None:
    """The table above has a bad value for each rule of each field, and for nothing else."""
    expected = {
        (name, rule)
        for name, field in schema_of(provider, part)["properties"].items()
        for rule in field
        if rule not in NO_RULES and (rule, field[rule]) != ("format", "password")
    }
    told = {(f, rule) for p, i, f, rule, _ in CASES if (p, i) == (provider, part) and rule != "type"}
    assert expected == told


@pytest.mark.parametrize(("provider", "part"), BOTH)
def test_wrong_types(provider: str, part: int) -> None:
    """A value of another JSON type is refused for each field, all of them at once."""
    values = dict.fromkeys(schema_of(provider, part)["properties"])
    found = violations(provider, part, values) if values else []
    assert [(name, "type") for name in values] == [(v.field, v.rule) for v in found]


@pytest.mark.parametrize(("provider", "part", "field"), REQUIRED)
def test_missing(provider: str, part: int, field: str) -> None:
    """Each required field is named when it is missing."""
    values = values_of(provider, part)
    del values[field]
    assert (field, "required") in {(v.field, v.rule) for v in violations(provider, part, values)}


@pytest.mark.parametrize(("provider", "part"), BOTH)
def test_control_characters(provider: str, part: int) -> None:
    """No text of any provider may hold NUL, a carriage return, or half of a surrogate pair."""
    for name, value in values_of(provider, part).items():
        for bad in ("\x00", "\r", "\x7f", "\ud800") if isinstance(value, str) else ():
            values = values_of(provider, part) | {name: value + bad}
            found = violations(provider, part, values)
            assert (name, "control") in {(v.field, v.rule) for v in found}


@pytest.mark.parametrize("provider", SEEDS)
def test_surrounding_space(provider: str) -> None:
    """White space around a credential, as pasting leaves it, is refused; but a PEM ends with a newline."""
    for name, value in values_of(provider, 0).items():
        for bad in (f" {value}", f"{value} ", f"{value}\n", f"\t{value}") if isinstance(value, str) else ():
            values = values_of(provider, 0) | {name: bad}
            found = {v.field for v in violations(provider, 0, values)}
            expected = set() if (name, bad) == ("privateKey", f"{value}\n") else {name}
            assert expected == found


@pytest.mark.parametrize(("provider", "field"), SECRETS)
def test_secret_needs_password(provider: str, field: str) -> None:
    """A secret field that is not marked as password fails validation, by its path."""
    seed = SEEDS[provider]
    changed = copy.deepcopy(seed.credential_schema)
    del changed["properties"][field]["format"]
    found = schema.validate_definition(replace(seed, credential_schema=changed))
    assert f"$.credentialSchema.properties.{field}.format" in {p.path for p in found}
    assert all(p.file == str(seed.path) for p in found)


def test_destinations() -> None:
    """Every setting that decides where credentials are sent is marked, for each provider that has one."""
    aws = ("region", "endpointUrl")
    expected = {
        **{p: aws for p in SEEDS if p.startswith("aws_") or p == "cloudwatch"},
        "cognito": ("region", "domain", "endpointUrl"),
        "auth0": ("domain",),
        "okta": ("orgUrl",),
        "nmi": ("host",),
        "sendgrid": ("region",),
        "mailchimp": ("serverPrefix",),
        "twilio": ("region",),
        "openai": ("dataResidency", "baseUrl"),
        "datadog": ("site",),
        "sentry": ("baseUrl",),
        "launchdarkly": ("instance",),
        "webhook": ("url",),
    }
    marked = {p: schema.destination_fields(s.settings_schema) for p, s in SEEDS.items()}
    assert expected == {p: names for p, names in marked.items() if names}


def test_payflow_questions() -> None:
    """Payflow asks partner, vendor, user, password: partner is offered, user follows vendor."""
    asked = schema.question_order(SEEDS["paypal_payflow"].credential_schema)
    expected = [
        ("partner", "Partner", False, "PayPal", None),
        ("vendor", "Vendor/Merchant ID", False, None, None),
        ("user", "User", False, None, "vendor"),
        ("password", "Password", True, None, None),
    ]
    assert expected == [(q.name, q.title, q.secret, q.default, q.default_from) for q in asked]
    assert all(q.required and q.description and q.type == "string" and q.pattern for q in asked)


@pytest.mark.parametrize(
    ("provider", "credentials", "field", "words"),
    [
        ("nmi", {}, "securityKey", "give securityKey, or username with password"),
        (
            "twilio",
            {"accountSid": "AC" + "0" * 32},
            "authToken",
            "give authToken, or apiKeySid with apiKeySecret",
        ),
        ("launchdarkly", {}, "accessToken", "give accessToken, or sdkKey"),
        ("aws_s3", {"accessKeyId": "A" * 16}, "secretAccessKey", "is missing, and accessKeyId needs it"),
    ],
)
def test_alternatives(provider: str, credentials: dict[str, Any], field: str, words: str) -> None:
    """Where one of several fields is needed, the message says which go together."""
    found = violations(provider, 0, credentials)
    assert [(field, words)] == [(v.field, v.message) for v in found]


@pytest.mark.parametrize(
    ("provider", "credentials"),
    [
        ("nmi", {"securityKey": "k"}),
        ("nmi", {"username": "u", "password": "p"}),
        ("twilio", {"accountSid": TWILIO, "apiKeySid": "SK" + "0" * 32, "apiKeySecret": "s"}),
        ("launchdarkly", {"sdkKey": SAMPLES["launchdarkly"].credentials["sdkKey"]}),
        ("aws_s3", {}),
        ("aws_s3", {"roleArn": "arn:aws:iam::123456789012:role/r"}),
        ("stripe", {"secretKey": "sk_" + "live_0"}),
        ("paypal_payflow", {"partner": "P", "vendor": "v w", "user": "u", "password": "a&b=c[1]"}),
    ],
)
def test_smallest(provider: str, credentials: dict[str, Any]) -> None:
    """Each of the documented ways to authenticate is enough by itself."""
    assert not violations(provider, 0, credentials)

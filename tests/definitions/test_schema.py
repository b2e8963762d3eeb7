"""Judging credentials and settings: all at once, in plain words, and never with a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avnz_int.definitions import loader, schema
from avnz_int.definitions.schema import Violation
from avnz_int.errors import SchemaViolationError

SEEDS = {seed.provider: seed for seed in loader.read_seeds()}
PAYFLOW = SEEDS["paypal_payflow"].credential_schema
WEBHOOK = SEEDS["webhook"]
GOOD = {"partner": "PayPal", "vendor": "shop", "user": "shop", "password": "x1y2z3"}


def test_all_at_once() -> None:
    """Missing, unknown and broken fields come together, in the order of the schema, as plain sentences."""
    found = schema.violations(PAYFLOW, {"partner": "P" * 13, "pasword": "x", "vendor": "", "password": 1})
    expected = [
        Violation("partner", "maxLength", "must be at most 12 characters"),
        Violation("vendor", "minLength", "must not be empty"),
        Violation("user", "required", "is missing"),
        Violation("password", "type", "must be a string"),
        Violation("pasword", "additionalProperties", "is not a field; did you mean password?"),
    ]
    assert expected == found


@pytest.mark.parametrize(
    "secret", ["sk_test_abcdefgh", "a1b2c3d4e5f6", "password=hunter2", "x" * 33, "two words"]
)
def test_secret_for_a_name(secret: str) -> None:
    """What stands in a field's place and may be a secret is told by its number."""
    (found,) = schema.violations(PAYFLOW, GOOD | {secret: "x"})
    assert ("#5", "additionalProperties") == (found.field, found.rule)
    assert secret not in found.message


def test_require_valid() -> None:
    """The error names what, fields and rules, and holds them for scripts."""
    schema.require_valid("credentials of paypal_payflow", PAYFLOW, GOOD)
    with pytest.raises(SchemaViolationError) as caught:
        schema.require_valid("credentials of paypal_payflow", PAYFLOW, GOOD | {"password": "12345"})
    expected = "credentials of paypal_payflow: password: must be at least 6 characters"
    assert expected == caught.value.message
    violation = {"field": "password", "rule": "minLength", "message": "must be at least 6 characters"}
    assert {"violations": [violation]} == caught.value.details


def test_pattern_message() -> None:
    """A value that does not match is told the pattern, and what the field is."""
    field = PAYFLOW["properties"]["vendor"]
    found = schema.violations(PAYFLOW, GOOD | {"vendor": "sh\u00f6p"})
    expected = f"does not match the pattern {field['pattern']} ({field['description']})"
    assert expected == found[0].message


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_no_object(value: Any) -> None:
    """What is no object is refused as a whole."""
    expected = [Violation("", "type", "must be a JSON object")]
    assert expected == schema.violations(PAYFLOW, value)


def test_no_schema() -> None:
    """A provider without settings takes none."""
    assert not schema.violations(None, {})
    expected = [Violation("region", "additionalProperties", "is not a field; there are none")]
    assert expected == schema.violations(None, {"region": "eu"})
    for names in (schema.destination_fields, schema.secret_fields, schema.question_order):
        assert not names(None)


def test_unknown_names() -> None:
    """An unknown name that no terminal should get is told by its number, with the known ones."""
    found = schema.violations(PAYFLOW, GOOD | {"\x1b[31m" + "q" * 100: "x"})
    assert {"#5"} == {v.field for v in found}
    assert "the fields are partner, vendor, user, password" in " ".join(v.message for v in found)


def test_final_newline() -> None:
    """`$` is the end of the value, not the place before a final newline."""
    found = schema.violations(SEEDS["okta"].credential_schema, {"apiToken": "00" + "t" * 40 + "\n"})
    expected = [("apiToken", "pattern")]
    assert expected == [(v.field, v.rule) for v in found]


def test_foreign_digits() -> None:
    """Classes of a pattern are ASCII: digits of other scripts do not pass."""
    values = {"region": "us-east-1", "bucket": "bucket", "expectedBucketOwner": "\u0661" * 12}
    found = schema.violations(SEEDS["aws_s3"].settings_schema, values)
    expected = [("expectedBucketOwner", "pattern")]
    assert expected == [(v.field, v.rule) for v in found]


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\r", "\x7f", "\x9f", "\udfff"])
def test_control(bad: str) -> None:
    """Control characters are refused at any depth, in values and in names; tab and newline are not."""
    deep: Any = {"url": "https://example.com/", "eventTypes": [[{"a": f"x{bad}"}]]}
    assert ("eventTypes.a", "control") in {
        (v.field, v.rule) for v in schema.violations(WEBHOOK.settings_schema, deep)
    }
    named = {"signingSecret": "whsec_" + "A" * 44, "headers": {f"X{bad}": "v"}}
    assert "control" in {v.rule for v in schema.violations(WEBHOOK.credential_schema, named)}
    mail = {"region": "us-east-1", "fromEmail": "a@example.com", "fromName": "a\tb\nc"}
    assert not schema.violations(SEEDS["aws_ses"].settings_schema, mail)


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_deep_value(wrap: Callable[[Any], Any]) -> None:
    """A value nested deeper than Python's stack is refused, not crashed on."""
    deep: Any = "x"
    for _ in range(5000):
        deep = wrap(deep)
    found = schema.violations(PAYFLOW, GOOD | {"vendor": deep})
    expected = [Violation("vendor", "depth", "is nested too deeply")]
    assert expected == found


def test_nothing_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference to another address in a schema is never followed."""
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    foreign = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema"}}}
    with pytest.raises(Exception, match="127") as caught:
        schema.violations(foreign, {"a": 1})
    assert isinstance(caught.value, Unresolvable)


def test_kept_validator() -> None:
    """The validator of a schema is made once, whatever object holds the schema."""
    schema._validator.cache_clear()
    schema.violations(PAYFLOW, GOOD)
    schema.violations(json.loads(json.dumps(PAYFLOW)), GOOD)
    info = schema._validator.cache_info()
    expected = (1, 1)
    assert expected == (info.hits, info.misses)


def test_secret_fields() -> None:
    """Secret fields are those marked as password, an object of secret values too."""
    expected = ("signingSecret", "headers")
    assert expected == schema.secret_fields(WEBHOOK.credential_schema)
    assert not schema.secret_fields(WEBHOOK.settings_schema)


def test_question_order() -> None:
    """A question has what a prompt shows: the words of a choice, type, default, whether it is needed."""
    asked = schema.question_order(SEEDS["twilio"].settings_schema)
    expected = [
        ("region", ("us1", "ie1", "au1"), "us1", False),
        ("fromNumber", None, None, False),
        ("messagingServiceSid", None, None, False),
    ]
    assert expected == [(q.name, q.enum, q.default, q.required) for q in asked]
    required = ["region", "bucket"]
    storage = schema.question_order(SEEDS["aws_s3"].settings_schema)
    assert required == [q.name for q in storage if q.required]
    assert all(q.default is False for q in storage if q.type == "boolean")


def test_with_defaults() -> None:
    """Defaults fill what is not set, and leave alone what is."""
    storage = SEEDS["aws_s3"].settings_schema
    given_settings = {"region": "eu-west-1", "bucket": "b-b", "durationSeconds": 1000}
    expected = given_settings | {"roleSessionName": "avnz-integrations", "forcePathStyle": False}
    assert expected == schema.with_defaults(storage, given_settings)
    assert not schema.violations(storage, expected)
    assert not schema.with_defaults(None, None)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("timeoutSeconds", "10", 10),
        ("timeoutSeconds", " +7 ", 7),
        ("eventTypes", '["a", "b"]', ["a", "b"]),
        ("url", " https://example.com/ ", " https://example.com/ "),
        ("unknown", "1", "1"),
    ],
)
def test_coerce(name: str, text: str, expected: Any) -> None:
    """Text of a command line becomes the type of its field; strings and unknown fields stay as they are."""
    assert expected == schema.coerce(WEBHOOK.settings_schema, name, text)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("number", "1.5", 1.5),
        ("number", "2", 2),
        ("object", '{"a": "b"}', {"a": "b"}),
    ],
)
def test_coerce_types(kind: str, text: str, expected: Any) -> None:
    """Each JSON type of a field is read as JSON has it."""
    value = schema.coerce({"properties": {"f": {"type": kind}}}, "f", text)
    assert (expected, type(expected)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "noun"),
    [
        ("integer", "1.0", "a whole number"),
        ("integer", "9" * 5000, "a whole number"),
        ("integer", "\u0661", "a whole number"),
        ("number", "NaN", "a number"),
        ("number", "true", "a number"),
        ("number", "1e5x-canary", "a number"),
        ("boolean", "yes-canary", "true or false"),
        ("array", '{"canary": 1}', "a JSON array"),
        ("array", "[" * 100_000, "a JSON array"),
        ("object", '["canary"]', "a JSON object"),
        ("object", '{"canary": 1, "canary": 2}', "a JSON object"),
        ("object", '{"canary', "a JSON object"),
    ],
)
def test_coerce_refuses(kind: str, text: str, noun: str) -> None:
    """Text that is no such value is refused by field and type, without the text."""
    with pytest.raises(SchemaViolationError) as caught:
        schema.coerce({"properties": {"f": {"type": kind}}}, "f", text, what="settings of acme")
    expected = f"settings of acme: f: must be {noun}"
    assert expected == caught.value.message
    assert caught.value.__suppress_context__


CANARY = "zq7canary"
TEXTS = st.text(max_size=20).map(lambda text: CANARY + text) | st.text(max_size=5).map(
    lambda text: text + CANARY
)
VALUES = st.recursive(
    TEXTS | st.integers(10**17, 10**18),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2) | st.dictionaries(st.just("X-A"), inner, min_size=1)
    ),
    max_leaves=3,
)
WHERE = [(p, part) for p, s in SEEDS.items() for part in (0, 1) if part == 0 or s.settings_schema]


def leaves(value: Any) -> list[str]:
    """The written form of every text and number in the value."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [str(value)]


@settings(deadline=None)
@given(where=st.sampled_from(WHERE), data=st.data())
def test_no_value(where: tuple[str, int], data: st.DataObject) -> None:
    """No violation holds the value of any field, whole or in part."""
    seed = SEEDS[where[0]]
    judged = (seed.settings_schema if where[1] else seed.credential_schema) or {}
    names = st.sampled_from(list(judged["properties"]))
    values = {"unknown": CANARY, **data.draw(st.dictionaries(names, VALUES, min_size=1))}
    found = schema.violations(judged, values)
    assert found
    told = json.dumps([v.as_dict() for v in found], ensure_ascii=False)
    assert CANARY not in told
    assert not [leaf for leaf in leaves(values) if leaf in told]


@settings(deadline=None)
@given(value=st.dictionaries(st.text(), st.recursive(st.none() | st.text(), st.lists), max_size=4))
def test_any_value(value: dict[str, Any]) -> None:
    """Whatever JSON object comes in, it is judged, not crashed on."""
    assert schema.violations(PAYFLOW, value)

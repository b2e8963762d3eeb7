"""Stripe's balance: what is asked, how refusals are told apart, and keys of the other mode."""

from __future__ import annotations

import pytest

from avnz_int.model.enums import CheckCode, Environment
from support.gateway import FAULTS, Answer
from support.providers import Checked, ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

LIVE, SANDBOX = Environment.PRODUCTION, Environment.SANDBOX


def balance(*, live: object = False, status: int = 200) -> Answer:
    """A balance of this mode."""
    return said(status, {"object": "balance", "available": [], "pending": [], "livemode": live})


def error(status: int, code: str | None = None) -> Answer:
    """A refusal in Stripe's form, whose type tells nothing."""
    body = {"type": "invalid_request_error", "message": "x", **({"code": code} if code else {})}
    return said(status, {"error": body}, Request_Id="req_1")


def key(kind: str, mode: str) -> str:
    """A value with the form of such a key, put together so that secret scanners see none."""
    return f"{kind}_{mode}_" + "0" * 24


OK = balance()

CASE = ProviderCase(
    "stripe",
    ok=OK,
    refusals={
        "wrong key": Refusal(error(401), CheckCode.BAD_CREDENTIALS, "API keys"),
        "expired": Refusal(error(401, "api_key_expired"), CheckCode.BAD_CREDENTIALS, "expired"),
        "platform expired": Refusal(error(401, "platform_api_key_expired"), CheckCode.BAD_CREDENTIALS),
        "publishable": Refusal(error(403, "secret_key_required"), CheckCode.BAD_CREDENTIALS, "publishable"),
        "restricted": Refusal(error(403), CheckCode.MISSING_PERMISSION, "rak_balance_read"),
        "other mode": Refusal(balance(live=True), CheckCode.WRONG_HOST, "other environment"),
        "too many": Refusal(error(429, "rate_limit"), CheckCode.RATE_LIMITED),
        "locked": Refusal(error(429, "lock_timeout"), CheckCode.RATE_LIMITED),
        "too many, of old": Refusal(error(400, "rate_limit"), CheckCode.RATE_LIMITED),
        "bad request": Refusal(error(400, "parameter_unknown"), CheckCode.UNEXPECTED_REPLY),
        "unknown address": Refusal(error(404), CheckCode.UNEXPECTED_REPLY),
        "down": Refusal(error(500), CheckCode.PROVIDER_DOWN),
        "other 401": Refusal(said(401, {"error": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other 403": Refusal(said(403), CheckCode.UNEXPECTED_REPLY),
        "no mode": Refusal(balance(live=None), CheckCode.UNEXPECTED_REPLY),
        "no balance": Refusal(
            said(200, {"object": "account", "livemode": False}), CheckCode.UNEXPECTED_REPLY
        ),
        "created": Refusal(balance(status=201), CheckCode.UNEXPECTED_REPLY),
    },
)


def check_key(secret: str, environment: Environment, *answers: Answer, public: str | None = None) -> Checked:
    """What a check of these keys makes of the answers."""
    credentials = {"secretKey": secret, "publishableKey": public}
    return check_provider("stripe", *answers, credentials=credentials, environment=environment)


def test_request() -> None:
    """The key stands in the Authorization header, and the version of the API is fixed."""
    (sent,) = check_provider("stripe", OK).requests
    secret = SAMPLES["stripe"].credentials["secretKey"]
    assert ("GET", "/v1/balance", b"") == (sent.method, sent.path, sent.body)
    assert (f"Bearer {secret}", "2026-06-24.dahlia") == (
        sent.headers["authorization"],
        sent.headers["stripe-version"],
    )
    assert "idempotency-key" not in sent.headers


@pytest.mark.parametrize("kind", ["sk", "rk"])
@pytest.mark.parametrize(("mode", "environment"), [("test", SANDBOX), ("live", LIVE)])
def test_fitting_keys(kind: str, mode: str, environment: Environment) -> None:
    """Secret and restricted keys of the environment's mode are accepted."""
    answer = balance(live=mode == "live")
    checked = check_key(key(kind, mode), environment, answer, public=key("pk", mode))
    assert CheckCode.OK == checked.report.code
    assert environment.value in checked.report.message


@pytest.mark.parametrize("kind", ["sk", "rk"])
@pytest.mark.parametrize(("mode", "environment"), [("live", SANDBOX), ("test", LIVE)])
def test_other_mode(kind: str, mode: str, environment: Environment) -> None:
    """A key of the other mode is the configuration's fault, found without a request."""
    checked = check_key(key(kind, mode), environment, OK)
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert "other environment" in checked.report.message
    assert environment.value in checked.report.message
    assert [] == checked.requests


def test_other_publishable() -> None:
    """Both keys have to be of one mode; the message names the one that is not."""
    checked = check_key(key("sk", "test"), SANDBOX, OK, public=key("pk", "live"))
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert checked.report.message.startswith("publishableKey:")
    assert [] == checked.requests


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (key("pk", "test"), "publishable"),
        ("whsec_0000", "no Stripe key"),
        ("", "no Stripe"),
        ("sk_te st", "spaces"),
    ],
)
def test_no_secret_key(secret: str, words: str) -> None:
    """A value that is no key of a server is the configuration's fault, and is not sent."""
    checked = check_key(secret, SANDBOX, OK)
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert words in checked.report.message
    assert [] == checked.requests


def test_live_mode_denied() -> None:
    """A live key that is answered for test mode is not taken for one of production."""
    assert CheckCode.WRONG_HOST == check_key(key("sk", "live"), LIVE, balance(live=False)).report.code


@pytest.mark.parametrize(
    ("answer", "warned"),
    [
        (said(200, {"id": "acct_1", "charges_enabled": False}), True),
        (said(200, {"id": "acct_1", "charges_enabled": True}), False),
        (said(200, {"id": "acct_1"}), False),
        (error(403), False),
        (FAULTS["reset"][0], False),
        (FAULTS["http_429"][0], False),
    ],
)
def test_charges(answer: Answer, warned: bool) -> None:
    """A live account that may not take payments is accepted with a warning; no answer changes nothing."""
    checked = check_key(key("rk", "live"), LIVE, balance(live=True), answer)
    assert CheckCode.OK == checked.report.code
    assert warned == any("payments" in warning for warning in checked.report.warnings)
    assert "/v1/account" == checked.requests[1].path

"""Twilio's account and messages: what each kind of key asks, and how refusals are told apart."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode, Environment
from support.gateway import FAULTS, Answer
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

SECRETS = SAMPLES["twilio"].credentials
SID = SECRETS["accountSid"]
NO_API_KEY = {"apiKeySid": None, "apiKeySecret": None}


def account(**fields: Any) -> Answer:
    """The answer with the account, some fields changed."""
    return said(200, {"sid": SID, "status": "active", "type": "Full", **fields})


def error(status: int, code: int) -> Answer:
    """A refusal in Twilio's form."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return said(status, {"code": code, "message": "x", "more_info": more, "status": status})


ACCOUNT = account()
MESSAGES = said(
    200,
    {
        "messages": [{"body": "your code is 4711", "to": "+12065550199"}],
        "first_page_uri": f"/2010-04-01/Accounts/{SID}/Messages.json?PageSize=1&Page=0",
        "page_size": 1,
    },
)
NOT_ACCEPTED = error(401, 20003)

CASE = ProviderCase(
    "twilio",
    ok=[ACCOUNT, MESSAGES],
    refusals={
        "wrong token": Refusal(NOT_ACCEPTED, CheckCode.BAD_CREDENTIALS, "Auth Token"),
        "wrong api key": Refusal([ACCOUNT, NOT_ACCEPTED], CheckCode.BAD_CREDENTIALS, "API key"),
        "other region": Refusal([NOT_ACCEPTED, NOT_ACCEPTED, ACCOUNT], CheckCode.WRONG_HOST, "au1"),
        "api key of us1": Refusal([ACCOUNT, NOT_ACCEPTED, MESSAGES], CheckCode.WRONG_HOST, "us1"),
        "token of ie1": Refusal([NOT_ACCEPTED, ACCOUNT], CheckCode.WRONG_HOST, "ie1", {"region": None}),
        "other regions down": Refusal([NOT_ACCEPTED, said(503)], CheckCode.BAD_CREDENTIALS),
        "restricted": Refusal([ACCOUNT, error(401, 70051)], CheckCode.MISSING_PERMISSION, "read messages"),
        "suspended": Refusal(account(status="suspended"), CheckCode.BAD_CREDENTIALS, "suspended"),
        "closed": Refusal(account(status="closed"), CheckCode.BAD_CREDENTIALS),
        "not active": Refusal(error(403, 10001), CheckCode.BAD_CREDENTIALS),
        "no account": Refusal(error(404, 20404), CheckCode.NOT_FOUND, "accountSid"),
        "rate": Refusal(error(429, 20429), CheckCode.RATE_LIMITED),
        "other code": Refusal(error(401, 99999), CheckCode.UNEXPECTED_REPLY),
        "other account": Refusal(account(sid="AC" + "0" * 32), CheckCode.UNEXPECTED_REPLY),
        "other status": Refusal(account(status="pending"), CheckCode.UNEXPECTED_REPLY),
        "no page": Refusal([ACCOUNT, said(200, {"messages": []})], CheckCode.UNEXPECTED_REPLY),
        "other refusal": Refusal(said(401, {"message": "log in"}), CheckCode.UNEXPECTED_REPLY),
    },
)


def pair(user: str, password: str) -> str:
    """What the Authorization header has to be."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_request() -> None:
    """The Auth Token asks for the account, the API key for one message."""
    first, second = check_provider("twilio", ACCOUNT, MESSAGES).requests
    assert ("GET", f"/2010-04-01/Accounts/{SID}.json") == (first.method, first.path)
    assert ("GET", f"/2010-04-01/Accounts/{SID}/Messages.json?PageSize=1") == (second.method, second.path)
    assert pair(SID, SECRETS["authToken"]) == first.headers["authorization"]
    assert pair(SECRETS["apiKeySid"], SECRETS["apiKeySecret"]) == second.headers["authorization"]


@pytest.mark.parametrize(
    ("left_out", "answer", "words"),
    [
        (NO_API_KEY, ACCOUNT, "accepted the Auth Token"),
        ({"authToken": None}, MESSAGES, "accepted the API key"),
    ],
)
def test_one_kind(left_out: dict[str, None], answer: Answer, words: str) -> None:
    """One kind of key alone is one question, and the message says which one was accepted."""
    checked = check_provider("twilio", answer, credentials=left_out)
    assert CheckCode.OK == checked.report.code
    assert checked.report.message.endswith(words)
    assert 1 == len(checked.requests)


def test_messages_stay_unread() -> None:
    """Nothing of the messages gets into the report."""
    assert "4711" not in repr(check_provider("twilio", ACCOUNT, MESSAGES).report)


def test_no_kind() -> None:
    """Without any key nothing is sent."""
    checked = check_provider("twilio", ACCOUNT, credentials={"authToken": None, **NO_API_KEY})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert [] == checked.requests


def test_trial() -> None:
    """A trial account is accepted with a warning."""
    report = check_provider("twilio", account(type="Trial"), MESSAGES).report
    assert CheckCode.OK == report.code
    assert any("trial" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("environment", "code"),
    [(Environment.SANDBOX, CheckCode.OK), (Environment.PRODUCTION, CheckCode.BAD_CREDENTIALS)],
)
def test_test_credentials(environment: Environment, code: CheckCode) -> None:
    """Test credentials, which Twilio names as such, are for the sandbox."""
    report = check_provider(
        "twilio", error(403, 20008), credentials=NO_API_KEY, environment=environment
    ).report
    assert code == report.code
    assert "test credentials" in " ".join([report.message, *report.warnings])


@pytest.mark.parametrize("environment", Environment)
def test_sandbox_hint(environment: Environment) -> None:
    """Only in the sandbox a refusal speaks of the test Account SID."""
    report = check_provider("twilio", NOT_ACCEPTED, environment=environment).report
    assert CheckCode.BAD_CREDENTIALS == report.code
    assert (environment is Environment.SANDBOX) == ("test Account SID" in report.message)


def test_verdict_survives_silence() -> None:
    """A region that does not answer hides neither the verdict nor its deadline."""
    report = check_provider("twilio", NOT_ACCEPTED, FAULTS["hang"][0], timeout_s=1).report
    assert CheckCode.BAD_CREDENTIALS == report.code

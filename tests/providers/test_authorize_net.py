"""Authorize.Net's test login: what is asked, and how refusals under HTTP 200 are told apart."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.providers import authorize_net
from support.gateway import FAULTS, Answer
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

LIVE = Environment.PRODUCTION


def told(result: str, *codes: str, status: int = 200, **more: Any) -> Answer:
    """A reply as Authorize.Net writes it, byte order mark included."""
    messages = {"resultCode": result, "message": [{"code": code, "text": "x"} for code in codes]}
    return said(status, codecs.BOM_UTF8 + json.dumps({**more, "messages": messages}).encode())


OK = told("Ok", "I00001")


def refusal(code: str, expected: CheckCode, words: str = "") -> Refusal:
    """What this error code has to become."""
    return Refusal(told("Error", code), expected, words)


CASE = ProviderCase(
    "authorize_net",
    ok=OK,
    refusals={
        "wrong pair": refusal("E00007", CheckCode.BAD_CREDENTIALS, "may belong to the other environment"),
        "wrong key": refusal("E00005", CheckCode.BAD_CREDENTIALS, "sandbox"),
        "wrong name": refusal("E00006", CheckCode.BAD_CREDENTIALS),
        "inactive": refusal("E00008", CheckCode.BAD_CREDENTIALS, "inactive"),
        "user": refusal("E00010", CheckCode.MISSING_PERMISSION, "permissions"),
        "transaction": refusal("E00011", CheckCode.MISSING_PERMISSION),
        "type": refusal("E00059", CheckCode.MISSING_PERMISSION),
        "client": refusal("E00064", CheckCode.MISSING_PERMISSION),
        "test mode": refusal("E00009", CheckCode.UNEXPECTED_REPLY, "Live Mode"),
        "system": refusal("E00001", CheckCode.PROVIDER_DOWN),
        "busy": refusal("E00053", CheckCode.PROVIDER_DOWN),
        "maintenance": refusal("E00104", CheckCode.PROVIDER_DOWN),
        "timeout": refusal("E00049", CheckCode.TIMEOUT),
        "order": refusal("E00003", CheckCode.UNEXPECTED_REPLY),
        "unknown": refusal("E99999", CheckCode.UNEXPECTED_REPLY),
        "second code": Refusal(told("Error", "E99999", "E00007"), CheckCode.BAD_CREDENTIALS),
        "one message": Refusal(
            said(200, {"messages": {"resultCode": "Error", "message": {"code": "E00007"}}}),
            CheckCode.BAD_CREDENTIALS,
        ),
        "status": Refusal(told("Error", "E00007", status=401), CheckCode.UNEXPECTED_REPLY),
        "ok status": Refusal(told("Ok", "I00001", status=403), CheckCode.UNEXPECTED_REPLY),
        "other ok": Refusal(told("Ok", "I00003"), CheckCode.UNEXPECTED_REPLY),
        "contradiction": Refusal(told("Error", "I00001"), CheckCode.UNEXPECTED_REPLY),
        "odd messages": Refusal(
            said(200, {"messages": {"resultCode": "Ok", "message": 5}}), CheckCode.UNEXPECTED_REPLY
        ),
    },
)


def test_request() -> None:
    """The login stands first in the body, name before key, and nothing else is told."""
    (sent,) = check_provider("authorize_net", OK).requests
    login = SAMPLES["authorize_net"].credentials
    assert ("POST", "/xml/v1/request.api") == (sent.method, sent.path)
    assert "application/json" == sent.headers["content-type"]
    auth = [("name", login["apiLoginId"]), ("transactionKey", login["transactionKey"])]
    expected = [("authenticateTestRequest", [("merchantAuthentication", auth)])]
    assert expected == json.loads(sent.body, object_pairs_hook=list)


def test_hosts() -> None:
    """Each environment has its host."""
    assert "https://apitest.authorize.net" == authorize_net.HOSTS[Environment.SANDBOX]
    assert "https://api.authorize.net" == authorize_net.HOSTS[LIVE]


@pytest.mark.parametrize("environment", Environment)
def test_environment_named(environment: Environment) -> None:
    """A refusal names the environment that was tested."""
    report = check_provider("authorize_net", told("Error", "E00007"), environment=environment).report
    assert f"you tested {environment.value}" in report.message
    assert "HTTP 200 E00007" == report.provider_code


@pytest.mark.parametrize(
    ("answer", "warned"),
    [
        (told("Ok", "I00001", isTestMode=True), True),
        (told("Ok", "I00001", isTestMode="true"), True),
        (told("Ok", "I00001", isTestMode=False), False),
        (told("Ok", "I00001", isTestMode=[]), False),
        (told("Error", "E00011"), False),
        (FAULTS["reset"][0], False),
        (FAULTS["html"][0], False),
    ],
)
def test_test_mode(answer: Answer, warned: bool) -> None:
    """A production account in test mode is accepted with a warning; no answer to that changes nothing."""
    checked = check_provider("authorize_net", OK, answer, environment=LIVE)
    assert CheckCode.OK == checked.report.code
    assert warned == any("Test Mode" in warning for warning in checked.report.warnings)
    (operation,) = json.loads(checked.requests[1].body)
    assert "getMerchantDetailsRequest" == operation


def test_refused_once() -> None:
    """A login that is refused is never tried again."""
    checked = check_provider("authorize_net", told("Error", "E00007"), environment=LIVE)
    assert 1 == len(checked.requests)

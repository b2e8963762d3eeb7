"""LaunchDarkly's caller identity: what each kind of key asks, and how refusals are told apart."""

from __future__ import annotations

import pytest

from avnz_int.model.enums import CheckCode
from support.gateway import FAULTS
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

TOKEN = said(200, {"accountId": "a1", "authKind": "token", "tokenKind": "auth", "tokenId": "t1"})
SDK = said(200, {"accountId": "a1", "environmentName": "Production", "projectName": "Shop"})
WRONG = said(401, {"code": "unauthorized", "message": "Invalid key"})

CASE = ProviderCase(
    "launchdarkly",
    ok=[TOKEN, SDK],
    refusals={
        "wrong token": Refusal(WRONG, CheckCode.BAD_CREDENTIALS, "access token"),
        "wrong sdk key": Refusal([TOKEN, WRONG], CheckCode.BAD_CREDENTIALS, "SDK key"),
        "token of default": Refusal([WRONG, TOKEN], CheckCode.WRONG_HOST, "default"),
        "token of eu": Refusal([WRONG, TOKEN], CheckCode.WRONG_HOST, "eu", {"instance": None}),
        "sdk key of default": Refusal([TOKEN, WRONG, SDK], CheckCode.WRONG_HOST, "SDK key"),
        "other instance down": Refusal([WRONG, said(503)], CheckCode.BAD_CREDENTIALS),
        "forbidden": Refusal(
            said(403, {"code": "forbidden", "message": "x"}), CheckCode.MISSING_PERMISSION, "reader"
        ),
        "rate": Refusal(said(429, {"code": "rate_limited", "message": "x"}), CheckCode.RATE_LIMITED),
        "no such path": Refusal(said(404, {"code": "not_found", "message": "x"}), CheckCode.UNEXPECTED_REPLY),
        "other refusal": Refusal(said(401, {"message": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other json": Refusal(said(200, {"accountId": "a1"}), CheckCode.UNEXPECTED_REPLY),
    },
)


def test_request() -> None:
    """Each key stands in the Authorization header as it is, without a scheme."""
    sent = check_provider("launchdarkly", TOKEN, SDK).requests
    secrets = SAMPLES["launchdarkly"].credentials
    assert {("GET", "/api/v2/caller-identity")} == {(request.method, request.path) for request in sent}
    assert {"20240415"} == {request.headers["ld-api-version"] for request in sent}
    assert [secrets["accessToken"], secrets["sdkKey"]] == [
        request.headers["authorization"] for request in sent
    ]


@pytest.mark.parametrize(
    ("left_out", "words"), [("sdkKey", "accepted the access token"), ("accessToken", "accepted the SDK key")]
)
def test_one_kind(left_out: str, words: str) -> None:
    """One kind of key alone is one question, and the message says which one was accepted."""
    checked = check_provider("launchdarkly", TOKEN, credentials={left_out: None})
    assert CheckCode.OK == checked.report.code
    assert checked.report.message.endswith(words)
    assert 1 == len(checked.requests)


def test_no_kind() -> None:
    """Without any key nothing is sent."""
    checked = check_provider("launchdarkly", TOKEN, credentials={"sdkKey": None, "accessToken": None})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert [] == checked.requests


def test_federal_key_stays() -> None:
    """A key of the federal instance is shown to no other one."""
    checked = check_provider("launchdarkly", WRONG, settings={"instance": "federal"})
    assert CheckCode.BAD_CREDENTIALS == checked.report.code
    assert 1 == len(checked.requests)


def test_verdict_survives_silence() -> None:
    """An instance that does not answer hides neither the verdict nor its deadline."""
    report = check_provider("launchdarkly", WRONG, FAULTS["hang"][0], timeout_s=1).report
    assert CheckCode.BAD_CREDENTIALS == report.code

"""Amazon SES: the account in the region, its sandbox, and the sender."""

from __future__ import annotations

from typing import Any

import pytest

from avnz_int.model.enums import CheckCode
from support.aws import aws_case, json_error, operation, query_error, result, signed_in
from support.gateway import Answer
from support.providers import Refusal, said

ACCOUNT = "GET /v2/email/account"
IDENTITY = "GET /v2/email/identities/"
ADDRESS, DOMAIN = f"{IDENTITY}receipts%40example.com", f"{IDENTITY}example.com"
VERIFIED = said(200, {"VerifiedForSendingStatus": True})
GONE = json_error(404, "NotFoundException")
DENIED = json_error(403, "AccessDeniedException")
QUOTA = result("GetSendQuota", "<Max24HourSend>200.0</Max24HourSend><MaxSendRate>1.0</MaxSendRate>")


def account(**changes: Any) -> Answer:
    """The account's state, some of it changed; None leaves it out."""
    state = {
        "SendingEnabled": True,
        "ProductionAccessEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 0.0},
        **changes,
    }
    return said(200, {name: value for name, value in state.items() if value is not None})


CASE = aws_case(
    "aws_ses",
    {ACCOUNT: account(), ADDRESS: VERIFIED},
    style=json_error,
    action="ses:GetAccount",
    refusals={
        "no quota": Refusal(signed_in({ACCOUNT: account(SendQuota=None)}), CheckCode.UNEXPECTED_REPLY),
        "bad request": Refusal(
            signed_in({ACCOUNT: json_error(400, "BadRequestException")}), CheckCode.INVALID_CONFIG
        ),
        "no identity of ours": Refusal(
            signed_in({ACCOUNT: account(), IDENTITY: GONE}), CheckCode.NOT_FOUND, "receipts@example.com"
        ),
        "identity down": Refusal(
            signed_in({ACCOUNT: account(), IDENTITY: json_error(503, "ServiceUnavailable")}),
            CheckCode.PROVIDER_DOWN,
        ),
    },
)


@pytest.mark.parametrize(
    ("answers", "warned"),
    [
        ({ACCOUNT: account(), ADDRESS: VERIFIED}, []),
        ({ACCOUNT: account(ProductionAccessEnabled=False), ADDRESS: VERIFIED}, ["sandbox"]),
        ({ACCOUNT: account(SendingEnabled=False), ADDRESS: VERIFIED}, ["switched off"]),
        ({ACCOUNT: account(EnforcementStatus="PROBATION"), ADDRESS: VERIFIED}, ["probation"]),
        ({ACCOUNT: account(), ADDRESS: GONE, DOMAIN: VERIFIED}, []),
        ({ACCOUNT: account(), ADDRESS: said(200, {"VerifiedForSendingStatus": False})}, ["not verified yet"]),
        ({ACCOUNT: account(), ADDRESS: DENIED}, ["ses:GetEmailIdentity"]),
        ({ACCOUNT: DENIED, "GetSendQuota": QUOTA, ADDRESS: VERIFIED}, ["ses:GetAccount"]),
    ],
)
def test_state(answers: dict[str, Answer], warned: list[str]) -> None:
    """What works but should be looked at is a warning, and each question is asked once."""
    checked = CASE.run(signed_in(answers))
    report = checked.report
    assert CheckCode.OK == report.code, report.message
    assert len(warned) == len(report.warnings)
    assert all(word in warning for word, warning in zip(warned, report.warnings, strict=True))
    assert ["GetCallerIdentity", *answers] == [operation(sent) for sent in checked.requests]


def test_subdomain() -> None:
    """A verified domain covers the addresses below it."""
    answers = {ACCOUNT: account(), IDENTITY: GONE, DOMAIN: VERIFIED}
    report = CASE.run(signed_in(answers), changes={"fromEmail": "a@mail.example.com"}).report
    assert CheckCode.OK == report.code, report.message
    assert "example.com is an identity" in report.message


def test_both_denied() -> None:
    """Where neither question is allowed, the better one is named as missing."""
    answers = {ACCOUNT: DENIED, "GetSendQuota": query_error(403, "AccessDenied")}
    report = CASE.run(signed_in(answers)).report
    assert CheckCode.MISSING_PERMISSION == report.code
    assert "ses:GetAccount is missing" in report.message

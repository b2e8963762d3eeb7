"""SendGrid's scopes: what is asked, and how its refusals are told apart."""

from __future__ import annotations

import pytest

from avnz_int.model.enums import CheckCode
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

SCOPES = said(200, {"scopes": ["mail.send", "alerts.read"]})
UNAUTHORIZED = said(
    401,
    {
        "errors": [
            {"message": "The provided authorization grant is invalid, expired, or revoked", "field": None}
        ]
    },
)

CASE = ProviderCase(
    "sendgrid",
    ok=SCOPES,
    refusals={
        "wrong key": Refusal(UNAUTHORIZED, CheckCode.BAD_CREDENTIALS, "API key"),
        "eu key": Refusal([UNAUTHORIZED, SCOPES], CheckCode.WRONG_HOST, "eu", {"region": "global"}),
        "global key": Refusal([UNAUTHORIZED, SCOPES], CheckCode.WRONG_HOST, "global", {"region": "eu"}),
        "other region down": Refusal([UNAUTHORIZED, said(503)], CheckCode.BAD_CREDENTIALS),
        "forbidden": Refusal(
            said(403, {"errors": [{"message": "access forbidden"}]}), CheckCode.MISSING_PERMISSION
        ),
        "blocked": Refusal(
            said(403, {"errors": [{"message": "Too many bad requests, temporary block"}]}),
            CheckCode.RATE_LIMITED,
        ),
        "other json": Refusal(said(200, {"scopes": None}), CheckCode.UNEXPECTED_REPLY),
        "other refusal": Refusal(said(401, {"message": "log in"}), CheckCode.UNEXPECTED_REPLY),
    },
)


def test_request() -> None:
    """The key stands in the Authorization header, the subuser in its own."""
    (sent,) = check_provider("sendgrid", SCOPES, settings={"onBehalfOf": "shop 7"}).requests
    key = SAMPLES["sendgrid"].credentials["apiKey"]
    assert ("GET", "/v3/scopes", b"") == (sent.method, sent.path, sent.body)
    assert (f"Bearer {key}", "shop 7") == (sent.headers["authorization"], sent.headers["on-behalf-of"])


@pytest.mark.parametrize(("scopes", "warned"), [(["mail.send"], False), (["alerts.read"], True)])
def test_mail_scope(scopes: list[str], warned: bool) -> None:
    """A key that may not send mail is accepted with a warning."""
    report = check_provider("sendgrid", said(200, {"scopes": scopes})).report
    assert CheckCode.OK == report.code
    assert warned == any("mail.send" in warning for warning in report.warnings)

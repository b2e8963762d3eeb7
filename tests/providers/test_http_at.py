"""Several hosts in one check: they share its deadline, so that a silent one hides no verdict."""

from __future__ import annotations

import time

import pytest

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.model.secret import Secret
from avnz_int.providers import _http, registry
from avnz_int.providers.contract import CheckRequest
from support.gateway import FAULTS, Answer, FaultGateway, answering
from support.providers import check_provider, said

HANG = FAULTS["hang"][0]
SENDGRID = said(401, {"errors": [{"message": "authorization grant is invalid"}]})
DATADOG = said(403, {"errors": ["Forbidden"]})
LAUNCHDARKLY = said(401, {"code": "unauthorized", "message": "Invalid access token"})
TWILIO = said(401, {"code": 20003, "message": "Authenticate", "more_info": "", "status": 401})
VONAGE = said(401, {"error-code": "401", "error-code-label": "authentication failed"})
MAILCHIMP = said(401, {"type": "about:blank", "title": "API Key Invalid", "status": 401, "detail": "no"})


@pytest.mark.parametrize(
    ("provider", "refusal", "settings"),
    [
        ("sendgrid", SENDGRID, {}),
        ("datadog", DATADOG, {}),
        ("launchdarkly", LAUNCHDARKLY, {}),
        ("twilio", TWILIO, {}),
        ("vonage", VONAGE, {}),
        ("mailchimp", MAILCHIMP, {"serverPrefix": "us1"}),
    ],
)
def test_silent_second(provider: str, refusal: Answer, settings: dict[str, str]) -> None:
    """Where the provider refuses and its other host says nothing, the refusal is the verdict, in time."""
    started = time.monotonic()
    checked = check_provider(provider, refusal, HANG, settings=settings, timeout_s=1.0)

    assert CheckCode.BAD_CREDENTIALS == checked.report.code
    assert time.monotonic() - started < 2
    assert len(checked.requests) >= 2


def test_deadline() -> None:
    """What the first host took, the second has no more; the base is the second's own."""
    paths: list[bytes] = []

    def slow(connection: object, request: bytes, stop: object) -> None:
        paths.append(request.split()[1])
        time.sleep(0.6)
        answering(b"{}", kind="application/json")(connection, request, stop)  # type: ignore[arg-type]

    async def check(request: CheckRequest, second: str) -> None:
        api = _http.Api(request, "Acme", request.settings["url"])
        await api.get("/first")
        await api.at(second).get("/second")

    with FaultGateway(slow) as one, FaultGateway(slow) as other:
        request = CheckRequest("acme", Secret({}), {"url": one.url}, Environment.SANDBOX, 1.0)
        started = time.monotonic()
        with pytest.raises(_http.CheckEndedError) as caught:
            registry.run_loop(check(request, f"{other.url}/base"))
    assert time.monotonic() - started < 3
    assert CheckCode.TIMEOUT == caught.value.report.code
    assert [b"/first", b"/base/second"] == paths

"""A signed test event: what is sent, whether its signature can be checked, and what answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int import clock
from avnz_int.model.enums import CheckCode
from avnz_int.providers import registry, webhook
from avnz_int.providers.contract import CheckRequest
from support.gateway import FAULTS, Answer, answering
from support.providers import ProviderCase, Refusal, check_provider, said
from support.samples import SAMPLES

TAKEN = answering(b"", status="204 No Content")
PAGE = b"<!doctype html><title>x</title>"


def page(status: str, body: bytes = PAGE) -> Answer:
    """A web page, as frameworks show for every status."""
    return answering(body, status=status, kind="text/html; charset=utf-8")


def at_url(request: CheckRequest, url: str) -> CheckRequest:
    """The check with this address as the endpoint's."""
    return replace(request, settings={**request.settings, "url": f"{url}/in"})


CASE = ProviderCase(
    "webhook",
    ok=TAKEN,
    refusals={
        "malformed": Refusal(said(400), CheckCode.BAD_CREDENTIALS, "signing secret"),
        "unauthorized": Refusal(said(401), CheckCode.BAD_CREDENTIALS, "extra headers"),
        "forbidden": Refusal(page("403 Forbidden"), CheckCode.BAD_CREDENTIALS, "clock"),
        "unknown path": Refusal(page("404 Not Found"), CheckCode.NOT_FOUND, "url"),
        "no post": Refusal(said(405), CheckCode.NOT_FOUND),
        "gone": Refusal(said(410), CheckCode.NOT_FOUND, "disable"),
        "moved": Refusal(said(301, Location="/elsewhere"), CheckCode.INVALID_CONFIG, "redirects"),
        "unchanged": Refusal(said(304), CheckCode.INVALID_CONFIG),
        "too many": Refusal(said(429, Retry_After="3"), CheckCode.RATE_LIMITED, "in 3 s"),
        "bad gateway": Refusal(page("502 Bad Gateway"), CheckCode.PROVIDER_DOWN),
        "gateway timeout": Refusal(said(504), CheckCode.PROVIDER_DOWN),
        "teapot": Refusal(said(418), CheckCode.UNEXPECTED_REPLY),
        "too large": Refusal(page("413 Too Large"), CheckCode.UNEXPECTED_REPLY),
        "page": Refusal(page("200 OK"), CheckCode.UNEXPECTED_REPLY, "web page"),
        "marked page": Refusal(page("200 OK", b"\xef\xbb\xbf\n" + PAGE), CheckCode.UNEXPECTED_REPLY),
        "unnamed page": Refusal(said(200, PAGE), CheckCode.UNEXPECTED_REPLY),
    },
    faults={"empty": CheckCode.OK, "http_302": CheckCode.INVALID_CONFIG},
    user_host=at_url,
)


def test_request() -> None:
    """One event of the documented form is sent, with a signature that its receiver can check."""
    before = int(time.time())
    (sent,) = check_provider("webhook", TAKEN).requests
    sample, event = SAMPLES["webhook"], json.loads(sent.body)
    assert ("POST", "application/json") == (sent.method, sent.headers["content-type"])
    assert "header value" == sent.headers["x-api-key"]
    assert ("integration.test", "sandbox") == (event["type"], event["data"]["environment"])
    assert int(sent.headers["webhook-timestamp"]) == int(clock.parse_rfc3339(event["timestamp"]).timestamp())
    assert before <= int(sent.headers["webhook-timestamp"]) <= time.time()
    assert re.fullmatch(r"msg_[a-z0-9]{24}", sent.headers["webhook-id"])
    signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    secret = base64.b64decode(sample.credentials["signingSecret"].removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{expected}" == sent.headers["webhook-signature"]


def test_fresh() -> None:
    """No two events share an id, which is what receivers drop repetitions by."""
    first, second = (check_provider("webhook", TAKEN).requests[0] for _ in range(2))
    assert first.headers["webhook-id"] != second.headers["webhook-id"]


@pytest.mark.parametrize("prefix", ["", "whsec_"])
def test_published_vector(prefix: str) -> None:
    """The signature that the standard publishes for its example is ours too."""
    secret = prefix + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert expected == webhook.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)


@given(st.binary(min_size=24, max_size=64), st.booleans())
def test_secret_forms(key: bytes, padded: bool) -> None:
    """Every key of 24 to 64 bytes signs, its base64 padded or not."""
    text = base64.b64encode(key).decode()
    signed = webhook.signature("whsec_" + (text if padded else text.rstrip("=")), "m", 1, b"{}")
    expected = hmac.new(key, b"m.1.{}", hashlib.sha256).digest()
    assert f"v1,{base64.b64encode(expected).decode()}" == signed


@pytest.mark.parametrize("text", ["", "A" * 31, "A" * 33, "A" * 88, "-" * 32, "Ä" * 32, "A" * 30 + " \n"])
def test_bad_secret(text: str) -> None:
    """A secret that is not the base64 of 24 to 64 bytes is the configuration's fault; nothing is sent."""
    checked = check_provider("webhook", TAKEN, credentials={"signingSecret": f"whsec_{text}"})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert "signingSecret" in checked.report.message
    assert [] == checked.requests


@pytest.mark.parametrize(
    "name", ["webhook-id", "Webhook-Signature", "HOST", "Content-Length", "content-type"]
)
def test_own_headers(name: str) -> None:
    """Extra headers cannot take the place of those of the event; nothing is sent."""
    checked = check_provider("webhook", TAKEN, credentials={"headers": {name: "private value"}})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert name.lower() in checked.report.message.lower()
    assert [] == checked.requests


def test_extra_headers() -> None:
    """Extra headers are sent as given, once each; there need be none."""
    headers = {"authorization": "Basic eDp5", "accept": "text/plain", "USER-AGENT": "shop"}
    (sent,) = check_provider("webhook", TAKEN, credentials={"headers": headers}).requests
    assert {name.lower(): value for name, value in headers.items()} == {
        name: sent.headers[name] for name in ("authorization", "accept", "user-agent")
    }
    assert CheckCode.OK == check_provider("webhook", TAKEN, credentials={"headers": None}).report.code


@pytest.mark.parametrize(
    "answer",
    [
        said(202, {"queued": True}),
        page("200 OK", b"ok"),
        page("200 OK", b""),
        answering(b"<Response/>", kind="text/xml"),
    ],
)
def test_taken(answer: Answer) -> None:
    """Any answer of the 200s that is no page means that the event was taken."""
    assert CheckCode.OK == check_provider("webhook", answer).report.code


def test_patience() -> None:
    """The endpoint's own timeout ends the wait before the deadline of the test, not after it."""
    began = time.monotonic()
    report = check_provider("webhook", FAULTS["hang"][0], settings={"timeoutSeconds": 1}, timeout_s=20).report
    assert CheckCode.TIMEOUT == report.code
    assert "1 s" in report.message
    assert time.monotonic() - began < 5


def test_url_untold() -> None:
    """No path or query of the address, which may hold a token, gets into the message."""
    request = at_url(CASE.request(), "https://127.0.0.1/private-path?token=private")
    report = registry.run(request)
    assert CheckCode.INVALID_CONFIG == report.code
    assert "127.0.0.1" in report.message
    assert "private-path" not in report.message
    assert "token" not in report.message

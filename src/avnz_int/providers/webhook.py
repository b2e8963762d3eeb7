"""A customer's own endpoint: one signed event of the type `integration.test`, as Standard Webhooks has it.

The only check that sends something: there is no other way to learn whether the endpoint takes our signature.

Source: Standard Webhooks 1.0.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace

from avnz_int import clock
from avnz_int.model.enums import CheckCode
from avnz_int.providers import _http
from avnz_int.providers.contract import CheckReport, CheckRequest

EVENT = "integration.test"
_WHO = "the endpoint"
_PREFIX = "whsec_"
_TIMEOUT_S = 15
_KEY_BYTES = range(24, 65)
# What the event itself or the connection needs; a second one would make another request of it.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
_REFUSED: _http.Verdict = (
    CheckCode.BAD_CREDENTIALS,
    (
        "the endpoint ({host}) refused the signed test event: compare the signing secret and the extra "
        "headers with what it expects, and this machine's clock with the time"
    ),
)
_ABSENT: _http.Verdict = (
    CheckCode.NOT_FOUND,
    "the endpoint ({host}) does not take events at this address: correct the path of url",
)
_REFUSALS: Mapping[int, _http.Verdict] = {
    400: _REFUSED,
    401: _REFUSED,
    403: _REFUSED,
    404: _ABSENT,
    405: _ABSENT,
    410: (
        CheckCode.NOT_FOUND,
        "the endpoint ({host}) is gone for good: disable this webhook or give another url",
    ),
}


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` for exactly these bytes.

    Args:
        secret: base64 of the key, with or without `whsec_`, with or without padding.
        message_id: the value of `webhook-id`.
        timestamp: the value of `webhook-timestamp`, in Unix seconds.
        body: what is sent.

    Raises:
        ValueError: the secret is not the base64 of 24 to 64 bytes; nothing of it is told.
    """
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) not in _KEY_BYTES:
        raise ValueError("a webhook's secret is the base64 of 24 to 64 bytes") from None
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")


@_http.reports
async def check(request: CheckRequest) -> CheckReport:
    """Whether the endpoint takes a signed test event; sent once, whatever `eventTypes` says."""
    headers = _extra_headers(request)
    body, ours = _event(request)
    patience_s = min(request.timeout_s, request.settings.get("timeoutSeconds") or _TIMEOUT_S)
    request = replace(request, timeout_s=patience_s)
    api = _http.Api(request, _WHO, request.settings["url"], guarded=True)
    # Raw: any answer of the 200s is a yes, and frameworks refuse with pages of their own.
    reply = await api.post("", content=body, headers={**headers, **ours}, raw=True)
    if 300 <= reply.status < 400:
        words = f"the endpoint ({api.host}) redirects elsewhere, which no sender follows: give the final url"
        return reply.report(CheckCode.INVALID_CONFIG, words)
    if reply.status in _REFUSALS:
        code, words = _REFUSALS[reply.status]
        return reply.report(code, words.format(host=api.host))
    if not _plain_text(reply):
        reply = reply.readable()
    if 200 <= reply.status < 300:
        return reply.ok(f"the endpoint ({api.host}) took the signed test event")
    return reply.unexpected()


def _extra_headers(request: CheckRequest) -> dict[str, str]:
    # In one spelling, so that a name that differs in case only is not sent twice.
    given = {name.title(): value for name, value in request.credentials.reveal().get("headers", {}).items()}
    if taken := sorted(name for name in given if name.lower() in _OURS):
        words = f"headers: {', '.join(taken)} cannot be chosen, remove it; nothing was sent"
        raise _http.ended(CheckCode.INVALID_CONFIG, words)
    return given


def _event(request: CheckRequest) -> tuple[bytes, dict[str, str]]:
    """The bytes of a fresh test event, and the headers that belong to them."""
    moment, message_id = clock.now(), f"msg_{clock.new_id()}"
    data = {
        "message": "a test of the connection: nothing happened, nothing has to be done",
        "environment": request.environment.value,
    }
    event = {"type": EVENT, "timestamp": clock.rfc3339(moment), "data": data}
    body = json.dumps(event, separators=(",", ":")).encode("ascii")
    timestamp = int(moment.timestamp())
    try:
        signed = signature(request.credentials.reveal()["signingSecret"], message_id, timestamp, body)
    except ValueError:
        raise _http.ended(
            CheckCode.INVALID_CONFIG,
            "signingSecret is not whsec_ and the base64 of 24 to 64 bytes: copy it again; nothing was sent",
        ) from None
    return body, {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signed,
    }


def _plain_text(reply: _http.Reply) -> bool:
    """Whether a success is no page, though some frameworks call every text one."""
    return 200 <= reply.status < 300 and not reply.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")

"""Mailchimp's ping: what is asked and where, and how its refusals are told apart."""

from __future__ import annotations

import base64
import socket
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode
from avnz_int.providers import registry
from support.gateway import Answer, answering
from support.providers import ProviderCase, Refusal, check_provider, said, sample_request
from support.samples import SAMPLES

PING = said(200, {"health_status": "Everything's Chimpy!"})
KEY = SAMPLES["mailchimp"].credentials["apiKey"]


def problem(status: int, title: str) -> Answer:
    """A refusal in the form of RFC 7807."""
    return said(status, {"type": "about:blank", "title": title, "status": status, "detail": "x"})


INVALID = problem(401, "API Key Invalid")

CASE = ProviderCase(
    "mailchimp",
    ok=PING,
    refusals={
        "wrong key": Refusal(INVALID, CheckCode.BAD_CREDENTIALS, "API key"),
        "wrong key and centre": Refusal(
            [INVALID, INVALID], CheckCode.BAD_CREDENTIALS, changes={"serverPrefix": "us5"}
        ),
        "centre of the setting": Refusal(
            [INVALID, PING], CheckCode.WRONG_HOST, "serverPrefix", {"serverPrefix": "us5"}
        ),
        "centre down": Refusal([INVALID, said(503)], CheckCode.BAD_CREDENTIALS, "", {"serverPrefix": "us5"}),
        "centre named": Refusal(problem(403, "Wrong Datacenter"), CheckCode.WRONG_HOST, "serverPrefix"),
        "disabled": Refusal(problem(403, "User Disabled"), CheckCode.BAD_CREDENTIALS, "disabled"),
        "forbidden": Refusal(problem(403, "Forbidden"), CheckCode.MISSING_PERMISSION, "role"),
        "throttled": Refusal(said(403), CheckCode.RATE_LIMITED, "throttles"),
        "throttled by a page": Refusal(
            answering(b"<html>Access Denied</html>", status="403 Forbidden", kind="text/html"),
            CheckCode.RATE_LIMITED,
        ),
        "rate": Refusal(problem(429, "Too Many Requests"), CheckCode.RATE_LIMITED),
        "old tls": Refusal(problem(426, "Upgrade Required"), CheckCode.TLS, "TLS 1.2"),
        "other json": Refusal(said(200, {"status": "up"}), CheckCode.UNEXPECTED_REPLY),
        "other refusal": Refusal(said(401, {"title": "log in"}), CheckCode.UNEXPECTED_REPLY),
        "other 403": Refusal(said(403, {"message": "no"}), CheckCode.UNEXPECTED_REPLY),
    },
)


def test_request() -> None:
    """The key is the password of any user."""
    (sent,) = check_provider("mailchimp", PING).requests
    assert ("GET", "/3.0/ping") == (sent.method, sent.path)
    scheme, _, pair = sent.headers["authorization"].partition(" ")
    assert ("Basic", f"avnz-int:{KEY}") == (scheme, base64.b64decode(pair).decode())


@pytest.mark.parametrize(
    ("key", "centre"),
    [
        (KEY.partition("-")[0], None),
        (KEY.partition("-")[0] + "-evil.example.com/", None),
        (KEY.partition("-")[0] + "-us21.evil", None),
        (KEY.partition("-")[0] + "-us\uff12", None),
        ("md-abcdefghij", None),
        (KEY, "us21.evil.example.com"),
        (KEY, "us21@evil.example.com"),
        (KEY, "us21\n"),
        (KEY, "us\u0662"),
    ],
)
def test_host_is_built_of_letters_and_digits(key: str, centre: str | None) -> None:
    """Whatever is no data centre never becomes part of a host, and nothing is sent."""
    checked = check_provider(
        "mailchimp", PING, credentials={"apiKey": key}, settings={"serverPrefix": centre}
    )
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert key not in checked.report.message
    assert [] == checked.requests


@pytest.mark.parametrize(
    ("known", "error", "code", "host"),
    [
        ("us1.", socket.EAI_NONAME, CheckCode.WRONG_HOST, "us77"),
        ("us1.", socket.EAI_AGAIN, CheckCode.NETWORK, "us77.api.mailchimp.com"),
        ("none.", socket.EAI_NONAME, CheckCode.NETWORK, "us77.api.mailchimp.com"),
    ],
)
def test_unknown_centre(
    known: str, error: int, code: CheckCode, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data centre without a name is wrong only where the name service knows another one."""

    def look_up(name: str | bytes, *_args: Any, **_kwargs: Any) -> list[Any]:
        text = name.decode() if isinstance(name, bytes) else name
        if text.startswith(known):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.1", 443))]
        raise socket.gaierror(error, "x")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    key = f"{KEY.partition('-')[0]}-us77"
    report = registry.run(
        sample_request("mailchimp", credentials={"apiKey": key}, settings={"serverPrefix": None})
    )
    assert code == report.code, report.message
    assert host in report.message

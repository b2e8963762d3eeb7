"""What provider modules write with: requests of one check, replies, and the reports made of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Secret
from avnz_int.providers import _http, registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from support.gateway import FAULTS, Answer, FaultGateway, answering


def request(endpoint: str | None = None, timeout_s: float = 2.0) -> CheckRequest:
    """A check of nothing in particular."""
    return CheckRequest("acme", Secret({}), {}, Environment.SANDBOX, timeout_s, endpoint)


def asked(
    answer: Answer, act: Callable[[_http.Api], Awaitable[CheckReport]]
) -> tuple[CheckReport, list[bytes]]:
    """What a check that does this with the API makes of the answer, and the requests it sent."""

    @_http.reports
    async def check(given: CheckRequest) -> CheckReport:
        return await act(_http.Api(given, "Acme", "https://acme.invalid/v1/"))

    with FaultGateway(answer) as gateway:
        report = registry.run_loop(check(request(f"{gateway.url}/base/")))
    return report, gateway.requests


@pytest.mark.parametrize(
    ("path", "query", "line"),
    [
        ("/a", None, b"GET /base/a HTTP/1.1"),
        ("/a", {"b": "c d&"}, b"GET /base/a?b=c+d%26 HTTP/1.1"),
        ("", None, b"GET /base/ HTTP/1.1"),
    ],
)
def test_api_path(path: str, query: dict[str, str] | None, line: bytes) -> None:
    """A path and a query stand behind the operator's endpoint, which took the place of the provider's URL."""

    async def act(api: _http.Api) -> CheckReport:
        return (await api.get(path, query=query)).ok("fine")

    report, (sent,) = asked(answering(b"{}"), act)
    assert (CheckCode.OK, "fine") == (report.code, report.message)
    assert line == sent.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ({"json_body": {"a": "\u00e9"}}, b"application/json", b'{"a": "\\u00e9"}'),
        ({"form": {"a": "b c&\ud800"}}, b"application/x-www-form-urlencoded", b"a=b+c%26%3F"),
        ({"content": b"<a/>", "headers": {"Content-Type": "text/xml"}}, b"text/xml", b"<a/>"),
    ],
)
def test_api_post(given: dict[str, Any], kind: bytes, expected: bytes) -> None:
    """A JSON value, a form or bytes are sent with their type."""

    async def act(api: _http.Api) -> CheckReport:
        return (await api.post("/", **given)).ok("fine")

    _, (sent,) = asked(answering(b"{}"), act)
    head, _, told = sent.partition(b"\r\n\r\n")
    assert expected == told
    assert b"content-type: " + kind in head.lower()


def test_api_ends() -> None:
    """A reply that says nothing about credentials ends the check, unless raw replies were asked for."""

    async def act(api: _http.Api) -> CheckReport:
        raw = await api.get("/", raw=True)
        assert 503 == raw.status
        return (await api.get("/")).ok("fine")

    report, _ = asked(answering(b"", status="503 No"), act)
    assert CheckCode.PROVIDER_DOWN == report.code


def test_api_deadline() -> None:
    """Several requests share the check's deadline."""

    async def act(api: _http.Api) -> CheckReport:
        await asyncio.sleep(1.2)
        return (await api.get("/")).ok("fine")

    began = time.monotonic()
    report, _ = asked(FAULTS["hang"][0], act)
    assert CheckCode.TIMEOUT == report.code
    assert time.monotonic() - began < 2.3


@pytest.mark.parametrize(
    ("raw", "path", "expected"),
    [
        (b'{"a": [{"b": "c"}]}', ("a", 0, "b"), "c"),
        (b'\xef\xbb\xbf{"a": "c"}', ("a",), "c"),
        (b'{"a": 1}', ("a", "b"), ""),
        (b'{"a": []}', ("a", 0), ""),
        (b'{"a": {"0": 1}}', ("a", 0), ""),
        (b"[1]", ("a",), ""),
        (b"", ("a",), ""),
        (b"\xff", ("a",), ""),
        (b"[" * 100_000, (0,), ""),
    ],
)
def test_reply_text(raw: bytes, path: tuple[str | int, ...], expected: str) -> None:
    """The text at a path of a JSON body; whatever is not there, or no JSON, is empty."""
    assert expected == _http.Reply(200, {}, raw, 7).text(*path)


def test_reply_verdict() -> None:
    """The first key that the table knows decides; a code that is in no table is never repeated."""
    table = {"E1": (CheckCode.NOT_FOUND, "gone"), 403: (CheckCode.MISSING_PERMISSION, "may not")}
    reply = _http.Reply(403, {}, b"{}", 7, "Acme")
    first, second, third = (reply.verdict(table, *keys) for keys in (("E1", 403), ("hunter22", 403), ("E2",)))
    assert (CheckCode.NOT_FOUND, "HTTP 403 E1") == (first.code, first.provider_code)
    assert (CheckCode.MISSING_PERMISSION, "HTTP 403") == (second.code, second.provider_code)
    assert (Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY) == (third.outcome, third.code)


@pytest.mark.parametrize(
    ("kind", "raw", "page"),
    [
        ("text/xml", b"<?xml version='1.0'?><a/>", False),
        ("application/problem+xml", b"<a/>", False),
        ("text/xml", b" <!DOCTYPE HTML><html>", True),
        ("application/json", b"<a/>", True),
        ("", b"<html>", True),
        ("application/json", b"{}", False),
    ],
)
def test_pages(kind: str, raw: bytes, page: bool) -> None:
    """XML that says so is no web page; other markup is."""
    report = _http.status_report(_http.Reply(200, {"content-type": kind}, raw, 7), who="Acme")
    assert page == (report is not None)


def test_headers() -> None:
    """Tokens and passwords are presented in the standard ways, beyond ASCII in UTF-8."""
    assert {"Authorization": "Bearer t"} == _http.bearer("t")
    assert {"Authorization": "Basic dTpww6k="} == _http.basic("u", "p\u00e9")


@pytest.mark.parametrize("value", ["a b", "a\n", "\u00e9", "a\0", 7, ["a"]])
def test_unsendable_token(value: object) -> None:
    """A credential that no header can carry is named, and its value is not."""
    check = replace(request(None), credentials=Secret({"apiKey": value}))
    with pytest.raises(_http.CheckEndedError, match="apiKey") as caught:
        _http.token(check, "apiKey")
    assert CheckCode.INVALID_CONFIG == caught.value.report.code


def test_token() -> None:
    """A credential that is not there is empty."""
    check = replace(request(None), credentials=Secret({"apiKey": "k"}))
    assert ("k", "") == (_http.token(check, "apiKey"), _http.token(check, "appKey"))

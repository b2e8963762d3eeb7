"""The gateway of the first-run tour: what it accepts, refuses and remembers."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avnz_int.demo import gateway as demo
from avnz_int.demo.gateway import PayflowGateway
from avnz_int.providers.paypal_payflow import build_nvp, parse_nvp

ACCOUNTS = {("PayPal", "acme", "clerk"): "open&sesame"}
FIELDS = {
    "TRXTYPE": "I",
    "TENDER": "C",
    "PARTNER": "PayPal",
    "VENDOR": "acme",
    "USER": "clerk",
    "PWD": "open&sesame",
    "ORIGID": "A00000000000",
}


@pytest.fixture
def gateway() -> Iterator[PayflowGateway]:
    """A running gateway with the account above."""
    with PayflowGateway(ACCOUNTS) as running:
        yield running


def post(
    gateway: PayflowGateway, body: bytes | str, *, request_id: str = "r1", **headers: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers (lower-case) and body of the answer to a POST."""
    sent = {
        "Content-Type": "text/namevalue",
        "X-VPS-Request-ID": request_id,
        "X-VPS-Client-Timeout": "45",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection = http.client.HTTPConnection(gateway.url.split("/")[2], timeout=5)
    try:
        connection.request("POST", "/", body, {name: value for name, value in sent.items() if value})
        reply = connection.getresponse()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode("ascii")
    finally:
        connection.close()


def result(gateway: PayflowGateway, **changes: str | None) -> str:
    """The RESULT for the fields above, some changed or (None) left out."""
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value is not None}
    return parse_nvp(post(gateway, build_nvp(fields.items()))[2])["RESULT"]


def test_inquiry(gateway: PayflowGateway) -> None:
    """An inquiry with the right login finds no such transaction, by number, reference and text."""
    status, headers, body = post(gateway, build_nvp(FIELDS.items()), request_id="abc")
    assert (200, "text/namevalue", "abc") == (status, headers["content-type"], headers["x-vps-request-id"])
    assert re.fullmatch(r"RESULT=19&PNREF=V[A-Z0-9]{11}&RESPMSG=Original transaction ID not found", body)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"PWD": "open&sesam"}, "1"),
        ({"PWD": "Open&sesame"}, "1"),
        ({"PWD": ""}, "1"),
        ({"PWD": None}, "1"),
        ({"PARTNER": "paypal"}, "1"),
        ({"PARTNER": None}, "1"),
        ({"USER": "acme"}, "1"),
        ({"USER": None}, "26"),
        ({"VENDOR": "other"}, "26"),
        ({"VENDOR": None}, "26"),
        ({"TRXTYPE": "S"}, "3"),
        ({"TRXTYPE": None}, "3"),
        ({"TENDER": "G"}, "2"),
        ({"ORIGID": "short"}, "7"),
        ({"ORIGID": None}, "7"),
        ({"ORIGID": None, "CUSTREF": "order-1"}, "20"),
        ({"TRXTYPE": "S", "PWD": "wrong-one"}, "1"),
    ],
)
def test_results(gateway: PayflowGateway, changes: dict[str, str | None], expected: str) -> None:
    """Each wrong field has its RESULT, and the login is looked at first."""
    assert expected == result(gateway, **changes)


def test_no_reference_for_strangers(gateway: PayflowGateway) -> None:
    """A refused login gets no transaction reference."""
    fields = {**FIELDS, "PWD": "wrong-one"}
    assert "RESULT=1&RESPMSG=User authentication failed" == post(gateway, build_nvp(fields.items()))[2]


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("X_VPS_Request_ID", "", "-41"),
        ("X_VPS_Request_ID", "x" * 33, "-41"),
        ("X_VPS_Client_Timeout", "", "101"),
        ("X_VPS_Client_Timeout", "0", "101"),
        ("X_VPS_Client_Timeout", "4.5", "101"),
        ("Content_Type", "application/x-www-form-urlencoded", "-105"),
        ("Content_Type", "", "-105"),
    ],
)
def test_headers(gateway: PayflowGateway, header: str, value: str, expected: str) -> None:
    """A required header that is missing or wrong is refused before the login is looked at."""
    body = post(gateway, build_nvp(FIELDS.items()), **{header: value})[2]
    assert expected == parse_nvp(body)["RESULT"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "&",
        "hello",
        "PWD[3]=ab",
        "PWD[1]=ab",
        "PWD[11]=open&sesame&",
        "PWD[x]=a",
        "A=1&&B=2",
        "=1",
        "TRXTYPE%5B1%5D=I",
    ],
)
def test_malformed(gateway: PayflowGateway, body: str) -> None:
    """A body that is not name-value pairs, or whose tag is wrong, is a field format error."""
    assert "7" == parse_nvp(post(gateway, body)[2])["RESULT"]


def test_untagged_and_repeated(gateway: PayflowGateway) -> None:
    """Tags may be left out where the value allows it, and the last of a repeated name counts."""
    body = (
        "TRXTYPE=S&TRXTYPE=I&TENDER=C&PARTNER=PayPal&VENDOR=acme&USER=clerk"
        "&PWD[11]=open&sesame&ORIGID=A00000000000"
    )
    assert "19" == parse_nvp(post(gateway, body)[2])["RESULT"]


def test_replay(gateway: PayflowGateway) -> None:
    """A known request id gets its old answer again, marked, even where the request is another."""
    first = post(gateway, build_nvp(FIELDS.items()), request_id="same")[2]
    wrong = build_nvp({**FIELDS, "PWD": "wrong-one"}.items())
    assert f"{first}&DUPLICATE=1" == post(gateway, wrong, request_id="same")[2]
    assert "RESULT=1" == post(gateway, wrong, request_id="other")[2].partition("&")[0]


def test_requests(gateway: PayflowGateway) -> None:
    """What came in is kept in order, without password and card data."""
    card = {"ACCT": "4111111111111111", "CVV2": "123"}
    post(gateway, build_nvp({**FIELDS, **card}.items()), request_id="one")
    post(gateway, "hello", request_id="two")
    first, second = gateway.requests
    assert {name: value for name, value in FIELDS.items() if name != "PWD"} == first.fields
    assert ("/", "one", "45") == (
        first.path,
        first.headers["x-vps-request-id"],
        first.headers["x-vps-client-timeout"],
    )
    assert ("two", {}) == (second.headers["x-vps-request-id"], second.fields)
    assert first.answer.startswith("RESULT=19&")
    assert "open&sesame" not in repr(gateway.requests) + repr(gateway)


def raw(gateway: PayflowGateway, data: bytes) -> bytes:
    """The first line of the answer to these bytes."""
    host, port = gateway.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as stream:
            return stream.readline()


def test_http(gateway: PayflowGateway) -> None:
    """Requests that are no POST with a reasonable length are refused as HTTP does it."""
    assert b" 405 " in raw(gateway, b"GET / HTTP/1.1\r\n\r\n")
    assert b" 411 " in raw(gateway, b"POST / HTTP/1.1\r\n\r\n")
    assert b" 411 " in raw(gateway, b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
    assert b" 413 " in raw(gateway, b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
    assert [] == gateway.requests


def test_quiet(gateway: PayflowGateway, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither a request nor a client that goes away in the middle of one writes anything."""
    raw(gateway, b"GET / HTTP/1.1\r\n\r\n")
    host, port = gateway.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nTRX")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert "19" == result(gateway)
    assert ("", "") == tuple(capfd.readouterr())


def test_defect(capfd: pytest.CaptureFixture[str]) -> None:
    """A defect of its own is not hidden: the trace goes to standard error."""
    broken = cast("dict[tuple[str, str, str], str]", {("PayPal", "acme", "clerk"): 7})
    with PayflowGateway(broken) as gateway, pytest.raises(http.client.RemoteDisconnected):
        post(gateway, build_nvp(FIELDS.items()))
    assert "AttributeError" in capfd.readouterr().err


def test_loopback_only(gateway: PayflowGateway) -> None:
    """It listens on 127.0.0.1, on a port of its own."""
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/", gateway.url)


def test_stop() -> None:
    """Stopped, it frees its port and has no address; stopping again does no harm."""
    gateway = PayflowGateway(ACCOUNTS).start()
    host, port = gateway.url.split("/")[2].split(":")
    gateway.stop()
    gateway.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    with pytest.raises(RuntimeError, match="not running"):
        _ = gateway.url
    with PayflowGateway(ACCOUNTS, port=int(port)) as again:
        assert f"http://127.0.0.1:{port}/" == again.url


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True),
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"')),
        min_size=1,
    )
)
def test_two_readers(pairs: dict[str, str]) -> None:
    """The gateway's reader, written apart from the client's writer, reads what that one wrote."""
    assert pairs == demo._parse(build_nvp(pairs.items()).encode())

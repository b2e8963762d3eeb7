"""NMI's Query API: what is asked, and how refusals in XML under HTTP 200 are told apart."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.providers import nmi
from avnz_int.providers.contract import CheckRequest
from support.gateway import FAULTS, Answer, answering
from support.providers import ProviderCase, Refusal, check_provider
from support.samples import SAMPLES

LIVE = Environment.PRODUCTION
KEY = {"username": None, "password": None}
USER = {"securityKey": None}


def xml(inside: str, *, status: str = "200 OK", kind: str = "text/xml; charset=utf-8") -> Answer:
    """A reply of the Query API."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<nm_response>{inside}</nm_response>\n'
    return answering(body.encode(), status=status, kind=kind)


def error(text: str) -> Answer:
    """A refusal of the Query API."""
    return xml(f"<error_response>{text} REFID:123456</error_response>")


def payment(text: str, number: str = "300") -> Answer:
    """A refusal of the payment API, which calls its plain text a page."""
    body = f"response=3&responsetext={text.replace(' ', '+')}&transactionid=&response_code={number}"
    return answering(body.encode(), kind="text/html; charset=UTF-8")


PROFILE = xml(
    "<protected>false</protected><is_gateway>false</is_gateway>"
    "<merchant><company>A &amp; B</company></merchant>"
)
UNKNOWN = error("Access denied")
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<nm_response><merchant>&b;</merchant></nm_response>"
)
EXTERNAL = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><nm_response><merchant>&x;</merchant></nm_response>'


def at_host(request: CheckRequest, url: str) -> CheckRequest:
    """The check with this address as the reseller's host."""
    return replace(request, settings={"host": url.removeprefix("https://")})


CASE = ProviderCase(
    "nmi",
    ok=PROFILE,
    refusals={
        "wrong key": Refusal(
            error("Specified API key not found"),
            CheckCode.BAD_CREDENTIALS,
            "may belong to the other environment",
        ),
        "wrong user": Refusal(error("Invalid Username/Password"), CheckCode.BAD_CREDENTIALS),
        "failed": Refusal(error("Authentication Failed"), CheckCode.BAD_CREDENTIALS, "security key"),
        "as payment": Refusal(payment("Authentication Failed REFID:1"), CheckCode.BAD_CREDENTIALS),
        "sandbox": Refusal(
            error("Sandbox accounts must use a sandbox domain"), CheckCode.WRONG_HOST, "other environment"
        ),
        "not set up": Refusal(
            xml("<responsetext>x</responsetext><response_code>410</response_code>"),
            CheckCode.MISSING_PERMISSION,
        ),
        "no text": Refusal(xml("<response_code>411</response_code>"), CheckCode.BAD_CREDENTIALS),
        "empty error": Refusal(xml("<error_response/>"), CheckCode.UNEXPECTED_REPLY),
        "inactive": Refusal(payment("x", "411"), CheckCode.BAD_CREDENTIALS, "inactive"),
        "limit": Refusal(payment("x", "301"), CheckCode.RATE_LIMITED),
        "processor": Refusal(payment("x", "420"), CheckCode.PROVIDER_DOWN),
        "issuer": Refusal(payment("x", "421"), CheckCode.PROVIDER_DOWN),
        "other error": Refusal(UNKNOWN, CheckCode.UNEXPECTED_REPLY, "permissions"),
        "other payment error": Refusal(payment("Duplicate transaction"), CheckCode.UNEXPECTED_REPLY),
        "no query": Refusal(
            [UNKNOWN, payment("Invalid Transaction ID specified REFID:2")], CheckCode.OK, "security key"
        ),
        "no query, wrong key": Refusal(
            [UNKNOWN, payment("Authentication Failed REFID:2")], CheckCode.BAD_CREDENTIALS
        ),
        "no query, no answer": Refusal([UNKNOWN, FAULTS["reset"][0]], CheckCode.UNEXPECTED_REPLY),
        "other xml": Refusal(answering(b"<response/>", kind="text/xml"), CheckCode.UNEXPECTED_REPLY),
        "status": Refusal(xml("", status="401 Unauthorized"), CheckCode.UNEXPECTED_REPLY),
        "bomb": Refusal(answering(BOMB, kind="text/xml"), CheckCode.UNEXPECTED_REPLY),
        "external entity": Refusal(answering(EXTERNAL, kind="text/xml"), CheckCode.UNEXPECTED_REPLY),
        "broken xml": Refusal(answering(b"<nm_response>", kind="text/xml"), CheckCode.UNEXPECTED_REPLY),
        "odd encoding": Refusal(
            answering(b'<?xml version="1.0" encoding="rot13"?><nm_response/>', kind="text/xml"),
            CheckCode.UNEXPECTED_REPLY,
        ),
        "bytes": Refusal(answering(b"response=3&responsetext=\xff"), CheckCode.UNEXPECTED_REPLY),
    },
    user_host=at_host,
)


@pytest.mark.parametrize("changes", [{}, KEY])
def test_key(changes: dict[str, None]) -> None:
    """The security key stands in the form alone, also where there are a user and a password."""
    (sent,) = check_provider("nmi", PROFILE, credentials=changes).requests
    assert ("POST", "/api/query.php") == (sent.method, sent.path)
    assert "application/x-www-form-urlencoded" == sent.headers["content-type"]
    expected = {"security_key": [SAMPLES["nmi"].credentials["securityKey"]], "report_type": ["profile"]}
    assert expected == parse_qs(sent.body.decode())


def test_user() -> None:
    """User and password are sent where there is no key, and the message speaks of them."""
    checked = check_provider("nmi", error("Authentication Failed"), credentials=USER)
    expected = {"username": ["shop"], "password": ["shop password"], "report_type": ["profile"]}
    assert expected == parse_qs(checked.requests[0].body.decode())
    assert "username and password" in checked.report.message


def test_stray_space() -> None:
    """A line end around the key, which NMI would take as part of it, is not sent."""
    (sent,) = check_provider("nmi", PROFILE, credentials={"securityKey": " key\n"}).requests
    assert ["key"] == parse_qs(sent.body.decode())["security_key"]


@pytest.mark.parametrize("left", [{}, {"username": "shop"}, {"password": "x"}])
def test_no_login(left: dict[str, str]) -> None:
    """Half a login is the configuration's fault, and nothing is sent."""
    checked = check_provider("nmi", PROFILE, credentials={**KEY, **USER, **left})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert [] == checked.requests


@pytest.mark.parametrize(
    ("environment", "settings", "expected"),
    [
        (Environment.SANDBOX, {}, ("https://sandbox.nmi.com", False)),
        (LIVE, {}, ("https://secure.nmi.com", False)),
        (LIVE, {"host": "shop.example.com"}, ("https://shop.example.com", True)),
    ],
)
def test_host(
    environment: Environment,
    settings: dict[str, str],
    expected: tuple[str, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment chooses the host, unless a reseller's is named, which the guard looks at."""
    asked: list[tuple[str, bool]] = []

    class Api(nmi._http.Api):
        def __init__(self, request: CheckRequest, who: str, base: str, *, guarded: bool = False) -> None:
            asked.append((base, guarded))
            super().__init__(request, who, base, guarded=guarded)

    monkeypatch.setattr(nmi._http, "Api", Api)
    check_provider("nmi", PROFILE, settings={"host": None, **settings}, environment=environment)
    assert [expected] == asked


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "text/html; charset=UTF-8"])
def test_kinds(kind: str) -> None:
    """NMI's XML is read whatever it is called; an empty envelope is no refusal."""
    assert CheckCode.OK == check_provider("nmi", xml("", kind=kind)).report.code


@pytest.mark.parametrize(
    ("answer", "warned"),
    [
        (xml("<test_mode_enabled>true</test_mode_enabled>"), True),
        (xml("<test_mode_enabled>false</test_mode_enabled>"), False),
        (error("No such report"), False),
        (FAULTS["reset"][0], False),
        (FAULTS["http_503"][0], False),
    ],
)
def test_test_mode(answer: Answer, warned: bool) -> None:
    """A production account in test mode is accepted with a warning; no answer to that changes nothing."""
    checked = check_provider("nmi", PROFILE, answer, environment=LIVE)
    assert CheckCode.OK == checked.report.code
    assert warned == any("test mode" in warning for warning in checked.report.warnings)
    form = parse_qs(checked.requests[1].body.decode())
    assert ("test_mode_status", False) == (form["report_type"][0], "username" in form)


def test_slow_test_mode() -> None:
    """The question about test mode ends by the deadline, with the verdict that was there before."""
    checked = check_provider("nmi", PROFILE, FAULTS["hang"][0], environment=LIVE, timeout_s=0.6)
    assert (CheckCode.OK, ()) == (checked.report.code, checked.report.warnings)


def test_second_opinion() -> None:
    """A key without the permission to query is tried on a payment that cannot exist, and warned about."""
    checked = check_provider("nmi", UNKNOWN, payment("Invalid Transaction ID specified"), credentials=KEY)
    _, sent = checked.requests
    key = SAMPLES["nmi"].credentials["securityKey"]
    assert "/api/transact.php" == sent.path
    assert {"security_key": [key], "type": ["void"], "transactionid": ["0"]} == parse_qs(sent.body.decode())
    assert any("Query" in warning for warning in checked.report.warnings)


@pytest.mark.parametrize(
    "text", ["Specified API key not found", "Sandbox accounts must use a sandbox domain"]
)
def test_refused_once(text: str) -> None:
    """A login that is refused is never tried again."""
    assert 1 == len(check_provider("nmi", error(text), environment=LIVE).requests)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error("Authentication Failed"), "Authentication Failed REFID:123456"),
        (payment("x REFID:77", "411"), "response_code=411 REFID:77"),
        (UNKNOWN, "REFID:123456"),
        (payment("Duplicate transaction"), "HTTP 200"),
    ],
)
def test_reference(answer: Answer, expected: str) -> None:
    """The number by which NMI's support finds the request is kept."""
    assert expected == check_provider("nmi", answer).report.provider_code

"""Payflow's requests and its RESULT table."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from avnz_int.demo.gateway import PayflowGateway
from avnz_int.errors import UsageError
from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Secret
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from support.gateway import Answer, FaultGateway, answering
from support.providers import ProviderCase, Refusal

PASSWORD = "Ca&n=a[3]r<y>'%41+/~\\"
LOGIN = {"partner": "PayPal", "vendor": "Ruff & Johnson", "user": "clerk=7", "password": PASSWORD}

CASE = ProviderCase(
    "paypal_payflow",
    ok=answering(b"RESULT=19&RESPMSG=Original transaction ID not found"),
    refusals={
        "wrong login": Refusal(answering(b"RESULT=1"), CheckCode.BAD_CREDENTIALS, "environment"),
        "unknown vendor": Refusal(answering(b"RESULT=26"), CheckCode.BAD_CREDENTIALS),
        "no permission": Refusal(answering(b"RESULT=28"), CheckCode.MISSING_PERMISSION),
        "bank down": Refusal(answering(b"RESULT=102"), CheckCode.PROVIDER_DOWN),
        "timed out": Refusal(answering(b"RESULT=104"), CheckCode.TIMEOUT),
        "another number": Refusal(answering(b"RESULT=12345"), CheckCode.UNEXPECTED_REPLY),
    },
)


def request(endpoint: str | None, **changes: str) -> CheckRequest:
    """A check of the login above, some fields changed, within two seconds."""
    return CheckRequest(
        provider="paypal_payflow",
        credentials=Secret({**LOGIN, **changes}),
        settings={},
        environment=Environment.SANDBOX,
        timeout_s=2.0,
        endpoint=endpoint,
    )


def run(answer: Answer | bytes) -> CheckReport:
    """What a check makes of this answer, or of this body."""
    with FaultGateway(answering(answer) if isinstance(answer, bytes) else answer) as gateway:
        report = registry.run(request(gateway.url))
        assert 1 == gateway.connections
    return report


# --- the request -----------------------------------------------------------------------------------


def test_request_bytes() -> None:
    """The request is a POST with exactly these headers and every parameter tagged with its length."""
    with FaultGateway(answering(b"RESULT=19")) as gateway:
        registry.run(request(gateway.url))
    (sent,) = gateway.requests
    head, body = sent.split(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    request_id = headers.pop("x-vps-request-id")
    assert "POST / HTTP/1.1" == first
    assert len(lines) == len(headers) + 1
    assert {
        "host": f"127.0.0.1:{gateway.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "avnz-int/0.1.0",
        "content-type": "text/namevalue",
        "content-length": str(len(body)),
        "x-vps-client-timeout": "1",
        "connection": "close",
    } == headers
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    expected = (
        b"TRXTYPE[1]=I&TENDER[1]=C&PARTNER[6]=PayPal&VENDOR[14]=Ruff & Johnson&USER[7]=clerk=7"
        b"&PWD[21]=Ca&n=a[3]r<y>'%41+/~\\&ORIGID[12]="
    )
    assert expected == body[:-12]
    assert re.fullmatch(rb"A[0-9]{11}", body[-12:])


def test_fresh_ids() -> None:
    """Every check has a request id and a made-up transaction id of its own."""
    with PayflowGateway({("PayPal", "Ruff & Johnson", "clerk=7"): PASSWORD}) as gateway:
        reports = [registry.run(request(gateway.url)) for _ in range(5)]
    assert [Outcome.OK] * 5 == [report.outcome for report in reports]
    assert 5 == len({seen.headers["x-vps-request-id"] for seen in gateway.requests})
    assert 5 == len({seen.fields["ORIGID"] for seen in gateway.requests})


@pytest.mark.parametrize(
    ("timeout_s", "expected"), [(0.5, "1"), (2, "1"), (2.5, "2"), (30, "29"), (46, "45"), (600, "45")]
)
def test_client_timeout(timeout_s: float, expected: str) -> None:
    """Payflow is told whole seconds below the deadline, at least 1 and at most 45."""
    with FaultGateway(answering(b"RESULT=19")) as gateway:
        registry.run(replace(request(gateway.url), timeout_s=timeout_s))
    assert f"x-vps-client-timeout: {expected}\r\n" in gateway.requests[0].decode("latin-1").lower()


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        (Environment.SANDBOX, "pilot-payflowpro.paypal.com"),
        (Environment.PRODUCTION, "payflowpro.paypal.com"),
    ],
)
def test_hosts(environment: Environment, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each environment has its host; a proxy of the environment is asked for a tunnel to it, no more."""
    for name in ("ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FaultGateway(answering(b"", status="502 No")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        report = registry.run(replace(request(None), environment=environment))
    (sent,) = proxy.requests
    assert sent.startswith(f"CONNECT {host}:443 HTTP/1.1\r\n".encode())
    assert b"PWD" not in sent
    assert (Outcome.UNREACHABLE, CheckCode.NETWORK) == (report.outcome, report.code)


@pytest.mark.parametrize("field", ["partner", "vendor", "user", "password"])
@pytest.mark.parametrize(
    "value", ["", "caf\u00e9-secret", "line\nend-secret", "cr\rlf-secret", 'quo"te-secret', "\0x"]
)
def test_unsendable(field: str, value: str) -> None:
    """A value that the format cannot carry is refused by the field's name, and nothing is sent."""
    with FaultGateway(answering(b"RESULT=0")) as gateway:
        report = registry.run(request(gateway.url, **{field: value}))
    assert (Outcome.INVALID_CONFIG, CheckCode.INVALID_CONFIG) == (report.outcome, report.code)
    assert report.message.startswith(f"{field}: ")
    assert "secret" not in report.message
    assert 0 == gateway.connections


def test_missing() -> None:
    """Credentials without their fields are refused by all their names, not with a crash."""
    report = registry.run(replace(request("http://127.0.0.1:9"), credentials=Secret({"user": 7})))
    assert CheckCode.INVALID_CONFIG == report.code
    assert report.message.startswith("partner, vendor, user, password: ")


def test_cleartext() -> None:
    """Credentials never go to another machine unencrypted, whatever the operator's endpoint says."""
    with pytest.raises(UsageError, match="unencrypted"):
        registry.run(request("http://203.0.113.1/"))


# --- the answer ------------------------------------------------------------------------------------

OK = (Outcome.OK, CheckCode.OK)
BAD = (Outcome.REJECTED, CheckCode.BAD_CREDENTIALS)
NO_PERMISSION = (Outcome.REJECTED, CheckCode.MISSING_PERMISSION)
TIMEOUT = (Outcome.UNREACHABLE, CheckCode.TIMEOUT)
DOWN = (Outcome.UNREACHABLE, CheckCode.PROVIDER_DOWN)
UNCLEAR = (Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY)
TABLE = {
    OK: [0, 19, 20],
    BAD: [1, 26],
    NO_PERMISSION: [27, 28, 52, 121],
    TIMEOUT: [-12, 11, 101, 104, 109, 150],
    DOWN: [
        *(-1, -2, -5, -8, -9, -10, -11, -13, -14, -15, -20, -21, -22, -23, -24, -25, -26, -29, -31, -32),
        *(102, 103, 106, 115, 116, 151, 1001, 1002, 1011, 1012, 1013),
    ],
    UNCLEAR: [
        *(-6, -7, -27, -28, -30, -40, -41, -99, -104, -105, -106, -113, -999),
        *(2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 22, 23, 24, 25, 29, 30, 31, 36, 37, 50, 51, 99, 100, 105),
        *(107, 108, 110, 111, 112, 113, 114, 117, 118, 119, 120, 122, 125, 126, 127, 128, 131, 132, 133),
        *(200, 201, 402, 404, 600, 601, 1000, 1003, 1014, 1052, 190, 191, 260, 99999),
    ],
}


@pytest.mark.parametrize(
    ("result", "expected"), [(result, verdict) for verdict, results in TABLE.items() for result in results]
)
def test_result(result: int, expected: tuple[Outcome, CheckCode]) -> None:
    """Each RESULT has its verdict; one that is not known for sure is neither accepted nor rejected."""
    report = run(f"RESULT={result}&PNREF=V19A2E3D4C5B&RESPMSG=whatever: \xe9".encode("latin-1"))
    assert expected == (report.outcome, report.code)
    assert f"RESULT={result}" == report.provider_code
    assert expected == OK or f"RESULT={result}" in report.message
    assert report.latency_ms is not None
    assert 0 <= report.latency_ms < 2000
    assert "whatever" not in report.message


@pytest.mark.parametrize("result", [1, 26])
@pytest.mark.parametrize("environment", list(Environment))
def test_refusal_words(result: int, environment: Environment) -> None:
    """A refused login names all that can be behind it: fields, address list and the other environment."""
    with FaultGateway(answering(b"RESULT=%d" % result)) as gateway:
        report = registry.run(replace(request(gateway.url), environment=environment))
    for words in (
        "vendor",
        "user",
        "Allowed IP Addresses",
        "the other environment",
        f"you tested {environment.value}",
    ):
        assert words in report.message
    assert "••••" not in report.message


@pytest.mark.parametrize(
    "body",
    [
        b"RESULT=19\r\n",
        b"RESULT=19&RESPMSG[17]=Not found: A&B=C.\n",
        b"RESULT[2]=19",
        b"PNREF=A&RESULT=19&DUPLICATE=0",
    ],
)
def test_accepted_forms(body: bytes) -> None:
    """An answer may tag its values, order them freely and end its only line."""
    assert OK == (run(body).outcome, run(body).code)


@pytest.mark.parametrize(
    "body",
    [
        b"OK",
        b"RESULT[2]=0",
        b"RESULT[1]=19",
        b"RESULT=0&",
        b"RESULT=0&RESPMSG[3]=ab",
        b"RESULT=1&RESPMSG=x&RESULT=0",
        b"RESULT=0&RESPMSG=a&b",
        b"RESPMSG=Approved",
        b"RESULT=",
        b"RESULT=00",
        b"RESULT=-0",
        b"RESULT=+0",
        b"RESULT= 0",
        b"RESULT=0.0",
        b"RESULT=0x0",
        b"RESULT=\xb2",
        b"RESULT=0 ",
        b"RESULT=1e0",
        b"\xef\xbb\xbfRESULT=0",
        b'{"RESULT": 0}',
        b"ACK=Success&RESULTS=0",
        b"RESULT=0\r\nRESULT=1",
    ],
)
def test_not_understood(body: bytes) -> None:
    """An answer that is not wholly in the format says nothing about the credentials."""
    report = run(body)
    assert UNCLEAR == (report.outcome, report.code)


@pytest.mark.parametrize("result", [0, 1, 19, 26, 52])
@pytest.mark.parametrize("duplicate", ["1", "2", "-1", ""])
def test_duplicate(result: int, duplicate: str) -> None:
    """An answer that is a repeated one is not about these credentials, be it good or bad."""
    report = run(f"RESULT={result}&DUPLICATE={duplicate}".encode())
    assert UNCLEAR == (report.outcome, report.code)


def test_real_refusals() -> None:
    """A gateway that knows the account accepts its login and refuses each wrong field."""
    with PayflowGateway({("PayPal", "Ruff & Johnson", "clerk=7"): PASSWORD}) as gateway:
        reports = {
            name: registry.run(request(gateway.url, **change))
            for name, change in {
                "right": {},
                "partner": {"partner": "paypal"},
                "vendor": {"vendor": "ruff & johnson"},
                "user": {"user": "clerk"},
                "password": {"password": PASSWORD.lower()},
            }.items()
        }
    assert {
        "right": "RESULT=19",
        "partner": "RESULT=1",
        "vendor": "RESULT=26",
        "user": "RESULT=1",
        "password": "RESULT=1",
    } == {name: report.provider_code for name, report in reports.items()}
    assert [True, False, False, False, False] == [report.success for report in reports.values()]

"""What AWS checks share: what STS says, regions, clocks, and answers that are not AWS's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers import _aws_http, registry
from avnz_int.providers._aws_http import UnknownHostError, Wire
from avnz_int.providers._aws_keys import home_region
from avnz_int.providers._replies import ended
from support.aws import (
    ARN,
    aws_case,
    by_operation,
    identity,
    json_error,
    operation,
    query_error,
    result,
    signed_in,
    signer,
    xml,
)
from support.gateway import Answer, answering
from support.providers import Checked, Sent, said
from support.samples import SAMPLES

SECRET = SAMPLES["aws_sns"].credentials["secretAccessKey"]
TOPIC = result("GetTopicAttributes", "<Attributes></Attributes>")
OK = signed_in({"GetTopicAttributes": TOPIC})
CASE = aws_case("aws_sns", {"GetTopicAttributes": TOPIC}, style=query_error, action="sns:GetTopicAttributes")
REFUSED_SECRET = query_error(403, "SignatureDoesNotMatch")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be an echo of another secret is asked again at once."""
    monkeypatch.setattr("avnz_int.providers._aws_calls.SPURIOUS_S", 0.0)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def operations(checked: Checked) -> list[str]:
    """What was asked, in order."""
    return [operation(sent) for sent in checked.requests]


# --- STS -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "name", "code", "words"),
    [
        (403, "InvalidClientTokenId", "bad_credentials", "access key ID"),
        (403, "SignatureDoesNotMatch", "bad_credentials", "secret access key"),
        (400, "IncompleteSignature", "bad_credentials", "signature"),
        (403, "MissingAuthenticationToken", "bad_credentials", ""),
        (403, "ExpiredToken", "bad_credentials", "session token has expired"),
        (403, "ExpiredTokenException", "bad_credentials", "session token has expired"),
        (403, "AuthFailure", "bad_credentials", ""),
        (403, "RegionDisabledException", "wrong_host", "us-east-1"),
        (403, "OptInRequired", "missing_permission", "account"),
        (400, "Throttling", "rate_limited", "later"),
        (429, "", "rate_limited", "later"),
        (400, "RequestExpired", "unexpected_reply", "clock"),
        (503, "ServiceUnavailable", "provider_down", ""),
        (500, "", "provider_down", ""),
        (403, "", "unexpected_reply", ""),
        (400, "NeverHeardOf", "unexpected_reply", ""),
    ],
)
def test_sts_refusal(status: int, name: str, code: str, words: str) -> None:
    """What STS says decides before the service is asked."""
    checked = CASE.run(by_operation({"GetCallerIdentity": query_error(status, name)}))
    assert CheckCode(code) == checked.report.code, checked.report.message
    assert words in checked.report.message
    assert {"GetCallerIdentity"} == set(operations(checked))


@pytest.mark.parametrize(
    "answer",
    [
        said(200, {}),
        result("GetCallerIdentity", f"<Arn>{ARN}</Arn>"),
        identity(account="12"),
        identity(arn="arn:aws:iam::123456789012:user/a b"),
        identity(arn="nobody"),
        xml(
            200, '<!DOCTYPE x [<!ENTITY a "aaaa">]><GetCallerIdentityResponse>&a;</GetCallerIdentityResponse>'
        ),
        xml(200, '<!DOCTYPE x [<!ENTITY a "aaaa">]><a/>'.encode("utf-16").decode("latin-1")),
    ],
)
def test_no_identity(answer: Answer) -> None:
    """An answer that does not say who that is, or defines entities, is none of AWS's."""
    checked = CASE.run(by_operation({"GetCallerIdentity": answer}))
    assert CheckCode.UNEXPECTED_REPLY == checked.report.code, checked.report.message


def test_who() -> None:
    """The report says whose the credentials are."""
    report = CASE.run(OK).report
    assert ARN in report.message
    assert "123456789012" in report.message
    assert () == report.warnings


def test_root() -> None:
    """Keys of the root user work, with a warning."""
    root = identity(arn="arn:aws:iam::123456789012:root")
    report = CASE.run(by_operation({"GetCallerIdentity": root, "GetTopicAttributes": TOPIC})).report
    assert CheckCode.OK == report.code
    assert "root user" in report.warnings[0]


@pytest.mark.parametrize("name", [f"user/{SECRET}", f"user/{'x' * 200}"])
def test_name_not_shown(name: str) -> None:
    """A name that repeats a secret, or fills the screen, is not shown."""
    answers = {
        "GetCallerIdentity": identity(arn=f"arn:aws:iam::123456789012:{name}"),
        "GetTopicAttributes": TOPIC,
    }
    report = CASE.run(by_operation(answers)).report
    assert CheckCode.OK == report.code
    assert name not in report.message


def test_echo_of_another_secret() -> None:
    """A signature that is refused once, as after a wrong secret, is asked again and may be right."""
    answers = {"GetCallerIdentity": [REFUSED_SECRET, identity()], "GetTopicAttributes": TOPIC}
    checked = CASE.run(by_operation(answers))
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert ["GetCallerIdentity", "GetCallerIdentity", "GetTopicAttributes"] == operations(checked)


def test_echo_and_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no time is left to wait, the refusal stands."""
    monkeypatch.setattr("avnz_int.providers._aws_calls.SPURIOUS_S", 60.0)
    checked = CASE.run([answering(b"", status="503 X"), REFUSED_SECRET], timeout_s=0.9)
    assert 1 == len(checked.requests)
    slow = by_operation({"GetCallerIdentity": REFUSED_SECRET})
    assert CheckCode.BAD_CREDENTIALS == CASE.run(slow, timeout_s=0.9).report.code


@pytest.mark.parametrize(
    ("text", "minutes", "words"),
    [
        ("Signature expired: 20260101T000000Z is now earlier than 20260102T000000Z", 0, "does not fit"),
        ("Signature not yet current: 20260103T000000Z is still later", 0, "does not fit"),
        ("x", 20, "19 minutes behind|20 minutes behind"),
        ("x", -20, "20 minutes ahead"),
    ],
)
def test_clock(text: str, minutes: int, words: str) -> None:
    """A wrong clock is not taken for a wrong secret, and not asked about twice."""
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    refusal = query_error(403, "SignatureDoesNotMatch", text, Date=date)
    checked = CASE.run(by_operation({"GetCallerIdentity": refusal}))
    assert (Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY) == (checked.report.outcome, checked.report.code)
    assert any(each in checked.report.message for each in words.split("|")), checked.report.message
    assert 1 == len(checked.requests)


def test_signature_after_sign_in() -> None:
    """A signature that STS took and the service does not is no wrong secret."""
    report = CASE.run(signed_in({"GetTopicAttributes": REFUSED_SECRET})).report
    assert CheckCode.UNEXPECTED_REPLY == report.code


@pytest.mark.parametrize("body", [b"{}", b"[1]", b'"x"', b"[" * 100_000, b'{"__type": 7}', b"null"])
@pytest.mark.parametrize("status", [200, 400])
def test_strange_json(status: int, body: bytes) -> None:
    """JSON of another shape is an unexpected reply, whatever it does to the parser."""
    case = aws_case("cognito", {"DescribeUserPool": OK}, style=json_error, action="x")
    report = case.run(signed_in({"DescribeUserPool": said(status, body)})).report
    assert CheckCode.UNEXPECTED_REPLY == report.code, report.message


def test_code_in_header_only() -> None:
    """A code that stands in a header alone is read."""
    case = aws_case("cognito", {"DescribeUserPool": OK}, style=json_error, action="x")
    answer = said(400, {}, x_amzn_errortype="com.amazon#ResourceNotFoundException:http://x/")
    assert CheckCode.NOT_FOUND == case.run(signed_in({"DescribeUserPool": answer})).report.code


# --- regions ---------------------------------------------------------------------------------------


def test_region_switched_off() -> None:
    """A key that only the region does not know is known at home, and the region is at fault."""

    def answer(connection: Any, request: bytes, stop: Any) -> None:
        here = signer(Sent.parse(request))[1]
        known = identity() if here == "us-east-1" else query_error(403, "InvalidClientTokenId")
        known(connection, request, stop)

    checked = CASE.run(answer, changes={"region": "ap-east-1"})
    assert CheckCode.WRONG_HOST == checked.report.code, checked.report.message
    assert "ap-east-1" in checked.report.message
    assert ["ap-east-1", "us-east-1"] == [signer(sent)[1] for sent in checked.requests]


def test_unknown_everywhere() -> None:
    """A key that home does not know either is wrong."""
    unknown = by_operation({"GetCallerIdentity": query_error(403, "InvalidClientTokenId")})
    assert CheckCode.BAD_CREDENTIALS == CASE.run(unknown, changes={"region": "ap-east-1"}).report.code


@pytest.mark.parametrize(
    ("region", "home"),
    [("eu-west-1", "us-east-1"), ("cn-northwest-1", "cn-north-1"), ("us-gov-east-1", "us-gov-west-1")],
)
def test_home(region: str, home: str) -> None:
    """Each partition has a region that nobody can switch off."""
    assert home == home_region(region)


@pytest.mark.parametrize(("region", "code"), [("ap-east-1", "wrong_host"), ("us-east-1", "network")])
def test_service_not_in_region(region: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose name is unknown where AWS does not offer it is in the wrong region."""

    def send(self: Wire, request: Any, **_: Any) -> AWSResponse:
        if "bedrock" in request.url:
            raise UnknownHostError(ended(CheckCode.NETWORK, "unknown").report)
        self.last = _aws_http.Exchange(200, {}, 1)
        body = (
            f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{ARN}</Arn>"
            "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        headers: Any = {}
        return AWSResponse(request.url, 200, headers, _aws_http._Raw(body.encode()))

    monkeypatch.setattr(Wire, "send", send)
    case = aws_case("aws_bedrock", {"GET /": OK}, style=json_error, action="x")
    assert CheckCode(code) == registry.run(case.request(changes={"region": region})).code

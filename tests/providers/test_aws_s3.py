"""Amazon S3: the bucket, its region, and answers that have no body."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from avnz_int.model.enums import CheckCode
from avnz_int.providers import registry
from support.aws import aws_case, by_operation, operation, s3_error, s3_head, signed_in, xml
from support.gateway import Answer, FaultGateway, self_signed
from support.providers import Refusal, Sent, said
from support.samples import SAMPLES

BUCKET = SAMPLES["aws_s3"].settings["bucket"]
HEAD, GET = f"HEAD /{BUCKET}", f"GET /{BUCKET}"
LISTING = xml(200, f"<ListBucketResult><Name>{BUCKET}</Name><KeyCount>0</KeyCount></ListBucketResult>")


def bucket(head: Answer, get: Answer = LISTING) -> Answer:
    """What S3 answers to the two questions."""
    return signed_in({HEAD: head, GET: get})


CASE = aws_case(
    "aws_s3",
    {HEAD: s3_head()},
    style=s3_error,
    action="s3:ListBucket",
)
# A refusal of HEAD has no code: those with one are answers to GET.
CASE = replace(
    CASE,
    refusals={
        "unknown key": CASE.refusals["unknown key"],
        "no identity": CASE.refusals["no identity"],
        "bare 403": Refusal(
            bucket(s3_head(403), s3_head(403)), CheckCode.MISSING_PERMISSION, "another account"
        ),
        "denied": Refusal(
            bucket(s3_head(403), s3_error(403, "AccessDenied")), CheckCode.MISSING_PERMISSION, "s3:ListBucket"
        ),
        "bare 403, no S3": Refusal(
            bucket(s3_head(403, None, own=False), said(403, {})), CheckCode.UNEXPECTED_REPLY
        ),
        "no bucket": Refusal(
            bucket(s3_head(404, None), s3_error(404, "NoSuchBucket")), CheckCode.NOT_FOUND, BUCKET
        ),
        "301": Refusal(bucket(s3_head(301, "eu-west-1")), CheckCode.WRONG_HOST, "eu-west-1"),
        "301 without region": Refusal(bucket(s3_head(301, None)), CheckCode.WRONG_HOST, "another region"),
        "somebody's 301": Refusal(bucket(s3_head(301, None, own=False)), CheckCode.UNEXPECTED_REPLY),
        "400 elsewhere": Refusal(bucket(s3_head(400, "eu-west-1")), CheckCode.WRONG_HOST, "eu-west-1"),
        "403 elsewhere": Refusal(bucket(s3_head(403, "eu-west-1")), CheckCode.WRONG_HOST, "eu-west-1"),
        "malformed": Refusal(
            bucket(s3_head(400, None), s3_error(400, "AuthorizationHeaderMalformed")),
            CheckCode.WRONG_HOST,
            "region",
        ),
        "expired": Refusal(
            bucket(s3_head(400, None), s3_error(400, "ExpiredToken")), CheckCode.BAD_CREDENTIALS, "expired"
        ),
        "bad token": Refusal(
            bucket(s3_head(400, None), s3_error(400, "InvalidToken")), CheckCode.BAD_CREDENTIALS
        ),
        "not S3's key": Refusal(
            bucket(s3_head(403, None), s3_error(403, "InvalidAccessKeyId")), CheckCode.WRONG_HOST
        ),
        "skewed": Refusal(
            bucket(s3_head(403), s3_error(403, "RequestTimeTooSkewed")), CheckCode.UNEXPECTED_REPLY, "clock"
        ),
        "slow down": Refusal(bucket(s3_head(403), s3_error(503, "SlowDown")), CheckCode.RATE_LIMITED),
        "bare 503": Refusal(bucket(s3_head(503)), CheckCode.PROVIDER_DOWN),
        "bare 429": Refusal(bucket(s3_head(429)), CheckCode.RATE_LIMITED),
        "somebody's 200": Refusal(
            bucket(s3_head(200, None, own=False), said(200, {"hello": 1})), CheckCode.UNEXPECTED_REPLY
        ),
    },
)


def test_owner() -> None:
    """The expected owner is asked for."""
    *_, sent = CASE.run(CASE.ok).requests
    assert ("HEAD", f"/{BUCKET}") == (sent.method, sent.path)
    assert "123456789012" == sent.headers["x-amz-expected-bucket-owner"]


def test_other_region() -> None:
    """A bucket that answers from another region is a warning."""
    report = CASE.run(bucket(s3_head(200, "eu-west-1"))).report
    assert CheckCode.OK == report.code, report.message
    assert "eu-west-1" in report.warnings[0]


@pytest.mark.parametrize("head", [s3_head(200, None, own=False), s3_head(403, None), s3_head(405, None)])
def test_listing_decides(head: Answer) -> None:
    """Where HEAD shows nothing for sure, a listing that is S3's shows that the bucket may be listed."""
    checked = CASE.run(bucket(head))
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert f"{GET}?list-type=2&max-keys=0&encoding-type=url" == operation(checked.requests[-1])


def test_region_said_oddly() -> None:
    """What the region's header holds is shown only if it can be a region."""
    report = CASE.run(bucket(s3_head(301, "Your<secret>"))).report
    assert "secret" not in report.message


def test_own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is not AWS's is asked alone: its keys are not shown to STS."""
    with (
        self_signed() as certificate,
        FaultGateway(by_operation({HEAD: s3_head()}), tls=certificate) as store,
    ):
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.pem))
        request = CASE.request(changes={"endpointUrl": store.url})
        report = registry.run(replace(request, allow_hosts=("127.0.0.1",)))
        asked = [operation(Sent.parse(raw)) for raw in store.requests]
    assert CheckCode.OK == report.code, report.message
    assert [HEAD] == asked
    assert "127.0.0.1 accepted" in report.message


def test_own_store_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a store's refusal of a key is about the key."""
    answer = by_operation({HEAD: s3_head(403, None), GET: s3_error(403, "InvalidAccessKeyId")})
    with self_signed() as certificate, FaultGateway(answer, tls=certificate) as store:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.pem))
        request = CASE.request(changes={"endpointUrl": store.url})
        report = registry.run(replace(request, allow_hosts=("127.0.0.1",)))
    assert CheckCode.BAD_CREDENTIALS == report.code, report.message


def test_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store's name is looked up once, and that address connected; its certificate has to bear the name."""
    asked: list[str] = []
    lookup = socket.getaddrinfo

    def counted(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return lookup("127.0.0.1" if host == "store.example.com" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    for name, code in (("store.example.com", CheckCode.OK), ("other.example.com", CheckCode.TLS)):
        asked.clear()
        with self_signed(name) as certificate, FaultGateway(s3_head(), tls=certificate) as store:
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.pem))
            request = CASE.request(changes={"endpointUrl": f"https://store.example.com:{store.port}"})
            report = registry.run(replace(request, allow_hosts=("store.example.com",)))
        assert code == report.code, report.message
        assert 1 == asked.count("store.example.com")


def test_one_private_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of which one address is private is not connected at all."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: rows)
    report = registry.run(CASE.request(changes={"endpointUrl": "https://store.example.com"}))
    assert CheckCode.INVALID_CONFIG == report.code, report.message
    assert "AVNZ_INT_ALLOW_HOSTS" in report.message

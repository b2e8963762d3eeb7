"""AWS on loopback: answers in its wire formats, by operation, and what every AWS provider's suite holds."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

from avnz_int.model.enums import CheckCode
from avnz_int.providers.contract import CheckRequest
from support.gateway import Answer, answering
from support.providers import ProviderCase, Refusal, Sent, said

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:user/integrations"
REQUEST_ID = "11111111-2222-3333-4444-555555555555"

Style = Callable[[int, str, str], Answer]
"""Makes an error of a status, a code and a text, in one of AWS's formats."""


def xml(status: int, body: str, **headers: str) -> Answer:
    """An answer in XML."""
    named = {"x-amzn-RequestId": REQUEST_ID, **{k.replace("_", "-"): v for k, v in headers.items()}}
    return answering(body.encode(), status=f"{status} X", kind="text/xml", headers=named)


def result(operation: str, body: str = "") -> Answer:
    """What a service with a query protocol answers."""
    return xml(
        200, f"<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>"
    )


def identity(arn: str = ARN, account: str = ACCOUNT) -> Answer:
    """STS says who that is."""
    return result(
        "GetCallerIdentity",
        f"<Arn>{escape(arn)}</Arn><UserId>AIDAEXAMPLE</UserId><Account>{account}</Account>",
    )


def assumed(access_key: str) -> Answer:
    """STS gives the credentials of a role."""
    return result(
        "AssumeRole",
        f"<Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>"
        "<SessionToken>role-session-token</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>"
        "</Credentials>",
    )


def query_error(status: int, code: str, text: str = "x", **headers: str) -> Answer:
    """A refusal of STS, SES or SNS."""
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
    body = f"<ErrorResponse>{error}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    return xml(status, body, **headers)


def json_error(status: int, code: str, text: str = "x", **headers: str) -> Answer:
    """A refusal of a service that speaks JSON."""
    told = {"x_amzn_errortype": f"{code}:http://internal.amazon.com/", "x_amzn_RequestId": REQUEST_ID}
    return said(status, {"__type": f"com.amazonaws.service#{code}", "message": text}, **told, **headers)


def s3_error(status: int, code: str, text: str = "x", **headers: str) -> Answer:
    """A refusal of S3 that has a body."""
    body = f"<Error><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
    return xml(status, body, x_amz_request_id="ABC", **headers)


def s3_head(status: int = 200, region: str | None = "us-east-1", *, own: bool = True) -> Answer:
    """An answer of S3 to HEAD, which has no body; `own` is whether it bears S3's request id."""
    headers = {"x-amz-request-id": "ABC"} if own else {}
    if region is not None:
        headers["x-amz-bucket-region"] = region
    return answering(b"", status=f"{status} X", kind="application/xml", headers=headers)


def operation(sent: Sent) -> str:
    """What is asked: the name of the operation, or method and path where nothing else names it."""
    if "x-amz-target" in sent.headers:
        return sent.headers["x-amz-target"].rpartition(".")[2]
    action = re.search(rb"(?:^|&)Action=(\w+)", sent.body)
    return action[1].decode() if action else f"{sent.method} {sent.path}"


def signer(sent: Sent) -> tuple[str, str, str]:
    """Access key, region and service in the signature of a request."""
    found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", sent.headers["authorization"])
    assert found is not None
    return found[1], found[2], found[3]


def by_operation(answers: Mapping[str, Answer | Sequence[Answer]]) -> Answer:
    """The answer of each operation, found by how its name begins; of several, the last one is repeated."""
    waiting = {name: [a] if callable(a) else list(a) for name, a in answers.items()}

    def answer(connection: socket.socket, request: bytes, stop: threading.Event) -> None:
        asked = operation(Sent.parse(request))
        known = [name for name in waiting if asked.startswith(name)]
        if not known:
            query_error(400, "InvalidAction", f"not expected: {asked}")(connection, request, stop)
            return
        left = waiting[max(known, key=len)]
        (left.pop(0) if len(left) > 1 else left[0])(connection, request, stop)

    return answer


def signed_in(answers: Mapping[str, Answer | Sequence[Answer]]) -> Answer:
    """As `by_operation`, for credentials that STS knows."""
    return by_operation({"GetCallerIdentity": identity(), **answers})


def at_url(request: CheckRequest, url: str) -> CheckRequest:
    """The check with this address of the service in its settings."""
    return replace(request, settings={**request.settings, "endpointUrl": url})


def _refusals(first: str, style: Style, action: str) -> Iterator[tuple[str, Refusal]]:
    """What every service answers in the same way, in its own format, once STS has said yes."""

    def refusal(code: CheckCode, status: int, name: str, words: str = "", text: str = "x") -> Refusal:
        return Refusal(signed_in({first: style(status, name, text)}), code, words)

    ending = "" if style is query_error else "Exception"
    yield "denied", refusal(CheckCode.MISSING_PERMISSION, 403, f"AccessDenied{ending}", action)
    yield (
        "denied explicitly",
        refusal(
            CheckCode.MISSING_PERMISSION,
            403,
            "AccessDenied",
            "explicitly",
            "with an explicit deny in a policy",
        ),
    )
    yield "region off", refusal(CheckCode.WRONG_HOST, 403, f"UnrecognizedClient{ending}", "us-east-1")
    yield "expired", refusal(CheckCode.BAD_CREDENTIALS, 400, f"ExpiredToken{ending}", "expired")
    yield "throttled", refusal(CheckCode.RATE_LIMITED, 400, f"Throttling{ending}")
    yield "too many", refusal(CheckCode.RATE_LIMITED, 429, f"TooManyRequests{ending}")
    yield "down", refusal(CheckCode.PROVIDER_DOWN, 500, "InternalFailure")
    yield "timed out", refusal(CheckCode.PROVIDER_DOWN, 400, f"RequestTimeout{ending}")
    yield "unknown code", refusal(CheckCode.UNEXPECTED_REPLY, 400, "BrandNewProblem")
    yield "proxy", Refusal(signed_in({first: said(403, {"no": "AWS"})}), CheckCode.UNEXPECTED_REPLY)
    yield "other format", Refusal(signed_in({first: said(200, b"<<<")}), CheckCode.UNEXPECTED_REPLY)
    yield (
        "unknown key",
        Refusal(
            by_operation({"GetCallerIdentity": query_error(403, "InvalidClientTokenId")}),
            CheckCode.BAD_CREDENTIALS,
            "access key ID",
        ),
    )
    yield (
        "no identity",
        Refusal(by_operation({"GetCallerIdentity": result("GetCallerIdentity")}), CheckCode.UNEXPECTED_REPLY),
    )


def aws_case(
    provider: str,
    ok: Mapping[str, Answer],
    *,
    style: Style,
    action: str,
    refusals: Mapping[str, Refusal] | None = None,
    without: Iterable[str] = (),
) -> ProviderCase:
    """The case of an AWS provider: of the sample the keys alone, against AWS's own address.

    Args:
        provider: its name.
        ok: the beginning of an operation's name -> its answer; the first is the one that refuses.
        style: the format of that one's errors.
        action: the IAM action that it needs.
        refusals: those of its own.
        without: more of the sample to be left out.
    """
    answer = signed_in(ok)
    return ProviderCase(
        provider,
        # Each request finds its own answer; as many as there are operations are expected.
        ok=[answer] * (len(ok) + 1),
        refusals={**dict(_refusals(next(iter(ok)), style, action)), **(refusals or {})},
        without=frozenset({"roleArn", "externalId", "endpointUrl", "bedrockApiKey", *without}),
        user_host=at_url,
    )


def changed(case: ProviderCase, **values: Any) -> ProviderCase:
    """The case with some credentials of the sample changed; None leaves one out."""
    kept = case.without - {name for name, value in values.items() if value is not None}
    gone = {name for name, value in values.items() if value is None}
    return replace(
        case,
        without=frozenset(kept | gone),
        changes={**case.changes, **{name: v for name, v in values.items() if v is not None}},
    )

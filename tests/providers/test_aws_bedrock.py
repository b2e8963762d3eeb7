"""Amazon Bedrock: models of the region, by access key and by API key."""

from __future__ import annotations

from typing import Any

import pytest

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers import registry
from support.aws import aws_case, changed, json_error, operation, signed_in, signer
from support.gateway import Answer
from support.providers import Refusal, said

LIST = "GET /foundation-models"
MODEL = "example.model-v1:0"
API_KEY = "bedrock-api-key-" + "k" * 24


def models(*ids: str, status: str = "ACTIVE") -> Answer:
    """The list of these models."""
    summaries: list[dict[str, Any]] = [
        {"modelId": each, "modelArn": f"arn:{each}", "modelLifecycle": {"status": status}} for each in ids
    ]
    return said(200, {"modelSummaries": summaries})


CASE = aws_case(
    "aws_bedrock",
    {LIST: models("another.model-v2:0", MODEL)},
    style=json_error,
    action="bedrock:ListFoundationModels",
    refusals={
        "no model": Refusal(signed_in({LIST: models("another.model-v2:0")}), CheckCode.NOT_FOUND, MODEL),
        "parameter": Refusal(
            signed_in({LIST: json_error(400, "ValidationException")}), CheckCode.INVALID_CONFIG
        ),
        "no list": Refusal(signed_in({LIST: said(200, {})}), CheckCode.UNEXPECTED_REPLY),
    },
)
BY_API_KEY = changed(CASE, bedrockApiKey=API_KEY, accessKeyId=None, secretAccessKey=None, sessionToken=None)


@pytest.mark.parametrize(
    ("model", "answer", "warnings"),
    [
        (None, models(), 0),
        (MODEL, models(MODEL, status="LEGACY"), 1),
        (f"us.{MODEL}", models(MODEL), 1),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/x", models(MODEL), 1),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}", models(MODEL), 0),
    ],
)
def test_model(model: str | None, answer: Answer, warnings: int) -> None:
    """A foundation model is looked for in the list; what no list holds is a warning."""
    report = CASE.run(signed_in({LIST: answer}), changes={"modelId": model}).report
    assert CheckCode.OK == report.code, report.message
    assert warnings == len(report.warnings)


def test_text_only() -> None:
    """Without a default model, the shorter list is asked for."""
    checked = CASE.run(signed_in({LIST: models()}), changes={"modelId": None})
    assert "GET /foundation-models?byOutputModality=TEXT" == operation(checked.requests[-1])


def test_keys_before_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API key of the machine does not take the place of the keys that are given."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "the-machine's-own")
    checked = CASE.run(signed_in({LIST: models(MODEL)}))
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert "bedrock" == signer(checked.requests[-1])[2]


def test_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API key is shown as a bearer token, and STS, which does not know it, is not asked."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "the-machine's-own")
    checked = BY_API_KEY.run(models(MODEL))
    assert CheckCode.OK == checked.report.code, checked.report.message
    (sent,) = checked.requests
    assert f"Bearer {API_KEY}" == sent.headers["authorization"]


@pytest.mark.parametrize(
    ("status", "name", "text", "code"),
    [
        (
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
            "bad_credentials",
        ),
        (403, "AccessDeniedException", "Bearer Token has expired", "bad_credentials"),
        (
            403,
            "AccessDeniedException",
            "User is not authorized to perform: bedrock:ListFoundationModels",
            "missing_permission",
        ),
        (403, "UnrecognizedClientException", "x", "bad_credentials"),
        (429, "ThrottlingException", "x", "rate_limited"),
    ],
)
def test_api_key_refused(status: int, name: str, text: str, code: str) -> None:
    """A wrong API key and a missing permission have the same code, and are told apart."""
    assert CheckCode(code) == BY_API_KEY.run(json_error(status, name, text)).report.code


def test_two_kinds_of_keys() -> None:
    """Access key and API key together are refused before anything is sent."""
    checked = changed(CASE, bedrockApiKey=API_KEY).run(models(MODEL))
    assert Outcome.INVALID_CONFIG == checked.report.outcome
    assert [] == checked.requests


def test_api_key_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API key is not sent over http to another machine, whoever says so."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://proxy.example.com")
    report = registry.run(BY_API_KEY.request())
    assert CheckCode.INVALID_CONFIG == report.code
    assert "AWS_ENDPOINT_URL" in report.message

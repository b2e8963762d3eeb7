"""Amazon SNS: topic, SMS, and what AWS says of each."""

from __future__ import annotations

import pytest

from avnz_int.model.enums import CheckCode
from support.aws import aws_case, operation, query_error, result, signed_in
from support.providers import Refusal
from support.samples import SAMPLES

TOPIC = SAMPLES["aws_sns"].settings["topicArn"]
ATTRIBUTES = result(
    "GetTopicAttributes",
    f"<Attributes><entry><key>TopicArn</key><value>{TOPIC}</value></entry></Attributes>",
)
SMS = result("GetSMSAttributes", "<attributes></attributes>")


def sandbox(state: str) -> object:
    """Whether SMS are in the sandbox."""
    return result("GetSMSSandboxAccountStatus", f"<IsInSandbox>{state}</IsInSandbox>")


CASE = aws_case(
    "aws_sns",
    {"GetTopicAttributes": ATTRIBUTES},
    style=query_error,
    action="sns:GetTopicAttributes",
    refusals={
        "no topic": Refusal(
            signed_in({"GetTopicAttributes": query_error(404, "NotFound")}), CheckCode.NOT_FOUND, TOPIC
        ),
        "may not": Refusal(
            signed_in({"GetTopicAttributes": query_error(403, "AuthorizationError")}),
            CheckCode.MISSING_PERMISSION,
            "sns:GetTopicAttributes",
        ),
        "not for this": Refusal(
            signed_in({"GetTopicAttributes": query_error(403, "InvalidSecurity")}), CheckCode.BAD_CREDENTIALS
        ),
        "parameter": Refusal(
            signed_in({"GetTopicAttributes": query_error(400, "InvalidParameter")}), CheckCode.INVALID_CONFIG
        ),
        "no attributes": Refusal(
            signed_in({"GetTopicAttributes": result("GetSomethingElse")}), CheckCode.UNEXPECTED_REPLY
        ),
        "other region": Refusal(
            signed_in({}), CheckCode.INVALID_CONFIG, "topicArn names", changes={"region": "eu-west-1"}
        ),
        "SMS denied": Refusal(
            signed_in({"GetSMSAttributes": query_error(403, "AccessDenied")}),
            CheckCode.MISSING_PERMISSION,
            "sns:GetSMSAttributes",
            changes={"topicArn": None},
        ),
    },
)


@pytest.mark.parametrize(("state", "warnings"), [("true", 1), ("false", 0), ("what", 0)])
def test_sms(state: str, warnings: int) -> None:
    """Without a topic the SMS attributes are asked for, and the sandbox is a warning."""
    answers = {"GetSMSAttributes": SMS, "GetSMSSandboxAccountStatus": sandbox(state)}
    checked = CASE.run(signed_in(answers), changes={"topicArn": None})
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert warnings == len(checked.report.warnings)
    assert ["GetCallerIdentity", *answers] == [operation(sent) for sent in checked.requests]


def test_sandbox_denied() -> None:
    """Credentials that may not see the sandbox are as good as others."""
    answers = {"GetSMSAttributes": SMS, "GetSMSSandboxAccountStatus": query_error(403, "AccessDenied")}
    report = CASE.run(signed_in(answers), changes={"topicArn": None}).report
    assert (CheckCode.OK, ()) == (report.code, report.warnings)

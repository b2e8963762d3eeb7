"""Amazon Cognito: the user pool, and what AWS says of it."""

from __future__ import annotations

from avnz_int.model.enums import CheckCode
from support.aws import aws_case, json_error, signed_in
from support.providers import Refusal, said
from support.samples import SAMPLES

POOL = SAMPLES["cognito"].settings["userPoolId"]

CASE = aws_case(
    "cognito",
    {"DescribeUserPool": said(200, {"UserPool": {"Id": POOL, "Name": "customers"}})},
    style=json_error,
    action="cognito-idp:DescribeUserPool",
    refusals={
        "no pool": Refusal(
            signed_in({"DescribeUserPool": json_error(400, "ResourceNotFoundException")}),
            CheckCode.NOT_FOUND,
            POOL,
        ),
        "may not": Refusal(
            signed_in({"DescribeUserPool": json_error(400, "NotAuthorizedException")}),
            CheckCode.MISSING_PERMISSION,
            "cognito-idp:DescribeUserPool",
        ),
        "parameter": Refusal(
            signed_in({"DescribeUserPool": json_error(400, "InvalidParameterException")}),
            CheckCode.INVALID_CONFIG,
        ),
        "down": Refusal(
            signed_in({"DescribeUserPool": json_error(500, "InternalErrorException")}),
            CheckCode.PROVIDER_DOWN,
        ),
        "another pool": Refusal(
            signed_in({"DescribeUserPool": said(200, {"UserPool": {"Id": "us-east-1_Other"}})}),
            CheckCode.UNEXPECTED_REPLY,
        ),
        "no pool in it": Refusal(signed_in({"DescribeUserPool": said(200, {})}), CheckCode.UNEXPECTED_REPLY),
        "other region": Refusal(
            signed_in({}), CheckCode.INVALID_CONFIG, "userPoolId names", changes={"region": "eu-west-1"}
        ),
    },
)


def test_nothing_sent_elsewhere() -> None:
    """A pool of another region ends the check before Cognito is asked."""
    checked = CASE.run(signed_in({}), changes={"userPoolId": "eu-west-1_Example9"})
    assert CheckCode.INVALID_CONFIG == checked.report.code
    assert 1 == len(checked.requests)

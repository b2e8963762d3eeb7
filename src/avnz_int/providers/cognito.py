"""Amazon Cognito: the description of the user pool.

Source: AWS, Amazon Cognito user pools API reference, DescribeUserPool.
"""

from __future__ import annotations

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Amazon Cognito"


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials may see the user pool."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    pool = aws.settings["userPoolId"]
    region = pool.rpartition("_")[0]
    if region != aws.region and not aws.own_store:
        raise aws.end(
            CheckCode.INVALID_CONFIG,
            f"userPoolId names region {region}, but region is {aws.region}: correct one of them",
        )
    found = aws.call(
        "cognito-idp",
        "describe_user_pool",
        "cognito-idp:DescribeUserPool",
        ("UserPool",),
        missing=f"the credentials are valid, but the account has no user pool {pool} in {aws.region}",
        UserPoolId=pool,
    )
    if found["UserPool"].get("Id") != pool:
        raise aws.end(CheckCode.UNEXPECTED_REPLY, f"{_WHO} described another user pool than {pool}")
    return aws.ok(f"user pool {pool} is there")

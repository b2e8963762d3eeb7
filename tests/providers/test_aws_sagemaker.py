"""Amazon SageMaker AI: the endpoint, its state, and what AWS says of it."""

from __future__ import annotations

import pytest

from avnz_int.model.enums import CheckCode
from support.aws import aws_case, json_error, operation, signed_in
from support.providers import Refusal, said
from support.samples import SAMPLES

NAME = SAMPLES["aws_sagemaker"].settings["endpointName"]

CASE = aws_case(
    "aws_sagemaker",
    {"DescribeEndpoint": said(200, {"EndpointName": NAME, "EndpointStatus": "InService"})},
    style=json_error,
    action="sagemaker:DescribeEndpoint",
    refusals={
        "no endpoint": Refusal(
            signed_in(
                {"DescribeEndpoint": json_error(400, "ValidationException", 'Could not find endpoint "x".')}
            ),
            CheckCode.NOT_FOUND,
            NAME,
        ),
        "parameter": Refusal(
            signed_in({"DescribeEndpoint": json_error(400, "ValidationException", "1 validation error")}),
            CheckCode.INVALID_CONFIG,
        ),
        "no status": Refusal(signed_in({"DescribeEndpoint": said(200, {})}), CheckCode.UNEXPECTED_REPLY),
        "list denied": Refusal(
            signed_in({"ListEndpoints": json_error(400, "AccessDeniedException")}),
            CheckCode.MISSING_PERMISSION,
            "sagemaker:ListEndpoints",
            changes={"endpointName": None},
        ),
    },
)


@pytest.mark.parametrize(
    ("status", "warnings"), [("InService", 0), ("Updating", 0), ("SystemUpdating", 0), ("Failed", 1)]
)
def test_state(status: str, warnings: int) -> None:
    """An endpoint that does not serve is a warning."""
    report = CASE.run(signed_in({"DescribeEndpoint": said(200, {"EndpointStatus": status})})).report
    assert CheckCode.OK == report.code, report.message
    assert warnings == len(report.warnings)


def test_list() -> None:
    """Without an endpoint, that endpoints may be listed is enough."""
    checked = CASE.run(
        signed_in({"ListEndpoints": said(200, {"Endpoints": []})}), changes={"endpointName": None}
    )
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert "ListEndpoints" == operation(checked.requests[-1])

"""Amazon CloudWatch: metrics, the log group, and what AWS says of them."""

from __future__ import annotations

import json

from avnz_int.model.enums import CheckCode
from support.aws import aws_case, json_error, signed_in
from support.providers import Refusal, said
from support.samples import SAMPLES

GROUP = SAMPLES["cloudwatch"].settings["logGroup"]
METRICS = said(200, {"Metrics": []})
GROUPS = said(200, {"logGroups": [{"logGroupName": GROUP}]})

CASE = aws_case(
    "cloudwatch",
    {"ListMetrics": METRICS, "DescribeLogGroups": GROUPS},
    style=json_error,
    action="cloudwatch:ListMetrics",
    refusals={
        "query name": Refusal(
            signed_in(
                {
                    "ListMetrics": json_error(
                        403, "AccessDeniedException", x_amzn_query_error="AccessDenied;Sender"
                    )
                }
            ),
            CheckCode.MISSING_PERMISSION,
        ),
        "parameter": Refusal(
            signed_in({"ListMetrics": json_error(400, "InvalidParameterValue")}), CheckCode.INVALID_CONFIG
        ),
        "fault": Refusal(
            signed_in({"ListMetrics": json_error(500, "InternalServiceFault")}), CheckCode.PROVIDER_DOWN
        ),
        "no metrics": Refusal(signed_in({"ListMetrics": said(200, {})}), CheckCode.UNEXPECTED_REPLY),
        "logs denied": Refusal(
            signed_in(
                {"ListMetrics": METRICS, "DescribeLogGroups": json_error(400, "AccessDeniedException")}
            ),
            CheckCode.MISSING_PERMISSION,
            "logs:DescribeLogGroups",
        ),
        "group of that prefix": Refusal(
            signed_in(
                {
                    "ListMetrics": METRICS,
                    "DescribeLogGroups": said(200, {"logGroups": [{"logGroupName": f"{GROUP}-2"}]}),
                }
            ),
            CheckCode.NOT_FOUND,
            GROUP,
        ),
    },
)


def test_without_group() -> None:
    """Without a log group the logs are not asked for; the namespace is the one of the settings."""
    checked = CASE.run(signed_in({"ListMetrics": METRICS}), changes={"logGroup": None, "namespace": "Shop"})
    assert CheckCode.OK == checked.report.code, checked.report.message
    assert {"Namespace": "Shop", "RecentlyActive": "PT3H"} == json.loads(checked.requests[-1].body)

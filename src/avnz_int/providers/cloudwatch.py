"""Amazon CloudWatch: the list of recent metrics, and the log group where one is set.

Source: AWS, Amazon CloudWatch API reference, ListMetrics; CloudWatch Logs API reference, DescribeLogGroups.
"""

from __future__ import annotations

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Amazon CloudWatch"


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials may list metrics, and see the log group."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    aws.call(
        "cloudwatch",
        "list_metrics",
        "cloudwatch:ListMetrics",
        ("Metrics",),
        Namespace=aws.settings.get("namespace") or "AWS/Usage",
        RecentlyActive="PT3H",
    )
    group = aws.settings.get("logGroup")
    if group is None:
        return aws.ok(f"metrics can be listed in {aws.region}")
    found = aws.call(
        "logs",
        "describe_log_groups",
        "logs:DescribeLogGroups",
        ("logGroups",),
        logGroupNamePrefix=group,
        limit=1,
    )
    # By prefix, in order of name: the group itself comes first, or is not there.
    if not any(each.get("logGroupName") == group for each in found["logGroups"]):
        words = f"the credentials are valid, but there is no log group {group} in {aws.region}"
        raise aws.end(CheckCode.NOT_FOUND, words)
    return aws.ok(f"metrics can be listed in {aws.region}, and log group {group} is there")

"""Amazon SNS: the attributes of the topic, or else those of sending SMS.

Source: AWS, Amazon SNS API reference, GetTopicAttributes, GetSMSAttributes, GetSMSSandboxAccountStatus.
"""

from __future__ import annotations

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Amazon SNS"


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials may see the topic or, without one, how SMS are sent."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    topic = aws.settings.get("topicArn")
    return _sms(aws) if topic is None else _topic(aws, topic)


def _topic(aws: _aws.Aws, topic: str) -> CheckReport:
    region = topic.split(":")[3]
    if region != aws.region:
        raise aws.end(
            CheckCode.INVALID_CONFIG,
            f"topicArn names region {region}, but region is {aws.region}: correct one of them",
        )
    aws.call(
        "sns",
        "get_topic_attributes",
        "sns:GetTopicAttributes",
        ("Attributes",),
        missing=f"the credentials are valid, but there is no topic {topic}",
        TopicArn=topic,
    )
    return aws.ok(f"topic {topic} is there")


def _sms(aws: _aws.Aws) -> CheckReport:
    # Attributes that were never set are left out: an answer without the key is still one, if it parsed.
    aws.call("sns", "get_sms_attributes", "sns:GetSMSAttributes", attributes=["MonthlySpendLimit"])
    state = aws.maybe("sns", "get_sms_sandbox_account_status", ("IsInSandbox",))
    if state is not None and state["IsInSandbox"]:
        aws.warnings.append(
            f"SMS in {aws.region} are in the sandbox: to verified numbers only; leave it in the SNS console"
        )
    return aws.ok(f"SMS can be configured in {aws.region}")

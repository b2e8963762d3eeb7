"""Amazon SageMaker AI: the description of the endpoint, or else the list of endpoints.

Source: AWS, Amazon SageMaker API reference, DescribeEndpoint and ListEndpoints.
"""

from __future__ import annotations

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Amazon SageMaker AI"
_SERVING = frozenset({"InService", "Updating", "SystemUpdating"})


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials may see the endpoint or, without one, list endpoints."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    name = aws.settings.get("endpointName")
    if name is None:
        aws.call("sagemaker", "list_endpoints", "sagemaker:ListEndpoints", ("Endpoints",), MaxResults=1)
        return aws.ok(f"endpoints can be listed in {aws.region}")
    try:
        found = aws.call(
            "sagemaker",
            "describe_endpoint",
            "sagemaker:DescribeEndpoint",
            ("EndpointStatus",),
            EndpointName=name,
        )
    except _aws.RefusedError as error:
        # SageMaker has no code of its own for that.
        if error.refusal.code != "Validation" or not error.refusal.text.startswith("Could not find"):
            raise
        words = f"the credentials are valid, but there is no endpoint {name} in {aws.region}"
        raise aws.end(CheckCode.NOT_FOUND, words) from None
    if found["EndpointStatus"] not in _SERVING:
        aws.warnings.append(f"endpoint {name} does not serve now: see its state in the SageMaker console")
    return aws.ok(f"endpoint {name} is there")

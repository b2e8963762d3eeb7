"""Amazon Bedrock: the list of foundation models of the region, by access key or Bedrock API key.

Listing does not show that a model may be invoked; that would cost money.

Source: AWS, Amazon Bedrock API reference, ListFoundationModels.
"""

from __future__ import annotations

import re
from typing import Any

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Amazon Bedrock"
# A profile names a model behind an area: us.anthropic.…; the others are whole names of resources.
_NOT_LISTED = re.compile(r"arn:.*|(?:us|us-gov|eu|apac|jp|au|ca|global)\..+")
_FOUNDATION = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*::foundation-model/(?P<id>.+)")


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials may list models, and the default model is among them."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    model = aws.settings.get("modelId")
    # One kind is the shorter answer, but a default model may be of any kind.
    kind = {} if model else {"byOutputModality": "TEXT"}
    found = aws.call(
        "bedrock", "list_foundation_models", "bedrock:ListFoundationModels", ("modelSummaries",), **kind
    )
    words = f"models can be listed in {aws.region}; whether they may be invoked is not tested"
    return aws.ok(f"{_model(aws, model, found['modelSummaries'])}{words}" if model else words)


def _model(aws: _aws.Aws, model: str, summaries: list[dict[str, Any]]) -> str:
    whole = _FOUNDATION.fullmatch(model)
    plain = whole["id"] if whole else model
    if whole is None and _NOT_LISTED.fullmatch(model):
        aws.warnings.append(f"whether {model} exists is not tested: the list holds foundation models only")
        return ""
    for summary in summaries:
        if summary.get("modelId") == plain:
            if summary.get("modelLifecycle", {}).get("status") == "LEGACY":
                aws.warnings.append(f"the model {plain} is at the end of its life: choose a newer one")
            return f"the model {plain} is there, "
    raise aws.end(
        CheckCode.NOT_FOUND,
        f"the credentials are valid, but {_WHO} has no model {plain} in {aws.region}: correct one of them",
    )

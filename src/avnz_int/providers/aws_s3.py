"""Amazon S3, and stores that speak its protocol: whether the bucket is there and may be listed.

HEAD has no body, so its refusals are numbers only: what they mean is told by the first page of an empty
listing, which needs the same permission. A bucket in another region is not followed there.

Source: AWS, Amazon S3 API reference, HeadBucket, ListObjectsV2, error responses.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Amazon S3"
_NEEDS = "s3:ListBucket"
_REGION = re.compile(r"[a-z]{2,5}(?:-[a-z]{1,16})*-[0-9]{1,2}|EU")
_UNCLEAR = frozenset({400, 401, 403, 404, 405, 501})


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials may list the bucket; writing cannot be tested without a change."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    bucket = aws.settings["bucket"]
    arguments = {"Bucket": bucket}
    if owner := aws.settings.get("expectedBucketOwner"):
        arguments["ExpectedBucketOwner"] = owner
    try:
        aws.call("s3", "head_bucket", _NEEDS, **arguments)
        sure = _aws.from_aws(aws.last.headers)
    except _aws.ElsewhereError as moved:
        raise _elsewhere(aws, moved) from None
    except _aws.RefusedError as error:
        if error.refusal.status not in _UNCLEAR:
            raise
        if _region(aws) not in {"", aws.region}:
            raise _elsewhere(aws, error) from None
        sure = False
    if not sure:
        _listing(aws, arguments)
    if _region(aws) not in {"", aws.region}:
        aws.warnings.append(f"bucket {bucket} is in region {_region(aws)}: set that one, to save a detour")
    return aws.ok(f"bucket {bucket} may be listed; writing is not tested")


def _listing(aws: _aws.Aws, arguments: dict[str, Any]) -> None:
    try:
        aws.call(
            "s3",
            "list_objects_v2",
            _NEEDS,
            ("Name",),
            missing=f"the credentials are valid, but there is no bucket {arguments['Bucket']}",
            **arguments,
            MaxKeys=0,
        )
    except _aws.ElsewhereError as moved:
        raise _elsewhere(aws, moved) from None
    except _aws.RefusedError as error:
        if error.report.code is CheckCode.MISSING_PERMISSION:
            words = f"{error.report.message}; or the bucket belongs to another account"
            raise _aws.CheckEndedError(replace(error.report, message=words)) from None
        raise


def _region(aws: _aws.Aws) -> str:
    """The bucket's region, as the latest answer tells it."""
    told = aws.last.headers.get("x-amz-bucket-region", "")
    return told if _REGION.fullmatch(told) else ""


def _elsewhere(aws: _aws.Aws, end: _aws.CheckEndedError) -> _aws.CheckEndedError:
    """What to raise for an answer that points to another region, if S3 itself gave it."""
    if not _aws.from_aws(aws.last.headers):
        return end
    where = _region(aws)
    found = (
        f"is in region {where}, not in {aws.region}" if where else f"is in another region than {aws.region}"
    )
    return aws.end(
        CheckCode.WRONG_HOST,
        f"bucket {aws.settings['bucket']} {found}: set the bucket's own region",
    )

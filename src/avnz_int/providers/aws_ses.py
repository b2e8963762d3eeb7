"""Amazon SES: the account's sending state in the region, and whether the sender is verified there.

Source: AWS, Amazon SES API v2 reference, GetAccount and GetEmailIdentity; v1, GetSendQuota.
"""

from __future__ import annotations

from collections.abc import Iterator

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _aws
from avnz_int.providers.contract import CheckReport, CheckRequest

_WHO = "Amazon SES"
_MOST_PARENTS = 3


def check(request: CheckRequest) -> CheckReport:
    """Whether the credentials reach SES in the region, and the sender may be used there."""
    return _aws.check(request, _WHO, _probe)


def _probe(aws: _aws.Aws) -> CheckReport:
    try:
        account = aws.call("sesv2", "get_account", "ses:GetAccount", ("SendQuota",))
    except _aws.RefusedError as error:
        if error.refusal.code not in _aws.DENIED:
            raise
        # Older policies allow the older question only; if not even that, the first answer stands.
        if aws.maybe("ses", "get_send_quota", ("Max24HourSend",)) is None:
            raise
        aws.warnings.append("the permission ses:GetAccount is missing: sandbox and state are unknown")
    else:
        if not account.get("ProductionAccessEnabled", False):
            aws.warnings.append(
                f"SES in {aws.region} is in the sandbox: 200 messages a day, to verified recipients only; "
                "request production access in the SES console"
            )
        if not account.get("SendingEnabled", True):
            aws.warnings.append(f"sending is switched off for the account in {aws.region}")
        if account.get("EnforcementStatus", "HEALTHY") != "HEALTHY":
            aws.warnings.append(
                "the account is under review or on probation: see the SES console, Reputation"
            )
    return aws.ok(_sender(aws, aws.settings["fromEmail"]))


def _sender(aws: _aws.Aws, address: str) -> str:
    """What is known of the sender, in words; a verified domain covers its addresses and subdomains."""
    for identity in _identities(address):
        try:
            found = aws.call(
                "sesv2",
                "get_email_identity",
                "ses:GetEmailIdentity",
                ("VerifiedForSendingStatus",),
                missing="not found",
                EmailIdentity=identity,
            )
        except _aws.RefusedError as error:
            if error.report.code is CheckCode.NOT_FOUND:
                continue
            if error.report.code is not CheckCode.MISSING_PERMISSION:
                raise
            aws.warnings.append(
                f"the permission ses:GetEmailIdentity is missing: whether {address} is verified is unknown"
            )
            return "SES answered"
        if not found["VerifiedForSendingStatus"]:
            aws.warnings.append(f"{identity} is not verified yet in {aws.region}: SES sends nothing for it")
        return f"{identity} is an identity of SES in {aws.region}"
    raise aws.end(
        CheckCode.NOT_FOUND,
        f"the credentials are valid, but neither {address} nor its domain is an identity of SES in "
        f"{aws.region}: verify it there, or set another region",
    )


def _identities(address: str) -> Iterator[str]:
    yield address
    labels = address.rpartition("@")[2].split(".")
    for cut in range(min(_MOST_PARENTS, len(labels) - 1)):
        yield ".".join(labels[cut:])

"""AWS's error codes, and what each says about credentials; standard library only.

A code comes in two spellings (`AccessDenied` in XML, `AccessDeniedException` in JSON) and is kept here
without the ending. Codes of one service only are read by its own module.

Source: AWS, "Common Error Types" of each service's API reference, and the service models of botocore.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from avnz_int.model.enums import CheckCode
from avnz_int.providers._replies import TRY_AGAIN, CheckEndedError, Verdict, outcome_of
from avnz_int.providers.contract import CheckReport

# Words run together; a secret that an answer repeats in this place has digits or signs in it.
_CODE = re.compile(r"(?:[A-Z]{1,4}[a-z]+){1,8}|EC2ThrottledException")
_SKEW_TEXT = re.compile(r"Signature (?:expired|not yet current)", re.IGNORECASE)
_WRONG_KEY_TEXT = re.compile(r"authentication failed|api key|bearer token", re.IGNORECASE)
# AWS takes a signature for five minutes before and after its own time.
_MOST_SKEW_S = 300

_UNKNOWN_KEY = (
    "does not know the access key ID: it was deleted or switched off, belongs to another partition of AWS, "
    "or is a temporary one (ASIA…) without its session token"
)
_WRONG_PAIR = (
    "says that the secret access key does not belong to the access key ID: copy both again, or make a new "
    "pair"
)
_EXPIRED = "says that the session token has expired: get new temporary credentials"
_INVALID = "calls a part of the request invalid: check the settings of this integration"
_SLOW_DOWN = "takes no more requests now"
_DOWN = "cannot answer now"

UNKNOWN_KEYS = frozenset({"InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId", "AuthFailure"})
"""The key is unknown where it was asked for; elsewhere it may be known."""

WRONG_SECRETS = frozenset({"SignatureDoesNotMatch", "InvalidSignature"})
"""The signature does not fit; so says AWS for some seconds after another secret was tried with the key."""

DENIED = frozenset({"AccessDenied", "AuthorizationError", "NotAuthorized", "UnauthorizedOperation"})
"""Whoever asked is known and may not."""

NOT_FOUND = frozenset({"ResourceNotFound", "NotFound", "NoSuchBucket"})

_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})


def _all(codes: Iterable[str], code: CheckCode, words: str) -> dict[str, Verdict]:
    return dict.fromkeys(codes, (code, words))


_TABLE: Mapping[str, Verdict] = {
    **_all(UNKNOWN_KEYS, CheckCode.BAD_CREDENTIALS, _UNKNOWN_KEY),
    **_all(WRONG_SECRETS, CheckCode.BAD_CREDENTIALS, _WRONG_PAIR),
    **_all(("ExpiredToken", "TokenRefreshRequired"), CheckCode.BAD_CREDENTIALS, _EXPIRED),
    "InvalidToken": (
        CheckCode.BAD_CREDENTIALS,
        "says that the session token is not valid: give all three parts of the same temporary credentials",
    ),
    **_all(
        ("IncompleteSignature", "MissingAuthenticationToken"),
        CheckCode.BAD_CREDENTIALS,
        "cannot read the signature: the access key ID or the session token holds characters that none has",
    ),
    "InvalidSecurity": (CheckCode.BAD_CREDENTIALS, "refuses the credentials for this service"),
    **_all(
        ("OptInRequired", "SubscriptionRequired", "NotSignedUp", "AccountProblem", "AllAccessDisabled"),
        CheckCode.MISSING_PERMISSION,
        "says that the account may not use this service: look at the account's state in the AWS console",
    ),
    "RegionDisabled": (
        CheckCode.WRONG_HOST,
        "is switched off in region {region} for this account: enable the region, or set another one",
    ),
    **_all(
        (
            *("Throttling", "Throttled", "RequestThrottled", "TooManyRequests", "RequestLimitExceeded"),
            *("BandwidthLimitExceeded", "LimitExceeded", "ProvisionedThroughputExceeded", "SlowDown"),
            *("PriorRequestNotComplete", "EC2Throttled", "TransactionInProgress"),
        ),
        CheckCode.RATE_LIMITED,
        _SLOW_DOWN,
    ),
    **_all(
        (
            *("RequestTimeout", "ServiceUnavailable", "InternalFailure", "InternalError", "InternalServer"),
            *("InternalServerError", "InternalServiceFault", "InternalServiceError", "ServiceFailure"),
        ),
        CheckCode.PROVIDER_DOWN,
        _DOWN,
    ),
    **_all(
        (
            *("Validation", "ValidationError", "InvalidParameter", "InvalidParameterValue", "BadRequest"),
            *("InvalidParameterCombination", "InvalidRequest", "InvalidArgument", "InvalidBucketName"),
        ),
        CheckCode.INVALID_CONFIG,
        _INVALID,
    ),
    **_all(
        (
            "PermanentRedirect",
            "TemporaryRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraint",
        ),
        CheckCode.WRONG_HOST,
        "says that what the settings name is in another region than {region}: set its own region",
    ),
    **_all(NOT_FOUND, CheckCode.NOT_FOUND, "does not know what the settings name"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for the words of a report.

    Attributes:
        who: the service's name.
        needs: the IAM action, such as `ses:GetAccount`.
        region: where.
        missing: what `not_found` means here, as a sentence.
        known: whether AWS has accepted the credentials before.
        by_api_key: whether an API key, not an access key, was shown.
    """

    who: str
    needs: str
    region: str
    missing: str = ""
    known: bool = False
    by_api_key: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error.

    Attributes:
        code: AWS's code without the ending `Exception`, empty if it gave none.
        text: AWS's words, for comparing only.
        headers: lower-case name -> value.
    """

    code: str
    status: int
    text: str
    headers: Mapping[str, str]
    latency_ms: int | None

    @classmethod
    def of(
        cls, code: str, status: int, text: str, headers: Mapping[str, str], latency_ms: int | None
    ) -> Refusal:
        """The refusal, its code taken over only where it looks like one."""
        named = code.removesuffix("Exception") if _CODE.fullmatch(code) else ""
        return cls(named, status, text, headers, latency_ms)

    @property
    def said(self) -> str:
        """The provider's code for support."""
        return self.code or f"HTTP {self.status}"

    def skew_s(self) -> int | None:
        """Seconds that this machine's clock is ahead of AWS's; None if AWS did not tell its time."""
        try:
            theirs = parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError):
            return None
        return round((datetime.now(UTC) - theirs.replace(tzinfo=theirs.tzinfo or UTC)).total_seconds())

    def skewed(self) -> bool:
        """Whether it is this machine's clock that AWS finds fault with."""
        if self.code in _SKEWED:
            return True
        if self.code not in WRONG_SECRETS:
            return False
        return bool(_SKEW_TEXT.search(self.text)) or abs(self.skew_s() or 0) > _MOST_SKEW_S

    def spurious(self) -> bool:
        """Whether the same request may succeed some seconds later."""
        return self.code in WRONG_SECRETS and not self.skewed()


class RefusedError(CheckEndedError):
    """A check ends because AWS refused; its `refusal` lets a module read more into it."""

    def __init__(self, report: CheckReport, refusal: Refusal) -> None:
        super().__init__(report)
        self.refusal = refusal


def refused(refusal: Refusal, asked: Asked) -> RefusedError:
    """What to raise for a refusal."""
    code, words = _verdict(refusal, asked)
    report = CheckReport(outcome_of(code), code, words, refusal.latency_ms, refusal.said)
    return RefusedError(report, refusal)


def _verdict(refusal: Refusal, asked: Asked) -> Verdict:
    who, said = asked.who, refusal.said
    if refusal.skewed():
        return CheckCode.UNEXPECTED_REPLY, _skew_words(refusal.skew_s())
    if refusal.code in DENIED:
        return _denied(refusal, asked)
    if asked.known and refusal.code in UNKNOWN_KEYS:
        return CheckCode.WRONG_HOST, not_enabled(who, asked.region)
    if asked.known and refusal.code in WRONG_SECRETS:
        words = (
            f"AWS accepted the credentials, then {who} did not accept the signature ({said}): does a proxy "
            "in between change requests?"
        )
        return CheckCode.UNEXPECTED_REPLY, words
    if refusal.code in NOT_FOUND and asked.missing:
        return CheckCode.NOT_FOUND, asked.missing
    found = _TABLE.get(refusal.code)
    if found is None:
        return _by_status(refusal, asked)
    code, words = found
    sentence = f"{who} {words.format(region=asked.region)} ({said})"
    if code is CheckCode.RATE_LIMITED:
        sentence += f": try again {_after(refusal.headers)}"
    elif code is CheckCode.PROVIDER_DOWN:
        sentence += f": {TRY_AGAIN}"
    return code, sentence


def _by_status(refusal: Refusal, asked: Asked) -> Verdict:
    who, status, said = asked.who, refusal.status, refusal.said
    if status == 429:
        return CheckCode.RATE_LIMITED, f"{who} {_SLOW_DOWN}: try again {_after(refusal.headers)}"
    if status >= 500:
        return CheckCode.PROVIDER_DOWN, f"{who} {_DOWN} ({said}): {TRY_AGAIN}"
    # Without a code, only the id that AWS gives each request shows that this came from there.
    if status == 403 and asked.known and from_aws(refusal.headers):
        return _denied(refusal, asked)
    words = (
        f"{who} answered {said} in a way that is not understood: this says nothing about the credentials; "
        "is a proxy in between?"
    )
    return CheckCode.UNEXPECTED_REPLY, words


def _denied(refusal: Refusal, asked: Asked) -> Verdict:
    if asked.by_api_key and _WRONG_KEY_TEXT.search(refusal.text):
        words = (
            f"{asked.who} refused the API key ({refusal.said}): it has expired, was deleted, or was made in "
            f"another region than {asked.region}"
        )
        return CheckCode.BAD_CREDENTIALS, words
    if "explicit deny" in refusal.text:
        how = "a policy denies it explicitly (of the identity, the resource or the organization)"
    else:
        how = "allow it in the IAM policy"
    return (
        CheckCode.MISSING_PERMISSION,
        f"the credentials are valid, but the permission {asked.needs} is missing ({refusal.said}): {how}",
    )


def from_aws(headers: Mapping[str, str]) -> bool:
    """Whether an answer bears the id that AWS, and what speaks its protocol, gives each request."""
    return not {"x-amzn-requestid", "x-amz-request-id", "x-amz-bucket-region"}.isdisjoint(headers)


def not_enabled(who: str, region: str) -> str:
    """The sentence about credentials that AWS knows, only not here."""
    return (
        f"AWS knows the credentials, but {who} in region {region} does not: enable the region for the "
        "account, or set another region"
    )


def _after(headers: Mapping[str, str]) -> str:
    wait = headers.get("retry-after", "")
    return f"in {wait} s" if wait.isascii() and wait.isdigit() and len(wait) < 6 else "later"


def _skew_words(skew_s: int | None) -> str:
    if skew_s is None or abs(skew_s) <= _MOST_SKEW_S:
        off = "does not fit AWS's"
    else:
        off = f"is {abs(skew_s) // 60} minutes {'ahead of' if skew_s > 0 else 'behind'} AWS's"
    return f"this machine's clock {off}, so AWS reads no signature of it: set the clock, then test again"

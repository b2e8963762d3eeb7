"""What AWS checks share: every AWS provider module gives its questions to `check`.

First STS says whose credentials they are, which needs no permission: whatever the service refuses after that
is a matter of permission, region or settings. Nothing of the machine's own configuration is read where
credentials are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from avnz_int.model.enums import CheckCode
from avnz_int.model.secret import redact
from avnz_int.providers._aws_calls import Call, Calls
from avnz_int.providers._aws_errors import DENIED, UNKNOWN_KEYS, Asked, RefusedError, from_aws, not_enabled
from avnz_int.providers._aws_http import ElsewhereError, Exchange, UnknownHostError
from avnz_int.providers._aws_keys import Keys, ambient, given, home_region, host_of, session_for
from avnz_int.providers._replies import CheckEndedError
from avnz_int.providers.contract import CheckReport, CheckRequest

__all__ = ["DENIED", "Aws", "CheckEndedError", "ElsewhereError", "RefusedError", "check", "from_aws"]

_ACCOUNT = re.compile(r"\d{12}")
_ARN = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[\x21-\x7e]{1,1024}")
_SECRETS = ("secretAccessKey", "sessionToken", "bedrockApiKey")
_MOST_SHOWN = 160
_AWS_HOST = re.compile(r"(?:.+\.)?(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws)", re.IGNORECASE)


def check(request: CheckRequest, who: str, probe: Callable[[Aws], CheckReport]) -> CheckReport:
    """What `probe` finds once AWS has said whose the credentials are.

    Args:
        request: the check.
        who: the service's name in messages.
        probe: asks the service, through the `Aws` it is given.
    """
    try:
        aws = Aws(request, who)
        aws.sign_in()
        return probe(aws)
    except CheckEndedError as end:
        return end.report


class Aws:
    """One check's way to AWS.

    Attributes:
        settings: those of the integration.
        who: the service's name in messages.
        region: its region.
        own_store: whether the settings name a host that is not AWS's.
        by_api_key: whether an API key is given, so that nobody can say whose it is.
        warnings: what the report will warn of.
    """

    def __init__(self, request: CheckRequest, who: str) -> None:
        """Look at what is given; nothing is sent.

        Raises:
            CheckEndedError: credentials that may not be used this way.
        """
        self.settings = request.settings
        self.who = who
        self.region = str(request.settings["region"])
        named = str(request.settings.get("endpointUrl") or "")
        self._named_host = host_of(named)
        self.own_store = bool(named) and not _AWS_HOST.fullmatch(self._named_host)
        self._given = given(request)
        session = session_for(self._given.keys)
        self._calls = Calls(request, who, session, self._given.keys)
        self.warnings = self._calls.warnings
        self.by_api_key = self._given.keys.api_key != ""
        self._whose = ""
        self._secrets = {"all": [request.credentials.reveal().get(name) for name in _SECRETS]}
        if self._given.keys == Keys():
            if self.own_store:
                raise self.end(
                    CheckCode.INVALID_CONFIG,
                    "endpointUrl is no address of AWS, so the credentials of this machine are not sent "
                    "there: give accessKeyId and secretAccessKey",
                )
            self._calls.keys = ambient(session)

    def sign_in(self) -> None:
        """Assume the role if there is one, and ask STS who that is.

        Raises:
            CheckEndedError: AWS does not accept the credentials, or cannot be asked.
        """
        if self.by_api_key:
            return
        if self._given.role:
            self._assume()
        elif self.own_store:
            # Those keys are none of AWS's.
            return
        found = self._sts("get_caller_identity", "sts:GetCallerIdentity", ("Account", "Arn"))
        arn = str(found["Arn"])
        if not _ACCOUNT.fullmatch(str(found["Account"])) or not _ARN.fullmatch(arn):
            raise self.end(CheckCode.UNEXPECTED_REPLY, "AWS STS did not say whose the credentials are")
        self._whose = f"account {found['Account']}"
        # An answer may repeat the request: no secret gets out through a name, nor a name that fills a screen.
        if len(arn) <= _MOST_SHOWN and redact(arn, self._secrets) == arn:
            self._whose = f"{arn} ({self._whose})"
        self._calls.known = True
        if arn.endswith(":root"):
            self.warnings.append(
                "these are keys of the account's root user, who may do anything: make an IAM user or role "
                "that may do what is needed, then delete them"
            )

    def call(
        self,
        service: str,
        method: str,
        needs: str,
        keys: tuple[str, ...] = (),
        *,
        missing: str = "",
        **arguments: Any,
    ) -> dict[str, Any]:
        """The answer of one operation, with `keys` in it.

        Args:
            service: botocore's name of the service.
            method: of its client.
            needs: the IAM action, for messages.
            keys: what every true answer holds.
            missing: what it means that AWS does not find it, as a sentence.
            arguments: of the operation, by AWS's names.

        Raises:
            RefusedError: AWS answered with an error.
            CheckEndedError: there is no answer that can be used.
        """
        asked = Asked(self.who, needs, self.region, missing=missing, by_api_key=self.by_api_key)
        return self._calls.ask(Call(service, method, asked, keys, arguments))

    def maybe(
        self, service: str, method: str, keys: tuple[str, ...] = (), **arguments: Any
    ) -> dict[str, Any] | None:
        """As `call`, but None in place of any error: for what is only nice to know."""
        last = self._calls.last
        try:
            return self._calls.once(Call(service, method, Asked(self.who, "", self.region), keys, arguments))
        except CheckEndedError:
            return None
        finally:
            self._calls.last = last

    @property
    def last(self) -> Exchange:
        """The latest answer beside its body; of status 0 where there was none."""
        return self._calls.last

    def ok(self, words: str) -> CheckReport:
        """The report that the credentials work: whose they are, then `words` on what was found."""
        if self._whose:
            whose = f"AWS accepted the credentials of {self._whose}"
        elif self.by_api_key:
            whose = f"{self.who} accepted the API key"
        else:
            whose = f"{self._named_host} accepted the credentials"
        return self._calls.report(CheckCode.OK, f"{whose}; {words}")

    def end(self, code: CheckCode, words: str) -> CheckEndedError:
        """What to raise where an answer, or a setting, ends the check."""
        return self._calls.end(code, words)

    def _assume(self) -> None:
        arguments: dict[str, Any] = {
            "RoleArn": self._given.role,
            "RoleSessionName": self.settings.get("roleSessionName") or "avnz-integrations",
            "DurationSeconds": self.settings.get("durationSeconds") or 900,
        }
        if self._given.external_id:
            arguments["ExternalId"] = self._given.external_id
        try:
            found = self._sts("assume_role", "sts:AssumeRole", ("Credentials",), arguments)
        except RefusedError as error:
            if error.refusal.code not in DENIED:
                raise
            words = (
                "the credentials are valid, but AWS does not let them assume the role: they need "
                "sts:AssumeRole on it, and its trust policy has to name them and the external ID"
            )
            report = self._calls.report(CheckCode.MISSING_PERMISSION, words)
            raise CheckEndedError(replace(report, provider_code=error.refusal.said)) from None
        parts = found["Credentials"] if isinstance(found["Credentials"], dict) else {}
        keys = Keys(
            *(str(parts.get(part, "")) for part in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        )
        if not (keys.access_key and keys.secret_key and keys.session_token):
            raise self.end(CheckCode.UNEXPECTED_REPLY, "AWS STS gave no credentials for the role")
        self._calls.keys = keys

    def _sts(
        self, method: str, needs: str, keys: tuple[str, ...], arguments: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The answer of STS in the region; what it does not know, another one may."""
        call = Call("sts", method, Asked("AWS", needs, self.region), keys, arguments or {})
        try:
            return self._calls.ask(call)
        except CheckEndedError as first:
            home = home_region(self.region)
            unknown = isinstance(first, RefusedError) and first.refusal.code in UNKNOWN_KEYS
            if home == self.region or not (unknown or isinstance(first, UnknownHostError)):
                raise
            try:
                self._calls.once(replace(call, asked=replace(call.asked, region=home)))
            except CheckEndedError:
                raise first from None
        raise self.end(CheckCode.WRONG_HOST, not_enabled(self.who, self.region))

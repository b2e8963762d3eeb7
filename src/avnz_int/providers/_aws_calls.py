"""One operation of AWS at a time: through botocore's client, over our wire, its errors read."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from avnz_int.model.enums import CheckCode
from avnz_int.providers import _hosts
from avnz_int.providers._aws_errors import Asked, Refusal, RefusedError, refused
from avnz_int.providers._aws_http import Exchange, UnknownHostError, Wire
from avnz_int.providers._aws_keys import Keys, configured_url, host_of, offered
from avnz_int.providers._replies import TRY_AGAIN, CheckEndedError, outcome_of
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.providers.endpoints import check_endpoint

# At DEBUG botocore logs headers and bodies, at INFO where it found credentials.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

SPURIOUS_S = 5.0
"""How long AWS may go on refusing a good secret after another one was tried with the same key."""

# As with HTTP: the registry ends a check at its whole deadline; ending before lets the report name the host.
_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Call:
    """One operation.

    Attributes:
        service: botocore's name of the service.
        method: of its client.
        asked: for the words of a refusal; its region is where the request goes.
        keys: what every true answer holds.
        arguments: by AWS's names.
    """

    service: str
    method: str
    asked: Asked
    keys: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Calls:
    """Sends the calls of one check; they share its deadline.

    Attributes:
        keys: who asks; others once a role is assumed.
        known: whether AWS has accepted them.
        last: the latest answer, with the status 0 where there was none.
        warnings: what the report will warn of.
    """

    def __init__(self, request: CheckRequest, who: str, session: Session, keys: Keys) -> None:
        self.keys = keys
        self.known = False
        self.last = Exchange(0, {}, None)
        self.warnings: list[str] = []
        self._request = request
        self._who = who
        self._session = session
        self._deadline = time.monotonic() + request.timeout_s * _SHARE

    def report(self, code: CheckCode, words: str) -> CheckReport:
        """A report about the latest answer."""
        said = f"HTTP {self.last.status}" if self.last.status else None
        return CheckReport(outcome_of(code), code, words, self.last.latency_ms, said, tuple(self.warnings))

    def end(self, code: CheckCode, words: str) -> CheckEndedError:
        """What to raise with such a report."""
        return CheckEndedError(self.report(code, words))

    def ask(self, call: Call) -> dict[str, Any]:
        """As `once`; a refusal that may be an echo of another secret is asked again, where time allows."""
        try:
            return self.once(call)
        except RefusedError as error:
            pause = min(SPURIOUS_S, self._request.timeout_s / 3)
            if not error.refusal.spurious() or time.monotonic() + 2 * pause > self._deadline:
                raise
        time.sleep(pause)
        return self.once(call)

    def once(self, call: Call) -> dict[str, Any]:
        """The answer of an operation.

        Raises:
            RefusedError: AWS answered with an error.
            CheckEndedError: there is no answer that can be used.
        """
        url, user_named = self._address(call.service)
        wire = Wire(
            "AWS STS" if call.service == "sts" else self._who,
            self._deadline,
            self._request.timeout_s,
            allow=self._request.allow_hosts if user_named else None,
            proxies=url is None,
            bundle=self._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE"),
            api_key=self.keys.api_key,
        )
        try:
            client = self._client(call, url)
            client.meta.events.register("before-send", wire.send)
            answer: dict[str, Any] = getattr(client, call.method)(**call.arguments)
        except ClientError as exc:
            raise refused(_refusal(exc, wire.last), replace(call.asked, known=self.known)) from None
        except UnknownHostError:
            where = call.asked.region
            if url is None and self.known and not offered(self._session, call.service, where):
                words = f"AWS does not offer {self._who} in region {where}: set another region"
                raise self.end(CheckCode.WRONG_HOST, words) from None
            raise
        except CheckEndedError:
            raise
        except Exception as exc:
            # What reads an answer that is not AWS's fails in many ways; before one is here, it is our defect.
            if wire.last is None and not isinstance(exc, BotoCoreError):
                raise
            raise self._unread(wire, exc) from None
        finally:
            self.last = wire.last or Exchange(0, {}, None)
        if any(name not in answer for name in call.keys):
            raise self._unread(wire, None)
        return answer

    def _unread(self, wire: Wire, exc: Exception | None) -> CheckEndedError:
        """The end of a check that got no answer of AWS's form, or could not even ask."""
        last = wire.last
        if last is None:
            why = "" if exc is None else f" ({type(exc).__name__})"
            return self.end(
                CheckCode.INVALID_CONFIG,
                f"no request to {wire.who} can be made of these settings{why}: check them; nothing was sent",
            )
        self.last = last
        if last.status == 429:
            return self.end(CheckCode.RATE_LIMITED, f"{wire.who} takes no more requests now: {TRY_AGAIN}")
        if last.status >= 500:
            return self.end(
                CheckCode.PROVIDER_DOWN, f"{wire.who} is out of order (HTTP {last.status}): {TRY_AGAIN}"
            )
        return self.end(
            CheckCode.UNEXPECTED_REPLY,
            f"{wire.who} answered HTTP {last.status} with something not of AWS: is a proxy in between?",
        )

    def _address(self, service: str) -> tuple[str | None, bool]:
        """The URL in place of AWS's own, and whether a user named it; the operator's word comes first."""
        if self._request.endpoint is not None:
            return check_endpoint(self._request.endpoint), False
        url = configured_url(self._session, service, plain_http=not self.keys.api_key)
        if url is not None:
            host = host_of(url)
            warning = f"AWS_ENDPOINT_URL is set: {self._who} is tested at {host}, not at AWS"
            if warning not in self.warnings:
                self.warnings.append(warning)
            return url, False
        named = self._request.settings.get("endpointUrl")
        if service == "sts" or not named:
            # Always AWS's own: whoever runs a store of another kind is no judge of AWS's keys.
            return None, False
        try:
            _hosts.check_url(str(named), self._request.allow_hosts)
        except _hosts.RefusedHostError as error:
            refusal = _hosts.refused_report(error, who=self._who, host=host_of(str(named)))
            raise CheckEndedError(refusal) from None
        return str(named), True

    def _client(self, call: Call, url: str | None) -> Any:
        settings = self._request.settings
        by_path = settings.get("forcePathStyle") or (url is not None and not settings.get("endpointUrl"))
        # Said aloud, as else a bearer token of the environment would take the place of the keys.
        signature: Any = "v4" if call.service == "bedrock" else None
        return self._session.create_client(
            call.service,
            region_name=call.asked.region,
            endpoint_url=url,
            aws_access_key_id=self.keys.access_key or None,
            aws_secret_access_key=self.keys.secret_key or None,
            aws_session_token=self.keys.session_token or None,
            config=Config(
                retries={"total_max_attempts": 1, "mode": "standard"},
                signature_version=UNSIGNED if self.keys.api_key else signature,
                s3={"addressing_style": "path"} if by_path else None,
            ),
        )


def _refusal(exc: ClientError, last: Exchange | None) -> Refusal:
    answer = last or Exchange(0, {}, None)
    error = exc.response.get("Error", {})
    code, text = str(error.get("Code", "")), str(error.get("Message", ""))
    if not code or code.isdigit():
        # Some services name it in a header only, behind an address of theirs or before it.
        named = answer.headers.get("x-amzn-errortype", "").partition(":")[0].rpartition("#")[2]
        code = named or code
    return Refusal.of(code, answer.status, text, answer.headers, answer.latency_ms)

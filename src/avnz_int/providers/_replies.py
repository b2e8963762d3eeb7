"""What came back from a provider, and the reports made of it; provider modules use these through `_http`."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers.contract import CheckReport, CheckRequest

Verdict = tuple[CheckCode, str]
"""A code and the sentence for a person; the outcome follows from the code."""

AsyncCheck = Callable[[CheckRequest], Coroutine[Any, Any, CheckReport]]

TRY_AGAIN = "try again later"
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_REJECTED = frozenset(
    {CheckCode.BAD_CREDENTIALS, CheckCode.MISSING_PERMISSION, CheckCode.WRONG_HOST, CheckCode.NOT_FOUND}
)
_WORDLESS: Mapping[CheckCode, Outcome] = {
    CheckCode.OK: Outcome.OK,
    CheckCode.UNSUPPORTED: Outcome.UNSUPPORTED,
    CheckCode.INVALID_CONFIG: Outcome.INVALID_CONFIG,
}


class CheckEndedError(Exception):
    """A check is over before its last line; `reports` turns this into its `report`."""

    def __init__(self, report: CheckReport) -> None:
        super().__init__(report.message)
        self.report = report


def reports(check: AsyncCheck) -> AsyncCheck:
    """The check that `check` describes: what ended it early is its report."""

    @functools.wraps(check)
    async def whole(request: CheckRequest) -> CheckReport:
        try:
            return await check(request)
        except CheckEndedError as ended:
            return ended.report

    return whole


def outcome_of(code: CheckCode) -> Outcome:
    """The outcome that a code belongs to."""
    return Outcome.REJECTED if code in _REJECTED else _WORDLESS.get(code, Outcome.UNREACHABLE)


def ended(code: CheckCode, words: str) -> CheckEndedError:
    """What to raise where a check can say so without an answer of the provider."""
    return CheckEndedError(CheckReport(outcome_of(code), code, words))


def token(request: CheckRequest, name: str) -> str:
    """The credential `name`, fit to stand in a header; empty if there is none.

    Raises:
        CheckEndedError: it holds spaces, line ends or characters beyond ASCII.
    """
    value = request.credentials.reveal().get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        raise ended(
            CheckCode.INVALID_CONFIG,
            f"{name} holds spaces or characters that no HTTP header can carry: copy it again; "
            "nothing was sent",
        )
    return value


def bearer(value: str) -> dict[str, str]:
    """The header that presents a token."""
    return {"Authorization": f"Bearer {value}"}


def basic(user: str, password: str) -> dict[str, str]:
    """The header that presents a user name and a password, in UTF-8."""
    # A lone surrogate, which JSON can spell, has no UTF-8: no provider can know it either.
    pair = f"{user}:{password}".encode(errors="replace")
    return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        headers: lower-case name -> value.
        body: decoded (gzip, deflate), at most the limit asked for.
        latency_ms: from before the connection to the last byte.
        who: the provider's name in messages.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: int
    who: str = "the provider"

    def readable(self) -> Reply:
        """Itself, if it is one that has to be read.

        Raises:
            CheckEndedError: `status_report` says all about it.
        """
        if (report := status_report(self, who=self.who)) is not None:
            raise CheckEndedError(report)
        return self

    def json(self) -> Any:
        """The JSON value that the body holds, or None if it holds none."""
        try:
            # json.loads alone would take UTF-16 and 32 as well, and stumble over a byte order mark.
            return json.loads(self.body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return None

    def at(self, *path: str | int) -> Any:
        """What stands at a path in the JSON body, such as `at("errors", 0, "message")`, or None."""
        value = self.json()
        for step in path:
            if isinstance(step, str):
                value = value.get(step) if isinstance(value, dict) else None
            else:
                value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        return value

    def text(self, *path: str | int) -> str:
        """As `at`, for text; empty if there is none. For comparing: never put it into a message."""
        value = self.at(*path)
        return value if isinstance(value, str) else ""

    def report(
        self, code: CheckCode, words: str, *, said: str | None = None, warnings: Sequence[str] = ()
    ) -> CheckReport:
        """A report with this code.

        Args:
            code: decides the outcome.
            words: one sentence for a person, with what to do next; nothing of the reply's text in it.
            said: the provider's own code, one of those that we know; default `HTTP <status>`.
            warnings: things that work but should be looked at.
        """
        return CheckReport(
            outcome_of(code),
            code,
            words,
            self.latency_ms,
            said or f"HTTP {self.status}",
            tuple(warnings),
        )

    def ok(self, words: str, *, warnings: Sequence[str] = ()) -> CheckReport:
        """The report that the credentials work."""
        return self.report(CheckCode.OK, words, warnings=warnings)

    def verdict(self, table: Mapping[Any, Verdict], *keys: object) -> CheckReport:
        """The report that `table` has for the first of `keys` it knows, else `unexpected()`.

        Keys are the provider's codes and statuses, the most telling first: `verdict(TABLE, code, status)`.
        """
        for key in keys:
            if key in table:
                code, words = table[key]
                said = f"HTTP {self.status}" if isinstance(key, int) else f"HTTP {self.status} {key}"
                return self.report(code, words, said=said)
        return self.unexpected()

    def unexpected(self) -> CheckReport:
        """The report of an answer that is not understood: it says nothing about the credentials."""
        return self.report(
            CheckCode.UNEXPECTED_REPLY,
            f"{self.who} answered HTTP {self.status} in a way that is not understood: this says nothing "
            "about the credentials; is a proxy in between?",
        )


def status_report(reply: Reply, *, who: str) -> CheckReport | None:
    """The report of a reply that says nothing about credentials, or None if it has to be read.

    429 is `rate_limited`, 500 and above `provider_down`; a redirect or an HTML page is `unexpected_reply`.
    """
    if reply.status == 429:
        wait = reply.headers.get("retry-after", "")
        after = f"in {wait} s" if wait.isascii() and wait.isdigit() and len(wait) < 6 else "later"
        return reply.report(CheckCode.RATE_LIMITED, f"{who} takes no more requests now: try again {after}")
    if reply.status >= 500:
        words = f"{who} is out of order (HTTP {reply.status}): {TRY_AGAIN}"
        return reply.report(CheckCode.PROVIDER_DOWN, words)
    if 300 <= reply.status < 400:
        words = f"{who} redirects elsewhere, which is not followed: is a proxy in between?"
        return reply.report(CheckCode.UNEXPECTED_REPLY, words)
    if _is_html(reply):
        words = f"{who} answered with a web page: is a proxy or a login page in between?"
        return reply.report(CheckCode.UNEXPECTED_REPLY, words)
    return None


def _is_html(reply: Reply) -> bool:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"} or _PAGE.match(reply.body):
        return True
    is_xml = kind in {"text/xml", "application/xml"} or kind.endswith("+xml")
    return not is_xml and reply.body.lstrip()[:1] == b"<"

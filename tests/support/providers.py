"""What tests of providers share: a check against a loopback server, and the case each provider declares.

`tests/providers/test_acme.py` holds `CASE = ProviderCase("acme", …)`, which `test_contract.py` runs through
the standard suite, and tests of what is Acme's own, most of them with `check_provider("acme", answer)`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from avnz_int.model.enums import CheckCode, Environment
from avnz_int.model.secret import Secret
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from support.gateway import Answer, Certificate, FaultGateway, answering
from support.samples import SAMPLES

Reach = Callable[[CheckRequest, str], contextlib.AbstractContextManager[CheckRequest]]
"""Makes of a check and the URL of a loopback server one that asks this server."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came over the wire.

    Attributes:
        headers: lower-case name -> value.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Sent:
        """The request in these bytes."""
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _version = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        return cls(method, path, {name.lower(): value.strip() for name, _, value in pairs}, body)


@dataclass(frozen=True, slots=True)
class Checked:
    """A report, and the requests that were made for it."""

    report: CheckReport
    requests: Sequence[Sent]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answers, the last one repeated, and what a check has to make of them.

    Attributes:
        words: what the message has to hold.
        changes: settings of the sample that are changed, None removes one.
    """

    answers: Answer | Sequence[Answer]
    code: CheckCode
    words: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def by_endpoint(request: CheckRequest, url: str) -> Iterator[CheckRequest]:
    """The operator's endpoint leads to the server: for every provider that is asked through HTTP."""
    yield replace(request, endpoint=url)


@dataclass(frozen=True, slots=True)
class ProviderCase:
    """What the standard suite has to know of a provider.

    Attributes:
        ok: what the provider answers to the sample's credentials, one answer for each request.
        refusals: name -> every answer that the provider documents for other credentials.
        faults: name of a standard fault -> its code here, where this provider's is another one.
        without: credentials and settings of the sample that the cases are run without.
        changes: credentials of the sample that are changed.
        user_host: puts the address of a loopback server where a user names the host, if a user can.
        reach: how a check is led to the loopback server.
    """

    provider: str
    ok: Answer | Sequence[Answer]
    refusals: Mapping[str, Refusal]
    faults: Mapping[str, CheckCode] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    changes: Mapping[str, Any] = field(default_factory=dict)
    user_host: Callable[[CheckRequest, str], CheckRequest] | None = None
    reach: Reach = by_endpoint

    def request(self, *, timeout_s: float = 5.0, changes: Mapping[str, Any] | None = None) -> CheckRequest:
        """A check of the sample; `changes` are to its settings."""
        return sample_request(
            self.provider,
            credentials={**dict.fromkeys(self.without), **self.changes},
            settings={**dict.fromkeys(self.without), **(changes or {})},
            timeout_s=timeout_s,
        )

    def run(
        self,
        answers: Answer | Sequence[Answer],
        *,
        timeout_s: float = 5.0,
        changes: Mapping[str, Any] | None = None,
        tls: Certificate | None = None,
    ) -> Checked:
        """What a check of the sample makes of these answers."""
        request = self.request(timeout_s=timeout_s, changes=changes)
        with FaultGateway(in_turn(answers), tls=tls) as gateway, self.reach(request, gateway.url) as led:
            report = registry.run(led)
            return Checked(report, [Sent.parse(raw) for raw in gateway.requests])


def said(status: int, body: object = b"", **headers: str) -> Answer:
    """An answer with this status; a body that is no bytes is sent as JSON. `Retry_After="3"` is a header."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answering(raw, status=f"{status} {_phrase(status)}", kind="application/json", headers=named)


def repeating(status: int) -> Answer:
    """A JSON answer that repeats the whole request wherever providers put their texts and codes."""

    def answer(connection: socket.socket, request: bytes, stop: threading.Event) -> None:
        text = request.decode("latin-1")
        body = {
            **dict.fromkeys(
                ("message", "detail", "title", "code", "errorCode", "errorSummary", "__type"), text
            ),
            "error": {"message": text, "code": text, "type": text},
            "errors": [{"message": text, "code": text, "detail": text, "title": text}],
        }
        said(status, body)(connection, request, stop)

    return answer


def in_turn(answers: Answer | Sequence[Answer]) -> Answer:
    """Each answer once, the last one for ever."""
    waiting = [answers] if callable(answers) else list(answers)
    lock = threading.Lock()

    def answer(connection: socket.socket, request: bytes, stop: threading.Event) -> None:
        with lock:
            current = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        current(connection, request, stop)

    return answer


def sample_request(
    provider: str,
    *,
    credentials: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    environment: Environment = Environment.SANDBOX,
    timeout_s: float = 5.0,
) -> CheckRequest:
    """A check of the provider's sample with some fields changed; those that are None are left out."""
    sample = SAMPLES[provider]
    return CheckRequest(
        provider=provider,
        credentials=Secret(_changed(sample.credentials, credentials)),
        settings=_changed(sample.settings, settings),
        environment=environment,
        timeout_s=timeout_s,
    )


def check_provider(
    provider: str,
    *answers: Answer,
    credentials: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    environment: Environment = Environment.SANDBOX,
    timeout_s: float = 5.0,
) -> Checked:
    """What a check of the provider's sample, some fields changed, makes of these answers in turn."""
    request = sample_request(
        provider, credentials=credentials, settings=settings, environment=environment, timeout_s=timeout_s
    )
    with FaultGateway(in_turn(answers)) as gateway:
        report = registry.run(replace(request, endpoint=gateway.url))
        return Checked(report, [Sent.parse(raw) for raw in gateway.requests])


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in {**values, **(changes or {})}.items() if value is not None}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unnamed"

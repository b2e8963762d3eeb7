"""What a provider module offers: one function, `check`.

A provider `acme` is `seeds/definitions/acme.json`, `providers/acme.py` and `tests/providers/test_acme.py`.
The module has `async def check(request)` (HTTP, on one event loop) or `def check(request)` (SDKs that block;
run in a thread). It authenticates, changes nothing at the provider and asks the least privilege. It returns
a report for whatever the provider or the network does, and raises only for defects of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from avnz_int.model.enums import CheckCode, Environment, Outcome
from avnz_int.model.secret import Credentials


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """One integration to be tested.

    Attributes:
        credentials: validated against the definition's credential schema.
        settings: validated settings, defaults filled in.
        timeout_s: the deadline of the whole check, in seconds.
        endpoint: base URL that the operator put in place of the provider's own
            (`AVNZ_INT_ENDPOINT_<PROVIDER>`), or None.
        allow_hosts: hosts that a user-supplied address may name although they are private
            (`AVNZ_INT_ALLOW_HOSTS`).
        ambient_allowed: whether credentials of the machine itself may stand in for missing ones: for the
            platform's own rows only.
    """

    provider: str
    credentials: Credentials
    settings: Mapping[str, Any]
    environment: Environment
    timeout_s: float
    endpoint: str | None = None
    allow_hosts: tuple[str, ...] = ()
    ambient_allowed: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the provider said, in our words.

    Attributes:
        message: one sentence for a person, with what to do next; no credential value in it.
        latency_ms: milliseconds of the provider's answer, None where none was asked.
        provider_code: the provider's own code (`RESULT=1`, `HTTP 429`), for support.
        warnings: things that work but should be looked at.
    """

    outcome: Outcome
    code: CheckCode
    message: str
    latency_ms: int | None = None
    provider_code: str | None = None
    warnings: tuple[str, ...] = field(default=())

    @property
    def success(self) -> bool | None:
        """True if the credentials work, None if there is no test for this provider."""
        if self.outcome is Outcome.UNSUPPORTED:
            return None
        return self.outcome is Outcome.OK


class Check(Protocol):
    """The shape of a provider module's `check`."""

    def __call__(self, request: CheckRequest) -> CheckReport | Awaitable[CheckReport]:
        """Find out whether the credentials work, within `request.timeout_s`."""

"""A sweep of all that is stored, what to sweep, and checks that count one another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from avnz_int.model.actor import Actor
from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.model.filters import TestSelection
from avnz_int.model.inputs import NewClient
from avnz_int.model.secret import Secret
from avnz_int.model.views.integrations import CheckView
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services.sweep import Chosen
from avnz_int.wiring import Services
from support.samples import sample
from support.scenes import (
    ADMIN,
    own,
    platform,
    using,
)

OK = CheckReport(Outcome.OK, CheckCode.OK, "accepted")


def choose(services: Services, actor: Actor = ADMIN, **limits: Any) -> list[Chosen]:
    """What a selection chooses."""
    return services.sweep.choose(actor, TestSelection(**limits))


def sweep(
    services: Services, actor: Actor = ADMIN, chosen: Sequence[Chosen] | None = None, **options: Any
) -> dict[str, CheckView]:
    """Id -> result of all that is stored, or of what was chosen; none is told twice."""
    found: list[CheckView] = []
    given = choose(services, actor) if chosen is None else chosen
    services.sweep.run(actor, given, on_result=found.append, **options)
    results = {view.id: view for view in found}
    assert len(found) == len(results)
    return results


def outcomes(results: Mapping[str, CheckView]) -> dict[str, str]:
    """Id -> outcome."""
    return {row_id: view.outcome.value for row_id, view in results.items()}


def hook(services: Services, name: str, url: str) -> str:
    """The id of a webhook of acme's."""
    given = sample("webhook")
    credentials, settings = Secret(given.credentials), {**given.settings, "url": url}
    new = NewClient("acme", "webhook", name=name, credentials=credentials, settings=settings)
    return services.clients.add(ADMIN, new, test=False).id


def make_scene(services: Services) -> dict[str, str]:
    """Name -> id: two of acme's own, one of globex's, and one of the platform's that both use."""
    shared = platform(services, test=False, share=True).id
    return {
        "shared": shared,
        "first": own(services, "First", test=False).id,
        "second": own(services, "Second", test=False).id,
        "globex": own(services, "Main", client="globex", test=False).id,
        "using": using(services, "Ours").id,
        "using too": using(services, "Theirs", client="globex").id,
    }


class Counted:
    """A check that counts how many run at once; in a thread if it `blocks`."""

    def __init__(self, seconds: float = 0.05, ended: list[str] | None = None) -> None:
        self._seconds = seconds
        self._ended = [] if ended is None else ended
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self.most: dict[str, int] = {}

    async def waits(self, request: CheckRequest) -> CheckReport:
        """A check for the event loop."""
        self._enter(request)
        await asyncio.sleep(self._seconds)
        return self._leave(request)

    def blocks(self, request: CheckRequest) -> CheckReport:
        """A check for a thread."""
        self._enter(request)
        time.sleep(self._seconds)
        return self._leave(request)

    def _enter(self, request: CheckRequest) -> None:
        with self._lock:
            for name in (request.provider, "all"):
                self._running[name] = self._running.get(name, 0) + 1
                self.most[name] = max(self.most.get(name, 0), self._running[name])

    def _leave(self, request: CheckRequest) -> CheckReport:
        with self._lock:
            for name in (request.provider, "all"):
                self._running[name] -= 1
            self._ended.append(request.provider)
        return OK

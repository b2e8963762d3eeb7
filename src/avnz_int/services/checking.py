"""Many connection tests at once: so many altogether, so many of one host, whatever one of them does."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services.integrations import Definition

PER_HOST = 8
"""Tests of one host at once, where nobody says otherwise."""


def run_all(
    wanted: Sequence[tuple[CheckRequest, Definition]], concurrency: int, *, per_host: int = PER_HOST
) -> list[CheckReport]:
    """The report of each request, in their order."""
    return registry.run_loop(_all(wanted, concurrency, per_host))


async def _all(
    wanted: Sequence[tuple[CheckRequest, Definition]], concurrency: int, per_host: int
) -> list[CheckReport]:
    slots = asyncio.Semaphore(concurrency)
    hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(request: CheckRequest, found: Definition) -> CheckReport:
        # The host first: who waits for a busy one takes no slot from the others.
        async with hosts[host_of(request, found)], slots:
            return await report_of(request)

    async with asyncio.TaskGroup() as checks:
        tasks = [checks.create_task(one(*each)) for each in wanted]
    return [task.result() for task in tasks]


async def report_of(request: CheckRequest) -> CheckReport:
    """What the check found, even if it ends as no check should."""
    try:
        return await registry.run_async(request)
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        kind = type(exc).__name__
    except Exception as exc:  # noqa: BLE001  # its text may repeat the request: the type has to do
        kind = type(exc).__name__
    words = f"the connection test of {request.provider} failed with {kind}"
    return CheckReport(
        Outcome.UNREACHABLE,
        CheckCode.UNEXPECTED_REPLY,
        f"{words}: this says nothing about the credentials",
    )


def host_of(request: CheckRequest, found: Definition) -> str:
    """What stands for the host that a check asks: the provider, and the hosts or regions its settings name.

    Both environments of a provider count as one host, which they often are.
    """
    if request.endpoint is not None:
        return _host(request.endpoint)
    named = (str(request.settings.get(name, "")) for name in found.destination_fields)
    return " ".join((request.provider, *map(_host, named)))


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0] or address

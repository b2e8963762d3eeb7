"""Find a provider's check by name and run it within its deadline; called by the services layer.

Loads the one module that is asked for: httpx and the like come in with it, not with this file.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import re
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar, cast

from avnz_int.errors import UnavailableError
from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.model.secret import redact
from avnz_int.providers.contract import Check, CheckReport, CheckRequest
from avnz_int.providers.endpoints import check_endpoint

ENTRY_POINTS = "avnz_int.providers"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NO_PROVIDERS = frozenset({"contract", "endpoints", "registry"})
# A value this short is no secret that could be told from other text, and cutting it garbles every sentence.
_REDACT_FROM = 4

T = TypeVar("T")


def load(provider: str) -> Check | None:
    """The check of `provider`: our module of that name, else a third party's entry point, else None.

    Raises:
        UnavailableError: there is one, but it does not load or offers no check; the message names it.
    """
    if not _NAME.fullmatch(provider) or provider in _NO_PROVIDERS:
        return None
    name = f"{__package__}.{provider}"
    if importlib.util.find_spec(name) is not None:
        return _check_of(lambda: importlib.import_module(name), f"the provider module {name}")
    # Costs some 20 ms, and every provider of ours is found without it.
    from importlib.metadata import entry_points  # noqa: PLC0415

    found = tuple(entry_points(group=ENTRY_POINTS, name=provider))
    if not found:
        return None
    packages = ", ".join(sorted(point.dist.name if point.dist else "an unknown package" for point in found))
    if len(found) > 1:
        raise UnavailableError(
            f"several installed packages offer the provider {provider}: {packages}",
            hint="uninstall all but one of them",
        )
    return _check_of(found[0].load, f"the plugin for the provider {provider} (from {packages})")


def run(request: CheckRequest) -> CheckReport:
    """What one check found; returns at the deadline, whatever the provider or its module does.

    Raises:
        UsageError: the endpoint of the request is not allowed.
    """
    return run_loop(run_async(request))


async def run_async(request: CheckRequest) -> CheckReport:
    """As `run`, for many at once on one event loop (start that one with `run_loop`).

    Raises:
        UsageError: the endpoint of the request is not allowed.
    """
    if request.endpoint is not None:
        check_endpoint(request.endpoint)
    try:
        check = load(request.provider)
    except UnavailableError as error:
        return CheckReport(Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY, error.message)
    if check is None:
        return CheckReport(
            Outcome.UNSUPPORTED,
            CheckCode.UNSUPPORTED,
            f"there is no connection test for {request.provider} yet: its credentials stay unverified",
        )
    return _redacted(await _within_deadline(check, request), request)


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main` on an event loop of its own that waits for no thread when it ends.

    `asyncio.run` joins its threads: a name look-up that hangs would outlive every deadline.
    """
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_DaemonThreads())
        return runner.run(main)


class _DaemonThreads(ThreadPoolExecutor):
    """A daemon thread for each call: nobody waits for one that hangs, not even the interpreter's end."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as exc:  # noqa: BLE001  # it belongs to whoever waits for the future
                future.set_exception(exc)
            else:
                future.set_result(result)

        threading.Thread(target=work, name="avnz-int-check", daemon=True).start()
        return future


def _check_of(load_it: Callable[[], Any], what: str) -> Check:
    hint = "update or uninstall it; the other providers are not affected"
    try:
        loaded = load_it()
    except (Exception, SystemExit) as exc:  # noqa: BLE001  # whatever a stranger's module does at import
        raise UnavailableError(f"{what} does not load: {type(exc).__name__}", hint=hint) from None
    check = getattr(loaded, "check", None) if inspect.ismodule(loaded) else loaded
    if not callable(check):
        raise UnavailableError(f"{what} has no check(request)", hint=hint)
    return cast("Check", check)


async def _within_deadline(check: Check, request: CheckRequest) -> CheckReport:
    try:
        async with asyncio.timeout(request.timeout_s) as deadline:
            report: object = await _answer(check, request)
    except (Exception, SystemExit) as exc:  # noqa: BLE001  # one broken check must not stop the others
        if deadline.expired():
            return CheckReport(
                Outcome.UNREACHABLE,
                CheckCode.TIMEOUT,
                f"{request.provider} gave no answer within {request.timeout_s:g} s: try again later",
            )
        # Its text may repeat the request, credentials included: the type has to do.
        return _broken(request, f"failed with {type(exc).__name__}")
    if not isinstance(report, CheckReport):
        return _broken(request, "returned no report")
    return report


async def _answer(check: Check, request: CheckRequest) -> object:
    if inspect.iscoroutinefunction(check):
        return await check(request)
    answer = await asyncio.get_running_loop().run_in_executor(_DaemonThreads(), check, request)
    return await answer if inspect.isawaitable(answer) else answer


def _broken(request: CheckRequest, what: str) -> CheckReport:
    return CheckReport(
        Outcome.UNREACHABLE,
        CheckCode.UNEXPECTED_REPLY,
        f"the connection test of {request.provider} {what}: this says nothing about the credentials",
    )


def _redacted(report: CheckReport, request: CheckRequest) -> CheckReport:
    """A last net under our own words and those of plugins."""

    def cut(text: str) -> str:
        return redact(text, request.credentials, shortest=_REDACT_FROM)

    return replace(
        report,
        message=cut(report.message),
        provider_code=None if report.provider_code is None else cut(report.provider_code),
        warnings=tuple(map(cut, report.warnings)),
    )

"""Find a provider's check by name and run it within its deadline; called by the services layer.

Loads the one module that is asked for: httpx and the like come in with it, not with this file.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import logging
import re
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from avnz_int.errors import UnavailableError
from avnz_int.model.enums import CheckCode, Outcome
from avnz_int.model.secret import redact
from avnz_int.providers.contract import Check, CheckReport, CheckRequest
from avnz_int.providers.endpoints import check_endpoint

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "avnz_int.providers"
"""The group of entry points in which other packages offer providers."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NO_PROVIDERS = frozenset({"contract", "endpoints", "registry", "web"})
_HINT = "update or uninstall it; the other providers are not affected"
# A value this short is no secret that could be told from other text, and cutting it garbles every sentence.
_REDACT_FROM = 4

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


def load(provider: str) -> Check | None:
    """The check of `provider`: our module of that name, else a third party's entry point, else None.

    Raises:
        UnavailableError: there is one, but it does not load or offers no check; the message names it.
    """
    if not _NAME.fullmatch(provider) or provider in _NO_PROVIDERS:
        return None
    if _is_ours(provider):
        name = f"{__package__}.{provider}"
        return _check_of(lambda: importlib.import_module(name), f"the provider module {name}")
    found = _offers(provider, tuple(sys.path))
    if not found:
        return None
    packages = ", ".join(sorted(point.dist.name if point.dist else "an unknown package" for point in found))
    if len(found) > 1:
        raise UnavailableError(
            f"several installed packages offer the provider {provider}: {packages}",
            hint="uninstall all but one of them",
        )
    return _check_of(found[0].load, f"the plugin for the provider {provider} (from {packages})")


@lru_cache(maxsize=64)
def _is_ours(provider: str) -> bool:
    return importlib.util.find_spec(f"{__package__}.{provider}") is not None


@lru_cache(maxsize=64)
def _offers(provider: str, _path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of this name; kept for as long as `sys.path` stays, as many rows ask for the same."""
    # Costs some 40 ms, and every provider of ours is found without it.
    from importlib.metadata import entry_points  # noqa: PLC0415

    return tuple(entry_points(group=ENTRY_POINTS, name=provider))


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
    where = request.endpoint or "its own hosts"
    _LOG.info("testing %s (%s) at %s", request.provider, request.environment, where)
    report = _redacted(await _within_deadline(request), request)
    _LOG.info("%s: %s (%s), %s ms", request.provider, report.outcome, report.code, report.latency_ms)
    return report


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main` on an event loop of its own that waits for no thread when it ends.

    `asyncio.run` joins its threads: a name look-up that hangs would outlive every deadline.
    """
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(_without_words)
        runner.get_loop().set_default_executor(_DaemonThreads())
        return runner.run(main)


def _without_words(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log that a check left something behind which failed: its words may repeat the credentials."""
    failed = type(context.get("exception")).__name__
    _LOG.info("a connection test left a task behind that ended with %s", failed)


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
    try:
        loaded = load_it()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as exc:  # noqa: BLE001  # whatever a stranger's module does at import
        raise UnavailableError(f"{what} does not load: {type(exc).__name__}", hint=_HINT) from None
    check = getattr(loaded, "check", None) if inspect.ismodule(loaded) else loaded
    if not callable(check):
        raise UnavailableError(f"{what} has no check(request)", hint=_HINT)
    if not _takes_a_request(check):
        raise UnavailableError(f"{what} has a check that does not take one request", hint=_HINT)
    return cast("Check", check)


def _takes_a_request(check: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(check)
    except (TypeError, ValueError):
        # Written in C, for example: calling it will tell.
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


async def _within_deadline(request: CheckRequest) -> CheckReport:
    try:
        async with asyncio.timeout(request.timeout_s) as deadline:
            check = await _loaded(request.provider)
            report: object = check if isinstance(check, CheckReport) else await _answer(check, request)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as exc:
        task = asyncio.current_task()
        if isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # somebody wants to stop, whether the deadline is over or not
        if deadline.expired():
            return CheckReport(
                Outcome.UNREACHABLE,
                CheckCode.TIMEOUT,
                f"{request.provider} gave no answer within {request.timeout_s:g} s: try again later",
            )
        # One broken check must not stop the others. Its text may repeat the request, credentials included:
        # the type has to do.
        return _broken(request, f"failed with {type(exc).__name__}")
    if not isinstance(report, CheckReport):
        return _broken(request, "returned no report")
    return report


async def _loaded(provider: str) -> Check | CheckReport:
    """The check, or the report of why there is none."""
    try:
        if _NAME.fullmatch(provider) and _is_ours(provider):
            check = load(provider)
        else:
            # A stranger's module may block while it is imported.
            check = await asyncio.get_running_loop().run_in_executor(_DaemonThreads(), load, provider)
    except UnavailableError as error:
        words = f"{error.message}: {error.hint}"
        return CheckReport(Outcome.UNREACHABLE, CheckCode.UNEXPECTED_REPLY, words)
    return check or CheckReport(
        Outcome.UNSUPPORTED,
        CheckCode.UNSUPPORTED,
        f"there is no connection test for {provider} yet: its credentials stay unverified",
    )


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

"""The life cycle of an integration: which status follows from which deed (specification, "Data Models").

A platform integration is never `pending` and has no `isVerified`: unverified is `inactive`, and verified
means that `lastTestResult` is `success`. Editing never changes a status by itself, a test never wakes what
somebody switched off, and an unreachable provider proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from avnz_int.model.enums import Outcome, Status

_FAILED = (Outcome.REJECTED, Outcome.INVALID_CONFIG)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an integration stands."""

    status: Status
    is_verified: bool


def when_saved(*, tested: bool, can_be_pending: bool) -> Standing:
    """The standing of a new integration: tested and accepted, or saved without a test."""
    if tested:
        return Standing(Status.ACTIVE, is_verified=True)
    return Standing(Status.PENDING if can_be_pending else Status.INACTIVE, is_verified=False)


def after_test(now: Standing, outcome: Outcome) -> Standing:
    """The standing after a connection test of what is stored."""
    if outcome is Outcome.OK:
        woken = now.status if now.status is Status.INACTIVE else Status.ACTIVE
        return Standing(woken, is_verified=True)
    if outcome in _FAILED:
        fallen = now.status if now.status is Status.INACTIVE else Status.ERROR
        return Standing(fallen, is_verified=False)
    return now


def after_replacement(now: Standing, *, tested: bool, can_be_pending: bool) -> Standing:
    """The standing after credentials or settings were replaced, by what a test accepted or untested."""
    if tested:
        return after_test(now, Outcome.OK)
    if now.status is Status.INACTIVE:
        return Standing(Status.INACTIVE, is_verified=False)
    return when_saved(tested=False, can_be_pending=can_be_pending)


def effective(own: Status, platform: Status | None) -> Status:
    """What an integration is worth today: in platform mode no more than the one it uses."""
    if platform is None or own is not Status.ACTIVE:
        return own
    return platform

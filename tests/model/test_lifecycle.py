"""The life cycle's pure functions, over every state."""

from __future__ import annotations

import pytest

from avnz_int.model.enums import Outcome, Status
from avnz_int.model.lifecycle import Standing, after_replacement, after_test, effective, when_saved

STANDINGS = [Standing(status, is_verified=verified) for status in Status for verified in (True, False)]
FAILED = [Outcome.REJECTED, Outcome.INVALID_CONFIG]
SILENT = [Outcome.UNREACHABLE, Outcome.UNSUPPORTED]


@pytest.mark.parametrize(
    ("tested", "can_be_pending", "expected"),
    [
        (True, True, Standing(Status.ACTIVE, is_verified=True)),
        (True, False, Standing(Status.ACTIVE, is_verified=True)),
        (False, True, Standing(Status.PENDING, is_verified=False)),
        (False, False, Standing(Status.INACTIVE, is_verified=False)),
    ],
)
def test_when_saved(tested: bool, can_be_pending: bool, expected: Standing) -> None:
    """What a test accepted is active; untested it waits, a platform integration as inactive."""
    assert expected == when_saved(tested=tested, can_be_pending=can_be_pending)


@pytest.mark.parametrize("now", STANDINGS)
def test_a_test_verifies(now: Standing) -> None:
    """A test that succeeds verifies, and wakes everything but what somebody switched off."""
    then = after_test(now, Outcome.OK)
    expected = Status.INACTIVE if now.status is Status.INACTIVE else Status.ACTIVE
    assert Standing(expected, is_verified=True) == then


@pytest.mark.parametrize("outcome", FAILED)
@pytest.mark.parametrize("now", STANDINGS)
def test_a_test_refutes(now: Standing, outcome: Outcome) -> None:
    """A test that is refused takes the verification away; what is not switched off is in error."""
    then = after_test(now, outcome)
    expected = Status.INACTIVE if now.status is Status.INACTIVE else Status.ERROR
    assert Standing(expected, is_verified=False) == then


@pytest.mark.parametrize("outcome", SILENT)
@pytest.mark.parametrize("now", STANDINGS)
def test_silence_says_nothing(now: Standing, outcome: Outcome) -> None:
    """What could not be asked, or cannot be tested, stays as it stands."""
    assert now == after_test(now, outcome)


@pytest.mark.parametrize("now", STANDINGS)
def test_replaced(now: Standing) -> None:
    """Replaced credentials stand as tested ones, or wait unverified; what is switched off stays so."""
    asleep = now.status is Status.INACTIVE
    for can_be_pending, waiting in ((True, Status.PENDING), (False, Status.INACTIVE)):
        tested = after_replacement(now, tested=True, can_be_pending=can_be_pending)
        untested = after_replacement(now, tested=False, can_be_pending=can_be_pending)
        assert Standing(Status.INACTIVE if asleep else Status.ACTIVE, is_verified=True) == tested
        assert Standing(Status.INACTIVE if asleep else waiting, is_verified=False) == untested


def test_effective() -> None:
    """An integration is worth its own status, and in platform mode at most the platform's."""
    for own in Status:
        assert own is effective(own, None)
        for platform in Status:
            assert (platform if own is Status.ACTIVE else own) is effective(own, platform)

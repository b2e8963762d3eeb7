"""What holds plain credentials while they are on their way never shows them."""

from __future__ import annotations

import pytest

from avnz_int.model.bulk import Given
from avnz_int.providers._aws_keys import Keys
from avnz_int.services.env_matching import Match, Variable

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "value",
    [
        Given(1, {"credentials": {"password": CANARY}}),
        Variable("PASSWORD", CANARY),
        Match(credentials={"password": CANARY}),
        Keys("AKIA", CANARY, CANARY, CANARY),
    ],
    ids=lambda value: type(value).__name__,
)
def test_repr(value: object) -> None:
    """A traceback, a debugger or a log may show what `repr` says."""
    assert CANARY not in f"{value!r} {value}"

"""The error tree and the exit codes that the contract lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from avnz_int import errors
from avnz_int.errors import AvnzError, HiddenError, HiddenProviderError
from avnz_int.services.tenants import Tenants
from support.cli import Command

CODES = {
    2: "invalid_input usage invalid_fields unknown_provider ambiguous_ref invalid_definition",
    3: "not_found",
    4: "unauthenticated forbidden",
    5: "conflict exists in_use changed_meanwhile not_initialized not_migrated differs to_be_mended unverified"
    " not_shared",
    6: "rejected",
    7: "unavailable database_unavailable unreachable storage_unavailable",
    8: "integrity key_missing keyring_exposed keyring_invalid unreadable audit_broken",
    126: "command_not_executable",
    127: "command_not_found",
    130: "interrupted",
}
"""Exit code -> error codes: scripts are written against these."""


def tree(kind: type[AvnzError] = AvnzError) -> Iterator[type[AvnzError]]:
    """Every class below one."""
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from tree(below)


def test_exit_codes() -> None:
    """Every error class has the exit code that its error code is listed under, and no code is left out."""
    expected = {code: exit_code for exit_code, codes in CODES.items() for code in codes.split()}

    assert expected == {kind.code: kind.exit_code for kind in tree()}


def test_unique() -> None:
    """No two classes share a code but those that hide behind another one, and they look exactly like it."""
    hidden = {HiddenError, HiddenProviderError}
    counted = Counter(kind.code for kind in tree() if kind not in hidden)

    assert {1} == set(counted.values())
    for kind in hidden:
        shown = kind.__mro__[1]
        assert issubclass(shown, AvnzError)
        facts = ("code", "exit_code", "http_status", "default_hint")
        assert [getattr(shown, fact) for fact in facts] == [getattr(kind, fact) for fact in facts]


def test_described() -> None:
    """Every class says what it stands for, and is no server's fault where it is the user's."""
    for kind in tree():
        assert kind.__doc__
        assert (kind.exit_code in {2, 3, 4, 5, 6, 126, 127, 130}) == (400 <= kind.http_status < 500)


@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_boundary(command: Command, monkeypatch: pytest.MonkeyPatch, kind: type[AvnzError]) -> None:
    """Whatever a service raises ends as its exit code, with code, message, hint and details."""
    error = kind.__new__(kind)
    AvnzError.__init__(error, "what failed", hint="what to do", details={"which": ["this"]})

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Tenants, "listing", fail)
    expected = {
        "code": kind.code,
        "message": "what failed",
        "hint": "what to do",
        "details": {"which": ["this"]},
    }
    assert expected == command.fails("tenant", "list", exit_code=kind.exit_code)
    text = command("tenant", "list", exit_code=kind.exit_code).stderr
    assert "error: what failed\nhint: what to do\n" == text

"""Packages put on the path for one test, and command lines that find them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Command
from support.plugins import Packages


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Packages of this test alone."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Packages(folder)
    for name in set(sys.modules) - before:
        if name.startswith(("acme_", "plugin_")):
            del sys.modules[name]


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    """Command lines on a machine where `init` was never run."""
    return Command(
        tmp_path,
        {
            "AVNZ_INT_DATABASE_URL": f"sqlite:///{tmp_path / 'data' / 'avnz-int.db'}",
            "AVNZ_INT_KEYRING": f"file://{tmp_path / 'keys' / 'keyring.json'}",
        },
    )

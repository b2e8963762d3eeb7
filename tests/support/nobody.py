"""Run a function as a user whom file modes bind: root may do everything, so tests as root prove nothing."""

from __future__ import annotations

import importlib
import os
import pickle
import pkgutil
import shutil
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import avnz_int
from avnz_int.cli.main import build

T = TypeVar("T")

NOBODY = 65534


def as_nobody(function: Callable[[], T]) -> T:
    """What `function` returns, or raises, when a user without rights runs it (in a forked process).

    Run as an ordinary user, the tests' own user is such a one, and no process is made.
    """
    if os.geteuid() != 0:
        return function()
    _load_all()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where other threads run: this child takes no lock of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _child(function, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    kind, value = pickle.loads(answer)
    if kind == "raised":
        raise value
    if kind == "broken":
        raise RuntimeError(f"in the other user's process:\n{value}")
    result: T = value
    return result


@cache
def _load_all() -> None:
    """Import the whole program: the other user may have no way to the folder that it lies in."""
    build()
    for found in pkgutil.walk_packages(avnz_int.__path__, "avnz_int."):
        if found.name not in {"avnz_int.__main__", "avnz_int.db.migrations.env"}:
            importlib.import_module(found.name)


def _child(function: Callable[[], Any], writing: int) -> None:
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            answer = pickle.dumps(("returned", function()))
        except Exception as exc:  # noqa: BLE001  # it is raised again in the parent
            answer = pickle.dumps(("raised", exc))
            pickle.loads(answer)
    except BaseException:  # noqa: BLE001  # nothing of the parent's may run in the child
        answer = pickle.dumps(("broken", traceback.format_exc()))
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(answer)
    os._exit(0)


@contextmanager
def common_folder() -> Iterator[Path]:
    """A folder that every user can pass through and read; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="avnz-int-test-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)

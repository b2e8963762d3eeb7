"""Drive services from other processes, and kill these: the test's side of `driver`."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_TESTS = Path(__file__).parents[1]
_PATIENCE_S = 60.0


class Process:
    """A child of the driver: what it says, and its end."""

    def __init__(self) -> None:
        self.pid = 0
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.heard: list[dict[str, Any]] = []

    def hear(self, said: dict[str, Any]) -> None:
        """Take in a line."""
        self._said.put(said)

    def wait(self, *kinds: str) -> dict[str, Any]:
        """The next line of one of these kinds; a failure of the process fails the test."""
        while True:
            said = self._said.get(timeout=_PATIENCE_S)
            self.heard.append(said)
            if said["said"] in kinds:
                return said
            assert "failed" != said["said"], said["error"]

    def done(self) -> Any:
        """What it answered, once it is done."""
        return self.wait("done")["answer"]

    def kill(self) -> None:
        """End it at once, by SIGKILL, and wait until it is gone."""
        if not self.pid:
            return
        try:
            os.kill(self.pid, signal.SIGKILL)
            deadline = time.monotonic() + _PATIENCE_S
            while time.monotonic() < deadline:
                os.kill(self.pid, 0)
                time.sleep(0.001)
        except ProcessLookupError:
            return
        raise AssertionError("the process lives on")


class Forker:
    """The running driver; it serves any number of tests: `with Forker() as forker: …`."""

    def __enter__(self) -> Self:
        self._children: list[Process] = []
        # -P: the folder of the script is no place to import from.
        self._popen = subprocess.Popen(
            [sys.executable, "-P", str(_TESTS / "support" / "driver.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_TESTS)},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.close()
        self._popen.wait(_PATIENCE_S)
        self._reader.join(_PATIENCE_S)
        self._popen.stdout.close()

    def fork(self, command: dict[str, Any]) -> Process:
        """A process that does the command."""
        self._children.append(Process())
        process = self._children[-1]
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps({**command, "tag": len(self._children) - 1}) + "\n")
        self._popen.stdin.flush()
        process.pid = process.wait("started")["pid"]
        return process

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            said = json.loads(line)
            self._children[said["tag"]].hear(said)


class Driver:
    """Starts processes over one database and keyring, and kills at the end those that still run."""

    def __init__(self, forker: Forker, url: str, keyring: Path) -> None:
        self._forker = forker
        self._where = {"url": url, "keyring": str(keyring), "environment": {}}
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            process.kill()

    def start(
        self, do: str, *, at: float = 0.0, where: dict[str, Any] | None = None, **options: Any
    ) -> Process:
        """A process that does one of the driver's deeds.

        Args:
            do: the deed's name.
            at: not before this time (`time.time()`).
            where: another `url`, `keyring` or `environment` than the driver's.
            options: the deed's arguments.
        """
        process = self._forker.fork({**self._where, **(where or {}), "do": do, "at": at, **options})
        self._started.append(process)
        return process

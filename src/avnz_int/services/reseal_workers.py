"""Worker processes of a rotation on PostgreSQL, where `SKIP LOCKED` shares the rows among any number of them.

A worker is what a rotation on another machine would be: it has its own connection, opens the data keys with
the keyring itself, and keeps nothing outside the database. A killed one leaves its share to others.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from types import TracebackType
from typing import IO, Any, Self

from avnz_int import memory
from avnz_int.crypto.keysources import key_source
from avnz_int.db.engine import Database
from avnz_int.errors import AvnzError
from avnz_int.services.resealing import Progress, Resealer
from avnz_int.services.vault import Notify, Vault
from avnz_int.services.work import Work

_PATIENCE_S = 60


class Workers:
    """Processes that seal rows anew beside this one; at the end they are waited for, or ended on an error."""

    def __init__(self, work: Work, count: int, batch_size: int, notify: Notify) -> None:
        self._work = work
        self._count = count
        self._batch_size = batch_size
        self._notify = notify
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []
        self._resealed: dict[int, int] = {}
        self._errors: list[str] = []

    def resealed(self) -> int:
        """How many values they have sealed anew so far."""
        return sum(self._resealed.values())

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as begun:
            # Where one cannot be started, those that were do not go on alone.
            begun.push(self.__exit__)
            for number in range(1, self._count + 1):
                # Ids begin with a random letter.
                self._start(chr(ord("a") + 26 * number // (self._count + 1)))
            begun.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if kind is not None:
                process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self._readers:
            reader.join()
        if kind is None and not self._errors:
            codes = [process.returncode for process in self._processes]
            self._errors = [f"it ended with code {code}" for code in codes if code]
        for message in self._errors:
            self._notify(f"a worker ended early, the others did its share: {message}")

    def _start(self, first: str) -> None:
        database = self._work.database
        process = subprocess.Popen(  # noqa: S603  # this very program
            # -P: not a module of this name from the folder where somebody stands.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            # Who asked for it is settled: a worker needs no token.
            env={name: value for name, value in os.environ.items() if name != "AVNZ_INT_TOKEN"},
        )
        # By a pipe: the URL may hold a password, and arguments are public.
        orders = {
            "url": database.url.render_as_string(hide_password=False),
            "schema": database.schema,
            "busyTimeout": database.busy_timeout_ms,
            "keyring": self._work.vault.source.describe(),
            "batchSize": self._batch_size,
            "start": first,
        }
        assert process.stdin is not None  # noqa: S101  # asked for above
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(orders))
        reader = threading.Thread(target=self._listen, args=(process.pid, process.stdout), daemon=True)
        reader.start()
        self._processes.append(process)
        self._readers.append(reader)

    def _listen(self, pid: int, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                said = json.loads(line)
                if "error" in said:
                    self._errors.append(said["error"])
                else:
                    self._resealed[pid] = said["resealed"]


def main() -> None:
    """Do what standard input orders; how far it is goes to standard output, a JSON object a line."""
    memory.keep_private()
    orders = json.load(sys.stdin)
    database = Database(orders["url"], orders["schema"], busy_timeout_ms=orders["busyTimeout"])
    vault = Vault(key_source(orders["keyring"]), lambda _: None)

    def on_batch(progress: Progress) -> None:
        _say(resealed=progress.resealed)

    try:
        # What others hold, and what does not open, is told by the process that started this one.
        resealer = Resealer(Work(database, vault), lambda _: None)
        resealer.run(orders["batchSize"], on_batch, start=orders["start"])
    except AvnzError as exc:
        _say(error=exc.message)
    except (BrokenPipeError, KeyboardInterrupt):
        # Nobody listens any more: a further run goes on.
        os._exit(1)
    finally:
        database.close()


def _say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""A person at a terminal: runs a command under a pseudo-terminal, reads its questions, types the answers."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import pexpect

DOWN = "\x1b[B"
ENTER = "\r"
CTRL_C = "\x03"
CTRL_D = "\x04"
CLEAR = "\x15"
"""Empties the line."""

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_STREAMS = 'exec "$@" >"$STANDARD_OUTPUT"'
_QUOTES = 'exec "$@"'


class Terminal:
    """A command on a terminal of its own: `with Terminal("platform", "add", environ=…) as screen: …`.

    Args:
        words: of the command line, after `avnz-int`.
        environ: the whole environment, but for PATH and LANG.
        stdout: a file that gets standard output in place of the terminal.
        program: runs this in place of `avnz-int`.
        columns: the terminal's width; nothing folds by default.
    """

    def __init__(
        self,
        *words: str,
        environ: Mapping[str, str],
        stdout: Path | None = None,
        program: Sequence[str] = ("-m", "avnz_int"),
        columns: int = 240,
    ) -> None:
        variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm", **environ}
        if stdout is not None:
            variables["STANDARD_OUTPUT"] = str(stdout)
        script = _QUOTES if stdout is None else _STREAMS
        self._child: pexpect.spawn[str] = pexpect.spawn(
            "/bin/sh",
            ["-c", script, "sh", sys.executable, *program, *words],
            env=variables,
            encoding="utf-8",
            dimensions=(40, columns),
            timeout=20,
        )
        # What is typed goes to the terminal's own queue: no need to wait for a reader.
        self._child.delaybeforesend = None
        self._child.ptyproc.delayafterclose = 0.01
        self._seen: list[str] = []
        self._child.logfile_read = self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)

    def write(self, text: str) -> None:
        """Take what pexpect read."""
        self._seen.append(text)

    def flush(self) -> None:
        """Nothing: `write` keeps all."""

    @property
    def raw(self) -> str:
        """All that came to the terminal so far, with its control sequences."""
        return "".join(self._seen)

    @property
    def transcript(self) -> str:
        """All that came to the terminal so far, without control sequences."""
        return _STYLE.sub("", self.raw)

    @property
    def pid(self) -> int:
        """The process."""
        if self._child.pid is None:
            raise AssertionError("the process is not running")
        return self._child.pid

    def sees(self, text: str) -> None:
        """Wait until the terminal shows the text."""
        self._child.expect_exact(text)

    def asked(self, question: str) -> None:
        """Wait for a question."""
        self._child.expect(r"\?(?:\x1b\[[0-9;]*m)* " + re.escape(question))

    def answer(self, question: str, keys: str = "") -> None:
        """Wait for a question, type the answer and Enter."""
        self.asked(question)
        self.types(keys + ENTER)

    def types(self, keys: str) -> None:
        """Type without waiting."""
        self._child.send(keys)

    def ends(self) -> int:
        """Wait for the end; the exit code."""
        self._child.expect(pexpect.EOF)
        self._child.close()
        if self._child.exitstatus is None:
            raise AssertionError(f"killed by signal {self._child.signalstatus}")
        return self._child.exitstatus

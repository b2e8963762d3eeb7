"""Runs command lines: in this process with captured streams, or as a process of their own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avnz_int.cli import main


@dataclass(frozen=True, slots=True)
class Result:
    """What a command line left behind.

    Attributes:
        code: its exit code.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return json.loads(self.stdout)

    @property
    def lines(self) -> list[Any]:
        """Standard output as a JSON value a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The one JSON object of an error, the last line of standard error; before it stand notices only."""
        *notices, last = self.stderr.splitlines()
        assert all(line.startswith("avnz-int: ") for line in notices), self.stderr
        told = json.loads(last)
        assert ["error"] == list(told)
        error: dict[str, Any] = told["error"]
        assert ["code", "message", "hint", "details"] == list(error)
        return error


class Command:
    """Runs `avnz-int` with an environment of its own: `command("client", "list", "-o", "json").json`.

    Attributes:
        environment: variables of every run, beside those of the test.
        folder: where database, keyring and files of the test are.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)

    @property
    def url(self) -> str:
        """Of the database."""
        return self.environment["AVNZ_INT_DATABASE_URL"]

    @property
    def keyring(self) -> Path:
        """The keyring file."""
        return Path(self.environment["AVNZ_INT_KEYRING"].removeprefix("file://"))

    def __call__(
        self,
        *args: str,
        exit_code: int | None = 0,
        env: Mapping[str, str | None] | None = None,
        stdin: str | bytes = b"",
    ) -> Result:
        """What the command line does in this process.

        Args:
            args: the words after `avnz-int`.
            exit_code: the code that is expected; None: any.
            env: variables of this run; None takes one away.
            stdin: what comes through the pipe on standard input.
        """
        with _variables({**self.environment, **(env or {})}), _streams(stdin) as (out, err):
            code = main.run(args)
        result = Result(code, out.getvalue(), err.getvalue())
        assert exit_code in {None, code}, f"avnz-int {' '.join(args)}: {result}"
        return result

    def process(
        self,
        *args: str,
        exit_code: int | None = 0,
        env: Mapping[str, str | None] | None = None,
        stdin: str | bytes = b"",
        **options: Any,
    ) -> Result:
        """As a call, in a process of its own; `options` are those of `subprocess.run`."""
        done = subprocess.run(
            [sys.executable, "-m", "avnz_int", *args],
            check=False,
            capture_output=True,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env=self.variables(env),
            **options,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert exit_code in {None, result.code}, f"avnz-int {' '.join(args)}: {result}"
        return result

    def variables(self, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The environment of a process of its own."""
        wanted = {**os.environ, **self.environment, **(more or {})}
        return {name: value for name, value in wanted.items() if value is not None}

    def fails(
        self,
        *args: str,
        exit_code: int,
        env: Mapping[str, str | None] | None = None,
        stdin: str | bytes = b"",
    ) -> dict[str, Any]:
        """The error that the command line ends with; nothing may stand on standard output."""
        result = self(*args, "-o", "json", exit_code=exit_code, env=env, stdin=stdin)
        assert "" == result.stdout
        return result.error

    def file(self, name: str, content: str | bytes | Mapping[str, Any], mode: int = 0o600) -> str:
        """The path of a new file; an object is written as JSON."""
        path = self.folder / name
        if isinstance(content, Mapping):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return str(path)


@contextlib.contextmanager
def _variables(wanted: Mapping[str, str | None]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update({name: value for name, value in wanted.items() if value is not None})
    for name, value in wanted.items():
        if value is None:
            os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _streams(stdin: str | bytes) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    given = io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin), "utf-8")
    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = given
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield out, err
    finally:
        sys.stdin = before
        given.close()

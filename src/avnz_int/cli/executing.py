"""Becoming another program: found as a shell finds it, with an environment of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from avnz_int import memory
from avnz_int.errors import CommandNotExecutableError, CommandNotFoundError

_OURS = "AVNZ_INT_"
_PLAIN = frozenset(
    {
        *(
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "TERM",
            "COLORTERM",
            "LANG",
            "LANGUAGE",
            "TZ",
            "TMPDIR",
        ),
        *(
            "TEMP",
            "TMP",
            "SYSTEMROOT",
            "COMSPEC",
            "PATHEXT",
            "WINDIR",
            "USERPROFILE",
            "APPDATA",
            "LOCALAPPDATA",
        ),
    }
)
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def base(environ: Mapping[str, str], *, pristine: bool) -> dict[str, str]:
    """The environment that a command gets beside what it is given: nothing of ours, or only what is plain."""
    kept = {name: value for name, value in environ.items() if not name.upper().startswith(_OURS)}
    if pristine:
        kept = {n: v for n, v in kept.items() if n.upper() in _PLAIN or n.startswith("LC_")}
    return kept


def find(command: str, environ: Mapping[str, str]) -> str:
    """The path of a command's program.

    Raises:
        CommandNotFoundError: there is none.
        CommandNotExecutableError: what is there is a folder, or may not be executed.
    """
    path = environ.get("PATH", _DEFAULT_PATH)
    found = shutil.which(command, path=path) if command else None
    if found is not None:
        return found
    places = (
        [Path(command)]
        if os.sep in command
        else [Path(part or ".", command) for part in path.split(os.pathsep)]
    )
    if command and any(place.is_file() or (os.sep in command and place.is_dir()) for place in places):
        raise CommandNotExecutableError(f"{command}: it cannot be executed", hint="is it a program? chmod +x")
    raise CommandNotFoundError(
        f"{command}: command not found", hint="nothing was opened; check its name and PATH"
    )


def become(program: str, words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """End as that program: it takes over this process, its streams and signals, and the exit code is its own.

    Raises:
        CommandNotExecutableError, CommandNotFoundError: the system refuses it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # there exec starts another process and ends this one at once
        sys.exit(wait_for(program, words, environ))
    for name in ("SIGPIPE", "SIGXFSZ"):
        # Python ignores these, and what is ignored stays so in the next program.
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    memory.give_back_limit()
    try:
        os.execve(program, list(words), dict(environ))  # noqa: S606  # the command that was asked for
    except OSError as exc:
        memory.keep_private()
        raise _refused(words[0], exc) from None


def wait_for(program: str, words: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit code of that program, run beside this one; 128 and the signal's number where one ended it.

    Raises:
        CommandNotExecutableError, CommandNotFoundError: the system refuses it.
    """
    try:
        child = subprocess.Popen(list(words), executable=program, env=dict(environ))  # noqa: S603  # as above
    except OSError as exc:
        raise _refused(words[0], exc) from None
    with child:
        while True:
            try:
                code = child.wait()
            except KeyboardInterrupt:
                continue  # the terminal sends it to the program, too, which decides
            return code if code >= 0 else 128 - code


def _refused(command: str, exc: OSError) -> CommandNotExecutableError | CommandNotFoundError:
    words = f"{command}: {exc.strerror}"
    if isinstance(exc, FileNotFoundError):
        return CommandNotFoundError(
            words, hint="the program, or the interpreter in its first line, is not there"
        )
    return CommandNotExecutableError(words, hint="a script needs a first line like #!/bin/sh")

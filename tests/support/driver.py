"""A process that forks others over one database, for tests that crowd or kill them.

It loads the program once; each command, a JSON object a line on standard input, is done by a child of its own
that says what happens as JSON lines on standard output: {"tag": …, "said": …, …}.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avnz_int.crypto.keysources import FileKeySource
from avnz_int.db import keys
from avnz_int.errors import ChangedMeanwhileError
from avnz_int.model.encode import encode
from avnz_int.model.files import UsageFormat
from avnz_int.model.inputs import Changes
from avnz_int.services import usage
from avnz_int.wiring import Services
from support.services import initialize, make_services, payflow_credentials

_LONG_S = 60.0
_tag = 0  # of this child


def say(said: str, **facts: Any) -> None:
    """One line, whole even where many children write."""
    line = json.dumps({"tag": _tag, "said": said, **facts}) + "\n"
    os.write(sys.stdout.fileno(), line.encode())


def _pausing(function: Callable[..., Any], at_call: int) -> Callable[..., Any]:
    """The function, which says `paused` after one of its calls, and then waits to be killed."""
    calls = 0

    def paused(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        answer = function(*args, **kwargs)
        calls += 1
        if calls == at_call:
            say("paused")
            time.sleep(_LONG_S)
        return answer

    return paused


def init(services: Services, organization: str = "avnz") -> object:
    """`init`."""
    return encode(initialize(services, organization))


def rotate(services: Services, pause: str | None = None, **options: Any) -> object:
    """Rotate the data key; `pause` "between" or "inside" stops at the second batch."""
    on_batch: Callable[..., Any] = lambda _: None  # noqa: E731  # it may be wrapped
    if pause == "between":
        on_batch = _pausing(on_batch, 2)
    elif pause == "inside":
        keys.put_resealed = _pausing(keys.put_resealed, 2)
    return encode(services.keys.rotate(services.actor, on_batch=on_batch, **options))


def rotate_master(services: Services) -> object:
    """Rotate the master key, and stop after the keyring was written."""
    FileKeySource.replace = _pausing(FileKeySource.replace, 1)  # type: ignore[method-assign]  # in this process only
    return encode(services.keys.rotate_master(services.actor))


def write(services: Services, names: list[str], stop: str) -> object:
    """Replace the credentials of acme's integrations, one after the other, and say each that is committed."""
    number = 0
    while not Path(stop).exists():
        for name in names:
            number += 1
            password = f"written-{os.getpid()}-{number:06d}"
            wanted = Changes(credentials=payflow_credentials(password))
            services.clients.update(services.actor, f"acme/{name}", wanted, test=False)
            say("wrote", name=name, password=password)
    return number


def stir(services: Services, names: list[str], stop: str) -> object:
    """Change acme's integrations in every way that locks several rows, until stopped; how often."""
    number = 0
    dice = random.Random(os.getpid())
    while not Path(stop).exists():
        ref = f"acme/{dice.choice(names)}"
        number += 1
        wanted = Changes(
            credentials=payflow_credentials(f"stirred-{number:08d}"),
            is_default=dice.choice([True, False]),
        )
        try:
            dice.choice(
                [
                    lambda ref=ref, wanted=wanted: services.clients.update(
                        services.actor, ref, wanted, test=False
                    ),
                    lambda ref=ref: services.clients.set_default(services.actor, ref),
                    lambda ref=ref: services.clients.disable(services.actor, ref),
                    lambda ref=ref: services.clients.show(services.actor, ref),
                ]
            )()
        except ChangedMeanwhileError:
            say("raced")
    return number


def rename(services: Services, slug: str, times: int) -> object:
    """Rename a tenant some times: an audit event each."""
    for number in range(times):
        services.tenants.rename(services.actor, slug, name=f"{slug} {os.getpid()} {number}")
    return times


def meter(services: Services, file: str, batch: int) -> object:
    """Record a file of usage in batches of so many lines."""
    usage.BATCH = batch
    with Path(file).open("rb") as lines:
        return encode(services.usage.record(services.actor, lines, UsageFormat.JSONL))


DEEDS: dict[str, Callable[..., object]] = {
    deed.__name__: deed for deed in (init, rotate, rotate_master, write, stir, rename, meter)
}


def _child(command: dict[str, Any]) -> None:
    global _tag  # noqa: PLW0603  # a child does one deed
    _tag = command.pop("tag")
    say("started", pid=os.getpid())
    notices: list[str] = []
    try:
        services = make_services(
            command.pop("url"), Path(command.pop("keyring")), None, notices, **command.pop("environment")
        )
        deed = DEEDS[command.pop("do")]
        time.sleep(max(0.0, command.pop("at") - time.time()))
        answer = deed(services, **command)
        services.close()
        say("done", answer=answer, notices=notices)
    except BaseException as exc:  # noqa: BLE001  # the test is told
        say("failed", error=f"{type(exc).__name__}: {exc}")
    os._exit(0)


def main() -> None:
    """Fork a child for each command until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    for line in sys.stdin:
        command = json.loads(line)
        if os.fork() == 0:
            _child(command)


if __name__ == "__main__":
    main()

"""`audit`: the trail listed, followed, exported and verified on a command line."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from support.cli import Command
from support.services import execute

HUGE = "WyIyMDI4LTAxLTAxVDAwOjAwOjAwLjAwMFoiLCJ4Iiw5MjIzMzcyMDM2ODU0Nzc1ODA4XQ"
"""A cursor with a sequence number of 2^63."""


def cut(command: Command, kept: int) -> None:
    """Cut the end of the organization's chain off, its AuditHead edited along."""
    execute(command.url, f'DELETE FROM "AuditEvent" WHERE "chain" <> \'system\' AND "sequence" > {kept}')
    execute(
        command.url,
        f'UPDATE "AuditHead" SET "sequence" = {kept}, "mac" = (SELECT "mac" FROM "AuditEvent"'
        f' WHERE "chain" <> \'system\' AND "sequence" = {kept}) WHERE "chain" <> \'system\'',
    )


def test_filters(on_both: Command) -> None:
    """Events are limited to an actor, a role, an action, an outcome, a target and a client."""
    acme = on_both("tenant", "rename", "acme", "--name", "Acme", "-o", "json").json["id"]
    everything = on_both("audit", "list", "-o", "json").json
    actor = everything[0]["actorId"]

    def found(*words: str) -> list[str]:
        return [event["action"] for event in on_both("audit", "list", *words, "-o", "json").json]

    every = [event["action"] for event in everything if event["actorId"] == actor]
    assert every == found("--actor", actor, "--role", "org_admin", "--outcome", "success")
    assert [] == found("--outcome", "denied")
    assert [] == found("--role", "auditor")
    assert ["tenant:create", "tenant:rename"] == found("--target", acme)
    assert ["tenant:rename"] == found("--action", "tenant:rename", "--client", "acme")
    for odd in ("now", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+14:00"):
        error = on_both.fails("audit", "list", "--since", odd, exit_code=2)
        assert "not an RFC 3339 time" in error["message"]
    on_both.fails("audit", "list", "--limit", str(2**63), exit_code=2)


def test_pages(on_both: Command) -> None:
    """Pages go back from the newest events to the first; they make up the list, also at equal times."""
    execute(on_both.url, 'UPDATE "AuditEvent" SET "occurredAt" = :when', when="2028-01-01T00:00:00.000Z")
    whole = [event["id"] for event in on_both("audit", "list", "-o", "json").json]
    found: list[str] = []
    words: list[str] = []
    while True:
        said = on_both("audit", "list", "--limit", "2", *words, "-o", "json")
        assert len(said.json) <= 2
        found = [event["id"] for event in said.json] + found
        if "--cursor" not in said.stderr:
            break
        words = ["--cursor", said.stderr.split("--cursor ")[1].split()[0]]

    assert len(whole) > 4
    assert whole == found
    for wrong in ("nonsense", "WzEsMiwzXQ", "WyJub3ciLCJjIiwxXQ", HUGE):
        assert "another listing" in on_both.fails("audit", "list", "--cursor", wrong, exit_code=2)["message"]
    on_both.fails("audit", "list", "--follow", *words, exit_code=2)


def test_export(on_both: Command) -> None:
    """An export is JSON Lines, also where a table is the default; the fields are those of `list`."""
    listed = on_both("audit", "list", "-o", "jsonl").lines
    lines = on_both("audit", "export").lines
    again = on_both("audit", "export", env={"AVNZ_INT_OUTPUT": "table"}).lines
    array = on_both("audit", "export", "-o", "json").json
    table = list(csv.DictReader(io.StringIO(on_both("audit", "export", "-o", "csv").stdout)))

    by_id = {event["id"]: event for event in lines}
    assert listed == [by_id[event["id"]] for event in listed]
    assert [list(listed[0])] * len(lines) == [list(event) for event in lines]
    assert [1, 2, 3, 4] == [len(found) - len(listed) for found in (lines, again, array, table)]
    cells = {row["id"]: (row["sequence"], row["mac"], json.loads(row["changes"] or "null")) for row in table}
    for event in array:
        assert (str(event["sequence"]), event["mac"], event["changes"]) == cells[event["id"]]
    assert ["audit:export"] * 4 == [
        event["action"] for event in on_both("audit", "list", "--limit", "4", "-o", "json").json
    ]


def test_checkpoint(on_both: Command, tmp_path: Path) -> None:
    """A checkpoint kept elsewhere shows an end that was cut off: exit 8, naming the event."""
    path = tmp_path / "kept.json"
    for number in range(4):
        on_both("tenant", "rename", "acme", "--name", f"Acme {number}")
    on_both("audit", "export", "--checkpoint", str(path))
    words = ("audit", "verify", "--checkpoint", str(path))
    assert on_both(*words, "-o", "json").json["valid"]
    assert "is whole" in on_both(*words).stdout

    cut(on_both, 5)
    said = on_both(*words, "-o", "json", exit_code=8)
    assert ["valid", "events", "firstBadSequence", "reason"] == list(said.json)
    assert (False, 6) == (said.json["valid"], said.json["firstBadSequence"])
    assert ("audit_broken", 6) == (said.error["code"], said.error["details"]["firstBadSequence"])
    assert "cut off after event 5" in on_both(*words, exit_code=8).stdout
    on_both("audit", "verify")

    before = path.read_bytes()
    refused = on_both("audit", "export", "--checkpoint", str(path), exit_code=8)
    assert "no checkpoint was written" in refused.stderr
    assert [] != refused.lines
    assert before == path.read_bytes()


def test_bad_checkpoints(command: Command, tmp_path: Path) -> None:
    """A checkpoint that is not there is exit 3, what is none exit 2, and so is standard output."""
    other = command.file("other.json", {"some": "thing"})

    assert "not_found" == command.fails("audit", "verify", "--checkpoint", "none.json", exit_code=3)["code"]
    for verb in ("verify", "export"):
        said = command.fails("audit", verb, "--checkpoint", other, exit_code=2)
        assert "not an audit checkpoint" in said["message"]
        command.fails("audit", verb, "--checkpoint", "", exit_code=2)
    command.fails("audit", "export", "--checkpoint", "-", exit_code=2)
    command.fails("audit", "export", "--checkpoint", str(tmp_path / "none" / "f"), exit_code=2)


def test_nobody_reads(command: Command, tmp_path: Path) -> None:
    """An export that did not get to its place signs nothing."""
    path = tmp_path / "kept.json"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m avnz_int audit export --checkpoint {path} > /dev/full"],
        check=False,
        capture_output=True,
        text=True,
        env=command.variables(),
    )

    assert 7 == done.returncode
    assert "No space left on device" in done.stderr
    assert not path.exists()


def _next(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "table"])
def test_follow(on_both: Command, form: str) -> None:
    """`--follow` prints each event on a line as it comes; Ctrl-C ends it with exit 130 and no noise."""
    words = ["audit", "list", "--follow", "--action", "tenant:rename", "-o", form]
    with subprocess.Popen(
        [sys.executable, "-m", "avnz_int", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=on_both.variables(),
    ) as running:
        if form == "table":
            assert _next(running.stdout).startswith("sequence")
        for number in range(3):
            on_both("tenant", "rename", "acme", "--name", f"Acme {number}")
            line = _next(running.stdout)
            if form == "csv" and number == 0:
                assert line.startswith("sequence,occurredAt,")
                line = _next(running.stdout)
            assert f"Acme {number}" in line
            if form.startswith("json"):
                assert "tenant:rename" == json.loads(line)["action"]
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)

    assert (130, "") == (running.returncode, out)
    assert "interrupted" in err
    assert "Traceback" not in err


def test_follow_until(command: Command) -> None:
    """What has no end takes no `--until`."""
    said = command.fails("audit", "list", "--follow", "--until", "2026-11-22T00:00:00Z", exit_code=2)

    assert "--follow has no end" == said["message"]

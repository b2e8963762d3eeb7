"""`import` and `export` on the command line: files, streams, exit codes, secrets, and what breaks off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from avnz_int.model.bulk import ImportOptions
from avnz_int.settings import Settings
from support.bulk import PRIVATE, PUBLIC, client_record, lines, login, platform_record
from support.cli import Command
from support.services import dump, execute

CANARY = "c4N&r<Y>%+=/ '~#7;k"
MANY = [client_record(f"Account {number}") for number in range(3000)]


def given(command: Command, *records: object, name: str = "given.jsonl") -> str:
    """A file of records."""
    return command.file(name, lines(records))  # type: ignore[arg-type]


def test_round_trip(on_both: Command) -> None:
    """Records go in by a file, come out masked, and go in again through a pipe."""
    made = on_both("import", given(on_both, platform_record(), client_record()), "-o", "json").json
    assert (2, []) == (made["created"], made["errors"])
    out = on_both("export").stdout

    again = on_both("import", "-", "--if-exists", "update", "-o", "json", stdin=out).json
    assert (0, 0, 5, 0) == tuple(again[name] for name in ("created", "updated", "skipped", "failed"))
    assert login()["password"] not in out
    assert json.loads(on_both("export", "-o", "json").stdout) == [
        json.loads(line) for line in out.splitlines()
    ]


def test_exit_codes(command: Command) -> None:
    """2 where a record is bad, 6 where a provider rejected one, 7 where it could not be asked."""
    wrong = client_record("Wrong", credentials=login("wrong password"))
    bad = given(command, wrong, b"{", name="bad.jsonl")
    assert 2 == command("import", bad, exit_code=None).code
    rejected = command("import", given(command, wrong), "-o", "json", exit_code=6)
    assert ("rejected", 1) == (rejected.error["code"], rejected.error["details"]["failed"])
    assert ["rejected"] == [error["code"] for error in rejected.json["errors"]]
    nobody = {"AVNZ_INT_ENDPOINT_PAYPAL_PAYFLOW": "http://127.0.0.1:9"}
    assert 7 == command("import", given(command, wrong), env=nobody, exit_code=None).code
    assert "line" in command("import", bad, exit_code=2).stdout


def test_hints_of_fields(command: Command) -> None:
    """What is wrong with a record is told by its fields, not by the options of a command."""
    command("import", "--no-test", given(command, client_record("There")))
    file = given(
        command,
        client_record("One", credentials={}),
        client_record("Two", priority=-1),
        {**client_record("There"), "credentials": None, "environment": "production"},
    )
    words = ("import", "--no-test", file, "--if-exists", "update", "-o", "json")
    errors = command(*words, exit_code=2).json["errors"]
    assert ["invalid_fields", "invalid_input", "invalid_input"] == [one["code"] for one in errors]
    assert "--" not in "".join(f"{one['message']}{one['hint']}" for one in errors)


def test_validate_only(command: Command) -> None:
    """Records that are valid by themselves are neither created nor skipped: that was not asked."""
    file = given(command, client_record("One"), client_record("Two"), client_record("Bad", client=""))
    result = command("import", given(command, client_record(), client_record("Two")), "--validate-only")
    assert "2 of 2 records are valid by themselves" in result.stderr
    assert "would do" not in result.stderr
    assert "skipped  0" in result.stdout
    assert "would do" in command("import", file, "--dry-run", exit_code=None).stderr


def test_hints(command: Command) -> None:
    """What to do about bad records is told below them, once."""
    two = given(command, client_record("One"), client_record("Two"))
    command("import", "--no-test", two)
    told = command("import", "--no-test", two, exit_code=2).stderr

    assert 1 == told.count("--if-exists skip leaves it")


def test_usage(command: Command) -> None:
    """What cannot be meant is told before anything is read."""
    file = given(command, client_record())
    passphrase = command.file("phrase", "correct horse battery\n")
    for words in (
        ("import", str(command.folder / "none.jsonl")),
        ("import", str(command.folder)),
        ("import", file, "--key", passphrase, "--passphrase-file", passphrase),
        ("export", "--passphrase-file", passphrase),
        ("export", "--with-credentials"),
        ("export", "--with-credentials", "--passphrase-env", "NOT_SET"),
        ("export", "--with-credentials", "--passphrase-file", command.file("short", "short")),
        ("export", "--with-credentials", "--recipient", passphrase),
        ("export", "--with-credentials", "--format", "yaml", "--passphrase-file", passphrase),
        ("export", "--output-file", str(command.folder)),
    ):
        assert 2 == command(*words, exit_code=None).code, words
    assert 3 == command("export", "--client", "nobody", exit_code=None).code


def test_yaml(command: Command) -> None:
    """A file of YAML is known by its name; what export writes as YAML is taken back."""
    text = "- kind: tenant\n  slug: initech\n- kind: tenant\n  slug: branch\n  parent: initech\n"
    assert 2 == command("import", command.file("a.yaml", text), "-o", "json").json["created"]
    out = command("export", "--format", "yaml").stdout

    told = command("import", "-", "--format", "yaml", "--if-exists", "skip", "-o", "json", stdin=out).json
    assert (5, 0) == (told["skipped"], told["failed"])
    # What is a number to YAML 1.2 alone.
    for slug, name in (("odd1", "1e3"), ("odd2", "0o17"), ("odd3", "no"), ("odd4", "+.5")):
        command("tenant", "add", slug, "--name", name)
    out = command("export", "--format", "yaml").stdout
    told = command("import", "-", "--format", "yaml", "--if-exists", "update", "-o", "json", stdin=out).json
    assert (9, 0, 0) == (told["skipped"], told["failed"], told["updated"])


def test_bundles(command: Command) -> None:
    """A bundle for a key and one for a passphrase, private, come back; another passphrase opens nothing."""
    command("import", "--no-test", given(command, client_record()))
    public = command.file("public.pem", PUBLIC)
    phrase = command.file("phrase", "correct horse battery\n")
    for name, lock, key in (
        ("key.jwe", ("--recipient", public), ("--key", command.file("private.pem", PRIVATE))),
        ("phrase.jwe", ("--passphrase-file", phrase), ("--passphrase-env", "PHRASE")),
    ):
        bundle = command.folder / name
        words = ("export", "--with-credentials", *lock, "--output-file", str(bundle), "-o", "json")
        assert {"tenants": 3, "platform": 0, "clients": 1, "unreadable": 0} == {
            field: count for field, count in command(*words).json.items() if field != "mode"
        }
        assert 0o600 == bundle.stat().st_mode & 0o777
        assert login()["password"].encode() not in bundle.read_bytes()
        command("client", "delete", "acme/Main", "--yes")
        back = ("import", str(bundle), *key, "--no-test", "--if-exists", "skip", "-o", "json")
        assert 1 == command(*back, env={"PHRASE": "correct horse battery"}).json["created"]
    wrong = command(
        "import", str(bundle), "--passphrase-env", "PHRASE", env={"PHRASE": "x" * 12}, exit_code=8
    )
    assert "passphrase is wrong" in wrong.stderr
    assert 2 == command("import", str(bundle), exit_code=None).code


def test_no_canary(on_both: Command) -> None:
    """However a record is broken, its secret is on no stream, in no event and in no table."""
    good = client_record("Good", credentials=login(CANARY))
    broken = (
        json.dumps(good).encode()[:-3],
        b"\xff" + json.dumps(good).encode(),
        {**good, "credentials": CANARY},
        {**good, "credentials": [CANARY]},
        {**good, "credentials": {"passwort": CANARY}},
        {**good, "settings": {"x": CANARY}},
        {**good, "credentials": {**login(), "user": [CANARY]}},
        {**good, "mode": "platform"},
        {**good, CANARY: CANARY},
        json.dumps(good).replace('"kind"', '"mode": "own", "mode"').encode(),
    )
    text = lines(broken[:8] + broken[9:])
    for words in (("--no-test",), ("--no-test", "--atomic"), ("--dry-run",), ()):
        said = on_both("-v", "import", "-", *words, "-o", "json", stdin=text, exit_code=2)
        assert CANARY not in said.stdout + said.stderr
        assert 0 == said.json["created"]
    on_both("import", "-", "--no-test", stdin=lines([good]))
    said = on_both("export", "-o", "json")
    assert CANARY not in said.stdout + said.stderr + repr(dump(on_both.url))


def test_exposed_file(command: Command) -> None:
    """A file with plain credentials that others can read is warned about; one without is not."""
    words = ("import", "--no-test", "--dry-run")
    exposed = command.file("open.jsonl", lines([client_record()]), mode=0o644)
    harmless = command.file("tenants.jsonl", lines([{"kind": "tenant", "slug": "x"}]), mode=0o644)

    assert "chmod 600" in command(*words, exposed).stderr
    assert "chmod 600" not in command(*words, harmless).stderr


def test_half_written(command: Command) -> None:
    """A full disk leaves neither half an export nor what is beside it, and what was there stays."""
    command("import", "--no-test", given(command, *MANY[:300]))
    place = command.folder / "out" / "all.jsonl"
    place.parent.mkdir()
    before = '{"kind":"tenant"}\n'
    place.write_text(before)
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from avnz_int.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    # The database has to grow for the export's event, so it stands where nothing limits it: read only.
    done = subprocess.run(
        [sys.executable, "-c", limited, "export", "--output-file", str(place)],
        env=command.variables(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert 7 == done.returncode, done
    assert ["all.jsonl"] == [path.name for path in place.parent.iterdir()]
    assert before == place.read_text()


@pytest.mark.parametrize("name", ["avnz-int.db", "avnz-int.db-wal", "keyring.json"])
def test_not_over_our_own(command: Command, name: str) -> None:
    """An export takes the place neither of the keyring nor of the database, by whatever name."""
    own = next(path for path in map(Path, command_files(command)) if path.name == name)
    other = command.folder / "other"
    names = [own, command.folder / "link"]
    names[1].symlink_to(own)
    if own.exists():
        os.link(own, other)
        names.append(other)
    before = own.read_bytes() if own.exists() else None
    for place in names:
        for form in ("jsonl", "manifest"):
            done = command("export", "--output-file", str(place), "--format", form, exit_code=2)
            assert "--output-file" in done.stderr
    if name == "keyring.json":
        assert before == own.read_bytes()
    command("audit", "verify")


def command_files(command: Command) -> tuple[Path, ...]:
    """The files of the database and the keyring."""
    return Settings.load(command.variables()).files


def test_only_over_an_export(command: Command) -> None:
    """An export takes the place of an earlier one, or of what is empty; of nothing else that is there."""
    place = command.folder / "out"
    for words in (("jsonl",), ("yaml",), ("manifest",), ("jsonl",)):
        command("export", "--output-file", str(place), "--format", *words)
    place.write_text("")
    public = command.file("public.pem", PUBLIC)
    for _ in range(2):
        command("export", "--with-credentials", "--recipient", public, "--output-file", str(place))
    fifo, loop = command.folder / "fifo", command.folder / "loop"
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    long = command.folder / ("x" * 300)
    for other in (Path(public), fifo, loop, loop / "file", long, Path(public) / "file", Path("..")):
        said = command("export", "--output-file", str(other), exit_code=2).stderr
        assert "--output-file" in said, other
    assert PUBLIC == Path(public).read_bytes()
    command("export", "--output-file", str(command.folder / ("x" * 250)))


def test_named_pipe(command: Command) -> None:
    """A named pipe is read once and whole; where a file is read twice, it is kept until then."""
    fifo = command.folder / "fifo"
    os.mkfifo(fifo)
    for option in ("--no-test", "--no-test", "--test", "--atomic"):
        writer = threading.Thread(target=fifo.write_bytes, args=(lines([client_record()]),), daemon=True)
        writer.start()
        report = command("import", option, "--if-exists", "skip", str(fifo), "-o", "json").json
        writer.join()
        assert 1 == report["created"] + report["skipped"]


@pytest.mark.slow
def test_killed(on_both: Command) -> None:
    """What was imported when the process was killed is whole, and a second run brings the rest."""
    file = given(on_both, *MANY)
    process = subprocess.Popen(
        [sys.executable, "-m", "avnz_int", "import", "--no-test", file],
        env=on_both.variables(),
        stdout=subprocess.DEVNULL,
    )
    count = 'SELECT COUNT(*) FROM "ClientIntegration"'
    deadline = time.monotonic() + 60
    while execute(on_both.url, count)[0][0] < 500 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    there = execute(on_both.url, count)[0][0]
    assert there % ImportOptions().batch_size == 0
    assert there == execute(on_both.url, 'SELECT COUNT(*) FROM "MerchantAccount"')[0][0]

    report = on_both("import", "--no-test", "--if-exists", "skip", file, "-o", "json").json
    assert (3000 - there, there, 0) == (report["created"], report["skipped"], report["failed"])
    assert on_both("audit", "verify", "-o", "json").json["valid"]


@pytest.mark.slow
def test_two_at_once(on_both: Command) -> None:
    """Two imports of one file at the same time make each integration once, in one unbroken trail."""
    file = given(on_both, *MANY)
    command = [
        sys.executable,
        "-m",
        "avnz_int",
        "import",
        "--no-test",
        "--if-exists",
        "skip",
        file,
        "-o",
        "json",
    ]
    both = [
        subprocess.Popen(command, env=on_both.variables(), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    reports = [json.loads(process.communicate(timeout=110)[0]) for process in both]

    assert (3000, 3000, 0) == tuple(
        sum(report[name] for report in reports) for name in ("created", "skipped", "failed")
    )
    assert 3000 == execute(on_both.url, 'SELECT COUNT(*) FROM "ClientIntegration"')[0][0]
    assert on_both("audit", "verify", "-o", "json").json["valid"]


def test_no_other_file(command: Command, tmp_path: Path) -> None:
    """An import leaves no file behind: what it keeps of names is the system's to remove."""
    file = given(command, client_record())
    before = {path.name for path in tmp_path.rglob("*")}
    command("import", "--no-test", file)

    assert {path.name for path in tmp_path.rglob("*")} <= before | {"avnz-int.db-wal", "avnz-int.db-shm"}

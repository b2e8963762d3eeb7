"""`avnz-int export`: tenants and integrations as records, masked or in an encrypted bundle."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from avnz_int.cli import bulk, opening, output
from avnz_int.cli.commands.import_ import PassphraseEnv, PassphraseFile
from avnz_int.cli.printable import cell, json_text
from avnz_int.cli.state import ClientOption, Format, Output, State, not_empty, state_of
from avnz_int.errors import SealBrokenError, UsageError
from avnz_int.model.files import ExportForm, Form, Kind

_CHUNK = 500
Write = Callable[[IO[str], Iterable[dict[str, Any]]], None]


def export(
    ctx: typer.Context,
    kinds: Annotated[
        list[Kind] | None, typer.Option("--kind", help="Only these; may stand several times.")
    ] = None,
    client: ClientOption = None,
    written_as: Annotated[
        ExportForm, typer.Option("--format", help="How to write it; a manifest is what plan and apply take.")
    ] = ExportForm.JSONL,
    file: Annotated[
        str | None,
        typer.Option(
            "--output-file",
            metavar="FILE",
            callback=not_empty,
            help="Write there (0600), whole or not at all.",
        ),
    ] = None,
    with_credentials: Annotated[
        bool, typer.Option("--with-credentials", help="Write an encrypted bundle with all credentials.")
    ] = False,
    recipient: Annotated[
        str | None,
        typer.Option(
            "--recipient", metavar="FILE", callback=not_empty, help="The public key the bundle is for."
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = None,
    form: Output = Format.TABLE,
) -> None:
    """Write tenants and integrations as records that import takes.

    Credentials are masked, unless --with-credentials encrypts the whole for a passphrase or for a recipient's
    key; each opening of a stored credential is recorded. With --output-file, standard output has the counts.
    Exit 8 where stored credentials do not open, after the rest.
    """
    state = state_of(ctx)
    if written_as is ExportForm.MANIFEST:
        if kinds or client or with_credentials or recipient or passphrase_file or passphrase_env:
            raise UsageError("a manifest has all there is, without credentials: it goes with no selection")
        _manifest(state, file, form)
        return
    records_as = Form(written_as.value)
    from avnz_int.model.bulk import Selection  # --help and TAB make none

    selection = Selection(frozenset(kinds or ()), state.client(client))
    locked = any((recipient, passphrase_file, passphrase_env))
    if locked and not with_credentials:
        raise UsageError("--recipient and passphrases belong to --with-credentials")
    if with_credentials:
        if records_as is not Form.JSONL or form is Format.CSV:
            raise UsageError("a bundle has a form of its own: leave --format and -o csv out")
        lock = _lock(state, recipient, passphrase_file, passphrase_env)
        records: Any = state.services.bulk_export.sealed(state.actor, lock, selection)
        write: Any = _write_lines
    else:
        write = _writer(records_as, Format.TABLE if file else form, kinds or [])
        records = state.services.bulk_export.masked(state.actor, selection)
    with _place(state, file) as out, bulk.on_batch("exporting") as told:
        records.on_batch = told
        # Closed here, so that what breaks off is recorded as broken off before the command ends.
        with contextlib.closing(iter(records)) as found:
            write(out, found)
    if file is not None:
        output.emit(state, form, records.report)
    if records.report.unreadable:
        raise SealBrokenError(
            f"{records.report.unreadable} stored credentials do not open; their records have none",
            hint="avnz-int doctor names them",
            details={"unreadable": records.report.unreadable},
        )


def _manifest(state: State, file: str | None, form: Format) -> None:
    if form is not Format.TABLE:
        raise UsageError("--format manifest and -o exclude each other")
    text = state.services.manifests.export(state.actor)
    with _place(state, file) as out:
        out.write(text)


def _lock(state: State, recipient: str | None, file: str | None, variable: str | None) -> Any:
    from avnz_int.services import bulk_locks

    if recipient is None:
        return bulk_locks.by_passphrase(bulk.passphrase(state, file, variable, twice=True))
    if file or variable:
        raise UsageError("--recipient and a passphrase exclude each other: a bundle is for one of them")
    return bulk_locks.for_recipient(opening.content(recipient, "--recipient"))


@contextlib.contextmanager
def _place(state: State, file: str | None) -> Iterator[IO[str]]:
    if file is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with bulk.whole_file(Path(file), state.settings.files) as opened:
        yield opened


def _writer(records_as: Form, form: Format, kinds: list[Kind]) -> Write:
    if records_as is Form.YAML:
        if form is not Format.TABLE:
            raise UsageError("--format yaml and -o exclude each other where the records are printed")
        return _write_yaml
    if form is Format.CSV:
        return lambda out, records: _write_csv(out, records, kinds)
    return _write_array if form is Format.JSON else _write_jsonl


def _write_lines(out: IO[str], lines: Iterable[str]) -> None:
    for line in lines:
        out.write(f"{line}\n")


def _write_jsonl(out: IO[str], records: Iterable[dict[str, Any]]) -> None:
    lines: list[str] = []
    for record in records:
        lines.append(json_text(record))
        if len(lines) == _CHUNK:
            out.write("\n".join(lines) + "\n")
            lines = []
    out.write("".join(f"{line}\n" for line in lines))


def _write_array(out: IO[str], records: Iterable[dict[str, Any]]) -> None:
    out.write("[")
    separator = ""
    for record in records:
        out.write(separator + json_text(record))
        separator = ",\n "
    out.write("]\n")


def _write_yaml(out: IO[str], records: Iterable[dict[str, Any]]) -> None:
    import yaml

    from avnz_int.services.manifest_reading import bare

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # PyYAML has no types
        """Quotes what YAML 1.2 takes for a number, and the 1.1 of PyYAML does not."""

    def text(dumper: Any, value: str) -> Any:
        try:
            quoted = not isinstance(bare(value), str)
        except ValueError:
            quoted = True
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if quoted else None)

    Dumper.add_representer(str, text)
    for record in records:
        out.write(yaml.dump(record, Dumper=Dumper, allow_unicode=True, sort_keys=False, explicit_start=True))


def _write_csv(out: IO[str], records: Iterable[dict[str, Any]], kinds: list[Kind]) -> None:
    import csv

    from avnz_int.services import bulk_export

    writer = csv.DictWriter(out, bulk_export.columns(kinds), restval="", lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: cell(part) for name, part in record.items()})


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("export")(export)

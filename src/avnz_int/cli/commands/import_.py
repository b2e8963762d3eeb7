"""`avnz-int import`: many tenants and integrations from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import bulk, opening, output
from avnz_int.cli.state import Format, Output, State, Timeout, not_empty, state_of
from avnz_int.errors import AvnzError, InvalidInputError, ProviderUnreachableError, RejectedError, UsageError
from avnz_int.model.files import Form, IfExists

if TYPE_CHECKING:
    from avnz_int.model.bulk import ImportReport, Records

_COUNTS = ("created", "updated", "skipped", "failed")
PassphraseFile = Annotated[
    str | None,
    typer.Option("--passphrase-file", metavar="FILE", callback=not_empty, help="A bundle's passphrase."),
]
PassphraseEnv = Annotated[
    str | None,
    typer.Option("--passphrase-env", metavar="NAME", callback=not_empty, help="The variable that holds it."),
]


def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The records, or a bundle.")],
    test: Annotated[
        bool,
        typer.Option(
            "--test/--no-test", help="Ask each provider before saving (default), or save unverified."
        ),
    ] = True,
    if_exists: Annotated[
        IfExists, typer.Option("--if-exists", help="What becomes of what is there already.")
    ] = IfExists.FAIL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; ask no provider, change nothing.")
    ] = False,
    validate_only: Annotated[
        bool, typer.Option("--validate-only", help="Look at each record by itself; change nothing.")
    ] = False,
    atomic: Annotated[
        bool, typer.Option("--atomic", help="All or nothing: one bad record keeps out all.")
    ] = False,
    records_as: Annotated[
        Form | None,
        typer.Option("--format", help="How the records are written (jsonl; yaml for *.yaml, *.yml)."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="FILE", callback=not_empty, help="The private key a bundle is for."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", min=1, max=1000, help="Tests at once.")
    ] = 8,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Add tenants and integrations from records or a bundle.

    Records are JSON Lines or YAML, a bundle is what `export --with-credentials` wrote. Bad records are told
    by their line and kept out, the rest is taken. Exit 2 where one is bad, else 6 where a provider rejected
    one, 7 where it could not be asked.
    """
    state = state_of(ctx)
    records = _records(state, file, records_as, key, passphrase_file, passphrase_env)
    if atomic and not (dry_run or validate_only) and bulk.is_stream(file):
        # It is read to its end before anything is locked, and again once all is tested.
        every = tuple(records())
        records = every.__iter__
    from avnz_int.model.bulk import ImportOptions  # --help and TAB make none

    options = ImportOptions(
        test=test,
        if_exists=if_exists,
        atomic=atomic,
        dry_run=dry_run,
        validate_only=validate_only,
        concurrency=concurrency,
        timeout_s=timeout,
    )
    with bulk.on_batch("importing") as told:
        report = state.services.bulk_import.run(state.actor, records, options, on_batch=told)
    output.emit(state, form, report, lambda _: _table(state, report))
    if report.dry_run and not validate_only:
        state.notify("nothing was changed: this is what an import would do")
    if report.failed:
        raise _not_all(report, atomic=atomic)


def _records(
    state: State,
    file: str,
    records_as: Form | None,
    key: str | None,
    passphrase_file: str | None,
    passphrase_env: str | None,
) -> Records:
    from avnz_int.model.secret import Secret
    from avnz_int.services import bulk_locks, bulk_reading

    if key is not None and (passphrase_file or passphrase_env):
        raise UsageError("--key and a passphrase exclude each other: a bundle is for one of them")
    if file == "-" in {key, passphrase_file}:
        raise UsageError("standard input has the records; take the rest from a file")

    def unlock() -> Any:
        if key is not None:
            raw = opening.content(key, "--key", on_exposed=state.notify)
            return bulk_locks.key_opener(Secret(raw))
        given = bulk.passphrase(state, passphrase_file, passphrase_env, twice=False)
        return bulk_locks.passphrase_opener(given)

    opened = bulk.opener(file, "FILE")
    exposed = file != "-" and opening.is_exposed(Path(file).stat())

    def on_plain() -> None:
        if exposed:
            state.notify(f"{file} holds credentials and can be read by others: chmod 600 {file}")

    return bulk_reading.records(opened, bulk_reading.form_of(file, records_as), unlock, on_plain)


def _table(state: State, report: ImportReport) -> None:
    for what in _COUNTS:
        typer.echo(f"{what}  {getattr(report, what)}")
    if report.errors:
        output.emit_all(state, Format.TABLE, report.errors, ("line", "ref", "code", "message"))
    for hint in dict.fromkeys(problem.hint for problem in report.errors if problem.hint):
        state.notify(hint)
    if report.failed > len(report.errors):
        state.notify(f"{report.failed - len(report.errors)} more are bad")


def _not_all(report: ImportReport, *, atomic: bool) -> AvnzError:
    """Invalid input where a record is bad, else rejected where one was, else unreachable."""
    codes = {problem.code for problem in report.errors}
    kind: type[AvnzError] = InvalidInputError
    if codes <= {RejectedError.code, ProviderUnreachableError.code}:
        kind = RejectedError if RejectedError.code in codes else ProviderUnreachableError
    first = report.errors[0]
    kept_out = "nothing was imported, --atomic takes all or none" if atomic else "they were kept out"
    where = f"the first is in line {first.line}: {first.message}"
    return kind(
        f"{report.failed} of the records cannot be taken, {kept_out}; {where}",
        hint="mend them and import the file again; --if-exists skip passes over what is there",
        details={name: getattr(report, name) for name in _COUNTS},
    )


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("import")(import_)

"""`avnz-int db`: the database's own schema."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from avnz_int.cli import output, progress
from avnz_int.cli.state import Format, Output, not_empty, state_of
from avnz_int.errors import DiffersError, UsageError

app = typer.Typer(help="Schema migrations of the database, and copies of it.", no_args_is_help=True)


@app.command()
def upgrade(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Bring the database to this program's schema, in one transaction."""
    state = state_of(ctx)
    # Where there is no database, this says so; making one is for `init`.
    state.services.schema.current(state.operator)
    before, after = state.services.setup.upgrade(state.operator)
    output.emit(state, form, {"before": before, "after": after, "changed": before != after})


@app.command()
def current(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Show which migration the database is at, and which is the newest."""
    state = state_of(ctx)
    found, head = state.services.schema.current(state.operator)
    output.emit(state, form, {"current": found, "head": head, "upToDate": found == head})


@app.command()
def check(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Find every table, column, constraint or index that is not as it should be; exit 5 if there is one."""
    state = state_of(ctx)
    differences = state.services.schema.differences(state.operator)
    report: dict[str, Any] = {"matches": not differences, "differences": differences}

    def table(_: Any) -> None:
        for line in differences or ["the database is as it should be"]:
            typer.echo(line)

    output.emit(state, form, report, table)
    if differences:
        raise DiffersError(
            f"the database differs from the models in {len(differences)} places",
            hint="restore what is missing, or the database from a backup",
            details={"differences": differences},
        )


@app.command()
def copy(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL|env:NAME",
            callback=not_empty,
            help="An empty database; env:NAME takes the URL, which may hold a password, from a variable.",
        ),
    ],
    form: Output = Format.TABLE,
) -> None:
    """Copy every row into an empty database of either kind, and check the copy.

    Sealed credentials and the audit trail stay as they are, byte for byte; the keyring is not copied.
    """
    state = state_of(ctx)
    url = _address(to)
    with progress.bar("copying") as update:
        view = state.services.copying.copy(
            state.actor, url, lambda done, total: update(completed=done, total=total)
        )
    output.emit(state, form, view)


def _address(given: str) -> str:
    """The URL of `--to`.

    Raises:
        UsageError: it holds a password, names no variable that is set, or is of another kind.
    """
    from avnz_int.settings import checked_url, has_password

    name = given.removeprefix("env:") if given.startswith("env:") else None
    if name is None and has_password(given):
        raise UsageError(
            "--to holds a password, which every process on this machine could read",
            hint="put the URL into an environment variable, and give --to env:NAME",
        )
    if name == "":
        raise UsageError("--to env: names no variable", hint="give --to env:NAME, and export NAME")
    url = given if name is None else os.environ.get(name)
    if not url:
        raise UsageError(f"--to env:{name}: {name} is not set", hint=f"export {name} in this environment")
    return checked_url(url)


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="db")

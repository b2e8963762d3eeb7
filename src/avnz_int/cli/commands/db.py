"""`avnz-int db`: the database's own schema."""

from __future__ import annotations

from typing import Any

import typer

from avnz_int.cli import output
from avnz_int.cli.state import Format, Output, state_of
from avnz_int.errors import DiffersError

app = typer.Typer(help="Schema migrations of the database.", no_args_is_help=True)


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


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="db")

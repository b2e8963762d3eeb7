"""`avnz-int keyring`: master keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import output
from avnz_int.cli.state import Format, Output, State, Yes, not_empty, state_of

if TYPE_CHECKING:
    from avnz_int.model.views.keys import KeyringView

app = typer.Typer(help="Master keys: ids, ages, fingerprints; never keys.", no_args_is_help=True)
_COLUMNS = ("id", "state", "ageDays", "createdAt", "fingerprint", "dataKeys")


@app.command()
def show(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Show the master keys, and which data keys need each."""
    state = state_of(ctx)
    _emit(state, form, state.services.keyrings.show(state.actor))


@app.command()
def migrate(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="KEYRING",
            callback=not_empty,
            help="file:///PATH, aws-secretsmanager://SECRET or aws-kms://KEY, with ?region=.",
        ),
    ],
    form: Output = Format.TABLE,
) -> None:
    """Wrap every data key by another keyring, which is made if need be; the present one stays.

    Then name the other one in AVNZ_INT_KEYRING, or with --keyring.
    """
    state = state_of(ctx)
    _emit(state, form, state.services.keyrings.migrate(state.actor, to))


@app.command()
def prune(ctx: typer.Context, yes: Yes = False, form: Output = Format.TABLE) -> None:
    """Remove the master keys that no data key of this database needs.

    Older backups, and other databases with the same keyring, may need them still.
    """
    state = state_of(ctx)
    found = state.services.keyrings.prunable(state.actor)
    if found:
        from avnz_int.cli import prompts

        prompts.confirm_or_refuse(
            question=f"Remove master key {', '.join(found)} for good? Backups made under it never open again",
            interactive=state.interactive(),
            yes=yes,
        )
    else:
        state.notify("no master key to remove")
    _emit(state, form, state.services.keyrings.prune(state.actor, found))


def _emit(state: State, form: Format, view: KeyringView) -> None:
    def table(_: Any) -> None:
        typer.echo(f"keyring  {view.keyring}")
        rows = [
            {
                "id": key.id,
                "state": key.state,
                "ageDays": key.age_days,
                "createdAt": key.created_at,
                "fingerprint": key.fingerprint,
                "dataKeys": [f"{use.purpose} {use.id} ({use.status})" for use in key.data_keys],
            }
            for key in view.keys
        ]
        output.emit_all(state, Format.TABLE, rows, _COLUMNS)

    output.emit(state, form, view, table)


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="keyring")

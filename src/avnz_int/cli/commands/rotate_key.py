"""`avnz-int rotate-key`: new keys, and every stored credential sealed by them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import output
from avnz_int.cli.state import Format, Output, State, state_of
from avnz_int.errors import UsageError
from avnz_int.model.enums import KeyPurpose

if TYPE_CHECKING:
    from avnz_int.model.views import RotationView


def rotate_key(
    ctx: typer.Context,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make a new key even if a rotation is under way.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on; never make a new key.")] = False,
    master: Annotated[
        bool, typer.Option("--master", help="Make a new master key and wrap every data key by it.")
    ] = False,
    purpose: Annotated[
        KeyPurpose, typer.Option("--purpose", help="Which data key.")
    ] = KeyPurpose.CREDENTIALS,
    status: Annotated[bool, typer.Option("--status", help="Change nothing; show where it stands.")] = False,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, max=100000, help="Rows of one transaction.")
    ] = 500,
    form: Output = Format.TABLE,
) -> None:
    """Make a new data key and seal every stored credential by it.

    Safe to interrupt and to run again. Exit 8 where a row does not open, after the rest is done.
    """
    state = state_of(ctx)
    if sum((new_key, resume, master, status)) > 1:
        raise UsageError("--new-key, --resume, --master and --status exclude each other")
    if purpose is not KeyPurpose.CREDENTIALS and (new_key or resume or master):
        raise UsageError(f"--purpose {purpose} makes a new key; it takes none of the other options")
    keys = state.services.keys
    if status:
        view = keys.status(state.actor)
    elif master:
        view = keys.rotate_master(state.actor)
    elif purpose is not KeyPurpose.CREDENTIALS:
        view = keys.rotate_purpose(state.actor, purpose)
    else:
        view = _rotate(state, new_key=new_key, resume=resume, batch_size=batch_size)
    output.emit(state, form, view)
    if view.unreadable:
        state.notify(f"{view.unreadable} stored credentials do not open; they keep their old key")
        raise typer.Exit(8)


def _rotate(state: State, *, new_key: bool, resume: bool, batch_size: int) -> RotationView:
    live = sys.stderr.isatty()

    def on_batch(progress: Any) -> None:
        if live:
            sys.stderr.write(f"\r{progress.resealed} re-sealed")
            sys.stderr.flush()

    view = state.services.keys.rotate(
        state.actor, new_key=new_key, resume=resume, batch_size=batch_size, on_batch=on_batch
    )
    if live:
        sys.stderr.write("\r\x1b[K")
    return view


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("rotate-key")(rotate_key)

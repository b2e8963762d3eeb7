"""`avnz-int rotate-key`: new keys, and every stored credential sealed by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from avnz_int.cli import output, progress
from avnz_int.cli.state import Format, Output, State, Yes, state_of
from avnz_int.errors import SealBrokenError, UsageError
from avnz_int.model.enums import KeyPurpose

if TYPE_CHECKING:
    from avnz_int.model.views.keys import RotationView


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
    retire: Annotated[
        bool, typer.Option("--retire", help="Erase the older keys for credentials that nothing needs.")
    ] = False,
    grace: Annotated[
        int,
        typer.Option(
            "--grace", metavar="DAYS", min=0, max=36500, help="With --retire: spare keys in use since then."
        ),
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", min=1, max=64, help="Processes that share it (PostgreSQL)."),
    ] = 1,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, max=100000, help="Rows of one transaction.")
    ] = 1000,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Make a new data key and seal every stored credential by it.

    Safe to interrupt, to run again, and to run on several machines at once. Exit 8 where a row does not open,
    after the rest is done.
    """
    state = state_of(ctx)
    _require_one(purpose, new_key, resume, master, retire, status=status)
    if grace and not retire:
        raise UsageError("--grace belongs to --retire")
    keys = state.services.keys
    if retire:
        view = _retire(state, grace=grace, dry_run=dry_run, yes=yes)
    elif status:
        view = keys.status(state.actor)
    elif dry_run:
        view = _preview(state, purpose, new_key=new_key, resume=resume, master=master)
    elif master:
        view = keys.rotate_master(state.actor)
    elif purpose is not KeyPurpose.CREDENTIALS:
        view = keys.rotate_purpose(state.actor, purpose)
    else:
        with progress.bar("sealing anew", told=lambda task: f"{task.speed or 0:,.0f} rows/s") as update:
            view = keys.rotate(
                state.actor,
                new_key=new_key,
                resume=resume,
                batch_size=batch_size,
                workers=workers,
                on_batch=lambda now: update(completed=now.resealed + now.unreadable, total=now.total),
            )
    output.emit(state, form, view)
    if view.unreadable:
        raise SealBrokenError(
            f"{view.unreadable} stored credentials do not open; they keep the key beside them",
            hint="avnz-int doctor names them",
            details={"unreadable": view.unreadable},
        )


def _require_one(purpose: KeyPurpose, *deeds: bool, status: bool) -> None:
    if sum(deeds) + status > 1:
        raise UsageError("--new-key, --resume, --master, --status and --retire exclude each other")
    if purpose is not KeyPurpose.CREDENTIALS and any(deeds):
        raise UsageError(f"--purpose {purpose} makes a new key; it takes none of the other options")


def _preview(state: State, purpose: KeyPurpose, *, new_key: bool, resume: bool, master: bool) -> RotationView:
    keys = state.services.keys
    if master or purpose is not KeyPurpose.CREDENTIALS:
        what = "master key" if master else f"key for {purpose}"
        state.notify(f"a new {what} would be made; nothing was changed")
        return keys.status(state.actor)
    return keys.preview(state.actor, new_key=new_key, resume=resume)


def _retire(state: State, *, grace: int, dry_run: bool, yes: bool) -> RotationView:
    if not dry_run:
        from avnz_int.cli import prompts

        question = "Erase every older data key that nothing stored here needs? It cannot be undone."
        prompts.confirm_or_refuse(question=question, interactive=state.interactive(), yes=yes)
    return state.services.keys.retire(state.actor, grace_days=grace, dry_run=dry_run)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("rotate-key")(rotate_key)

"""`avnz-int init`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import output
from avnz_int.cli.state import Format, Output, not_empty, state_of
from avnz_int.errors import UsageError


def init(
    ctx: typer.Context,
    org: Annotated[
        str | None,
        typer.Option("--org", metavar="SLUG", callback=not_empty, help="Slug of the organization."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", callback=not_empty, help="Name of the organization."),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            callback=not_empty,
            help="Write a token that is issued there, mode 0600, and do not print it.",
        ),
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Set up the database, the keyring and the organization.

    It migrates an older database and seeds the definitions. On PostgreSQL it issues an org_admin token where
    there is no live one, and prints it this once. Run it as often as you like: what is there already stays.
    """
    state = state_of(ctx)
    operator = state.operator
    file = None
    if token_file is not None:
        from avnz_int.cli.token_file import TokenFile

        file = TokenFile(token_file)
    if org is None and state.services.setup.organization() is None:
        if not state.interactive():
            raise UsageError(
                "the database is empty: which organization is it for?", hint="avnz-int init --org SLUG"
            )
        from avnz_int.cli import prompts

        org = prompts.text("Slug of the organization (a-z, 0-9, -):", default="", validate=_slug)
        name = name or prompts.text("Name of the organization:", default=org)
    known = name is not None and state.services.setup.organization() is not None
    view = state.services.setup.init(
        operator, organization=org, name=name, keep=None if file is None else file.write
    )
    if known:
        state.notify("the organization was there already and keeps its name; see avnz-int tenant rename")

    def table(made: Any) -> None:
        report = made.definitions
        typer.echo(f"organization  {made.organization}")
        typer.echo(f"database      {made.database}")
        typer.echo(f"keyring       {made.keyring}")
        typer.echo(
            f"definitions   {len(report.created)} created, {len(report.updated)} updated, "
            f"{len(report.unchanged)} unchanged"
        )
        if made.token:
            typer.echo(f"token         {made.token}")

    output.emit(state, form, view, table)
    if view.token:
        state.notify("keep the token now: it is not shown again; AVNZ_INT_TOKEN presents it")
    elif file is not None:
        state.notify(
            f"the token is in {token_file}" if file.written else "no token was issued, and none written"
        )
    if view.definitions.created:
        state.notify("back the keyring up: without it nothing that is stored can be opened")


def _slug(text: str) -> str | None:
    from avnz_int.errors import InvalidInputError
    from avnz_int.services.tenants import checked_slug

    try:
        checked_slug(text)
    except InvalidInputError as exc:
        return f"{exc.message}: {exc.hint}"
    return None


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(init)

"""`avnz-int token`: access tokens."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import output
from avnz_int.cli.listing import listing
from avnz_int.cli.state import ClientOption, Format, Output, Yes, not_empty, state_of
from avnz_int.errors import UsageError
from avnz_int.model.enums import Role

app = typer.Typer(help="Access tokens: who may act, as what, until when.", no_args_is_help=True)
_COLUMNS = ("name", "role", "client", "status", "prefix", "expiresAt", "lastUsedAt", "id")
TokenFileOption = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        callback=not_empty,
        help="Write the token there, mode 0600, and do not print it.",
    ),
]


@app.command()
def create(
    ctx: typer.Context,
    role: Annotated[
        Role | None, typer.Option("--role", help="What it may do; with --bootstrap org_admin.")
    ] = None,
    client: ClientOption = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", callback=not_empty, help="What it is used by."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="WHEN",
            callback=not_empty,
            help="After 24h or 90d, or at an RFC 3339 time; never if left out.",
        ),
    ] = None,
    bootstrap: Annotated[
        bool,
        typer.Option("--bootstrap", help="Make an org_admin token without having one: it takes the keyring."),
    ] = False,
    token_file: TokenFileOption = None,
    form: Output = Format.TABLE,
) -> None:
    """Make a token and print it, this once; AVNZ_INT_TOKEN then presents it.

    A client_admin is one client's: give --client.
    """
    state = state_of(ctx)
    from avnz_int.cli import moments
    from avnz_int.cli.token_file import TokenFile
    from avnz_int.model.tokens import NewToken

    if bootstrap and (client is not None or role not in {None, Role.ORG_ADMIN}):
        raise UsageError("--bootstrap makes an org_admin token: leave --role and --client out")
    if not bootstrap and (role is None or name is None):
        raise UsageError("a token needs --role and --name", hint="give both, or --bootstrap")
    wanted = NewToken(
        role=role or Role.ORG_ADMIN,
        name=name or "bootstrap",
        client=state.client(client) if role is Role.CLIENT_ADMIN else client,
        expires_at=None if expires is None else moments.expiry("--expires", expires),
    )
    file = None if token_file is None else TokenFile(token_file)
    keep = None if file is None else file.write
    tokens = state.services.tokens
    if bootstrap:
        view = tokens.bootstrap(state.operator, wanted, keep)
    else:
        view = tokens.create(state.actor, wanted, keep)
    lost = f"nobody has seen the token: avnz-int token revoke {view.id}, then make another"
    output.emit(state, form, view, lost=lost if file is None else None)
    state.notify(
        "keep the token now: it is not shown again" if file is None else f"the token is in {token_file}"
    )


@app.command("list")
@listing()
def list_(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """List all tokens, also those that expired or were revoked; never their text."""
    state = state_of(ctx)
    output.emit_all(state, form, state.services.tokens.listing(state.actor), _COLUMNS)


@app.command()
def revoke(
    ctx: typer.Context,
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF", help="Its id, 6 characters of one, its prefix or its name; never the token."
        ),
    ],
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """End a token, at once and for good. The last live one of an org_admin stays."""
    state = state_of(ctx)
    view: Any = state.services.tokens.find(state.actor, ref)
    from avnz_int.cli import prompts

    prompts.confirm_or_refuse(
        question=f"Revoke the {view.role} token {view.name} ({view.id})?",
        interactive=state.interactive(),
        yes=yes,
    )
    output.emit(state, form, state.services.tokens.revoke(state.actor, view.id))


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="token")

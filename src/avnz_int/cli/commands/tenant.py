"""`avnz-int tenant`: organization, clients, companies."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.listing import listing
from avnz_int.cli.state import Format, Output, Yes, not_empty, state_of

app = typer.Typer(help="The organization, its clients and their companies.", no_args_is_help=True)
_COLUMNS = ("slug", "kind", "name", "parent", "status", "id")
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The tenant.", autocompletion=complete.tenants)]


@app.command()
def add(
    ctx: typer.Context,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="1 to 63 of a-z, 0-9 and -.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", callback=not_empty, help="Name for people; the slug if left out."
        ),
    ] = None,
    under: Annotated[
        str | None,
        typer.Option(
            "--under",
            metavar="PARENT",
            callback=not_empty,
            help="The client of a company.",
            autocompletion=complete.clients,
        ),
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Add a client, or with --under CLIENT a company."""
    state = state_of(ctx)
    output.emit(state, form, state.services.tenants.add(state.actor, slug, name=name, under=under))


@app.command("list")
@listing()
def list_(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """List all tenants."""
    state = state_of(ctx)
    output.emit_all(state, form, state.services.tenants.listing(state.actor), _COLUMNS)


@app.command()
def show(ctx: typer.Context, slug: Slug, form: Output = Format.TABLE) -> None:
    """Show one tenant."""
    state = state_of(ctx)
    output.emit(state, form, state.services.tenants.show(state.actor, slug))


@app.command("tree")
def tree_(ctx: typer.Context, form: Output = Format.TABLE) -> None:
    """Draw the hierarchy with what each node uses."""
    state = state_of(ctx)

    def table(root: Any) -> None:
        from avnz_int.cli import tree

        tree.draw(state, root)

    output.emit(state, form, state.services.tenants.tree(state.actor), table)


@app.command()
def rename(
    ctx: typer.Context,
    slug: Slug,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", callback=not_empty, help="The new name.")
    ] = None,
    new_slug: Annotated[
        str | None, typer.Option("--slug", metavar="SLUG", callback=not_empty, help="The new slug.")
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Give a tenant another name or slug."""
    state = state_of(ctx)
    if name is None and new_slug is None:
        raise typer.BadParameter("give --name, --slug or both")
    view = state.services.tenants.rename(state.actor, slug, name=name, new_slug=new_slug)
    output.emit(state, form, view)


@app.command()
def remove(
    ctx: typer.Context,
    slug: Slug,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Remove a client or company that nothing depends on."""
    state = state_of(ctx)
    view = state.services.tenants.show(state.actor, slug)
    from avnz_int.cli import prompts

    prompts.confirm_or_refuse(
        question=f"Remove the {view.kind} {view.slug} ({view.name})?",
        interactive=state.interactive(),
        yes=yes,
    )
    output.emit(state, form, state.services.tenants.remove(state.actor, slug))


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="tenant")

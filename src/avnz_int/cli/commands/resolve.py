"""`avnz-int resolve`: which integration is in force, and where each value came from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.listing import listing, require_listing
from avnz_int.cli.state import ClientOption, Format, Output, State, not_empty, state_of
from avnz_int.errors import UsageError
from avnz_int.model.enums import Category, Environment

_ALL = ("client", "provider", "name", "mode", "rule", "id")
_CANDIDATES = ("position", "provider", "name", "level", "mode", "environment", "effectiveStatus", "reason")
_SETTINGS = ("setting", "value", "origin")


@listing()
def resolve(
    ctx: typer.Context,
    category: Annotated[Category, typer.Option("--category", help="What for.")],
    client: ClientOption = None,
    company: Annotated[
        str | None,
        typer.Option(
            "--company",
            metavar="SLUG",
            callback=not_empty,
            help="A company: it has what its client has.",
            autocompletion=complete.companies,
        ),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every client.")] = False,
    environment: Annotated[
        Environment, typer.Option("--environment", help="Where (production).")
    ] = Environment.PRODUCTION,
    explain: Annotated[
        bool, typer.Option("--explain", help="With every candidate, and the origin of every setting.")
    ] = False,
    form: Output = Format.TABLE,
) -> None:
    """Show which integration is in force for a client or company."""
    state = state_of(ctx)
    if (client is not None) + (company is not None) + everybody > 1:
        raise UsageError("--client, --company and --all exclude one another")
    if everybody:
        _all(state, form, category, environment, explain=explain)
        return
    require_listing(state, "--all")
    view = state.services.resolution.resolve(
        state.actor,
        category,
        client=state.client(client) if company is None else None,
        company=company,
        environment=environment,
        explain=explain,
    )
    output.emit(state, form, view, lambda one: _table(state, one, explain=explain))


def _all(state: State, form: Format, category: Category, environment: Environment, *, explain: bool) -> None:
    views = state.services.resolution.resolve_all(
        state.actor, category, environment=environment, explain=explain
    )
    if form is Format.TABLE:
        from avnz_int.model.encode import encode

        lines = [encode(view) | _line(view) for view in views]
        output.emit_all(state, form, lines, _ALL, empty="no clients")
    else:
        output.emit_all(state, form, views, ())


def _line(view: Any) -> dict[str, Any]:
    found = view.in_force
    if found is None:
        return dict.fromkeys(_ALL) | {"client": view.client, "rule": "nothing in force"}
    return {"client": view.client, **{name: getattr(found, name) for name in _ALL[1:]}}


def _table(state: State, view: Any, *, explain: bool) -> None:
    from avnz_int.model.encode import encode

    found = encode(view.in_force)
    settings, origins = found.pop("settings"), found.pop("origins")
    head = {"client": view.client, "company": view.company, "category": view.category}
    output.emit(
        state, Format.TABLE, head | found | ({} if explain or not settings else {"settings": settings})
    )
    if not explain:
        return
    lines = [{"setting": name, "value": value, "origin": origins[name]} for name, value in settings.items()]
    output.emit_all(state, Format.TABLE, lines, _SETTINGS, empty="no settings")
    output.emit_all(state, Format.TABLE, view.candidates, _CANDIDATES)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(resolve)

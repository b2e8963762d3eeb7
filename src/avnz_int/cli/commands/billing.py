"""`avnz-int billing`: months, statements, payouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from avnz_int.cli import output
from avnz_int.cli.listing import listing
from avnz_int.cli.state import ClientOption, Format, Output, not_empty, state_of
from avnz_int.errors import UsageError

app = typer.Typer(help="Bills of platform-mode usage.", no_args_is_help=True)
_COLUMNS = ("month", "client", "name", "currency", "total", "id")
_LINES = (
    *("statementId", "client", "clientId", "platformIntegrationId", "provider", "name", "month", "currency"),
    *("number", "kind", "description", "ofMonth", "count", "volume", "amount", "total"),
)
_PAYOUTS = (
    *("week", "client", "currency", "transactions", "charges", "refunds", "voids", "volume"),
    *("fees", "net", "unmatched", "overRefunded"),
)
_MONEY = ("total", "charges", "refunds", "voids", "volume", "fees", "net")
MonthOption = Annotated[
    str | None, typer.Option("--month", metavar="YYYY-MM", callback=not_empty, help="Only of this month.")
]
Print = Annotated[bool, typer.Option("--print", help="Print statements in full, as plain text.")]


@app.command()
def close(
    ctx: typer.Context,
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month, which must be over.")],
    form: Output = Format.TABLE,
) -> None:
    """Close a month: make its statements, which are final; again, it shows them.

    Months are closed in their order. Usage of a closed month that comes later is corrected in the next
    month's statement.
    """
    state = state_of(ctx)
    view = state.services.billing.close(state.actor, month)
    if view.already:
        state.notify(f"{view.month} was closed before; nothing was changed")

    def table(_: Any) -> None:
        empty = f"{view.month}: no statements"
        output.emit_all(state, form, view.statements, _COLUMNS, empty=empty, money=_MONEY)

    if form is Format.CSV:
        output.emit_all(state, form, _flat(view.statements), (), header=_LINES)
    else:
        output.emit(state, form, view, table)


@app.command()
@listing()
def show(
    ctx: typer.Context,
    client: ClientOption = None,
    month: MonthOption = None,
    statement: Annotated[
        str | None,
        typer.Option("--statement", metavar="ID", callback=not_empty, help="Only this one."),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="What an open month comes to so far (the running one).")
    ] = False,
    in_full: Print = False,
    form: Output = Format.TABLE,
) -> None:
    """Show statements; with --estimate what those of an open month would be."""
    state = state_of(ctx)
    service = state.services.billing
    if in_full and form is not Format.TABLE:
        raise UsageError("--print is plain text", hint="leave it or -o out")
    if statement is not None:
        if estimate or month is not None:
            raise UsageError("--statement names one; --month and --estimate do not go with it")
        views = [service.show(state.actor, statement)]
    elif estimate:
        views = service.estimate(state.actor, client=state.client(client), month=month)
    else:
        views = service.listing(state.actor, client=state.client(client), month=month)
    if in_full:
        from avnz_int.cli import statement as printed

        if not views:
            state.notify("no statement there")
            return
        typer.echo("\n\n".join(printed.text_of(view) for view in views))
    elif form is Format.CSV:
        output.emit_all(state, form, _flat(views), (), header=_LINES)
    elif statement is not None:
        output.emit(state, form, views[0])
    else:
        output.emit_all(state, form, views, _COLUMNS, money=_MONEY)


@app.command()
@listing()
def payouts(
    ctx: typer.Context,
    client: ClientOption = None,
    week: Annotated[
        str | None,
        typer.Option(
            "--week", metavar="YYYY-Www", callback=not_empty, help="An ISO week (the last one that is over)."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", callback=not_empty, help="Every week from this day's on."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DAY", callback=not_empty, help="Up to this day's week.")
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Show what was settled in a week, by client and currency: charges less refunds and voids, and fees."""
    state = state_of(ctx)
    views = state.services.payouts.listing(
        state.actor, client=state.client(client), week=week, since=since, until=until
    )
    output.emit_all(state, form, views, _PAYOUTS, money=_MONEY)


def _flat(views: Sequence[Any]) -> list[dict[str, Any]]:
    """A row for each line."""
    return [
        dict(
            zip(
                _LINES,
                (
                    *(view.id, view.client, view.client_id, view.platform_integration_id, view.provider),
                    *(view.name, view.month, view.currency, line.number, line.kind, line.description),
                    *(line.month, line.count, line.volume, line.amount, view.total),
                ),
                strict=True,
            )
        )
        for view in views
        for line in view.lines
    ]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="billing")

"""`avnz-int merchant pool`: pools of merchant accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.listing import listing
from avnz_int.cli.state import ClientOption, Format, Output, State, Yes, not_empty, state_of
from avnz_int.errors import UsageError
from avnz_int.model.enums import Environment, PoolStrategy

if TYPE_CHECKING:
    from avnz_int.model.routing import PoolView

app = typer.Typer(help="Pools of accounts that share a client's transactions.", no_args_is_help=True)
_COLUMNS = (
    *("client", "pool", "environment", "strategy", "account", "provider", "status", "priority", "weight"),
    *("currencies", "transactionLimit", "monthlyLimit", "id"),
)
_NO_LIMIT = 0
_MOST = 10**15

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pool.")]


@app.command("list")
@listing()
def list_(ctx: typer.Context, client: ClientOption = None, form: Output = Format.TABLE) -> None:
    """List pools and the accounts in them."""
    state = state_of(ctx)
    views = state.services.pools.listing(state.actor, client=state.client(client))
    if form is Format.TABLE:
        output.emit_all(state, form, [line for view in views for line in _lines(view)], _COLUMNS)
    else:
        output.emit_all(state, form, views, ())


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    account: Annotated[
        str,
        typer.Option(
            "--account",
            metavar="REF",
            callback=not_empty,
            help="The account: its id, or the REF of its integration.",
            autocompletion=complete.merchants,
        ),
    ],
    client: ClientOption = None,
    priority: Annotated[
        int | None,
        typer.Option("--priority", metavar="N", min=0, max=2147483647, help="Lower is tried first (0)."),
    ] = None,
    weight: Annotated[
        int | None,
        typer.Option(
            "--weight", metavar="N", min=0, max=1_000_000, help="Share (1); 0 takes what no other can."
        ),
    ] = None,
    transaction_limit: Annotated[
        int | None,
        typer.Option(
            "--transaction-limit",
            metavar="N",
            min=_NO_LIMIT,
            max=_MOST,
            help="Most of a transaction in minor units; 0: no limit.",
        ),
    ] = None,
    monthly_limit: Annotated[
        int | None,
        typer.Option(
            "--monthly-limit",
            metavar="N",
            min=_NO_LIMIT,
            max=_MOST,
            help="Most of a month's charges in minor units; 0: no limit.",
        ),
    ] = None,
    limit_currency: Annotated[
        str | None,
        typer.Option(
            "--limit-currency", metavar="CODE", help="Of the limits; the one --currency if left out."
        ),
    ] = None,
    currency: Annotated[
        list[str] | None,
        typer.Option(
            "--currency", metavar="CODE", help="One that it takes; repeat for more; all: every one."
        ),
    ] = None,
    strategy: Annotated[
        PoolStrategy | None, typer.Option("--strategy", help="How the pool chooses (priority).")
    ] = None,
    environment: Annotated[
        Environment | None, typer.Option("--environment", help="Of a new pool; the account's if left out.")
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Put an account into a pool, or change it there.

    The first account makes the pool.
    """
    from avnz_int.model.inputs import UNSET  # noqa: PLC0415  # what a TAB does not need
    from avnz_int.model.routing import MemberChanges  # noqa: PLC0415  # what a TAB does not need

    every = "all" in (currency or ())
    if every and set(currency or ()) != {"all"}:
        raise UsageError("--currency all is every one: it goes with no other")
    state = state_of(ctx)
    wanted = MemberChanges(
        account=account,
        priority=UNSET if priority is None else priority,
        weight=UNSET if weight is None else weight,
        transaction_limit=UNSET if transaction_limit is None else transaction_limit or None,
        monthly_limit=UNSET if monthly_limit is None else monthly_limit or None,
        limit_currency=UNSET if limit_currency is None else limit_currency,
        currencies=UNSET if not currency else tuple(() if every else currency),
        strategy=strategy,
        environment=environment,
    )
    view = state.services.pools.put(state.actor, name, wanted, client=state.client(client))
    output.emit(state, form, view, lambda one: _table(state, one))


@app.command()
def remove(
    ctx: typer.Context,
    name: Name,
    client: ClientOption = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="REF",
            callback=not_empty,
            help="Only this account.",
            autocompletion=complete.merchants,
        ),
    ] = None,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Take an account out of a pool, or end the pool."""
    state = state_of(ctx)
    whose = state.client(client)
    if account is None:
        from avnz_int.cli import prompts  # noqa: PLC0415  # only where somebody is asked

        owner = "" if whose is None else f" of {whose}"
        prompts.confirm_or_refuse(
            question=f"Remove the pool {name}{owner}? (its accounts stay)",
            interactive=state.interactive(),
            yes=yes,
        )
    view = state.services.pools.remove(state.actor, name, account=account, client=whose)
    output.emit(state, form, view, lambda one: _table(state, one))


def _table(state: State, view: PoolView) -> None:
    output.emit_all(state, Format.TABLE, _lines(view), _COLUMNS)


def _lines(view: PoolView) -> list[dict[str, Any]]:
    """A line for each account; one for a pool without any."""
    pool = {
        "client": view.client,
        "pool": view.name,
        "environment": view.environment,
        "strategy": view.strategy,
    }
    lines = [
        {
            "account": one.name,
            "provider": one.provider,
            "status": one.status,
            "priority": one.priority,
            "weight": one.weight,
            "currencies": one.currencies or "all",
            "transactionLimit": _money(one.transaction_limit, one.limit_currency),
            "monthlyLimit": _money(one.monthly_limit, one.limit_currency),
            "id": one.merchant_account_id,
        }
        for one in view.members
    ]
    return [dict.fromkeys(_COLUMNS) | pool | line for line in lines or [{}]]


def _money(amount: int | None, code: str | None) -> str | None:
    from avnz_int.model import currency  # noqa: PLC0415  # only where a limit is shown

    return None if amount is None or code is None else currency.shown(amount, code)

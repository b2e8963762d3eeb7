"""`avnz-int run`: a command with credentials in its environment, and nowhere else."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from avnz_int.cli import complete
from avnz_int.cli.state import (
    CategoryFilter,
    ClientOption,
    ProviderFilter,
    listed,
    not_empty,
    notices,
    state_of,
)
from avnz_int.errors import UsageError
from avnz_int.model.enums import Environment

_WORDS = "avnz_int.command"


class _WithCommand(TyperCommand):
    """A command whose words after `--` are another's, options and all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_WORDS] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "--", "COMMAND..."]


def run(
    ctx: typer.Context,
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF]...", help="These integrations.", autocompletion=complete.refs),
    ] = None,
    client: ClientOption = None,
    company: Annotated[
        str | None,
        typer.Option(
            "--company",
            metavar="SLUG",
            callback=not_empty,
            help="The company: its client's.",
            autocompletion=complete.companies,
        ),
    ] = None,
    platform: Annotated[bool, typer.Option("--platform", help="The organization's own.")] = False,
    category: CategoryFilter = None,
    provider: ProviderFilter = None,
    environment: Annotated[
        Environment | None, typer.Option("--environment", help="Of this environment (production).")
    ] = None,
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            metavar="TEXT",
            help="Before each variable; {provider}, {name}, {category}, {environment} are filled in.",
        ),
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="NAME,...", callback=listed, help="These variables alone, named without prefix."
        ),
    ] = None,
    all_names: Annotated[
        bool, typer.Option("--all-names", help="Each value under every name it is known by.")
    ] = False,
    pristine: Annotated[
        bool, typer.Option("--pristine", help="Beside these only PATH, HOME and the like.")
    ] = False,
) -> None:
    """Run a command with credentials in its environment.

    It replaces this process: its streams, signals and exit code are its own. --category and --provider take
    what `resolve` says; without either, or a REF, it gets the client's own integration in force of each
    category. Exit 126 where the command cannot be executed, 127 where there is none.
    """
    from avnz_int.cli import executing
    from avnz_int.model.running import RunWanted

    state = state_of(ctx)
    words: list[str] = ctx.meta[_WORDS]
    if not words:
        raise UsageError("which command?", hint="avnz-int run --client SLUG -- COMMAND ARGUMENTS...")
    if platform and (client or company):
        raise UsageError("--platform excludes --client and --company")
    if refs and (category or provider):
        raise UsageError("a REF excludes --category and --provider")
    around = executing.base(os.environ, pristine=pristine)
    # First: what cannot run opens nothing.
    program = executing.find(words[0], around)
    bare = [ref for ref in refs or ("",) if "/" not in ref]
    slug = state.client(client, bare[0]) if bare and not (platform or company) else client
    wanted = RunWanted(
        client=slug,
        company=company,
        platform=platform,
        refs=tuple(refs or ()),
        category=category,
        provider=state.known_provider(provider),
        environment=environment,
        prefix=prefix,
        only=frozenset(only or ()),
        all_names=all_names,
    )
    given = state.services.running.variables(state.actor, wanted)
    state.close()
    notices.end()
    executing.become(program, words, around | given.variables.reveal())


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("run", cls=_WithCommand)(run)

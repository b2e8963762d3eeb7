"""`avnz-int definitions`: reference data of the providers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.listing import listing
from avnz_int.cli.state import CategoryFilter, Format, Output, state_of
from avnz_int.errors import DiffersError, InvalidInputError

app = typer.Typer(help="What providers there are, and what each needs.", no_args_is_help=True)
_COLUMNS = ("provider", "category", "name", "isOrgOnly", "isClientAllowed", "isPlatformOffered", "status")


@app.command("list")
@listing()
def list_(
    ctx: typer.Context,
    category: CategoryFilter = None,
    client_allowed: Annotated[
        bool, typer.Option("--client-allowed", help="Only what clients may configure.")
    ] = False,
    form: Output = Format.TABLE,
) -> None:
    """List the definitions in force."""
    state = state_of(ctx)
    views = state.services.definitions.listing(
        state.actor, category=category and category.value, client_allowed=client_allowed
    )
    output.emit_all(state, form, views, _COLUMNS)


@app.command()
def show(
    ctx: typer.Context,
    provider: Annotated[
        str,
        typer.Argument(metavar="PROVIDER", help="The provider.", autocompletion=complete.providers),
    ],
    form: Output = Format.TABLE,
) -> None:
    """Show one definition: fields, where to find each value, what is tested, the permission for it."""
    state = state_of(ctx)

    def table(view: Any) -> None:
        typer.echo(f"{view.name} ({view.provider}), {view.category}, {view.status}")
        typer.echo(view.description)
        if view.documentation_url:
            typer.echo(view.documentation_url)
        audience = "the platform only" if view.is_org_only else "the platform"
        if view.is_client_allowed:
            audience += " and clients"
        typer.echo(f"for {audience}; compliance: {', '.join(view.required_compliance) or 'none'}")
        _print_schema("credentials", view.credential_schema)
        _print_schema("settings", view.settings_schema)
        _print_test(view.credential_schema)

    output.emit(state, form, state.services.definitions.show(state.actor, provider), table)


@app.command()
def seed(
    ctx: typer.Context,
    directory: Annotated[
        Path | None, typer.Option("--dir", metavar="D", help="Other seeds than those shipped.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 5 where the database differs.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Deprecate definitions without a seed.")] = False,
    form: Output = Format.TABLE,
) -> None:
    """Copy the seeds into the database; a second time nothing changes."""
    state = state_of(ctx)
    service = state.services.definitions
    act = service.compare if check else service.seed
    report = act(state.actor, directory=directory, prune=prune)

    def table(_: Any) -> None:
        for word in ("created", "updated", "deprecated"):
            for name in getattr(report, word):
                typer.echo(f"{word}  {name}")
        typer.echo(f"unchanged  {len(report.unchanged)}")

    output.emit(state, form, report, table)
    if check and report.differs:
        words = ["avnz-int", "definitions", "seed"]
        words += [] if directory is None else ["--dir", str(directory)]
        raise DiffersError(
            "the definitions in the database are not those of the seeds",
            hint=shlex.join([*words, *(["--prune"] if prune else [])]),
            details={"created": report.created, "updated": report.updated, "deprecated": report.deprecated},
        )


@app.command()
def schema(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="manifest; a command's words joined by -, as client-list; error."
        ),
    ],
    form: Output = Format.TABLE,
) -> None:
    """Print the JSON Schema of a file that people write, or of what a command prints; needs no database."""
    import json

    from avnz_int.cli import shapes

    found = shapes.schema(name)
    output.emit(
        state_of(ctx), form, found, lambda one: typer.echo(json.dumps(one, indent=2, ensure_ascii=False))
    )


@app.command()
def validate(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Seed files or folders of them.")
    ] = None,
    form: Output = Format.TABLE,
) -> None:
    """Check seed files (if none is named, those shipped and those of plugins); needs no database."""
    state = state_of(ctx)
    checked, problems = _validated(paths) if paths else _validated_all()
    report = {"valid": not problems, "files": checked, "problems": problems}

    def table(_: Any) -> None:
        for problem in problems:
            typer.echo(f"{problem['file']}: {problem['path'] or '/'}: {problem['rule']}")
        typer.echo(f"{checked} files, {len(problems)} problems")

    output.emit(state, form, report, table)
    if problems:
        raise InvalidInputError(
            f"{len(problems)} problems in {checked} seed files", details={"problems": problems}
        )


def _validated(paths: list[Path], *, shipped: bool = False) -> tuple[int, list[dict[str, str]]]:
    """How many seeds there are in these files and folders, and what is wrong with them."""
    from avnz_int.definitions import env_names, loader, schema

    checked, problems = 0, []
    sound: list[loader.Seed] = []
    for path in paths:
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise InvalidInputError(f"{path} holds no seed (*.json)")
        for file in files:
            checked += 1
            try:
                seed = loader.read_seed(file)
                found = schema.validate_definition(seed, shipped=shipped)
                problems += [problem.as_dict() for problem in found]
                sound += [] if found else [seed]
            except InvalidInputError as exc:
                problems += exc.details.get("problems") or [
                    {"file": str(file), "path": "", "rule": exc.message}
                ]
    return checked, problems + [problem.as_dict() for problem in env_names.clashes(sound)]


def _validated_all() -> tuple[int, list[dict[str, str]]]:
    """As `_validated`, for the seeds that are shipped and those of plugins, whose modules are loaded."""
    from avnz_int.definitions import loader
    from avnz_int.services import plugins

    checked, problems = _validated([loader.seeds_dir()], shipped=True)
    found = plugins.examined()
    problems += [problem.as_dict() for plugin in found for problem in plugin.problems]
    return checked + sum(plugin.path is not None for plugin in found), problems


def _print_test(credential_schema: dict[str, Any]) -> None:
    from avnz_int.definitions import schema

    told = schema.tested(credential_schema)
    if told is not None:
        typer.echo("\nconnection test")
        typer.echo(f"  {told.request}")
        typer.echo(f"  needs: {told.permission}")


def _print_schema(what: str, found: dict[str, Any] | None) -> None:
    from avnz_int.definitions import env_names, schema

    typer.echo(f"\n{what}")
    fields = schema.question_order(found)
    if not fields:
        typer.echo("  none")
    destinations = schema.destination_fields(found)
    variables = {one.field: one.names for one in env_names.named(found)}
    for field in fields:
        marks = ["required" if field.required else "optional"]
        marks += ["secret"] if field.secret else []
        marks += ["decides where secrets are sent"] if field.name in destinations else []
        marks += [f"one of {', '.join(field.enum)}"] if field.enum else []
        marks += [f"default {field.default}"] if field.default is not None else []
        typer.echo(f"  {field.name}  {field.title} ({', '.join(marks)})")
        if field.description:
            typer.echo(f"      {field.description}")
        if field.pattern:
            typer.echo(f"      pattern {field.pattern}")
        if field.name in variables:
            typer.echo(f"      variables {', '.join(variables[field.name])}")
    if choices := (found or {}).get("anyOf"):
        typer.echo(f"  give {', or '.join(' with '.join(choice['required']) for choice in choices)}")


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="definitions")

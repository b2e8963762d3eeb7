"""`avnz-int import-env`: the end of an environment file."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avnz_int.cli import complete, output
from avnz_int.cli.state import ClientOption, EnvironmentOption, Format, Output, State, Timeout, Yes, state_of
from avnz_int.errors import AvnzError, InvalidInputError, UsageError

if TYPE_CHECKING:
    from avnz_int.model.env_import import EnvFound, EnvImportView, EnvPlan

_GRAVEST = (8, 6, 7, 5, 4, 3, 2)
_DONE = {"created", "updated"}


class IfExists(StrEnum):
    """Values of `--if-exists`."""

    SKIP = "skip"
    UPDATE = "update"


def import_env(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A .env file, or - for standard input.")],
    client: ClientOption = None,
    platform: Annotated[
        bool, typer.Option("--platform", help="For the organization itself (without --client).")
    ] = False,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            metavar="PROVIDER",
            help="Only these; names that several providers share then count as theirs.",
            autocompletion=complete.providers,
        ),
    ] = None,
    environment: EnvironmentOption = None,
    if_exists: Annotated[
        IfExists, typer.Option("--if-exists", help="What to do where there is one already.")
    ] = IfExists.SKIP,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done.")] = False,
    test: Annotated[
        bool, typer.Option("--test/--no-test", help="Ask the provider before saving (default), or not.")
    ] = True,
    timeout: Timeout = None,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Turn a .env file into integrations, each tested first.

    What a provider rejects is not saved. No value is printed. At the end stands what can be deleted from the
    file.
    """
    from avnz_int.model.env_import import EnvImportView, EnvWanted

    state = state_of(ctx)
    if platform and client:
        raise UsageError("--platform excludes --client")
    slug = None if platform else state.client(client)
    given = _read(state, file)
    wanted = EnvWanted(slug, environment, tuple(provider or ()), update=if_exists is IfExists.UPDATE)
    service = state.services.env_import
    plan = service.plan(state.actor, given, wanted)
    found = [one.found for one in plan.candidates]
    if not found and plan.ambiguous:
        names = ", ".join(one.variable for one in plan.ambiguous)
        providers = sorted({name for one in plan.ambiguous for name in one.providers})
        raise UsageError(
            f"{names}: this says nothing of which provider is meant",
            hint=f"give --provider, one of {', '.join(providers)}",
            details={"ambiguous": {one.variable: one.providers for one in plan.ambiguous}},
        )
    ready = [one for one in found if not one.problems and (wanted.update or not one.exists)]
    errors: list[tuple[str, AvnzError]] = []
    done: list[EnvFound] = []
    if dry_run:
        done = found
    else:
        if ready and not yes:
            _confirm(state, ready, slug, show=plan if form is Format.TABLE else None)
        for one in plan.candidates:
            view, error = service.save(state.actor, one, wanted, test=test, timeout_s=timeout)
            done.append(view)
            errors += [] if error is None else [(one.found.provider, error)]
    deletable: set[str] = set()
    kept: set[str] = set()
    for one, view in zip(plan.candidates, done, strict=True):
        (deletable if view.result in _DONE else kept).update(one.variables)
    report = EnvImportView(done, plan.ambiguous, plan.left_over, sorted(deletable - kept))
    output.emit(state, form, report, _print)
    if errors:
        raise _worst(errors)
    incomplete = [one.provider for one in report.found if one.problems] if dry_run else []
    if incomplete:
        raise InvalidInputError(
            f"what the file has for {', '.join(incomplete)} cannot be saved as it is",
            hint="the report names what is missing or wrong",
        )


def _read(state: State, file: str) -> Any:
    from avnz_int.cli import envfile
    from avnz_int.cli.sources import text_of

    given = envfile.parse(text_of(state, file, "FILE"), "standard input" if file == "-" else file)
    for name in given.duplicates:
        state.notify(f"{name} stands in the file more than once: the last counts")
    for name in given.unresolved:
        state.notify(f"{name} refers to a variable that is not set: nothing stands in its place")
    return given


def _confirm(state: State, ready: list[EnvFound], slug: str | None, *, show: EnvPlan | None) -> None:
    from avnz_int.cli import prompts

    if show is not None and state.interactive():
        for line in _lines([one.found for one in show.candidates], show):
            prompts.say(line)
    named = ", ".join(f"{one.provider} ({one.environment})" for one in ready)
    whose = "the platform" if slug is None else slug
    prompts.confirm_or_refuse(
        question=f"Save {named} for {whose}?", interactive=state.interactive(), yes=False
    )


def _lines(found: list[EnvFound], rest: EnvPlan | EnvImportView) -> list[str]:
    """What people read: names only."""
    lines = []
    for one in found:
        state = one.result or ("incomplete" if one.problems else "exists" if one.exists else "ready")
        told = "" if one.environment_from == "default" else f", by {one.environment_from}"
        lines.append(f"{one.provider}  {one.environment}{told}  {state}")
        lines += [f"    {name}  {variable}" for name, variable in one.fields.items()]
        lines += [
            f"    {p['field']}  {' or '.join(p['variables']) or '-'}: {p['message']}" for p in one.problems
        ]
        if one.message and not one.problems:
            lines.append(f"    {one.message}")
    for unclear in rest.ambiguous:
        lines.append(f"{unclear.variable}  ambiguous: --provider {' or '.join(unclear.providers)}")
    for left in rest.left_over:
        lines.append(f"{left.variable}  left over" + (f": {left.reason}" if left.reason else ""))
    return lines


def _print(report: EnvImportView) -> None:
    for line in _lines(report.found, report):
        typer.echo(output.shown(line))
    if report.deletable:
        typer.echo(f"these can be deleted from the file now: {' '.join(report.deletable)}")


def _worst(errors: list[tuple[str, AvnzError]]) -> AvnzError:
    """The gravest of the errors, with all of them in its words."""
    worst = min((exc for _, exc in errors), key=lambda exc: _GRAVEST.index(exc.exit_code))
    failed = [{"provider": provider, "code": exc.code, "message": exc.message} for provider, exc in errors]
    worst.message = "; ".join(exc.message for _, exc in errors)
    worst.details = {"failed": failed}
    return worst


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("import-env")(import_env)

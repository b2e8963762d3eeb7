"""`avnz-int platform`: the organization's integrations."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import output
from avnz_int.cli.listing import listing
from avnz_int.cli.state import (
    CategoryFilter,
    CredentialOption,
    CredentialsFile,
    EnvironmentFilter,
    EnvironmentOption,
    Format,
    KeepPrevious,
    Output,
    PlatformRef,
    ProviderArgument,
    ProviderFilter,
    SettingOption,
    SettingsFile,
    StatusFilter,
    TestOption,
    Timeout,
    Yes,
    not_empty,
    state_of,
)
from avnz_int.errors import UsageError

app = typer.Typer(help="The organization's integrations (org_admin).", no_args_is_help=True)
_COLUMNS = ("provider", "name", "environment", "status", "isSharedWithClients", "id")
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", callback=not_empty, help="Name for people.")
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]


@app.command("list")
@listing()
def list_(
    ctx: typer.Context,
    environment: EnvironmentFilter = None,
    category: CategoryFilter = None,
    provider: ProviderFilter = None,
    status: StatusFilter = None,
    form: Output = Format.TABLE,
) -> None:
    """List platform integrations; credentials stay closed."""
    from avnz_int.model.filters import Filter

    state = state_of(ctx)
    limits = Filter(environment, category, state.known_provider(provider), status)
    output.emit_all(state, form, state.services.platform.listing(state.actor, limits), _COLUMNS)


@app.command()
def show(ctx: typer.Context, ref: PlatformRef, form: Output = Format.TABLE) -> None:
    """Show one, with masked credentials; opening them is recorded."""
    state = state_of(ctx)
    output.emit(state, form, state.services.platform.show(state.actor, ref))


@app.command()
def add(
    ctx: typer.Context,
    provider: ProviderArgument = None,
    name: Name = None,
    description: Description = None,
    credential: CredentialOption = None,
    credentials_file: CredentialsFile = None,
    setting: SettingOption = None,
    settings_file: SettingsFile = None,
    environment: EnvironmentOption = None,
    test: TestOption = None,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Add an integration: test the credentials, then save them.

    On a terminal, what is missing is asked for.
    """
    # Schemas, questions and inputs: 20 ms that a TAB or --help does not pay.
    from dataclasses import replace

    from avnz_int.cli import wizard
    from avnz_int.cli.sources import Sources, given_any
    from avnz_int.model.inputs import NewPlatform
    from avnz_int.model.secret import Secret

    state = state_of(ctx)
    interactive = state.interactive()
    given = wizard.Given(provider=provider, name=name, environment=environment, test=test)
    schemas: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None)
    if provider is not None:
        found = state.services.platform.require_addable(state.actor, provider)
        schemas = (found.credential_schema, found.settings_schema)
        sources = Sources(state, *schemas)
        given = replace(
            given,
            credentials=sources.credentials(credentials_file, credential),
            settings=sources.new_settings(settings_file, setting),
        )
    elif not interactive:
        raise UsageError("which provider?", hint="avnz-int definitions list shows them")
    elif given_any(credential, credentials_file, setting, settings_file):
        raise UsageError("credentials and settings of which provider?", hint="name the PROVIDER, too")
    if interactive and wizard.wanted(given, *schemas):
        given = wizard.complete_platform(state.services, state.actor, given)
    new = NewPlatform(
        provider=given.provider or "",
        credentials=Secret(dict(given.credentials)),
        name=given.name,
        description=description,
        settings=given.settings,
        **({} if given.environment is None else {"environment": given.environment}),
    )
    view = state.services.platform.add(state.actor, new, test=given.test is not False, timeout_s=timeout)
    output.emit(state, form, view)


@app.command()
def update(
    ctx: typer.Context,
    ref: PlatformRef,
    name: Name = None,
    description: Description = None,
    credential: CredentialOption = None,
    credentials_file: CredentialsFile = None,
    setting: SettingOption = None,
    settings_file: SettingsFile = None,
    environment: EnvironmentOption = None,
    keep_previous: KeepPrevious = None,
    test: TestOption = None,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Change an integration; credentials are replaced as a whole."""
    from avnz_int.cli import sources

    state = state_of(ctx)
    service = state.services.platform
    wanted = sources.changes(
        state,
        lambda: service.definition_of(state.actor, ref),
        credential=credential,
        credentials_file=credentials_file,
        setting=setting,
        settings_file=settings_file,
        keep_previous=keep_previous,
        name=name,
        description=description,
        environment=environment,
    )
    view = service.update(state.actor, ref, wanted, test=test is not False, timeout_s=timeout)
    output.emit(state, form, view)


@app.command()
def rollback(
    ctx: typer.Context,
    ref: PlatformRef,
    test: TestOption = None,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Put the credentials from before the last replacement in force again."""
    state = state_of(ctx)
    view = state.services.platform.rollback(state.actor, ref, test=test is not False, timeout_s=timeout)
    output.emit(state, form, view)


@app.command()
def enable(ctx: typer.Context, ref: PlatformRef, form: Output = Format.TABLE) -> None:
    """Put a tested integration in force."""
    state = state_of(ctx)
    output.emit(state, form, state.services.platform.enable(state.actor, ref))


@app.command()
def disable(ctx: typer.Context, ref: PlatformRef, form: Output = Format.TABLE) -> None:
    """Take an integration out of force; clients that use it cannot either."""
    state = state_of(ctx)
    output.emit(state, form, state.services.platform.disable(state.actor, ref))


@app.command()
def delete(
    ctx: typer.Context,
    ref: PlatformRef,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Delete an integration that no client uses."""
    state = state_of(ctx)
    if not yes:
        from avnz_int.cli import prompts

        view = state.services.sharing.show(state.actor, ref)
        question = f"Delete platform/{view.provider} ({view.environment})?"
        prompts.confirm_or_refuse(question=question, interactive=state.interactive(), yes=yes)
    output.emit(state, form, state.services.platform.delete(state.actor, ref))


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="platform")

"""`avnz-int client`: the clients' integrations."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avnz_int.cli import output
from avnz_int.cli.commands.platform import Description, Name
from avnz_int.cli.listing import listing
from avnz_int.cli.state import (
    CategoryFilter,
    ClientOption,
    ClientRef,
    CredentialOption,
    CredentialsFile,
    EnvironmentFilter,
    EnvironmentOption,
    Format,
    KeepPrevious,
    MonthOption,
    Output,
    ProviderArgument,
    ProviderFilter,
    SettingOption,
    SettingsFile,
    StatusFilter,
    TestOption,
    Timeout,
    Yes,
    state_of,
)
from avnz_int.errors import InvalidInputError, UsageError
from avnz_int.model.encode import encode
from avnz_int.model.enums import Mode

app = typer.Typer(help="The clients' integrations.", no_args_is_help=True)
_COLUMNS = (
    "client",
    "name",
    "provider",
    "mode",
    "environment",
    "isDefault",
    "effectiveStatus",
    "id",
)
_OFFERS = ("provider", "category", "name", "modes", "status")
_COUNTS = ("currency", "transactions", "declined", "voided", "refunds")
_AMOUNTS = ("volume", "refunded", "fees", "minimumSoFar", "minimum", "estimate")
ModeOption = Annotated[
    Mode | None, typer.Option("--mode", help="Own credentials (default), or the platform's.")
]
Priority = Annotated[
    int | None,
    typer.Option("--priority", metavar="N", min=0, max=2147483647, help="Lower is tried first (0)."),
]


@app.command("list")
@listing()
def list_(
    ctx: typer.Context,
    client: ClientOption = None,
    environment: EnvironmentFilter = None,
    category: CategoryFilter = None,
    provider: ProviderFilter = None,
    status: StatusFilter = None,
    form: Output = Format.TABLE,
) -> None:
    """List the integrations of one client, or of all; credentials stay closed."""
    from avnz_int.model.filters import Filter

    state = state_of(ctx)
    limits = Filter(environment, category, state.known_provider(provider), status)
    views = state.services.client_listing.listing(state.actor, client=state.client(client), limits=limits)
    output.emit_all(state, form, views, _COLUMNS)


@app.command()
def show(
    ctx: typer.Context, ref: ClientRef, client: ClientOption = None, form: Output = Format.TABLE
) -> None:
    """Show one, with masked credentials; opening them is recorded."""
    state = state_of(ctx)
    output.emit(state, form, state.services.clients.show(state.actor, ref, client=state.client(client, ref)))


@app.command()
@listing()
def available(ctx: typer.Context, client: ClientOption = None, form: Output = Format.TABLE) -> None:
    """List what a client may configure, and what the platform offers of it."""
    state = state_of(ctx)
    views = state.services.clients.available(state.actor, client=state.client(client))
    output.emit_all(state, form, views, _OFFERS)


@app.command()
def add(
    ctx: typer.Context,
    provider: ProviderArgument = None,
    client: ClientOption = None,
    mode: ModeOption = None,
    name: Name = None,
    description: Description = None,
    credential: CredentialOption = None,
    credentials_file: CredentialsFile = None,
    setting: SettingOption = None,
    settings_file: SettingsFile = None,
    environment: EnvironmentOption = None,
    default: Annotated[
        bool | None, typer.Option("--default", help="Make it the default of its category and environment.")
    ] = None,
    priority: Priority = None,
    test: TestOption = None,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Add an integration: test the credentials, then save them; or use the platform's.

    On a terminal, what is missing is asked for.
    """
    # Schemas, questions and inputs: 20 ms that a TAB or --help does not pay.
    from dataclasses import replace

    from avnz_int.cli import wizard
    from avnz_int.cli.sources import Sources, given_any
    from avnz_int.model.inputs import NewClient
    from avnz_int.model.secret import Secret

    state = state_of(ctx)
    interactive = state.interactive()
    slug = state.client(client) if interactive else state.require_client(client)
    given = wizard.Given(
        provider=provider,
        client=slug,
        mode=mode,
        name=name,
        environment=environment,
        is_default=default,
        test=test,
    )
    schemas: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None)
    if provider is not None and slug is not None:
        found, _ = state.services.clients.require_addable(state.actor, slug, provider)
        schemas = (found.credential_schema, found.settings_schema)
        sources = Sources(state, found.credential_schema, found.settings_schema)
        if mode is Mode.PLATFORM and given_any(credential, credentials_file):
            raise InvalidInputError("platform mode uses the platform's credentials: give none")
        given = replace(
            given,
            credentials=sources.credentials(credentials_file, credential),
            settings=sources.new_settings(settings_file, setting),
        )
    elif not interactive:
        raise UsageError("which provider?", hint="avnz-int client available shows them")
    elif given_any(credential, credentials_file, setting, settings_file):
        raise UsageError(
            "credentials and settings of which provider and client?",
            hint="name the PROVIDER and --client, too",
        )
    if interactive and wizard.wanted(given, *schemas):
        given = wizard.complete_client(state.services, state.actor, given)
    mode = given.mode or Mode.OWN
    new = NewClient(
        client=given.client or "",
        provider=given.provider or "",
        name=given.name,
        mode=mode,
        credentials=None if mode is Mode.PLATFORM else Secret(dict(given.credentials)),
        description=description,
        settings=given.settings,
        environment=given.environment,
        is_default=bool(given.is_default),
        priority=priority or 0,
    )
    view = state.services.clients.add(state.actor, new, test=given.test is not False, timeout_s=timeout)
    output.emit(state, form, view)


@app.command()
def update(
    ctx: typer.Context,
    ref: ClientRef,
    client: ClientOption = None,
    name: Name = None,
    description: Description = None,
    credential: CredentialOption = None,
    credentials_file: CredentialsFile = None,
    setting: SettingOption = None,
    settings_file: SettingsFile = None,
    environment: EnvironmentOption = None,
    default: Annotated[
        bool | None, typer.Option("--default/--no-default", help="Make it the default, or not.")
    ] = None,
    priority: Priority = None,
    keep_previous: KeepPrevious = None,
    test: TestOption = None,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Change an integration; credentials are replaced as a whole."""
    from avnz_int.cli import sources

    state = state_of(ctx)
    service = state.services.clients
    slug = state.client(client, ref)
    wanted = sources.changes(
        state,
        lambda: service.definition_of(state.actor, ref, client=slug),
        credential=credential,
        credentials_file=credentials_file,
        setting=setting,
        settings_file=settings_file,
        keep_previous=keep_previous,
        name=name,
        description=description,
        environment=environment,
        priority=priority,
        is_default=default,
    )
    view = service.update(state.actor, ref, wanted, client=slug, test=test is not False, timeout_s=timeout)
    output.emit(state, form, view)


@app.command("set-default")
def set_default(
    ctx: typer.Context, ref: ClientRef, client: ClientOption = None, form: Output = Format.TABLE
) -> None:
    """Make it the default of its category and environment; the former one is it no more."""
    state = state_of(ctx)
    view = state.services.clients.set_default(state.actor, ref, client=state.client(client, ref))
    output.emit(state, form, view)


@app.command()
def rollback(
    ctx: typer.Context,
    ref: ClientRef,
    client: ClientOption = None,
    test: TestOption = None,
    timeout: Timeout = None,
    form: Output = Format.TABLE,
) -> None:
    """Put the credentials from before the last replacement in force again."""
    state = state_of(ctx)
    view = state.services.clients.rollback(
        state.actor, ref, client=state.client(client, ref), test=test is not False, timeout_s=timeout
    )
    output.emit(state, form, view)


@app.command()
def enable(
    ctx: typer.Context, ref: ClientRef, client: ClientOption = None, form: Output = Format.TABLE
) -> None:
    """Put a tested integration in force."""
    state = state_of(ctx)
    output.emit(
        state, form, state.services.clients.enable(state.actor, ref, client=state.client(client, ref))
    )


@app.command()
def disable(
    ctx: typer.Context, ref: ClientRef, client: ClientOption = None, form: Output = Format.TABLE
) -> None:
    """Take an integration out of force."""
    state = state_of(ctx)
    output.emit(
        state, form, state.services.clients.disable(state.actor, ref, client=state.client(client, ref))
    )


@app.command()
def delete(
    ctx: typer.Context,
    ref: ClientRef,
    client: ClientOption = None,
    yes: Yes = False,
    form: Output = Format.TABLE,
) -> None:
    """Delete an integration; its merchant account stays, closed."""
    state = state_of(ctx)
    slug = state.client(client, ref)
    service = state.services.clients
    if not yes:
        from avnz_int.cli import prompts

        view = service.find(state.actor, ref, client=slug)
        question = f"Delete {view.client}/{view.provider}/{view.name} ({view.environment})?"
        prompts.confirm_or_refuse(question=question, interactive=state.interactive(), yes=yes)
    output.emit(state, form, service.delete(state.actor, ref, client=slug))


@app.command()
def usage(
    ctx: typer.Context,
    ref: ClientRef,
    client: ClientOption = None,
    month: MonthOption = None,
    form: Output = Format.TABLE,
) -> None:
    """Show the usage of a month, and in platform mode what it comes to."""
    state = state_of(ctx)
    view = state.services.usage.of_integration(
        state.actor, ref, client=state.client(client, ref), month=month
    )

    def table(_: Any) -> None:
        output.emit(state, form, {**encode(view), "currencies": None})
        columns = (*_COUNTS, *_AMOUNTS)
        output.emit_all(state, form, view.currencies, columns, empty="no usage", money=_AMOUNTS)

    output.emit(state, form, view, table)


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="client")

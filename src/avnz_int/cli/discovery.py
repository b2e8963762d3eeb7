"""The command tree, made as far as it is looked at: a command is imported and converted when it is asked for.

A file in `commands/` is found by its name, which is the command's (`rotate_key.py` is `rotate-key`). Typer
converts a whole tree at once: all of its commands cost more than half of what `import typer` does, and every
TAB would pay that for the one command on its line, every `--help` for a line of text.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping, MutableMapping
from functools import cache
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_command_name, get_group, get_group_from_info
from typer.models import CommandInfo, TyperInfo

_PLAIN: dict[str, Any] = {"pretty_exceptions_short": False, "rich_markup_mode": None}


class Group(TyperGroup):
    """A group whose commands are made when they are asked for; naming or listing them makes none."""

    _listing = False

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002  # Typer's class
        """Their names in order."""
        return list(self.commands)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """The command of this name, or None."""
        if self._listing and isinstance(self.commands, Commands):
            return self.commands.listed(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write a line for each command."""
        self._listing = True
        try:
            super().format_commands(ctx, formatter)
        finally:
            self._listing = False


class Commands(MutableMapping[str, Any]):
    """Name -> command, made on first use.

    Args:
        found: name -> the module that registers it, or what Typer keeps of what is registered.
    """

    def __init__(self, found: Mapping[str, str | CommandInfo | TyperInfo]) -> None:
        self._found: dict[str, Any] = dict(found)

    def listed(self, name: str) -> Any:
        """What a list of commands shows of one: its name and help, without its parameters."""
        info = self._registered(name)
        if not isinstance(info, CommandInfo):
            return self[name]
        text = info.help or inspect.getdoc(info.callback)
        return TyperCommand(
            name, help=text, short_help=info.short_help, hidden=info.hidden, deprecated=info.deprecated
        )

    def __getitem__(self, name: str) -> Any:
        command = self._registered(name)
        if isinstance(command, TyperInfo):
            command = self._found[name] = _group(command)
        elif isinstance(command, CommandInfo):
            command = self._found[name] = get_command_from_info(command, **_PLAIN)
        return command

    def __setitem__(self, name: str, command: Any) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def _registered(self, name: str) -> Any:
        """What Typer keeps of the command, or the command if it was made; imports its module."""
        found = self._found[name]
        if isinstance(found, str):
            holder = typer.Typer()
            importlib.import_module(found).register(holder)
            found = self._found[name] = next(iter([*holder.registered_groups, *holder.registered_commands]))
        return found


def command_tree(root: typer.Typer, package: ModuleType) -> TyperGroup:
    """The root group with a command for each module of a package, none of which is imported yet.

    Args:
        root: with its callback and nothing else; its `cls` is `Group`.
        package: each of its modules has `register(app)`, which adds one command or group of its name.
    """
    group = get_group(root)
    group.commands = Commands(
        # A word of Python's own has an underscore behind it: `import_.py` is `import`.
        {get_command_name(name.rstrip("_")): f"{package.__name__}.{name}" for name in _names(package)}
    )
    return group


@cache
def _names(package: ModuleType) -> tuple[str, ...]:
    return tuple(sorted(found.name for found in pkgutil.iter_modules(package.__path__)))


def _group(info: TyperInfo) -> TyperGroup:
    app = info.typer_instance
    if app is None:
        raise TypeError(f"the group {info.name} has no Typer")
    # Typer is given a copy without commands, so that it converts none.
    bare, bare_info = copy.copy(app), copy.copy(info)
    bare.registered_commands, bare.registered_groups = [], []
    bare_info.typer_instance, bare_info.cls = bare, Group
    group = get_group_from_info(bare_info, suggest_commands=True, **_PLAIN)
    found = {one.name or get_command_name(_name(one.callback)): one for one in app.registered_commands}
    group.commands = Commands(found | {str(one.name): one for one in app.registered_groups})
    return group


def _name(function: Any) -> str:
    return str(function.__name__)

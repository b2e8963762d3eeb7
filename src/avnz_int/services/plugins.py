"""Whether the providers that other packages offer are fit to be used: their seeds, and their checks."""

from __future__ import annotations

from dataclasses import replace

from avnz_int.definitions import plugins
from avnz_int.definitions.loader import Problem
from avnz_int.definitions.plugins import Plugin
from avnz_int.errors import UnavailableError


def examined() -> list[Plugin]:
    """What installed packages offer, each loaded as for a connection test: its own code runs."""
    return [_examined(plugin) for plugin in plugins.find()]


def _examined(plugin: Plugin) -> Plugin:
    if plugin.path is None:
        return plugin
    # 60 ms that whoever has no plugins does not pay.
    from avnz_int.providers import registry  # noqa: PLC0415

    try:
        loaded = registry.load(plugin.provider)
    except UnavailableError as exc:
        rule = exc.message
    else:
        if loaded is not None:
            return plugin
        rule = f"the name {plugin.provider} is taken by avnz-int itself: choose another key"
    problem = Problem("", rule, plugins.where(plugin.provider, plugin.package))
    return replace(plugin, seed=None, problems=(*plugin.problems, problem))

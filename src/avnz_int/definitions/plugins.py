"""The definitions that installed packages offer: a seed beside each provider module of theirs.

A package offers a provider by an entry point in the group `avnz_int.providers`: its name is the provider's
key, its value the module (or `module:check`), and `<key>.json` stands in that module's folder. Nothing of a
package is imported here: one that is broken can still be named, and a seed needs no code.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from avnz_int.definitions import loader, rules
from avnz_int.definitions.loader import Problem, Seed
from avnz_int.errors import InvalidDefinitionError

ENTRY_POINTS = "avnz_int.providers"
"""The group of entry points in which other packages offer providers."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A provider that an installed package offers.

    Attributes:
        provider: its key.
        package: the name of the distribution.
        path: where its seed has to be; None if the provider is refused before anybody looks there.
        seed: its definition, if nothing is wrong.
        problems: what is wrong.
    """

    provider: str
    package: str
    path: Path | None
    seed: Seed | None
    problems: tuple[Problem, ...] = ()

    @property
    def refusal(self) -> str:
        """Why it is left out, as a sentence that names provider and package."""
        found = "; ".join(f"{p.file}: {p.path}: {p.rule}" if p.path else p.rule for p in self.problems)
        return f"the plugin for the provider {self.provider!r} (from {self.package}) is left out: {found}"


def find() -> list[Plugin]:
    """What installed packages offer, by provider; each is sound or says what is wrong with it."""
    try:
        points = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, _package(point)))
    except Exception as exc:  # noqa: BLE001  # of any package on this machine, ours to live with
        return [_refused("*", "unknown", f"the list of installed packages is damaged: {type(exc).__name__}")]
    shipped = set(loader.provider_names())
    packages: dict[str, list[str]] = {}
    for point in points:
        packages.setdefault(point.name, []).append(_package(point))
    return [_plugin(point, shipped, packages[point.name]) for point in points]


def _plugin(point: EntryPoint, shipped: set[str], packages: list[str]) -> Plugin:
    provider, package = point.name, _package(point)
    if not loader.is_provider(provider):
        return _refused(provider, package, "its name must be a provider key: a-z, 0-9 and _, a letter first")
    if provider in shipped:
        return _refused(provider, package, "avnz-int has a provider of this name, which stays in force")
    if len(packages) > 1:
        words = f"it is offered more than once ({', '.join(packages)}): uninstall all but one of them"
        return _refused(provider, package, words)
    folder = _folder(point)
    if folder is None:
        return _refused(provider, package, f"its module {_module(point)!r} is not installed")
    path = folder / f"{provider}.json"
    try:
        seed = loader.read_seed(path)
    except InvalidDefinitionError as exc:
        problems = tuple(Problem(p["path"], p["rule"], p["file"]) for p in exc.details["problems"])
        return Plugin(provider, package, path, None, problems)
    problems = tuple(rules.validate_definition(seed))
    return Plugin(provider, package, path, None if problems else seed, problems)


def _refused(provider: str, package: str, rule: str) -> Plugin:
    return Plugin(provider, package, None, None, (Problem("", rule, where(provider, package)),))


def where(provider: str, package: str) -> str:
    """What stands in a problem for the file, where there is none."""
    return f"plugin {provider!r} of {package}"


def _module(point: EntryPoint) -> str:
    return point.value.partition(":")[0].strip()


def _package(point: EntryPoint) -> str:
    try:
        name = point.dist.name if point.dist else None
    except Exception:  # noqa: BLE001  # its metadata is damaged
        name = None
    return name or "an unknown package"


def _folder(point: EntryPoint) -> Path | None:
    """The folder of the module that an entry point names, found without importing its packages."""
    name = ""
    inside: list[str] | None = None
    beside = None
    for part in _module(point).split("."):
        if not part.isidentifier():
            return None
        name = f"{name}.{part}".lstrip(".")
        spec = _spec(name, inside)
        if spec is not None and spec.has_location and spec.origin:
            beside = Path(spec.origin).parent
            inside = list(spec.submodule_search_locations or ())
        else:
            # Perhaps a namespace package: importlib knows those only below imported ones.
            folders = [Path(folder) / part for folder in (sys.path if inside is None else inside)]
            inside = [str(folder) for folder in folders if folder.is_dir()]
            beside = Path(inside[0]) if inside else None
        if beside is None:
            return None
    return beside


def _spec(name: str, path: list[str] | None) -> ModuleSpec | None:
    """What `importlib.util.find_spec` finds, which would import the packages that the module is in."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, path)
        except Exception:  # noqa: BLE001, S112  # an import hook of anybody's
            continue
        if spec is not None:
            return spec
    return None

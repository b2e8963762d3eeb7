"""Draws the hierarchy: organization, platform integrations with their prices, clients, companies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avnz_int.cli import output

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from avnz_int.cli.state import State
    from avnz_int.model.views.integrations import ClientView, PlatformView
from avnz_int.model.views.tenants import TreeNode


def draw(state: State, root: TreeNode) -> None:
    """Print the tree on standard output."""
    from rich.text import Text  # noqa: PLC0415
    from rich.tree import Tree  # noqa: PLC0415

    drawn = Tree(_tenant(root))
    if root.platform:
        platform = drawn.add(Text("platform integrations"))
        for integration in root.platform:
            platform.add(_platform(integration))
    for client in root.children:
        branch = drawn.add(_tenant(client))
        for used in client.integrations:
            branch.add(_client(used))
        _companies(branch, client)
    output.console(state).print(drawn)


def _companies(branch: Tree, client: TreeNode) -> None:
    from rich.text import Text  # noqa: PLC0415

    defaults = [used for used in client.integrations if used.is_default and used.effective_status == "active"]
    inherited = ", ".join(f"{used.name} ({used.environment})" for used in defaults)
    for company in client.children:
        below = branch.add(_tenant(company))
        words = f"uses {client.tenant.slug}'s {inherited}" if inherited else "has nothing to use yet"
        below.add(Text(words, "dim"))


def _tenant(node: TreeNode) -> Text:
    from rich.text import Text  # noqa: PLC0415

    label = Text(output.shown(node.tenant.slug), "bold")
    label.append(f"  {node.tenant.kind}", "dim")
    if node.tenant.name != node.tenant.slug:
        label.append(f"  {output.shown(node.tenant.name)}", "")
    return label


def _platform(used: PlatformView) -> Text:
    from rich.text import Text  # noqa: PLC0415

    from avnz_int.model.pricing import Pricing  # noqa: PLC0415

    label = Text(used.provider)
    label.append(f"  {output.shown(used.name)}  {used.environment}  ")
    label.append(used.status, output.styled(used.status))
    if used.is_shared_with_clients and used.client_pricing:
        label.append(f"  shared: {Pricing.from_json(used.client_pricing).shown()}")
    if used.unreadable:
        label.append("  unreadable", "red")
    return label


def _client(used: ClientView) -> Text:
    from rich.text import Text  # noqa: PLC0415

    label = Text(output.shown(used.name))
    whose = "the platform's" if used.mode == "platform" else "own"
    label.append(f"  {whose} {used.provider}  {used.environment}  ")
    label.append(used.effective_status, output.styled(used.effective_status))
    if used.is_default:
        label.append("  default", "bold")
    if used.unreadable:
        label.append("  unreadable", "red")
    return label

"""A transaction that is open already, for services whose methods would each open one of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from avnz_int.errors import AvnzError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action
from avnz_int.services.work import Reading, Work, Writing


class Joined(Work):
    """Work whose transactions are parts of one: a deed that fails leaves nothing, the others stand.

    Services built on it do what they do alone, with the same rules and the same events. Nothing that asks a
    network may be called on them: the outer transaction holds its locks.
    """

    def __init__(self, work: Work, outer: Writing) -> None:
        super().__init__(work.database, work.vault)
        self._outer = outer

    @contextlib.contextmanager
    def reading(self, actor: Actor, action: Action, target: Target | None = None) -> Iterator[Reading]:  # noqa: ARG002
        """The outer transaction, to read in."""
        yield Reading(self._outer.connection, self._outer.organization, target)

    @contextlib.contextmanager
    def writing(
        self,
        actor: Actor,  # noqa: ARG002  # it is the outer transaction's
        action: Action,
        target: Target | None = None,
        *,
        system: bool = False,
    ) -> Iterator[Writing]:
        """A part of the outer transaction, undone by any error."""
        if system:
            raise ValueError("events of no organization are in another chain than the open transaction's")
        with self._outer.within(action, target) as work:
            yield work

    def refused(self, actor: Actor, action: Action, target: Target | None, exc: AvnzError) -> None:
        """Nothing: who opened the outer transaction records what was refused in it, once it has ended."""

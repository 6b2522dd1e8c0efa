"""Owns that who was deleted on the server ends in the group too: an admin's device takes them out once it is on line.

It goes by the server's word. A server that lies can have a member taken out so, whom it could keep out anyway; nobody
comes in by it.
"""

from __future__ import annotations

from collections.abc import Iterable

from lanline.client.sealing.context import GroupContext
from lanline.ticket import Steps
from lanline.wire.chat import groups as wire


class Departed:
    def __init__(self, context: GroupContext) -> None:
        self._context = context
        self._names: frozenset[bytes] = frozenset()

    def end_link(self) -> None:
        self._names = frozenset()

    def note(self, names: Iterable[str]) -> None:
        """Of all accounts that the server has ended, and that nobody else has taken since."""
        self._names = frozenset(name.encode() for name in names)

    def next_steps(self) -> Steps[None] | None:
        return self._remove() if self._members() else None

    def _members(self) -> tuple[bytes, ...]:
        """Those among them who are in the group still, as far as this device may take them out."""
        copy = self._context.copy
        if not self._names or copy.account_id not in copy.chain.admins:
            return ()
        found = {copy.chain.names[name] for name in self._names if name in copy.chain.names}
        return tuple(sorted(found - {copy.account_id}))

    def _remove(self) -> Steps[None]:
        """Unless another admin is quicker."""
        context = self._context

        def attempt() -> Steps[None]:
            if gone := self._members():
                content = context.own.remove(gone, context.now_ms())
                yield from context.append_once(lambda: wire.AppendKey(0, content))

        yield from context.server.on_head(attempt)

"""Owns what a member changes in the group: invites, who is let in, who has to go, who is admin.

And that who was deleted on the server ends in the group too: an admin's device takes them out once it is on line.

It goes by the server's word. A server that lies can have a member taken out so, whom it could keep out anyway; nobody
comes in by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from lanline.chain.epochs import Recipient, RecipientKind, account_recipient
from lanline.client.sealing.context import GroupContext, WaitFor
from lanline.client.sealing.ownentries import HEAD_BYTES, INVITE_SECRET_BYTES, InviteKeys
from lanline.client.sealing.secrets import Secrets
from lanline.crypto.groups import ids
from lanline.crypto.groups.keys import hash_of_key
from lanline.errors import MalformedPacket, RefusalCode, RequestRefused
from lanline.model.invites import invite_token_hash
from lanline.ticket import Steps, Ticket, follow, in_steps
from lanline.wire.chat import groups as wire
from lanline.wire.chat.admin import DeleteAccount
from lanline.wire.chat.answers import Done
from lanline.wire.sealing.entries import Inviters, Role, decode_joiner

_MAX_REQUESTS = 1000


class Asker(NamedTuple):
    """Somebody who waits to be let in."""

    account: int
    name: str
    words: bytes
    """Behind the words to compare."""


class GroupChanges:
    """Each is settled when it stands in the chain, and those who read on have what they need."""

    def __init__(self, context: GroupContext, secrets: Secrets, wait_for: WaitFor) -> None:
        self._context = context
        self._secrets = secrets
        self._wait_for = wait_for
        self.requests: dict[int, wire.WaitingRequest] = {}
        """To an admin: who asks to be let in, by the account on the server."""

    @in_steps
    def make_invite(self, uses: int, lives_ms: int, role: Role = Role.MEMBER) -> Steps[bytes]:
        """The token of a link whose bearer reads at once; only this device and its bearer ever have it."""
        yield from self._wait_for.membership()
        context, secret = self._context, self._context.entropy(INVITE_SECRET_BYTES)
        chain, me = context.copy.chain, context.copy.account_id
        if me not in chain.admins and (chain.inviters is Inviters.ADMINS or role is not Role.MEMBER):
            raise RequestRefused(RefusalCode.NOT_ALLOWED, "Only admins of the group may make such an invite.")
        keys = InviteKeys.of(secret)
        shown_hash, until_ms = invite_token_hash(keys.shown), context.now_ms() + lives_ms

        def make() -> wire.MakeGroupInvite:
            return wire.MakeGroupInvite(0, context.own.invite(keys, uses, until_ms, role, context.now_ms()), shown_hash)

        yield from context.server.ask(wire.PutKeys(0, (keys.seal.public_bytes,)), Done)
        height = yield from context.server.on_head(lambda: context.append_once(make))
        recipient = Recipient(RecipientKind.INVITE, keys.id, 0, hash_of_key(keys.seal.public_bytes))
        yield from self._give_newest(recipient)
        head = context.copy.chain.head_at(height)
        assert head is not None
        return secret + head[:HEAD_BYTES]

    @in_steps
    def admit(self, account: int) -> Steps[None]:
        """Who waits to be let in, by the account on the server."""
        yield from self._wait_for.membership()
        yield from self.list_requests()
        waiting = self.requests.get(account)
        if waiting is None:
            raise RequestRefused(RefusalCode.NOT_FOUND, "They do not ask to be let in.")
        yield from self.admit_asker(waiting)
        yield from self.give_newest_to(ids.account_id_of(decode_joiner(waiting.joiner).sign_key))

    def admit_asker(self, waiting: wire.WaitingRequest) -> Steps[None]:
        """Unless another admin was quicker."""
        context = self._context
        newcomer = ids.account_id_of(decode_joiner(waiting.joiner).sign_key)

        def attempt() -> Steps[None]:
            if newcomer not in context.copy.chain.accounts:
                content = context.own.admit(waiting.joiner, waiting.signature, context.now_ms())
                yield from context.append_once(lambda: wire.AppendKey(0, content))

        yield from context.server.on_head(attempt)
        self.requests.pop(waiting.account, None)

    def make_admin(self, account_id: bytes) -> Steps[None]:
        context = self._context

        def attempt() -> Steps[None]:
            if account_id not in context.copy.chain.admins:
                content = context.own.role(account_id, Role.ADMIN, context.now_ms())
                yield from context.append_once(lambda: wire.AppendKey(0, content))

        yield from context.server.on_head(attempt)

    def give_newest_to(self, account_id: bytes) -> Steps[None]:
        """So that they read with nobody online."""
        yield from self._give_newest(account_recipient(self._context.copy.chain, account_id))

    def _give_newest(self, recipient: Recipient) -> Steps[None]:
        """With the entry that made it a reader already in the chain."""
        yield from self._wait_for.epoch()
        epoch = self._context.copy.sealing_epoch()
        assert epoch is not None
        yield from self._secrets.give(self._context.copy, [recipient], [epoch])

    def remove(self, accounts: Iterable[bytes]) -> Ticket[None]:
        """Out of the group, for good. The next epoch begins at once."""
        gone = tuple(accounts)
        return follow(self._append(lambda: self._context.own.remove(gone, self._context.now_ms())))

    @in_steps
    def delete_account(self, account: int) -> Steps[None]:
        """The own one on the server, and out of the group with it: both, or neither."""
        yield from self._wait_for.membership()
        context = self._context

        def attempt() -> Steps[Done]:
            content = context.own.remove((context.copy.account_id,), context.now_ms())
            return context.server.ask(DeleteAccount(0, account, content), Done)

        yield from context.server.on_head(attempt)

    def drop_invites(self, invite_ids: Iterable[bytes]) -> Ticket[None]:
        gone = tuple(invite_ids)
        return follow(self._append(lambda: self._context.own.drop(gone, self._context.now_ms())))

    @in_steps
    def set_role(self, account_id: bytes, role: Role) -> Steps[None]:
        yield from self._wait_for.membership()
        if role is not Role.ADMIN and set(self._context.copy.chain.admins) == {account_id}:
            text = "There is no other admin of the group. Promote somebody first: lanline admin promote NAME"
            raise RequestRefused(RefusalCode.NOT_ALLOWED, text)
        yield from self._append(lambda: self._context.own.role(account_id, role, self._context.now_ms()))

    def _append(self, make: Callable[[], bytes]) -> Steps[None]:
        yield from self._wait_for.membership()
        yield from self._context.append(make)
        if self._context.copy.is_member:
            yield from self._wait_for.epoch()

    @property
    def askers(self) -> tuple[Asker, ...]:
        """Without those whom another admin has let in meanwhile."""
        chain = self._context.copy.chain
        asking = [(account, decode_joiner(each.joiner)) for account, each in self.requests.items()]
        known = [(account, joiner.name, ids.account_id_of(joiner.sign_key)) for account, joiner in asking]
        return tuple(
            Asker(account, name.decode(errors="replace"), ids.request_words_of(chain.group_id, account_id))
            for account, name, account_id in known
            if account_id not in chain.accounts
        )

    def note_request(self, waiting: wire.WaitingRequest) -> None:
        """By the server's word: what is none is left, and of more than it may keep the oldest go."""
        with contextlib.suppress(MalformedPacket):
            decode_joiner(waiting.joiner)
            self.requests[waiting.account] = waiting
        while len(self.requests) > _MAX_REQUESTS:
            del self.requests[next(iter(self.requests))]

    def look_who_asks(self) -> Ticket[None]:
        return follow(self.list_requests())

    def list_requests(self) -> Steps[None]:
        found = yield from self._context.server.ask(wire.ListRequests(0), wire.Requests)
        self.requests.clear()
        for each in found.requests:
            self.note_request(each)


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

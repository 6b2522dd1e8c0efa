"""Owns what this device does to be in the group and to read it: founding, joining, asking; secrets of epochs; helping.

Without I/O: what comes is handed in, what is asked goes over the line. It does one thing at a time, the most urgent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import TypeVar

from lanline.client.sealing.groupcopy import GroupCopy
from lanline.client.sealing.keystore import Keystore
from lanline.client.sealing.own import HEAD_BYTES, INVITE_SECRET_BYTES, InviteKeys, OwnEntries, seed_box_place
from lanline.client.sealing.server import Asking, Line
from lanline.client.sealing.tables import GroupTables
from lanline.clock import Clock
from lanline.crypto.groups import ids
from lanline.crypto.groups.epochs import epoch_id_of, open_prior, seed_commitment_of
from lanline.crypto.groups.keys import SealingKey, box_info, hash_of_key, seal_box
from lanline.errors import InviteUnusable, LanlineError, LinkNotOpen, MalformedPacket, RefusalCode, RequestRefused
from lanline.ids import Entropy
from lanline.model.invites import invite_token_hash
from lanline.proto.chain.epochs import Epoch, Recipient, RecipientKind, account_recipient
from lanline.proto.chain.state import NEVER
from lanline.ticket import Steps, Ticket, follow
from lanline.wire.chat import groups as wire
from lanline.wire.chat.answers import Done
from lanline.wire.chat.entries import Entries, Follow
from lanline.wire.sealing.entries import Joins, Role, decode_joiner

T = TypeVar("T")
_BOXES_AT_ONCE = 400
_EPOCHS_AT_ONCE = 20
_AGAIN_S = 5.0
_FIRST_MAKER = bytes(16)


class Standing(Enum):
    UNKNOWN = "not known yet"
    NO_GROUP = "nobody has founded a group"
    OUTSIDE = "not in the group"
    ASKS = "waits to be let in"
    MEMBER = "in the group"


class Person:
    """Who this is on the server, as it was told at sign-in."""

    def __init__(self, name: str, *, founds: bool, is_admin: bool, is_open: bool, ahead_ms: int) -> None:
        """`founds`: an admin who may begin the group. `ahead_ms`: how far the server's clock is before this one."""
        self.name = name
        self.founds = founds
        self.is_admin = is_admin
        self.is_open = is_open
        self.ahead_ms = ahead_ms


class GroupMember:
    def __init__(
        self,
        keys: Keystore,
        tables: GroupTables,
        clock: Clock,
        entropy: Entropy,
        line: Line,
        link_fingerprint: bytes,
        on_change: Callable[[], None],
    ) -> None:
        self._keys = keys
        self._tables = tables
        self._clock = clock
        self._entropy = entropy
        self._server = Asking(line, clock, entropy)
        self._on_change = on_change
        self.copy = GroupCopy(keys, tables)
        self._own = OwnEntries(self.copy, keys.device_secret, link_fingerprint, entropy)
        self._seeds = tables.seeds()
        self._person: Person | None = None
        self._log = 0
        self._target = 0
        self._is_groupless = False
        self._shorter = False
        self._flow: Ticket[None] | None = None
        self._begun: dict[bytes, bytes] = {}
        """Secrets of epochs that this device begins, until their statements stand."""
        self._asked_for: set[bytes] = set()
        """Epochs of which a box was asked for on this link."""
        self._wants_epoch = self._wants_recovery = self._has_asked = False
        self.recovery_words: bytes | None = None
        """The 16 bytes behind the words of a recovery key that was made just now: they are kept by the person alone."""
        self.refusal = ""
        """Why this device is not in the group; a sentence."""
        self.requests: dict[int, wire.WaitingRequest] = {}
        """To an admin: who asks to be let in, by the account on the server."""

    # The link.

    def begin_link(self, person: Person) -> None:
        """Signed in."""
        self.end_link()
        self._person = person
        self._start(self._ask_group())

    def end_link(self) -> None:
        self._person = None
        self._log = self._target = 0
        self._asked_for.clear()
        self._begun.clear()
        self._has_asked = False
        if self._flow is not None:
            self._flow.cancel()
            self._flow = None
        self._server.end()

    @property
    def standing(self) -> Standing:
        if self.copy.chain.height and self.copy.is_member:
            return Standing.MEMBER
        if self._person is None or not (self._log or self._is_groupless):
            return Standing.UNKNOWN
        if self._is_groupless:
            return Standing.NO_GROUP
        return Standing.ASKS if self._has_asked else Standing.OUTSIDE

    @property
    def problem(self) -> str:
        """Why nothing is sealed; a sentence for the person. Empty: nothing is wrong."""
        if self._shorter:
            return "The server was put back to an older state of the group. Nothing is sealed on it."
        return self.copy.problem

    @property
    def is_current(self) -> bool:
        """The chain is here as far as the server had it."""
        return bool(self._log) and self.copy.sequence >= self._target and not self._shorter

    # What comes.

    def takes(self, log: int) -> bool:
        return log != 0 and log == self._log

    def on_entries(self, message: Entries) -> None:
        self.copy.add(message.entries)
        for epoch_id, secret in list(self._begun.items()):
            if epoch_id in self.copy.epochs:
                self.copy.believe(self.copy.epochs[epoch_id][0], secret)
                del self._begun[epoch_id]
        self._changed()

    def on_group(self, message: wire.GroupIs) -> None:
        self._is_groupless = not message.log
        chain = self.copy.chain
        if message.log:
            self._log, self._target = message.log, message.sequence
            self._shorter = message.sequence < self.copy.sequence or (
                message.height <= chain.height and message.head != chain.head_at(message.height)
            )
            if not self._shorter:
                self._server.send(Follow(message.log, self.copy.sequence))
        elif chain.height:
            self._shorter = True
        self._changed()

    def on_box_given(self, message: wire.BoxGiven) -> None:
        self._asked_for.discard(message.epoch_id)
        self._go_on()

    def on_box_wanted(self, message: wire.BoxWanted) -> None:
        if self.is_current and self.copy.is_member and not self.problem:
            follow(self._help(message))

    def on_request(self, message: wire.RequestCame) -> None:
        self.requests[message.waiting.account] = message.waiting
        self._on_change()

    def _changed(self) -> None:
        self._server.note()
        self._go_on()
        self._on_change()

    # One thing at a time.

    def _start(self, steps: Steps[None]) -> None:
        ticket = self._flow = follow(steps)
        ticket.when_settled(self._on_flow_end)

    def _on_flow_end(self, ticket: Ticket[None]) -> None:
        if self._flow is ticket:
            self._flow = None
        problem = ticket.problem
        if problem is None:
            self._changed()
        elif isinstance(problem, LanlineError) and not isinstance(problem, LinkNotOpen):
            self.refusal = str(problem)
            pause_s = max(getattr(problem, "retry_after_s", 0.0), _AGAIN_S)
            self._clock.call_later(pause_s, self._go_on)
            self._on_change()
        elif not isinstance(problem, LinkNotOpen):
            raise problem

    def _go_on(self) -> None:
        if self._flow is not None or self._person is None:
            return
        steps = self._next_steps()
        if steps is not None:
            self._start(steps)

    def _next_steps(self) -> Steps[None] | None:
        person = self._person
        assert person is not None
        if self._is_groupless:
            return self._found(person) if person.founds and not self._shorter else None
        if not self.is_current or self.problem:
            return None
        if not self.copy.is_member:
            return self._steps_of_newcomer(person)
        return self._steps_of_member(person)

    def _steps_of_newcomer(self, person: Person) -> Steps[None] | None:
        if self._keys.invite is not None:
            return self._join(person, self._keys.invite)
        if self.copy.chain.joins is Joins.ANYONE:
            return self._enter(person, None)
        return None if self._has_asked else self._leave_request(person)

    def _steps_of_member(self, person: Person) -> Steps[None] | None:
        copy = self.copy
        if self._newest_generation not in self._seeds:
            return self._fetch_seed()
        if self._wants_recovery:
            return self._make_recovery()
        lacking = [each for each in copy.lacking() if each.epoch_id not in self._asked_for]
        if lacking:
            return self._fetch_secrets(lacking[:_EPOCHS_AT_ONCE])
        if self._wants_epoch and copy.sealing_epoch() is None:
            return self._begin_epoch()
        if person.is_admin and not self._has_asked:
            return self._list_requests()
        return None

    # Founding and coming in.

    def _ask_group(self) -> Steps[None]:
        self.on_group((yield from self._server.ask(wire.AskGroup(0), wire.GroupIs)))

    def _found(self, person: Person) -> Steps[None]:
        generation_key = yield from self._bring_own()
        joins = Joins.ANYONE if person.is_open else Joins.INVITE
        content = self._own.found(self._own.joiner(person.name, generation_key), joins, self._now_ms())
        taken = yield from self._server.ask(wire.AppendKey(0, content), wire.KeyTaken)
        self._is_groupless = False
        if not self._log:
            self._log, self._target = taken.log, taken.sequence
            self._server.send(Follow(taken.log, self.copy.sequence))
        yield from self._server.wait_until(lambda: self.copy.sequence >= taken.sequence)
        self._wants_recovery = self._wants_epoch = True

    def _bring_own(self) -> Steps[SealingKey]:
        """The keys of this device and of the account's first generation, whose seed goes to this device in a box."""
        seed = self._seeds.get(1) or self._entropy(32)
        key, device_id = SealingKey.of_generation(seed), self.copy.device_id
        publics = (self._own.device_key.public_bytes, key.public_bytes)
        yield from self._server.ask(wire.PutKeys(0, publics), Done)
        account_id = ids.account_id_of(self.copy.signer.public_bytes)
        commitment, place = seed_box_place(key, _FIRST_MAKER)
        box = seal_box(publics[0], box_info(account_id, commitment, RecipientKind.DEVICE, device_id, 1), seed)
        new = wire.NewBox(RecipientKind.DEVICE, device_id, 1, box)
        yield from self._server.ask(wire.PutBoxes(0, 0, account_id, place, (new,)), Done)
        self._tables.put_seed(1, seed)
        self._seeds[1] = seed
        return key

    def _join(self, person: Person, token: bytes) -> Steps[None]:
        """By a member's link: the chain up to its entry is exactly the one that its maker had checked."""
        invite = InviteKeys.of(token[:INVITE_SECRET_BYTES])
        chain = self.copy.chain
        known = chain.invites.get(invite.id)
        if known is None or (chain.head_at(known.since) or b"")[:HEAD_BYTES] != token[INVITE_SECRET_BYTES:]:
            self._give_invite_up()
            raise InviteUnusable(
                "The link is not of this group, or the server shows another one than its maker saw. Nothing was joined."
            )
        if known.until != NEVER or self._now_ms() > known.until_ms:
            self._give_invite_up()
            raise InviteUnusable("The invite is used up, has expired, or was taken back. Your admin is asked instead.")
        yield from self._enter(person, invite)
        yield from self._open_by_invite(invite)
        self._give_invite_up()

    def _give_invite_up(self) -> None:
        self._keys.invite = None
        self._keys.save()

    def _enter(self, person: Person, invite: InviteKeys | None) -> Steps[None]:
        generation_key = yield from self._bring_own()
        joiner = self._own.joiner(person.name, generation_key)
        yield from self._append(lambda: self._own.join(joiner, invite, self._now_ms()))
        self.refusal = ""

    def _open_by_invite(self, invite: InviteKeys) -> Steps[None]:
        """The newest epochs that it was sealed to: one opens those before. Then the own account gets a box of it."""
        epochs = [epoch for epoch, _ in self.copy.newest()[:_EPOCHS_AT_ONCE]]
        if not epochs:
            return
        named = tuple(each.epoch_id for each in epochs)
        scope = self.copy.chain.group_id
        found = yield from self._server.ask(wire.GetBoxes(0, scope, named, invite.shown), wire.Boxes)
        for epoch in epochs:
            for box in found.boxes:
                if box.kind == RecipientKind.INVITE and box.epoch_id == epoch.epoch_id:
                    info = box_info(scope, epoch.commitment, RecipientKind.INVITE, invite.id, 0)
                    secret = invite.seal.open(box.data, info)
                    if secret is not None and self.copy.believe(epoch, secret):
                        yield from self._give([self._me], [epoch])
                        return

    def _leave_request(self, person: Person) -> Steps[None]:
        self._has_asked = True
        generation_key = yield from self._bring_own()
        joiner = self._own.joiner(person.name, generation_key)
        yield from self._server.ask(wire.LeaveRequest(0, joiner, self._own.request(joiner)), Done)

    def _make_recovery(self) -> Steps[None]:
        self._wants_recovery = False
        if self.copy.chain.has_recovery_key(self.copy.account_id):
            return
        chance = self._entropy(ids.RECOVERY_BYTES)
        secret = ids.recovery_secret_of(chance)
        yield from self._server.ask(wire.PutKeys(0, (SealingKey.of_device(secret).public_bytes,)), Done)
        yield from self._append(lambda: self._own.recovery_key(secret, self._now_ms()))
        self.recovery_words = chance

    # Entries.

    def _append(self, make: Callable[[], bytes]) -> Steps[int]:
        """Signed on the head, as often as somebody else was quicker. The height at which it stands."""
        return (yield from self._server.on_head(lambda: self._append_once(make)))

    def _append_once(self, make: Callable[[], bytes], shown: bytes | None = None) -> Steps[int]:
        height = self.copy.chain.height + 1
        content = make()
        message = (
            wire.AppendKey(0, content) if shown is None else wire.MakeGroupInvite(0, content, invite_token_hash(shown))
        )
        taken = yield from self._server.ask(message, wire.KeyTaken)
        yield from self._server.wait_until(lambda: self.copy.sequence >= taken.sequence)
        return height

    def make_invite(self, uses: int, until_ms: int, role: Role = Role.MEMBER) -> Ticket[bytes]:
        """The token of a link whose bearer reads at once; only this device and its bearer ever have it."""

        def steps() -> Steps[bytes]:
            yield from self._wait_ready()
            secret = self._entropy(INVITE_SECRET_BYTES)
            keys = InviteKeys.of(secret)
            yield from self._server.ask(wire.PutKeys(0, (keys.seal.public_bytes,)), Done)
            height = yield from self._server.on_head(
                lambda: self._append_once(
                    lambda: self._own.invite(keys, uses, until_ms, role, self._now_ms()), keys.shown
                )
            )
            yield from self._wait_epoch()
            recipient = Recipient(RecipientKind.INVITE, keys.id, 0, hash_of_key(keys.seal.public_bytes))
            epoch = self.copy.sealing_epoch()
            assert epoch is not None
            yield from self._give([recipient], [epoch])
            head = self.copy.chain.head_at(height)
            assert head is not None
            return secret + head[:HEAD_BYTES]

        return follow(steps())

    def admit(self, account: int) -> Ticket[None]:
        """Who waits to be let in, by the account on the server."""

        def steps() -> Steps[None]:
            yield from self._wait_ready()
            yield from self._list_requests()
            waiting = self.requests.get(account)
            if waiting is None:
                raise RequestRefused(RefusalCode.NOT_FOUND, "They do not ask to be let in.")
            yield from self._append(lambda: self._own.admit(waiting.joiner, waiting.signature, self._now_ms()))
            self.requests.pop(account, None)
            newcomer = self.copy.chain.devices[ids.device_id_of(_sign_key_of(waiting.joiner))].account
            epoch = self.copy.sealing_epoch()
            if epoch is not None:
                yield from self._give([account_recipient(self.copy.chain, newcomer)], [epoch])

        return follow(steps())

    def remove(self, accounts: Iterable[bytes]) -> Ticket[None]:
        """Out of the group, for good. Then the next epoch begins at once."""
        gone = tuple(accounts)

        def steps() -> Steps[None]:
            yield from self._wait_ready()
            yield from self._append(lambda: self._own.remove(gone, self._now_ms()))
            if self.copy.is_member:
                yield from self._wait_epoch()

        return follow(steps())

    def drop_invites(self, invite_ids: Iterable[bytes]) -> Ticket[None]:
        gone = tuple(invite_ids)

        def steps() -> Steps[None]:
            yield from self._wait_ready()
            yield from self._append(lambda: self._own.drop(gone, self._now_ms()))
            yield from self._wait_epoch()

        return follow(steps())

    def set_role(self, account_id: bytes, role: Role) -> Ticket[None]:
        def steps() -> Steps[None]:
            yield from self._wait_ready()
            yield from self._append(lambda: self._own.role(account_id, role, self._now_ms()))

        return follow(steps())

    def _wait_ready(self) -> Steps[None]:
        """In the group, and with its newest chain."""

        def is_ready() -> bool:
            return self.standing is Standing.MEMBER and self.is_current and self._newest_generation in self._seeds

        yield from self._server.wait_until(lambda: is_ready() or bool(self.problem))
        if self.problem:
            raise RequestRefused(RefusalCode.INVALID, self.problem)

    def _wait_epoch(self) -> Steps[None]:
        self.want_epoch()
        yield from self._server.wait_until(lambda: self.copy.sealing_epoch() is not None)

    def _list_requests(self) -> Steps[None]:
        self._has_asked = True
        found = yield from self._server.ask(wire.ListRequests(0), wire.Requests)
        self.requests = {each.account: each for each in found.requests}

    # Secrets.

    @property
    def _newest_generation(self) -> int:
        return len(self.copy.chain.accounts[self.copy.account_id].generations)

    @property
    def _me(self) -> Recipient:
        return account_recipient(self.copy.chain, self.copy.account_id)

    def _fetch_seed(self) -> Steps[None]:
        """Of the newest generation, by the box for this device; those before by what each holds of the last."""
        account_id, number = self.copy.account_id, self._newest_generation
        generations = self.copy.chain.accounts[account_id].generations
        newest = generations[-1]
        commitment = seed_commitment_of(newest.seal_hash, newest.maker)
        asked = wire.GetBoxes(0, account_id, (epoch_id_of(commitment),))
        found = yield from self._server.ask(asked, wire.Boxes)
        info = box_info(account_id, commitment, RecipientKind.DEVICE, self.copy.device_id, number)
        for box in found.boxes:
            seed = self._own.device_key.open(box.data, info)
            if seed is not None and hash_of_key(SealingKey.of_generation(seed).public_bytes) == newest.seal_hash:
                self._keep_seeds(account_id, number, seed)
                return
        yield from self._server.ask(wire.WantBoxes(0, 0, account_id, (epoch_id_of(commitment),)), Done)
        raise RequestRefused(RefusalCode.NOT_FOUND, "Another device of yours has to be online once, to give its keys.")

    def _keep_seeds(self, account_id: bytes, number: int, seed: bytes) -> None:
        generations = self.copy.chain.accounts[account_id].generations
        opened: bytes | None = seed
        while opened is not None:
            self._tables.put_seed(number, opened)
            self._seeds[number] = opened
            prior = generations[number - 1].prior
            opened = None if prior is None else open_prior(opened, account_id, number, prior)
            number -= 1

    def _fetch_secrets(self, epochs: Sequence[Epoch]) -> Steps[None]:
        named = tuple(each.epoch_id for each in epochs)
        self._asked_for.update(named)
        scope = self.copy.chain.group_id
        found = yield from self._server.ask(wire.GetBoxes(0, scope, named), wire.Boxes)
        for epoch in epochs:
            if self.copy.secret(epoch.epoch_id) is None:
                self._open_box(epoch, [box for box in found.boxes if box.epoch_id == epoch.epoch_id])
        lacking = tuple(each.epoch_id for each in epochs if self.copy.secret(each.epoch_id) is None)
        if lacking:
            yield from self._server.ask(wire.WantBoxes(0, self._log, scope, lacking), Done)

    def _open_box(self, epoch: Epoch, boxes: Sequence[wire.FoundBox]) -> bool:
        for box in boxes:
            seed = self._seeds.get(box.generation)
            if box.kind != RecipientKind.ACCOUNT or seed is None:
                continue
            info = box_info(epoch.scope, epoch.commitment, box.kind, self.copy.account_id, box.generation)
            secret = SealingKey.of_generation(seed).open(box.data, info)
            if secret is not None and self.copy.believe(epoch, secret):
                return True
        return False

    def want_epoch(self) -> None:
        """Somebody wants to speak."""
        self._wants_epoch = True
        self._go_on()

    def _begin_epoch(self) -> Steps[None]:
        yield from self._server.on_head(self._begin_once)

    def _begin_once(self) -> Steps[None]:
        """A secret whose statement was refused is thrown away: its boxes are in the server's hands for ever."""
        if self.copy.sealing_epoch() is not None:
            return
        readers = [each for each in self.copy.scope.readers(self._now_ms()) if each.id not in self._keys.ended]
        keys = yield from self._keys_of(readers)
        secret = self._entropy(32)
        statement, commitment = self._own.epoch(secret)
        epoch_id, scope = epoch_id_of(commitment), self.copy.chain.group_id
        boxes = [box for each in readers if (box := _sealed(each, keys, scope, commitment, secret)) is not None]
        yield from self._put_boxes(epoch_id, boxes)
        self._begun[epoch_id] = secret
        answer = yield from self._server.ask(
            wire.BeginEpoch(0, self._log, statement),
            (wire.EpochBegun, wire.ReadersLacking),  # type: ignore[arg-type]
        )
        if isinstance(answer, wire.ReadersLacking):
            del self._begun[epoch_id]
            raise RequestRefused(RefusalCode.STALE_CHAIN, "Somebody has come meanwhile.")
        yield from self._server.wait_until(lambda: epoch_id in self.copy.epochs)

    def _put_boxes(self, epoch_id: bytes, boxes: Sequence[wire.NewBox]) -> Steps[None]:
        for start in range(0, len(boxes), _BOXES_AT_ONCE):
            piece = tuple(boxes[start : start + _BOXES_AT_ONCE])
            message = wire.PutBoxes(0, self._log, self.copy.chain.group_id, epoch_id, piece)
            yield from self._server.ask(message, Done)

    def _keys_of(self, readers: Sequence[Recipient]) -> Steps[dict[bytes, bytes]]:
        wanted = [each.seal_hash for each in readers]
        keys = self._tables.keys(wanted)
        missing = [each for each in dict.fromkeys(wanted) if each not in keys]
        for start in range(0, len(missing), wire.MAX_KEYS_AT_ONCE):
            asked = wire.GetKeys(0, tuple(missing[start : start + wire.MAX_KEYS_AT_ONCE]))
            found = yield from self._server.ask(asked, wire.Keys)
            new = {hash_of_key(key): key for key in found.keys}
            self._tables.put_keys(new)
            keys |= new
        return keys

    def _give(self, recipients: Sequence[Recipient], epochs: Sequence[Epoch]) -> Steps[None]:
        """Boxes of epochs that stand, for readers by the chain as it is here."""
        keys = yield from self._keys_of(recipients)
        for epoch in epochs:
            secret = self.copy.secret(epoch.epoch_id)
            if secret is None:
                continue
            made = [_sealed(each, keys, epoch.scope, epoch.commitment, secret) for each in recipients]
            yield from self._put_boxes(epoch.epoch_id, [box for box in made if box is not None])

    def _help(self, message: wire.BoxWanted) -> Steps[None]:
        """Somebody lacks a box: who reads by the chain as it is here, and never for who has once ended, gets one."""
        chain, wanted = self.copy.chain, message.recipient
        is_reader = message.kind == RecipientKind.ACCOUNT and chain.is_member(wanted) and wanted not in self._keys.ended
        if is_reader and message.scope == chain.group_id:
            known = [self.copy.epochs[each][0] for each in message.epoch_ids if each in self.copy.epochs]
            yield from self._give([account_recipient(chain, wanted)], known)

    def _now_ms(self) -> int:
        """By the server's clock, which entries have to keep to."""
        return self._clock.now_ms() + (0 if self._person is None else self._person.ahead_ms)


def _sealed(
    recipient: Recipient, keys: dict[bytes, bytes], scope: bytes, commitment: bytes, secret: bytes
) -> wire.NewBox | None:
    """None: nothing can be sealed to this reader, who is left out."""
    kind, recipient_id, generation, seal_hash = recipient
    try:
        key = keys[seal_hash]
        box = seal_box(key, box_info(scope, commitment, kind, recipient_id, generation), secret)
    except (KeyError, MalformedPacket):
        return None
    return wire.NewBox(kind.value, recipient_id, generation, box)


def _sign_key_of(joiner: bytes) -> bytes:
    return decode_joiner(joiner).sign_key

"""Owns how this device gets the secrets that it may have, begins epochs, and gives secrets to who lacks them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

from lanline.chain.epochs import Epoch, Recipient, RecipientKind
from lanline.chain.state import NEVER, Generation
from lanline.client.sealing.context import GroupContext, is_seed_of
from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.ownentries import seed_box_place
from lanline.client.sealing.rsakeys import RsaKeys
from lanline.crypto.groups.epochs import epoch_id_of, open_prior, seed_commitment_of
from lanline.crypto.groups.keys import SealingKey, box_info, hash_of_key, seal_box
from lanline.crypto.groups.rsa import RsaKey, seal_rsa_box
from lanline.errors import MalformedPacket, RefusalCode, RequestRefused
from lanline.model.text import display_name
from lanline.ticket import Steps
from lanline.wire.chat import groups as wire
from lanline.wire.chat.answers import Done

_BOXES_AT_ONCE = 400
_NO_SEED = (
    "Another device of yours has to be online once, to give its keys. Or bring the words of your recovery key: "
    "lanline recovery use"
)
ASK_AGAIN_S = 60.0
"""Whoever could not help may be able to by then, or somebody else has come online."""


class Secrets:
    def __init__(self, context: GroupContext, go_on: Callable[[], None]) -> None:
        """`go_on`: looks again at what is to be done."""
        self._context = context
        self._asked_for: dict[bytes, float] = {}
        """Epochs of which a box was asked for on this link, and until when nobody is asked again."""
        self._given: set[bytes] = set()
        """Those among them of which somebody has given a box since."""
        self._has_brought_keys = False
        self._told: set[bytes] = set()
        """Epochs whose box did not open, and readers to whom nothing can be sealed, of which the person was told."""
        self.rsa = RsaKeys(context, go_on, self._asked_for.clear)

    def end_link(self) -> None:
        self.rsa.end_link()
        self._asked_for.clear()
        self._given.clear()
        self._has_brought_keys = False

    def note_given(self, epoch_id: bytes) -> None:
        """The server has a box of it. That is looked at, and nobody is asked anew before it is time: to ask drops what
        was given, and who asked at each box that comes could drop each before it is looked at, and do nothing else.
        """
        if epoch_id in self._asked_for:
            self._given.add(epoch_id)

    def lacking(self, copy: EpochCopy) -> list[Epoch]:
        """Whose secrets are not here, and were not asked for just now, or have been given since."""
        return [each for each in copy.lacking() if each.epoch_id in self._given or self._is_to_be_asked_for(each)]

    def _is_to_be_asked_for(self, epoch: Epoch) -> bool:
        return self._asked_for.get(epoch.epoch_id, 0.0) <= self._context.clock.now()

    def fetch_seed(self) -> Steps[None]:
        """Of the newest generation, by the box for this device; those before by what each holds of the last."""
        context = self._context
        context.drop_wrong_seeds()
        account_id, number = context.copy.account_id, context.me.generation
        newest = context.copy.chain.accounts[account_id].generations[-1]
        key, device_id = context.own.device_key, context.copy.device_id
        seed = yield from self.opened_seed(account_id, newest, number, key, device_id)
        if seed is not None:
            self.keep_seeds(account_id, number, seed)
        self._keep_past_seeds(account_id)
        if context.has_newest_seed:
            return
        commitment = seed_commitment_of(newest.seal_hash, newest.maker)
        yield from self._bring_keys_once()
        yield from self._context.server.ask(wire.WantBoxes(0, 0, account_id, (epoch_id_of(commitment),)), Done)
        raise RequestRefused(RefusalCode.NOT_FOUND, _NO_SEED)

    def opened_seed(
        self, account_id: bytes, newest: Generation, number: int, key: SealingKey, device_id: bytes
    ) -> Steps[bytes | None]:
        """From a box for that device. None: there is none, or none that is believed."""
        commitment = seed_commitment_of(newest.seal_hash, newest.maker)
        asked = wire.GetBoxes(0, account_id, (epoch_id_of(commitment),))
        found = yield from self._context.server.ask(asked, wire.Boxes)
        info = box_info(account_id, commitment, RecipientKind.DEVICE, device_id, number)
        for box in found.boxes:
            seed = key.open(box.data, info)
            if seed is not None and is_seed_of(newest, seed):
                return seed
        return None

    def keep_seeds(self, account_id: bytes, number: int, seed: bytes) -> None:
        """With those before, as far as each holds that of the one before it: whoever made it may have lied."""
        generations = self._context.copy.chain.accounts[account_id].generations
        opened: bytes | None = seed
        while opened is not None and number > 0 and is_seed_of(generations[number - 1], opened):
            self._context.tables.put_seed(number, opened)
            self._context.seeds[number] = opened
            prior = generations[number - 1].prior
            opened = None if prior is None else open_prior(opened, account_id, number, prior)
            number -= 1

    def _keep_past_seeds(self, account_id: bytes) -> None:
        """That were here once: a server may have lost their boxes, or give none."""
        context = self._context
        generations = context.copy.chain.accounts[account_id].generations
        for number, seed in context.tables.past_seeds():
            is_here = number in context.seeds or not 0 < number <= len(generations)
            if not is_here and is_seed_of(generations[number - 1], seed):
                self.keep_seed(number, seed)

    def fetch(self, copy: EpochCopy, epochs: Sequence[Epoch]) -> Steps[None]:
        until = self._context.clock.now() + ASK_AGAIN_S
        asked = [each.epoch_id for each in epochs if self._is_to_be_asked_for(each)]
        self._asked_for.update((each, until) for each in asked)
        self._given.difference_update(each.epoch_id for each in epochs)
        yield from self.open_given(copy, epochs)
        lacking = tuple(each for each in asked if copy.secret(each) is None)
        if lacking:
            yield from self._bring_keys_once()
            yield from self._context.server.ask(wire.WantBoxes(0, copy.log, copy.scope.id, lacking), Done)

    def open_given(self, copy: EpochCopy, epochs: Sequence[Epoch]) -> Steps[None]:
        """What the server has for this account; of the others, what was here before it was thrown away."""
        scope_id, named = copy.scope.id, tuple(each.epoch_id for each in epochs)
        if not named:
            return
        found = yield from self._context.server.ask(wire.GetBoxes(0, scope_id, named), wire.Boxes)
        for epoch in epochs:
            mine = [box for box in found.boxes if box.epoch_id == epoch.epoch_id and self._is_mine(copy, box)]
            if mine and copy.secret(epoch.epoch_id) is None and not self._open_box(copy, epoch, mine):
                text = f"A key that {self._name(epoch.author)} began does not open here. Others are asked for it."
                self._tell(epoch.epoch_id, text)
            if copy.secret(epoch.epoch_id) is None:
                before = self._context.tables.secret_before(epoch.scope, epoch.epoch_id)
                if before is not None:
                    copy.believe(epoch, before)

    def _is_mine(self, copy: EpochCopy, box: wire.FoundBox) -> bool:
        """It is said to be for this account, under a key that is here."""
        is_here = self.rsa.key(box.generation) if copy.scope.is_rsa else self._context.seeds.get(box.generation)
        return box.kind == RecipientKind.ACCOUNT and is_here is not None

    def _tell(self, what: bytes, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._context.copy.news.append(text)

    def _name(self, account_id: bytes) -> str:
        return display_name(self._context.copy.chain.accounts[account_id].name.decode(errors="replace"))

    def _open_box(self, copy: EpochCopy, epoch: Epoch, boxes: Sequence[wire.FoundBox]) -> bool:
        for box in boxes:
            if box.kind != RecipientKind.ACCOUNT:
                continue
            info = box_info(epoch.scope, epoch.commitment, box.kind, self._context.copy.account_id, box.generation)
            key = self._key_of(copy, box.generation)
            secret = None if key is None else key.open(box.data, info)
            if secret is not None and copy.believe(epoch, secret):
                return True
        return False

    def _key_of(self, copy: EpochCopy, generation: int) -> SealingKey | RsaKey | None:
        """By the suite of the conversation, whatever kind of box it is."""
        if copy.scope.is_rsa:
            return self.rsa.key(generation)
        seed = self._context.seeds.get(generation)
        return None if seed is None else SealingKey.of_generation(seed)

    def begin_epoch(self, copy: EpochCopy) -> Steps[float]:
        """How long to wait, where somebody else is at it."""
        try:
            yield from self._context.server.ask(wire.ClaimEpoch(0, copy.log), Done)
        except RequestRefused as refused:
            if refused.code is RefusalCode.STALE_KEYS and refused.retry_after_s:
                return refused.retry_after_s
            raise
        yield from self._context.server.on_head(lambda: self._begin_once(copy))
        return 0.0

    def _begin_once(self, copy: EpochCopy) -> Steps[None]:
        """A secret whose statement was refused is thrown away: its boxes are in the server's hands for ever. Where no
        answer comes it is forgotten; if it stands, one's own box has it.
        """
        context = self._context
        keys = yield from self._keys_of(self._readers(copy))
        if not copy.may_begin or copy.sealing_epoch() is not None:
            return
        # By the chain as it is now, which the statement names: somebody may have left while the keys came.
        readers, scope, secret = self._readers(copy), copy.scope, context.entropy(32)
        statement, commitment = context.own.epoch(copy, secret)
        epoch_id = epoch_id_of(commitment)
        seal = seal_rsa_box if scope.is_rsa else seal_box
        made = [_sealed(each, keys, scope.id, commitment, secret, seal) for each in readers]
        self._tell_left_out([each for each, box in zip(readers, made, strict=True) if box is None])
        yield from self._put_boxes(copy, epoch_id, [box for box in made if box is not None])
        answer = yield from context.server.ask(
            wire.BeginEpoch(0, copy.log, statement), wire.EpochBegun, wire.ReadersLacking
        )
        if not isinstance(answer, wire.EpochBegun):
            raise RequestRefused(RefusalCode.STALE_CHAIN, "Somebody has come meanwhile.")
        copy.add_statement(context.copy.chain, answer.sequence, statement)
        copy.believe(copy.epochs[epoch_id][0], secret)

    def _readers(self, copy: EpochCopy) -> list[Recipient]:
        """Never who has once ended, whatever chain is shown; nor an invite past its time by the own clock or the
        server's.
        """
        context = self._context
        now_ms = max(context.now_ms(), context.clock.now_ms())
        return [each for each in copy.scope.readers(now_ms) if each.id not in context.keys.ended]

    def _reads(self, copy: EpochCopy, recipient: Recipient) -> bool:
        if recipient.kind is RecipientKind.INVITE:
            invite = self._context.copy.chain.invites.get(recipient.id)
            return invite is not None and invite.until == NEVER and recipient.id not in self._context.keys.ended
        return recipient in self._readers(copy)

    def _tell_left_out(self, readers: Sequence[Recipient]) -> None:
        for each in readers:
            if each.kind is RecipientKind.ACCOUNT:
                self._tell(
                    each.id, f"Nothing can be sealed to the key of {self._name(each.id)}, who reads nothing new."
                )

    def _put_boxes(self, copy: EpochCopy, epoch_id: bytes, boxes: Sequence[wire.NewBox]) -> Steps[None]:
        for start in range(0, len(boxes), _BOXES_AT_ONCE):
            piece = tuple(boxes[start : start + _BOXES_AT_ONCE])
            message = wire.PutBoxes(0, copy.log, copy.scope.id, epoch_id, piece)
            yield from self._context.server.ask(message, Done)

    def _keys_of(self, readers: Sequence[Recipient]) -> Steps[dict[bytes, bytes]]:
        wanted = [each.seal_hash for each in readers]
        keys = self._context.tables.keys(wanted)
        missing = [each for each in dict.fromkeys(wanted) if each not in keys]
        for start in range(0, len(missing), wire.MAX_KEYS_AT_ONCE):
            asked = wire.GetKeys(0, tuple(missing[start : start + wire.MAX_KEYS_AT_ONCE]))
            found = yield from self._context.server.ask(asked, wire.Keys)
            new = {hash_of_key(key): key for key in found.keys}
            self._context.tables.put_keys(new)
            keys |= new
        return keys

    def give(self, copy: EpochCopy, recipients: Sequence[Recipient], epochs: Sequence[Epoch]) -> Steps[None]:
        """Boxes of epochs that stand, for readers by the chain as it is here."""
        keys = yield from self._keys_of(recipients)
        seal = seal_rsa_box if copy.scope.is_rsa else seal_box
        for epoch in epochs:
            secret = copy.secret(epoch.epoch_id)
            if secret is None:
                continue
            still = [each for each in recipients if self._reads(copy, each)]
            made = [_sealed(each, keys, epoch.scope, epoch.commitment, secret, seal) for each in still]
            yield from self._put_boxes(copy, epoch.epoch_id, [box for box in made if box is not None])

    def help(self, message: wire.BoxWanted) -> Steps[None]:
        """Somebody lacks a box: who reads by the chain as it is here, and never for who has once ended, gets one."""
        context, copy, wanted = self._context, self._context.scopes.by_id(message.scope), message.recipient
        if copy is None or not copy.may_begin or copy.log != message.log or wanted in context.keys.ended:
            return
        readers = [each for each in copy.scope.readers(context.now_ms()) if each.id == wanted]
        found = (copy.known(context.copy.chain, each) for each in message.epoch_ids)
        known = [each for each in found if each is not None]
        if readers:
            yield from self.open_given(copy, [each for each in known if copy.secret(each.epoch_id) is None])
            yield from self.give(copy, readers, known)

    def _bring_keys_once(self) -> Steps[None]:
        """For when a box is lacking: nobody can give one without the key to which it is sealed."""
        if not self._has_brought_keys:
            self._has_brought_keys = True
            with contextlib.suppress(RequestRefused):  # its disk is full, say
                yield from bring_keys(self._context)

    # The seeds of the own account, for its other devices.

    def keep_seed(self, number: int, seed: bytes) -> None:
        self._context.tables.put_seed(number, seed)
        self._context.seeds[number] = seed

    def give_seed(self, device_ids: Sequence[bytes]) -> Steps[None]:
        """That of the newest generation, which opens those before. Another device may have made it just now."""
        context = self._context
        if not context.has_newest_seed:
            yield from self.fetch_seed()
        newest = context.copy.chain.accounts[context.copy.account_id].generations[-1]
        yield from self.put_seed(device_ids, context.me.generation, context.seeds[context.me.generation], newest.maker)

    def put_seed(self, device_ids: Sequence[bytes], number: int, seed: bytes, maker: bytes) -> Steps[None]:
        context, account_id = self._context, self._context.copy.account_id
        commitment, place = seed_box_place(SealingKey.of_generation(seed), maker)
        devices = context.copy.chain.devices
        readers = [Recipient(RecipientKind.DEVICE, each, number, devices[each].seal_hash) for each in device_ids]
        keys = yield from self._keys_of(readers)
        live = [each for each in readers if context.copy.chain.live_device(each.id) is not None]
        boxes = [box for each in live if (box := _sealed(each, keys, account_id, commitment, seed)) is not None]
        if boxes:
            yield from context.server.ask(wire.PutBoxes(0, 0, account_id, place, tuple(boxes)), Done)

    def help_device(self, message: wire.BoxWanted) -> Steps[None]:
        """Another device of the account lacks the seed."""
        context, wanted = self._context, message.recipient
        device = context.copy.chain.live_device(wanted)
        is_mine = device is not None and device.account == context.copy.account_id == message.scope
        if is_mine and context.has_newest_seed and wanted not in context.keys.ended:
            yield from self.give_seed([wanted])


def bring_keys(context: GroupContext) -> Steps[None]:
    """What others seal to, of this device and its account: the server may have lost them, or its disk damaged one."""
    mine = [context.own.device_key.public_bytes]
    if context.has_newest_seed:
        mine.append(SealingKey.of_generation(context.seeds[context.me.generation]).public_bytes)
    yield from context.server.ask(wire.PutKeys(0, tuple(mine)), Done)


def _sealed(
    recipient: Recipient,
    keys: Mapping[bytes, bytes],
    scope: bytes,
    commitment: bytes,
    secret: bytes,
    seal: Callable[[bytes, bytes, bytes], bytes] = seal_box,
) -> wire.NewBox | None:
    """None: nothing can be sealed to this reader, who is left out."""
    kind, recipient_id, generation, seal_hash = recipient
    try:
        key = keys[seal_hash]
        box = seal(key, box_info(scope, commitment, kind, recipient_id, generation), secret)
    except (KeyError, MalformedPacket):
        return None
    return wire.NewBox(kind.value, recipient_id, generation, box)

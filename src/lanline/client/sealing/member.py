"""Owns what this device does next to be in the group and to read it. It does one thing at a time, the most urgent.

Without I/O: what comes is handed in, what is asked goes over the line. How each thing is done stands in `entering`,
`secrets` and `groupchanges`. It is longer than other files: what is the most urgent can be read in one place only.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from lanline.chain.epochs import RecipientKind
from lanline.client.sealing.caches import KeyCaches
from lanline.client.sealing.context import GroupContext, SignedInPerson, WaitFor
from lanline.client.sealing.decisions import Decisions, GoingOver
from lanline.client.sealing.devices import Approval, DeviceAnswer, Devices, waiting_text
from lanline.client.sealing.entering import Entering
from lanline.client.sealing.epochcopy import EpochCopy
from lanline.client.sealing.groupchanges import Departed, GroupChanges
from lanline.client.sealing.groupcopy import BEHIND, LAST_NOT_SHOWN, TAKEN_OUT
from lanline.client.sealing.offering import Offering
from lanline.client.sealing.otherpast import AWAITED, YOURS_TO_FOUND
from lanline.client.sealing.owncoming import COMES_ANEW
from lanline.client.sealing.recovery import Recovery
from lanline.client.sealing.roomchanges import RoomChanges
from lanline.client.sealing.secrets import ASK_AGAIN_S, Secrets
from lanline.crypto.groups import ids
from lanline.errors import LanlineError, LinkNotOpen, RefusalCode, RequestRefused
from lanline.model.devices import DEVICE_WAITS_MS
from lanline.ticket import Steps, Ticket, follow
from lanline.wire.chat import devices
from lanline.wire.chat import groups as wire
from lanline.wire.chat.entries import Entries, Follow
from lanline.wire.sealing.entries import Joins

_EPOCHS_AT_ONCE = 20
_AGAIN_S = 5.0


class GroupStanding(Enum):
    UNKNOWN = "not known yet"
    NO_GROUP = "nobody has founded a group"
    OUTSIDE = "not in the group"
    ASKS = "waits to be let in"
    WAITS = "waits for another device of the account"
    MEMBER = "in the group"


class GroupMember:
    def __init__(
        self, context: GroupContext, on_change: Callable[[], None], on_left: Callable[[], None] = lambda: None
    ) -> None:
        """`on_change`: what stands here may be another now. `on_left`: what was known by the old group is forgotten."""
        self._context = context
        self._on_change = on_change
        self.copy, self.scopes = context.copy, context.scopes
        self.secrets = Secrets(context, self.go_on_soon)
        self.rsa = self.secrets.rsa
        self.entering = Entering(context, self.secrets)
        wait_for = WaitFor(self._wait_ready, self._wait_current, self._wait_epoch)
        self.changes = GroupChanges(context, self.secrets, wait_for)
        self.devices = Devices(context, self.secrets, wait_for)
        self.recovery = Recovery(context, self.secrets, self.devices, wait_for)
        self.approval = Approval(context)
        self.offering = Offering(context)
        self.decisions = Decisions(self.copy, lambda: self._is_read, lambda: self.problem, self._changed)
        self.going_over = GoingOver(context, on_left)
        self.departed = Departed(context)
        self.caches = KeyCaches(context, self.rsa)
        self.rooms = RoomChanges(context, self.secrets, wait_for, self.want_epoch)
        self.has_heard = False
        """The server has said, on this link, whether there is a group."""
        self._is_groupless = False
        self._flow: Ticket[None] | None = None
        self._running: Ticket[None] | None = None
        self._has_asked = False
        self._speaking: dict[bytes, EpochCopy] = {}
        """By scope, where somebody wants to speak and there is nothing to seal under."""
        self._reading: dict[bytes, EpochCopy] = {}
        """By scope, where something was said on this link that could not be opened."""
        self._begun_by_others: dict[bytes, float] = {}
        """By scope, until when somebody else is at it."""
        self.refusal = ""
        """Why this device is not in the group; a sentence."""

    # The link.

    def begin_link(self, person: SignedInPerson) -> None:
        """Signed in."""
        self.end_link()
        self._context.person = person
        self._go_on()

    def note_admin(self, *, is_admin: bool) -> None:
        """Of the server, by its word: that can change while the link stands."""
        person = self._context.person
        if person is not None and person.is_admin is not is_admin:
            person.is_admin = is_admin
            self._go_on()

    def end_link(self) -> None:
        self._context.person = None
        self._context.log = 0
        self.has_heard = self._is_groupless = self._has_asked = False
        self.secrets.end_link()
        self.approval.end_link()
        self.offering.end_link()
        self.departed.end_link()
        self._context.scopes.end_link()
        self._speaking.clear()
        self._reading.clear()
        self._begun_by_others.clear()
        if self._flow is not None:
            self._flow.cancel()
            self._flow = None
        if self._running is not None:
            self._running.cancel()
        self._context.server.end()

    @property
    def standing(self) -> GroupStanding:
        if self.copy.is_member:
            return GroupStanding.MEMBER
        if self._is_groupless:
            return GroupStanding.NO_GROUP
        if not self._context.log:
            return GroupStanding.UNKNOWN
        if self._context.keys.code is not None and not self.copy.has_ended:
            return GroupStanding.WAITS
        return GroupStanding.ASKS if self._has_asked else GroupStanding.OUTSIDE

    @property
    def problem(self) -> str:
        """Why nothing is sealed; a sentence for the person. Empty: nothing is wrong."""
        problem, person = self.copy.problem, self._context.person
        if problem == AWAITED and person is not None and person.is_admin:
            return YOURS_TO_FOUND
        return problem or (LAST_NOT_SHOWN if self.is_current and self.copy.is_behind else "")

    @property
    def hindrance(self) -> str:
        """Why nothing of the group can be changed, or fetched anew; a sentence. Empty: nothing is wrong."""
        return self.problem or (BEHIND if self._is_read and self.copy.is_apart else "")

    @property
    def knows_group(self) -> bool:
        """There is one, or has been: by what this device has seen itself, or by what the server says. Then nothing is
        said in plain any more, whatever the server says later.
        """
        return bool(self._context.keys.left) or self.has_group

    @property
    def has_group(self) -> bool:
        """And that one is not behind this device: it has not left it for another that nobody has founded yet."""
        keys = self._context.keys
        return keys.group_id is not None or keys.invite is not None or self.copy.chain.height > 0 or self._has_log

    @property
    def is_awaited(self) -> bool:
        """The group was put aside, and it is on this person to found another."""
        person = self._context.person
        return self._is_groupless and self.copy.is_awaited and person is not None and person.is_admin

    @property
    def _has_been_in_group(self) -> bool:
        """Also where the program was killed when the chain was put aside and the keys did not know of it yet."""
        return self.copy.chain.height > 0 or self._context.keys.group_id is not None

    @property
    def _has_log(self) -> bool:
        return self.has_heard and not self._is_groupless

    @property
    def is_settled(self) -> bool:
        """Nothing more comes of what this device does by itself, as long as nobody else does anything."""
        if self._flow is not None or self._context.person is None:
            return False
        if self.refusal or self.problem:
            return True
        if self._is_groupless:
            return not self._context.person.founds
        return self._is_read and self._next_steps(self._context.person) is None

    @property
    def code(self) -> str | None:
        """What another device of the account is to be told, while this one waits for it."""
        return self._context.keys.code if self.standing is GroupStanding.WAITS else None

    @property
    def lacks_recovery(self) -> bool:
        """Also where nobody has seen the words of the one that there is."""
        if not self.copy.is_member:
            return False
        unshown = self._context.keys.unshown
        is_unseen = unshown is not None and self.recovery.is_right(unshown)
        return is_unseen or not self.copy.chain.has_recovery_key(self.copy.account_id)

    @property
    def words(self) -> bytes:
        """Behind the words by which an admin knows the request of this device."""
        account_id = ids.account_id_of(self.copy.signer.public_bytes)
        return ids.request_words_of(self.copy.chain.group_id, account_id)

    @property
    def is_current(self) -> bool:
        """The chain is here as far as the server had it at sign-in, and it is the one that this device knows."""
        return self._is_read and not self.copy.is_apart

    @property
    def has_looked(self) -> bool:
        """What the server shows of a group is here, or it has said that there is none."""
        return self.has_heard and (self._is_groupless or self._is_read)

    @property
    def _is_read(self) -> bool:
        return bool(self._context.log) and self.copy.sequence >= self.copy.target and not self.copy.is_parted

    # What comes.

    def takes(self, log: int) -> bool:
        return log != 0 and log == self._context.log

    def on_entries(self, message: Entries) -> None:
        was_current = self.is_current
        self.copy.add(message.entries)
        if not was_current:  # what was said before this device came, or was away, is no news
            self.copy.news = [each for each in self.copy.news if each == COMES_ANEW]
        if self.copy.is_own_coming_lost:
            self.copy.come_in_anew()
        self._changed()

    def on_group(self, message: wire.GroupIs) -> None:
        self.has_heard = True
        self._is_groupless = not message.log
        self.copy.is_parted = self._is_groupless and self._has_been_in_group
        self.copy.is_awaited = message.is_awaited
        self.offering.is_asked = self.copy.is_being_mended = message.gathers
        if message.log:
            shown = message.log, message.sequence, message.height, message.head
            if not self.copy.look_whether_same(*shown, self._context.history):
                self._context.log = 0
            self._follow(message.log, message.sequence)
        else:
            self._context.log = 0
        self._changed()

    def _follow(self, log: int, target: int) -> None:
        if not self._context.log:
            self._context.log, self.copy.target = log, target
            self._context.server.send(Follow(log, self.copy.sequence))

    def on_box_given(self, message: wire.BoxGiven) -> None:
        self.secrets.note_given(message.epoch_id)
        self._go_on()

    def on_box_wanted(self, message: wire.BoxWanted) -> None:
        is_able = self.is_current and self.copy.is_member and not self.problem
        if is_able and message.kind == RecipientKind.ACCOUNT:
            follow(self.secrets.help(message))
        elif is_able and message.kind == RecipientKind.DEVICE:
            follow(self.secrets.help_device(message))

    def on_request(self, message: wire.RequestCame) -> None:
        self.changes.note_request(message.waiting)
        self._on_change()

    def on_device_asks(self, message: devices.DeviceAsks) -> None:
        self.devices.note_waiting(message.waiting)
        self._context.clock.call_later(DEVICE_WAITS_MS / 1000, self._on_change)  # nobody lets it in any more
        self._on_change()

    def on_device_answered(self, message: devices.DeviceAnswered) -> None:
        self.approval.answer = DeviceAnswer.of(message.answer)
        self._go_on()

    def want_epoch(self, copy: EpochCopy | None = None) -> None:
        """Somebody wants to speak there; in an open room where nothing is named."""
        copy = copy or self.copy
        self._speaking[copy.scope.id] = copy
        self._go_on()

    def want_secrets(self, copy: EpochCopy) -> None:
        """Something was said there that cannot be opened."""
        if copy.scope.id not in self._reading:
            self._reading[copy.scope.id] = copy
        self.go_on_soon()

    def go_on_soon(self) -> None:
        """Not while what has come is being taken in."""
        self._context.clock.call_later(0.0, self._go_on)

    def _changed(self) -> None:
        self._context.server.note()
        self._go_on()
        self._on_change()

    # One thing at a time.

    def _start(self, steps: Steps[None]) -> None:
        """What is under way can end before there is a ticket of it."""
        ticket = self._flow = Ticket[None]()
        ticket.when_settled(self._on_flow_end)
        self._running = follow(steps)
        self._running.when_settled(lambda settled: ticket.settle(settled.problem))

    def _on_flow_end(self, ticket: Ticket[None]) -> None:
        if self._flow is ticket:
            self._flow = None
        problem = ticket.problem
        if problem is None:
            self._changed()
        elif isinstance(problem, LinkNotOpen):
            pass  # the next link begins anew
        elif isinstance(problem, LanlineError):
            self.refusal = str(problem)
            pause_s = max(getattr(problem, "retry_after_s", 0.0), _AGAIN_S)
            self._context.clock.call_later(pause_s, self._go_on)
            self._on_change()
        else:
            raise problem

    def _go_on(self) -> None:
        person = self._context.person
        if self._flow is not None or person is None:
            return
        steps = self._next_steps(person)
        if steps is not None:
            self._start(steps)

    def _next_steps(self, person: SignedInPerson) -> Steps[None] | None:
        if not self.has_heard:
            return self._ask_group()
        if self._is_groupless:
            return self._found(person) if person.founds and not self.copy.is_parted else None
        if not self._is_read:
            return None
        if (steps := self.offering.head_steps()) is not None:
            return steps
        again = self.devices.turn_again()
        if again is not None or self.copy.is_apart or self.problem:
            return again
        return self._steps_of_member(person) if self.copy.is_member else self._steps_of_newcomer(person)

    def _steps_of_newcomer(self, person: SignedInPerson) -> Steps[None] | None:
        token, account_id = self._context.keys.invite, self.copy.chain.names.get(person.name.encode())
        if token is not None and account_id is None:
            return self.entering.join(person, token)
        if self.copy.has_ended:
            self.refusal = TAKEN_OUT
            return None
        if account_id is not None:  # who has come by a link too: it is for those who are not in the group yet
            return self._steps_of_further(account_id)
        if self.copy.chain.joins is Joins.ANYONE:
            return self.entering.enter(person, None)
        return None if self._has_asked else self._ask(person)

    def _steps_of_further(self, account_id: bytes) -> Steps[None] | None:
        if self.approval.answer is not None and self._context.keys.code is not None:
            return self.approval.check(account_id)
        return None if self.approval.has_asked else self._ask_devices(account_id)

    def _ask_devices(self, account_id: bytes) -> Steps[None]:
        self._context.keys.invite = None
        yield from self.approval.ask(account_id)
        left_s = (self._context.keys.code_until_ms - self._context.now_ms()) / 1000
        self._context.clock.call_later(left_s, self._go_on)
        self.refusal = waiting_text(self._context.keys.code or "")

    def _steps_of_member(self, person: SignedInPerson) -> Steps[None] | None:
        self.refusal = ""
        if not self._context.has_newest_seed:
            return self._get_seed()
        keys = self.offering.key_steps()
        if keys is not None or self.entering.wants_recovery:
            return keys or self._make_recovery()
        return self.rsa.next_steps() or self._steps_of_scopes() or self._steps_of_admin(person)

    def _get_seed(self) -> Steps[None]:
        """If the server has lost it, and no other device of the account and no recovery key could give it, a new one is
        made: else a server that only holds the box back would bring that about.
        """
        try:
            yield from self.secrets.fetch_seed()
        except RequestRefused as refused:
            copy = self.copy
            may_be_given = not self.devices.is_alone or copy.chain.has_recovery_key(copy.account_id)
            if refused.code is not RefusalCode.NOT_FOUND or may_be_given:
                raise
            yield from self.devices.take_out((), copy.signer)

    def _steps_of_scopes(self) -> Steps[None] | None:
        for copy in (self.copy, *self._speaking.values(), *self._reading.values()):
            if lacking := self.secrets.lacking(copy):
                self._context.clock.call_later(ASK_AGAIN_S, self._go_on)
                return self.secrets.fetch(copy, lacking[:_EPOCHS_AT_ONCE])
        self.copy.sealing_epoch()  # which notes since when it is here
        for scope_id, copy in list(self._speaking.items()):
            if not copy.may_begin or copy.sealing_epoch() is not None:
                del self._speaking[scope_id]
            elif self._begun_by_others.get(scope_id, 0.0) <= self._context.clock.now():
                return self._begin_epoch(copy)
        return None

    def _steps_of_admin(self, person: SignedInPerson) -> Steps[None] | None:
        if person.is_admin and not self._has_asked:
            return self._look_who_asks()
        return self.departed.next_steps() or self.offering.room_steps()

    def _make_recovery(self) -> Steps[None]:
        """The founder's, at once: nobody could let this person in again."""
        self.entering.wants_recovery = False
        if not self.copy.chain.has_recovery_key(self.copy.account_id):
            chance = self._context.entropy(ids.RECOVERY_BYTES)
            yield from self.recovery.add(chance, self.copy.signer)
            self.entering.recovery_words = chance

    def _begin_epoch(self, copy: EpochCopy) -> Steps[None]:
        wait_s = yield from self.secrets.begin_epoch(copy)
        if wait_s:
            self._begun_by_others[copy.scope.id] = self._context.clock.now() + wait_s
            self._context.clock.call_later(wait_s, self._go_on)

    def _ask_group(self) -> Steps[None]:
        self.on_group((yield from self._context.server.ask(wire.AskGroup(0), wire.GroupIs)))

    def agree_to_found(self) -> None:
        """Where nobody has, and the server lets this person."""
        person = self._context.person
        if person is not None and person.is_admin and not person.founds:
            if self.is_awaited and self._has_been_in_group:
                self.going_over.leave()
                self._forget_wishes()
            person.founds = person.adopts = True
            self._go_on()

    def go_over(self, group_id: bytes) -> None:
        """To the group that the server shows in the place of the own one. Raises RecordMissing."""
        self.going_over.agree(group_id)
        self._forget_wishes()
        self.refusal, self._has_asked = "", False
        self._changed()

    def _forget_wishes(self) -> None:
        """They are about conversations of the group that was left."""
        self._speaking.clear()
        self._reading.clear()
        self._begun_by_others.clear()

    def _found(self, person: SignedInPerson) -> Steps[None]:
        try:
            taken = yield from self.entering.found(person)
        except RequestRefused as refused:
            if refused.code is not RefusalCode.STALE_CHAIN:
                raise
            yield from self._ask_group()  # another admin was quicker, and lets this one in
            person.founds = self._is_groupless
            return
        person.founds = False
        self._is_groupless = False
        self._follow(taken.log, taken.sequence)
        yield from self._context.server.wait_until(lambda: self.copy.sequence >= taken.sequence)
        self.want_epoch()

    def _ask(self, person: SignedInPerson) -> Steps[None]:
        self._has_asked = True
        yield from self.entering.ask(person)

    def _look_who_asks(self) -> Steps[None]:
        self._has_asked = True
        yield from self.changes.list_requests()

    # Waiting.

    def _wait_ready(self) -> Steps[None]:
        """In the group, and with its newest chain."""

        def is_ready() -> bool:
            return self.copy.is_member and self.is_current and self._context.has_newest_seed

        yield from self._wait_for(is_ready)

    def _wait_current(self) -> Steps[None]:
        yield from self._wait_for(lambda: self.is_current)

    def _wait_for(self, condition: Callable[[], bool]) -> Steps[None]:
        yield from self._context.server.wait_until(lambda: condition() or bool(self.hindrance))
        if self.hindrance:
            raise RequestRefused(RefusalCode.INVALID, self.hindrance)

    def _wait_epoch(self) -> Steps[None]:
        self.want_epoch()
        yield from self._context.server.wait_until(lambda: self.copy.sealing_epoch() is not None)

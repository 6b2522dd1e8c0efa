"""Owns `keys.json` of a home: what this device cannot compute anew from what the server has. Nobody else may read it.

That is the secret of the device, how far it has seen the chain of the group, and who it has once seen end; and until it
is in the group, the invite or the code that it came by. It may lie under a passphrase, which is asked for once at each
start. Beside it lies a copy, for when the file is damaged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from lanline.client.sealing.lockedfile import FileLock, finish_change, is_locked_content
from lanline.client.sealing.passphrase import KEYS_COPY, KEYS_FILE, KEYS_USE, given_passphrase
from lanline.errors import IdentityProblem, MalformedPacket, WrongPassphrase
from lanline.ids import Entropy
from lanline.model.text import safe_line
from lanline.wholefile import create_whole, replace_whole

_SECRET_BYTES = 32
Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class KeptLabel(msgspec.Struct, frozen=True, array_like=True):
    """What a device is called, and by whose word."""

    label: str
    named_ms: int
    by: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    """The device on which the label was given."""
    via: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    """The device that has told this one: the same, or one that had heard of it."""


class _OnDisk(msgspec.Struct, frozen=True, omit_defaults=True):
    device_secret: Hex32
    group_id: Hex32 | None = None
    height: Annotated[int, msgspec.Meta(ge=0)] = 0
    head: Hex32 = "0" * 64
    ended: tuple[Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32}){1,2}$")], ...] = ()
    invite: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    founds: bool = False
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z2-7]{20,32}$")] | None = None
    code_until_ms: int = 0
    verified: dict[Hex32, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}$")]] = {}
    accepted: tuple[Hex32, ...] = ()
    aside: tuple[Hex32, ...] = ()
    taken_back: tuple[Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32}){1,2}$")], ...] = ()
    left: tuple[Hex32, ...] = ()
    said_by: dict[Hex32, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]] = {}
    notice: str = ""
    labels: dict[Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")], KeptLabel] = {}
    labels_said: str = ""
    labels_taken: str = ""
    unshown: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")] | None = None


class _Lock(FileLock):
    def read(self, data: bytes) -> _OnDisk:
        """Raises msgspec.DecodeError, MalformedPacket, WrongPassphrase."""
        return msgspec.json.decode(self.opened(data), type=_OnDisk)

    def kept(self, kept: _OnDisk) -> bytes:
        return self.written(msgspec.json.format(msgspec.json.encode(kept), indent=1))


class Keystore:
    """In memory only without a path: for a test, or for who joins and keeps nothing."""

    def __init__(self, path: Path | None, kept: _OnDisk, lock: _Lock | None = None) -> None:
        """`open` and `in_memory` are the ways to one."""
        self._path = path
        self._lock = lock
        self._as_read = kept
        self.device_secret = bytes.fromhex(kept.device_secret)
        self.group_id = None if kept.group_id is None else bytes.fromhex(kept.group_id)
        self.height = kept.height
        self.head = bytes.fromhex(kept.head)
        self.ended = {bytes.fromhex(each) for each in kept.ended}
        """Accounts, devices and invites, whatever chain is shown."""
        self.invite = None if kept.invite is None else bytes.fromhex(kept.invite)
        """The token of a member's link, until its use stands in the chain."""
        self.founds = kept.founds
        """The server's first account, until the group stands that it founds."""
        self.code = kept.code
        """Of a further device: until the one that was given this code has proven which group it is taken into."""
        self.code_until_ms = kept.code_until_ms
        self.verified = {bytes.fromhex(each): bytes.fromhex(words) for each, words in kept.verified.items()}
        """Accounts with whose person the own one has compared words, and which."""
        self.accepted = {bytes.fromhex(each) for each in kept.accepted}
        """Accounts of which the person knows that somebody else had their name before."""
        self.said_by = {bytes.fromhex(each): bytes.fromhex(by) for each, by in kept.said_by.items()}
        """Of these two, what another device of the person has said, and which."""
        self.labels = {bytes.fromhex(each): called for each, called in kept.labels.items()}
        """What devices of the account are called."""
        self.labels_said = kept.labels_said
        """A digest of the live devices when the others were last told the labels; see `SharedLabels`."""
        self.labels_taken = kept.labels_taken
        """The history of the server in which the labels that it kept in plain were taken over."""
        self.aside = {bytes.fromhex(each) for each in kept.aside}
        """Heads of chains that the person has put aside for another."""
        self.taken_back = {bytes.fromhex(each) for each in kept.taken_back}
        """Who ended on such a chain only, and may read again by the word of the person."""
        self.left = {bytes.fromhex(each) for each in kept.left}
        """Groups of this server that the person has left for another in their place."""
        self.notice = kept.notice
        """A sentence about the file for the person, kept until a program has told it."""
        self.unshown = None if kept.unshown is None else bytes.fromhex(kept.unshown)
        """The secret of a recovery key whose words nobody has seen yet: else nobody could use it after a crash."""

    @classmethod
    def open(cls, folder: Path, entropy: Entropy, passphrase: str | None = None) -> Keystore:
        """Made at first use; with a passphrase it lies under that from then on. Raises IdentityProblem."""
        path, copy = folder / KEYS_FILE, folder / KEYS_COPY
        lock = _Lock(KEYS_USE, passphrase or given_passphrase(), entropy)
        try:
            finish_change(folder)
            if not path.exists() and not copy.exists():
                create_whole(path, lock.kept(_OnDisk(entropy(_SECRET_BYTES).hex())))
            kept, notice = _read(path, copy, lock)
            store = cls(path, kept, lock)
            store.notice = notice or store.notice
            if notice or not copy.exists() or _is_open_though(lock, path):
                store.save()
        except OSError as cause:
            raise IdentityProblem(f"The keys in {path} cannot be used: {cause.strerror}.") from cause
        return store

    @classmethod
    def in_memory(cls, device_secret: bytes) -> Keystore:
        return cls(None, _OnDisk(device_secret.hex()))

    def save(self) -> None:
        """Whole, or as it was. Raises IdentityProblem."""
        if self._path is None or self._lock is None:
            return
        if not self._take_in(self._path, self._lock):
            return
        kept = _OnDisk(
            self.device_secret.hex(),
            None if self.group_id is None else self.group_id.hex(),
            self.height,
            self.head.hex(),
            tuple(sorted(each.hex() for each in self.ended)),
            None if self.invite is None else self.invite.hex(),
            self.founds,
            self.code,
            self.code_until_ms,
            {each.hex(): words.hex() for each, words in sorted(self.verified.items())},
            tuple(sorted(each.hex() for each in self.accepted)),
            tuple(sorted(each.hex() for each in self.aside)),
            tuple(sorted(each.hex() for each in self.taken_back)),
            tuple(sorted(each.hex() for each in self.left)),
            {each.hex(): by.hex() for each, by in sorted(self.said_by.items())},
            self.notice,
            {each.hex(): called for each, called in sorted(self.labels.items())},
            self.labels_said,
            self.labels_taken,
            None if self.unshown is None else self.unshown.hex(),
        )
        data, self._as_read = self._lock.kept(kept), kept
        try:
            replace_whole(self._path, data)
            replace_whole(self._path.with_name(KEYS_COPY), data)
        except OSError as cause:
            raise IdentityProblem(f"The keys in {self._path} cannot be kept: {cause.strerror}.") from cause

    def note_told(self) -> None:
        """The person has been told of the file, or will be by other means."""
        if self.notice:
            self.notice = ""
            self.save()

    def put_aside(self, height: int, head: bytes) -> None:
        """The person goes by another chain now, which is this far."""
        self.aside.add(self.head)
        self.aside.discard(head)
        self.height, self.head = height, head
        self.save()

    def leave_group(self, other: bytes | None, height: int, head: bytes) -> None:
        """For another, which is this far; None: one that nobody has founded yet."""
        if self.group_id is not None:
            self.left.add(self.group_id)
        self.group_id, self.height, self.head = other, height, head
        self.invite = self.code = None
        self.save()

    def note_ended(self, ids: set[bytes]) -> None:
        """For ever. Who was taken back, and has ended anew since, is not that any more."""
        self.ended |= ids
        self.taken_back -= ids

    def take_back(self, ids: set[bytes]) -> None:
        self.ended -= ids
        self.taken_back |= ids
        self.save()

    def _take_in(self, path: Path, lock: _Lock) -> bool:
        """What another program of this home has seen meanwhile is not forgotten.

        False: it has put the keys under a passphrase that this program has not got, which writes nothing open then.
        """
        try:
            kept = lock.read(path.read_bytes())
        except WrongPassphrase:
            return False
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, MalformedPacket):
            return True
        self.taken_back |= {bytes.fromhex(each) for each in kept.taken_back} - self.ended
        self.ended |= {bytes.fromhex(each) for each in kept.ended} - self.taken_back
        self.aside |= {bytes.fromhex(each) for each in kept.aside}
        theirs = {bytes.fromhex(each): bytes.fromhex(by) for each, by in kept.said_by.items()}
        self.said_by |= {each: by for each, by in theirs.items() if each not in self.accepted}
        self.accepted |= {bytes.fromhex(each) for each in kept.accepted}
        self.verified = {
            bytes.fromhex(one): bytes.fromhex(words) for one, words in kept.verified.items()
        } | self.verified
        for each in kept.labels.keys() - self._as_read.labels.keys():
            self.labels.setdefault(bytes.fromhex(each), kept.labels[each])
        left = {bytes.fromhex(each) for each in kept.left}
        is_newer = kept.height > self.height and bytes.fromhex(kept.head) not in self.aside and left == self.left
        if is_newer or left > self.left:
            self.height, self.head = kept.height, bytes.fromhex(kept.head)
        if left > self.left:
            self.group_id = None if kept.group_id is None else bytes.fromhex(kept.group_id)
        self.left |= left
        self._take_in_what_is_over(kept)
        return True

    def _take_in_what_is_over(self, kept: _OnDisk) -> None:
        """Where another program has come into the group meanwhile, this one does not write that it still waits."""
        before, self._as_read = self._as_read, kept
        if self.code == before.code:
            self.code, self.code_until_ms = kept.code, kept.code_until_ms
        if self.founds == before.founds:
            self.founds = kept.founds
        if (None if self.unshown is None else self.unshown.hex()) == before.unshown:
            self.unshown = None if kept.unshown is None else bytes.fromhex(kept.unshown)
        if (None if self.invite is None else self.invite.hex()) == before.invite:
            self.invite = None if kept.invite is None else bytes.fromhex(kept.invite)


def _is_open_though(lock: _Lock, path: Path) -> bool:
    """A passphrase was given, and the file does not lie under it yet."""
    return lock.has_passphrase and not is_locked_content(path.read_bytes())


def _read(path: Path, copy: Path, lock: _Lock) -> tuple[_OnDisk, str]:
    """The file, or its copy where it is damaged: and then a sentence that says so."""
    try:
        return lock.read(path.read_bytes()), ""
    except WrongPassphrase as problem:
        raise WrongPassphrase(f"The keys in {path} cannot be opened. {problem}") from problem
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, MalformedPacket) as cause:
        try:
            kept = lock.read(copy.read_bytes())
        except WrongPassphrase as problem:
            raise WrongPassphrase(f"The keys in {copy} cannot be opened. {problem}") from problem
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, MalformedPacket):
            raise IdentityProblem(
                f"The keys in {path} cannot be read, nor their copy beside them. Restore the file from a backup; "
                "without it this device cannot read what is said, and has to be let in anew."
            ) from cause
        return kept, f"The keys in {safe_line(str(path))} were damaged or gone. Their last good copy was taken."

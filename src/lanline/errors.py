"""Every error that Lanline raises on purpose.

    LanlineError
    ├── InvalidInput            what a person typed cannot be used
    ├── AddressUnavailable      a local port is taken, a host name is unknown
    ├── IdentityProblem         a key file that cannot be read or written
    ├── LinkError               the way to the peer
    │   ├── LinkNotOpen         it is closed, or closing
    │   ├── SendBufferFull      wait until it is writable again
    │   └── MessageTooLarge     over what one message may hold
    ├── MailProblem             mail that was not handed over for certain
    │   ├── MailRefused         for good: the same again would fail again
    │   │   └── ServerUntrusted its certificate is not believed
    │   ├── MailDeferred        for now: the server is away, or asks to come back later
    │   ├── MailUncertain       the answer to a complete message never came: nobody can know
    │   └── MailInterrupted     stopped by the person
    ├── MediaProblem            a camera, file, codec, window or terminal that does not do what is asked
    │   └── DamagedFrame        bytes that are no frame: dropped, and a key frame asked for
    ├── OutboxProblem           the folder of waiting mail cannot be read or written
    │   └── OutboxFull          for want of room: with room, the same will do
    ├── HistoryProblem          the client's own memory cannot be opened, read or written
    ├── NotJoined               this home has joined no server yet, or another one
    ├── NotInGroup              what is asked is for members of the server's group
    ├── ServerKeyChanged        the server shows another key than the one that was pinned
    ├── VersionMismatch         client and server speak no version in common
    ├── ServerUnreachable       it could not be reached in the time given
    ├── StillQueued             said, kept here, and not yet on the server
    ├── StorageError            the server's folder, and what is kept in it
    │   ├── StorageUnusable     it cannot be opened, read or written
    │   │   └── FilmsUnusable   the folder of films, of which nothing else depends
    │   ├── StorageInUse        another program has it
    │   ├── StorageFull         no room: what failed was not kept, and may be tried again
    │   ├── StorageDamaged      not what was once written
    │   ├── StorageNewer        written by a newer Lanline
    │   └── StorageClosed       closed, or closing
    ├── RecordProblem           what was asked does not fit what is kept; nothing was changed
    │   ├── RecordMissing       there is no such account, log, invite …
    │   ├── RecordExists        there is one already
    │   │   └── NameTaken       or one whose name looks the same
    │   └── InviteUnusable      used up, expired, or never made
    ├── RequestRefused          the server understood, and says no: with a code, and what to do
    └── RemoteInputError        bytes from the network that are not the protocol
        ├── MalformedPacket     dropped: anybody can send garbage
        └── ProtocolViolation   authenticated, and still wrong: the link is closed

The text of an error is one sentence for the person; the private cause travels as `__cause__`. `CloseCode` is what links
tell each other, stable on the wire.
"""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    DONE = 0
    PROTOCOL_VIOLATION = 1
    UNREACHABLE = 2
    IDENTITY_REJECTED = 3
    INCOMPATIBLE_VERSION = 4
    BUSY = 5
    REPLACED = 6
    RESET = 7
    HANDSHAKE_FAILED = 8
    GOING_AWAY = 9


class RefusalCode(IntEnum):
    """Why a server refuses a request; what a client program may act upon."""

    SERVER_PROBLEM = 0
    INVALID = 1
    NOT_SIGNED_IN = 2
    BAD_CREDENTIALS = 3
    INVITE_UNUSABLE = 4
    NAME_TAKEN = 5
    BANNED = 6
    NOT_ALLOWED = 7
    UNKNOWN_CONVERSATION = 8
    UNKNOWN_PERSON = 9
    MUTED = 10
    TOO_LARGE = 11
    SLOW_DOWN = 12
    QUOTA_EXCEEDED = 13
    STORAGE_FULL = 14
    NOT_FOUND = 15
    UNKNOWN_DEVICE = 16
    STALE_CHAIN = 17
    STALE_KEYS = 18
    SLOW_ROOM = 19


class LanlineError(Exception):
    """The root: whatever reaches the command line as one of these is printed as its sentence, without a traceback."""

    exit_status = 1


class InvalidInput(LanlineError):
    exit_status = 64


class AddressUnavailable(LanlineError):
    pass


class IdentityProblem(LanlineError):
    pass


class WrongPassphrase(IdentityProblem):
    pass


class LinkError(LanlineError):
    def __init__(self, text: str = "", code: CloseCode | None = None) -> None:
        super().__init__(text)
        self.code = code
        """How the link ended, where there was one."""


class LinkNotOpen(LinkError):
    pass


class LinkLost(LinkNotOpen):
    """It ended before what was asked on it was answered: it may have been done."""


class SendBufferFull(LinkError):
    pass


class MessageTooLarge(LinkError):
    pass


class MailProblem(LanlineError):
    pass


class MailRefused(MailProblem):
    pass


class ServerUntrusted(MailRefused):
    pass


class MailDeferred(MailProblem):
    exit_status = 75


class MailUncertain(MailProblem):
    """Exits as a refusal does: a script that tries again by itself would send the message twice."""


class MailInterrupted(MailProblem):
    exit_status = 130


class MediaProblem(LanlineError):
    pass


class DamagedFrame(MediaProblem):
    pass


class OutboxProblem(LanlineError):
    pass


class OutboxFull(OutboxProblem):
    exit_status = 75


class HistoryProblem(LanlineError):
    pass


class NotJoined(LanlineError):
    pass


class NotInGroup(LanlineError):
    pass


class ServerKeyChanged(LanlineError):
    pass


class VersionMismatch(LanlineError):
    pass


class ServerUnreachable(LanlineError):
    pass


class StillQueued(LanlineError):
    exit_status = 75


class StorageError(LanlineError):
    pass


class StorageUnusable(StorageError):
    pass


class FilmsUnusable(StorageUnusable):
    pass


class StorageInUse(StorageError):
    exit_status = 75


class StorageFull(StorageError):
    pass


class StorageDamaged(StorageError):
    pass


class StorageNewer(StorageError):
    pass


class StorageClosed(StorageError):
    pass


class RecordProblem(LanlineError):
    pass


class RecordMissing(RecordProblem):
    pass


class RecordExists(RecordProblem):
    pass


class NameTaken(RecordExists):
    pass


class InviteUnusable(RecordProblem):
    pass


class RequestRefused(LanlineError):
    def __init__(self, code: RefusalCode, text: str, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.code = code
        self.retry_after_s = retry_after_s
        """Not 0: the same again will do, after so long."""


class RemoteInputError(LanlineError):
    pass


class MalformedPacket(RemoteInputError):
    pass


class ProtocolViolation(RemoteInputError):
    pass

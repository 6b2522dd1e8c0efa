"""What a device tells of a server that shows what cannot be: the kinds, and one sentence for the person for each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class AlarmKind(Enum):
    """The values are for programs: they are added to, never changed."""

    LOGS_DIFFER = "logs_differ"
    HISTORIES_DIFFER = "histories_differ"
    PAST_CHANGED = "past_changed"
    GROUP_KEPT_BACK = "group_kept_back"
    GROUPS_DIFFER = "groups_differ"
    MESSAGE_MISSING = "message_missing"
    SAID_UNAWARE = "said_unaware"
    SEALED_FOR_GONE = "sealed_for_gone"
    WORDS_OF_ENDED = "words_of_ended"
    SHOWN_AGAIN = "shown_again"
    TURNED_AROUND = "turned_around"
    NOT_THEIRS = "not_theirs"
    CARRIED_WRONG = "carried_wrong"
    GROUP = "group"
    KEYS = "keys"
    RSA = "rsa"


class Alarm(NamedTuple):
    kind: AlarmKind
    text: str
    who: str = ""
    """The name of whom it is about, beside the server."""
    room: str = ""
    """The title of the conversation."""


_COMPARE = "Compare by another way what was said."
_NOT_SHOWN = "It is not shown here."
_TEXTS = {
    AlarmKind.LOGS_DIFFER: f"The server shows {{who}} and you different things in {{room}}. {_COMPARE}",
    AlarmKind.HISTORIES_DIFFER: (
        f"The server tells {{who}} and you different things about its own past, in {{room}}. {_COMPARE}"
    ),
    AlarmKind.PAST_CHANGED: (
        "The server was restored, and shows in {room} something else than it showed there before. What came first is "
        f"kept on this device. {_COMPARE}"
    ),
    AlarmKind.GROUP_KEPT_BACK: (
        "{who} has seen more of who is in the group than the server shows you, or says so: it may keep changes back. "
        "Ask by another way who has left."
    ),
    AlarmKind.GROUPS_DIFFER: (
        "{who} was shown another group than you, or says so. Compare by another way who is in it."
    ),
    AlarmKind.MESSAGE_MISSING: "A message that {who} said before in {room} did not come: the server keeps it back.",
    AlarmKind.SAID_UNAWARE: (
        "{who} said something in {room} without knowing that {names} had left: the server has hidden it from them."
    ),
    AlarmKind.SEALED_FOR_GONE: "{who} said something in {room} that {names} can read, who had left.",
    AlarmKind.WORDS_OF_ENDED: f"The server shows in {{room}} what a device of {{who}} says after its end. {_NOT_SHOWN}",
    AlarmKind.SHOWN_AGAIN: f"The server shows something that {{who}} said in {{room}} a second time. {_NOT_SHOWN}",
    AlarmKind.TURNED_AROUND: "The server shows in another order what {who} said in {room}.",
    AlarmKind.CARRIED_WRONG: (
        "The server shows something in {room} as lost and brought again by {who}, and it is not what anybody said, or "
        f"was never lost. {_NOT_SHOWN}"
    ),
    AlarmKind.NOT_THEIRS: (
        f"The server shows as said by {{who}} in {{room}} what nobody could know to be theirs. {_NOT_SHOWN}"
    ),
}


_OWN_LOGS_DIFFER = (
    f"The server shows you other things in {{room}} than it showed this device, or another of yours, before. {_COMPARE}"
)


def own_logs_differ(who: str, room: str) -> Alarm:
    """By what one said oneself."""
    return Alarm(AlarmKind.LOGS_DIFFER, _OWN_LOGS_DIFFER.format(room=room), who, room)


def alarm(kind: AlarmKind, who: str, room: str, names: Sequence[str] = ()) -> Alarm:
    return Alarm(kind, _TEXTS[kind].format(who=who or "somebody", room=room, names=", ".join(names)), who, room)

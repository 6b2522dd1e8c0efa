"""Owns the names of the commands, what follows each, and what help says of them. Not what they do: `runner`."""

from __future__ import annotations

import difflib
from enum import Enum

import msgspec

_NEAREST = 3


class Kind(Enum):
    """What a parameter names; the value is how help writes it."""

    NICK = "NICK"
    ROOM = "#ROOM"
    PLACE = "#ROOM|NICK"
    TAB = "#ROOM|NICK|NUMBER"
    MEANT = "^NUMBER"
    COUNT = "N"
    ACCESS = "open|private"
    SORT = "open|private|rsa"
    SWITCH = "on|off|auto"
    PACE = "SECONDS|off"
    SYMBOL = "SYMBOL"
    COMMAND = "COMMAND"
    TEXT = "TEXT"


class Parameter(msgspec.Struct, frozen=True):
    kind: Kind
    is_optional: bool = False

    def __str__(self) -> str:
        return f"[{self.kind.value}]" if self.is_optional else self.kind.value


class ChatCommand(msgspec.Struct, frozen=True):
    name: str
    tells: str
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    more: str = ""

    @property
    def form(self) -> str:
        return " ".join([f"/{self.name}", *map(str, self.parameters)])


def _needs(*kinds: Kind) -> tuple[Parameter, ...]:
    return tuple(Parameter(kind) for kind in kinds)


def _may(kind: Kind) -> Parameter:
    return Parameter(kind, is_optional=True)


_MEANT = "Without a number the latest is meant; /history shows the numbers."
_WHERE = "In the room you are in."

COMMANDS = (
    ChatCommand("say", "Say the text as it stands, whatever it begins with.", _needs(Kind.TEXT)),
    ChatCommand("me", "Tell what you do: '* ana waves'.", _needs(Kind.TEXT)),
    ChatCommand(
        "msg",
        "Say something elsewhere, without going there.",
        _needs(Kind.PLACE, Kind.TEXT),
        ("send", "m"),
        "'send NICK TEXT' does the same.",
    ),
    ChatCommand(
        "query",
        "Go to the conversation with one person.",
        (_may(Kind.NICK), _may(Kind.TEXT)),
        ("q",),
        "Without a name: back to the room before.",
    ),
    ChatCommand("join", "Join a room and go there.", _needs(Kind.ROOM), ("j",)),
    ChatCommand(
        "part", "Leave a room for good.", (_may(Kind.ROOM),), ("leave",), "Without a name: the one you are in."
    ),
    ChatCommand(
        "switch",
        "Go to another conversation.",
        (_may(Kind.TAB),),
        ("s",),
        "Alt+1 to Alt+9 do the same. Without a name: to the next with something unread.",
    ),
    ChatCommand("unread", "What is unread, and where.", ()),
    ChatCommand("history", "Show the latest messages here, with their numbers.", (_may(Kind.COUNT),), ("h",)),
    ChatCommand(
        "reply", "Answer one message.", (_may(Kind.MEANT), Parameter(Kind.TEXT)), ("r",), f"{_MEANT} '/reply ^12 yes'"
    ),
    ChatCommand("edit", "Replace what you said.", (_may(Kind.MEANT), Parameter(Kind.TEXT)), (), _MEANT),
    ChatCommand("delete", "Take back what you said.", (_may(Kind.MEANT),), ("del",), _MEANT),
    ChatCommand(
        "react",
        "Put a symbol on a message; '-' before it takes it off again.",
        (_may(Kind.MEANT), Parameter(Kind.SYMBOL)),
        (),
        _MEANT,
    ),
    ChatCommand(
        "report",
        "Show a message to the admins.",
        (_may(Kind.MEANT), _may(Kind.TEXT)),
        (),
        "With what was said before it, and with proof of who said it. '/report ^12 This is an insult.'",
    ),
    ChatCommand(
        "pin",
        "Pin a message for all in this room.",
        (_may(Kind.MEANT),),
        (),
        f"For moderators and owners. {_MEANT}",
    ),
    ChatCommand("unpin", "Take a pin off.", (_may(Kind.MEANT),), (), "Without a number: the latest pin."),
    ChatCommand("pins", "What is pinned in this room.", ()),
    ChatCommand("again", "Say again what the server did not take.", (), ("retry",)),
    ChatCommand("forget", "Let go of what the server did not take.", ()),
    ChatCommand("who", "Who there is, who is online, and where.", (_may(Kind.NICK),), ("clients", "whois")),
    ChatCommand("names", "Who is in this room.", (_may(Kind.ROOM),)),
    ChatCommand("list", "The rooms there are.", (), ("rooms",)),
    ChatCommand("topic", "Show the topic of this room, or set it.", (_may(Kind.TEXT),)),
    ChatCommand(
        "create",
        "Make a room and go there.",
        (Parameter(Kind.ROOM), _may(Kind.SORT)),
        (),
        "'private': only who is invited comes in. 'rsa': that, sealed with RSA keys.",
    ),
    ChatCommand("access", "Open this room to all, or only to the invited.", _needs(Kind.ACCESS), (), _WHERE),
    ChatCommand(
        "slow",
        "Let members wait between two messages in this room.",
        (_may(Kind.PACE),),
        (),
        "For moderators and owners, who do not wait. '/slow 30'; '/slow off' ends it; alone it says how it is.",
    ),
    ChatCommand("invite", "Ask somebody into this room.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("kick", "Send somebody out; they may come back.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("ban", "Send somebody out for good.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("unban", "Let somebody come back.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("mute", "Let somebody read but not speak.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("unmute", "Let somebody speak again.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("op", "Make somebody a moderator.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("owner", "Make somebody an owner, as you are.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand("deop", "Make a moderator or an owner an ordinary member.", _needs(Kind.NICK), (), _WHERE),
    ChatCommand(
        "admit",
        "Let somebody into the group who asks.",
        (_may(Kind.NICK),),
        (),
        "For admins. Without a name: the only one who asks. Compare their words first.",
    ),
    ChatCommand(
        "seal",
        "Seal what whoever runs the server can read; 'yes' behind it does it.",
        (_may(Kind.TEXT),),
        (),
        "For an admin of a server from before there was sealing, and for owners of rooms by invitation from before.",
    ),
    ChatCommand("approve", "Let in another device of yours, by the code that it shows.", _needs(Kind.TEXT)),
    ChatCommand(
        "verify",
        "Compare words with somebody; 'same' behind the name says that they are.",
        (Parameter(Kind.NICK), _may(Kind.TEXT)),
        (),
        "If both see the same words, nobody has replaced a key on the way. '/verify ben same' remembers it.",
    ),
    ChatCommand("rsa", "Seal what you and somebody say with your RSA keys, for good.", _needs(Kind.NICK)),
    ChatCommand(
        "accept",
        "Talk on with somebody whose account is another than before.",
        _needs(Kind.PLACE),
        (),
        "'/accept #ROOM': talk on in a room of which the server shows an entry that does not hold.",
    ),
    ChatCommand(
        "presence",
        "Tell who comes and goes, or not.",
        (_may(Kind.SWITCH),),
        (),
        "'auto': not while you are in a room of more than 30. It holds until you leave.",
    ),
    ChatCommand(
        "notify",
        "Be called with a bell and a notification.",
        (_may(Kind.TEXT),),
        (),
        "'on', 'off', 'bell' or 'desktop'; for 'mentions', 'private', 'both' or 'all'; 'quiet 22:00-07:00'.",
    ),
    ChatCommand(
        "ignore",
        "Do not show what somebody says.",
        (_may(Kind.NICK),),
        (),
        "On this device; they are not told. Without a name: who is ignored.",
    ),
    ChatCommand("unignore", "Show again what somebody says.", _needs(Kind.NICK)),
    ChatCommand("nick", "Names are for good: says why.", (_may(Kind.NICK),)),
    ChatCommand("dereg", "Go offline. What is said meanwhile is kept for you.", (), (), "'dereg' does the same."),
    ChatCommand("quit", "Leave.", (), ("exit", "bye"), "'!q', Ctrl+C and Ctrl+D do the same."),
    ChatCommand("help", "This list, or one command.", (_may(Kind.COMMAND),), ("?",)),
)

_BY_WORD = {word: command for command in COMMANDS for word in (command.name, *command.aliases)}

WORDS = tuple(sorted(_BY_WORD))


def command_named(word: str) -> ChatCommand | None:
    return _BY_WORD.get(word.removeprefix("/").lower())


def nearest_commands(word: str) -> list[str]:
    """As the person would type them, the best first."""
    wanted = word.removeprefix("/").lower()
    begun = [known for known in WORDS if wanted and known.startswith(wanted)]
    alike = difflib.get_close_matches(wanted, WORDS, n=_NEAREST, cutoff=0.6)
    return [f"/{known}" for known in dict.fromkeys(begun + alike)][:_NEAREST]


def help_lines(word: str = "") -> list[str]:
    """Of one command, or of all; raises nothing: a word that is none is answered as such."""
    if not word:
        return _overview()
    command = command_named(word)
    if command is None:
        return [unknown_command(word)]
    lines = [command.form, f"    {command.tells}"]
    if command.more:
        lines.append(f"    {command.more}")
    if command.aliases:
        lines.append(f"    Also: {', '.join(f'/{alias}' for alias in command.aliases)}")
    return lines


def _overview() -> list[str]:
    width = max(len(command.form) for command in COMMANDS)
    return [
        "What you type is said here. These are commands:",
        *[f"    {command.form:{width}}  {command.tells}" for command in COMMANDS],
        "Also, as whole lines: clients · send NICK TEXT · dereg · !q. A space in front makes any line plain text.",
        "Tab completes. Alt+1 … Alt+9 go to a conversation. Esc, then Enter begins a new line.",
    ]


def unknown_command(word: str) -> str:
    near = nearest_commands(word)
    hint = f"Did you mean {' or '.join(near)}?" if near else "/help lists them."
    return f"There is no command '/{word.removeprefix('/')}'. {hint} To say it as it is, put a space in front."

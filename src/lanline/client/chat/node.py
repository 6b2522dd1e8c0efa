"""The client node, without I/O: what one says becomes a row in the outbox, what is said becomes history and events.

It joins the session on the current link with the directory, the conversations, the outbox and the history, which each
have their own file. Links come from outside and may end at any moment; everything that must outlive one is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable

from lanline.client.chat.events import NodeEvent
from lanline.client.chat.history import History
from lanline.client.chat.link import ChatLink
from lanline.client.chat.requests import OnAnswer
from lanline.client.chat.session import NodeState, SignInWay
from lanline.client.chat.values import Conversation, Message, Person
from lanline.clock import Clock
from lanline.ids import Entropy
from lanline.model.content import Content
from lanline.wire.chat.messages import ClientMessage

Listener = Callable[[NodeEvent], None]


class ChatNode:
    """One per process and home. Not thread-safe: everything happens in the loop (or the simulation) that drives it."""

    def __init__(
        self, clock: Clock, entropy: Entropy, history: History, way: SignInWay, *, follows_all: bool = True
    ) -> None:
        """`follows_all=False` is for one-shot commands: only logs named by `follow` are read."""

    # Listening.

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call it with every event from now on; what is returned ends that."""
        raise NotImplementedError

    # The link.

    def on_connected(self, link: ChatLink) -> None:
        """An established link to the right server: sign in on it. The node sets its handler.

        While another link still works, that one is kept until the new one is signed in, and then closed.
        """
        raise NotImplementedError

    def disconnect(self, reason: str = "") -> None:
        """Say goodbye. What was not committed stays in the outbox."""
        raise NotImplementedError

    @property
    def state(self) -> NodeState:
        raise NotImplementedError

    # What is known. Also offline, from the disk.

    @property
    def account(self) -> int:
        """One's own; 0 before the first sign-in ever."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        raise NotImplementedError

    @property
    def is_admin(self) -> bool:
        raise NotImplementedError

    @property
    def server_name(self) -> str:
        raise NotImplementedError

    @property
    def people(self) -> tuple[Person, ...]:
        """By name."""
        raise NotImplementedError

    def person(self, account: int) -> Person | None:
        raise NotImplementedError

    def person_named(self, name: str) -> Person | None:
        """Capitals do not count."""
        raise NotImplementedError

    @property
    def conversations(self) -> tuple[Conversation, ...]:
        """Rooms first, then people, each by title; closed ones too."""
        raise NotImplementedError

    def conversation(self, log: int) -> Conversation | None:
        raise NotImplementedError

    def conversation_titled(self, title: str) -> Conversation | None:
        """By `#room` or a nickname. None also for a person with whom nothing was said yet."""
        raise NotImplementedError

    def messages(self, log: int, *, before: int | None = None, last: int = 100) -> list[Message]:
        """From this device's disk, oldest first. Without `before`: the newest, and after them what waits to be sent."""
        raise NotImplementedError

    @property
    def outbox(self) -> list[Message]:
        """What is queued or refused, in the order it was typed, by whichever process of this home."""
        raise NotImplementedError

    # Saying.

    def say(self, target: int | str, content: Content) -> Message:
        """To a log, or to a `#room` or nickname. It is on the disk when this returns, and goes out as soon as it can.

        Raises InvalidInput for what no server would take, and HistoryProblem when the disk does not take it.
        """
        raise NotImplementedError

    def say_again(self, entry_id: bytes) -> None:
        """Queue a refused message anew, behind all others."""
        raise NotImplementedError

    def forget(self, entry_id: bytes) -> None:
        """Take a refused message off the show."""
        raise NotImplementedError

    # Reading.

    def follow(self, log: int) -> None:
        """With `follows_all=False`: read this log, now and on every later link."""
        raise NotImplementedError

    def mark_read(self, log: int, through: int) -> None:
        raise NotImplementedError

    def read_earlier(self, log: int, limit: int = 200) -> None:
        """Fetch what precedes `Conversation.first` from the server; `EarlierReceived` follows."""
        raise NotImplementedError

    # Asking.

    def request(self, message: ClientMessage, on_answer: OnAnswer) -> None:
        """Ask the server anything; write 0 for `request`, which is filled in here.

        Exactly one call of `on_answer` follows: with the answer of the wire (`Done`, `Opened`, `Rooms`, `InviteMade` …),
        or RequestRefused, or LinkNotOpen when there is no signed-in link or it ends before the answer. Nothing is
        asked again by itself.
        """
        raise NotImplementedError

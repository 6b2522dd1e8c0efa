"""Owns the lines below the prompt: what waits, the conversations with what is unread, and the latest own mark."""

from __future__ import annotations

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.utils import get_cwidth

from lanline.client.view.edits import taken_back, with_edits
from lanline.client.view.places import Places
from lanline.client.view.rendering import MARKS, words_of
from lanline.client.view.values import Message, MessageState, NodeState
from lanline.client.view.view import View
from lanline.faces.chat.screen import shorten
from lanline.model.content import Edit

_OWN_COLUMNS = 16
_SEARCHED = 20
_SEPARATOR = "  "


class StatusBar:
    """Gathered from the view at `refresh`, so that drawing it costs nothing."""

    def __init__(self, view: View, places: Places) -> None:
        self._view = view
        self._places = places
        self._queued: list[str] = []
        self._why_queued = ""
        self._refused: list[str] = []
        self._tabs: list[tuple[str, str]] = []
        self._own = ""
        self.refresh()

    def refresh(self) -> None:
        self._places.refresh()
        self._tabs = [self._tab(title) for title in self._places.titles]
        self._own = self._own_mark()
        outbox = with_edits(self._view.outbox)
        self._queued = [words_of(each) for each in outbox if each.state is MessageState.QUEUED]
        self._why_queued = self._view.problem if self._queued and self._view.is_connected else ""
        self._refused = [words_of(each) for each in outbox if each.state is MessageState.REFUSED]

    def _tab(self, title: str) -> tuple[str, str]:
        conversation = self._view.conversation_titled(title)
        unread = conversation.unread if conversation is not None else 0
        is_here = title == self._places.here
        number = self._places.number_of(title)
        text = (f"{number} {title}" if number else title) + (f" ({unread:,})" if unread and not is_here else "")
        return ("bold" if is_here or unread else ""), text

    def _own_mark(self) -> str:
        conversation = self._places.conversation
        if conversation is None:
            return ""
        latest = self._latest_own(self._view.messages(conversation.log, last=_SEARCHED))
        return f"{MARKS[latest.state]} {shorten(words_of(latest), _OWN_COLUMNS)}" if latest is not None else ""

    def _latest_own(self, messages: list[Message]) -> Message | None:
        """That still stands: what was taken back is not to be read again, nor the words that stood in for it."""
        gone = taken_back([*messages, *self._view.outbox])
        for each in reversed(messages):
            content = each.content
            meant = content.target if isinstance(content, Edit) else each.entry_id
            is_said = each.is_own and words_of(each) and each.state is not MessageState.REFUSED
            if is_said and (each.account, meant) not in gone:
                return each
        return None

    def fragments(self, columns: int) -> StyleAndTextTuples:
        lines: StyleAndTextTuples = []
        for told, texts in (
            ("… not sent yet", self._queued),
            ("✗ not taken by the server, /again or /forget", self._refused),
        ):
            if texts:
                lines += [("", shorten(f"{told} ({len(texts):,}): {texts[0]}", columns - 1)), ("", "\n")]
        if self._why_queued:
            lines.insert(2, ("", shorten(f"  {self._why_queued}", columns - 1) + "\n"))
        return lines + self._tab_line(columns)

    def _tab_line(self, columns: int) -> StyleAndTextTuples:
        right = self._own if self._view.state is NodeState.SYNCHRONIZED else "not connected"
        room = columns - 1 - get_cwidth(right)
        shown = _fitting(self._tabs, room - 2, self._places.titles.index(self._places.here))
        line: StyleAndTextTuples = []
        for style, text in shown:
            line += [(style, text), ("", _SEPARATOR)]
        used = sum(get_cwidth(text) + len(_SEPARATOR) for _, text in shown)
        return [*line, ("", " " * max(0, room - used)), ("", right)]


def _fitting(tabs: list[tuple[str, str]], columns: int, here: int) -> list[tuple[str, str]]:
    """As many as the width takes: the open one surely, then those with something unread, then the others."""
    order = sorted(range(len(tabs)), key=lambda at: (at != here, not tabs[at][0], at))
    taken: set[int] = set()
    for at in order:
        needed = get_cwidth(tabs[at][1]) + len(_SEPARATOR)
        if needed <= columns or not taken:
            taken.add(at)
            columns -= needed
    kept = [tab for at, tab in enumerate(tabs) if at in taken]
    return kept if len(kept) == len(tabs) else [*kept, ("", "…")]

"""Owns whose words are not shown on this device. They are kept all the same, and shown once that ends."""

from __future__ import annotations

from lanline.client.chat.history import History


class Ignoring:
    """By the account, and only while it has the name under which it was ignored: a restored server may give its number
    to somebody else.
    """

    def __init__(self, history: History) -> None:
        self._database = history.database
        rows = history.database.read("SELECT account, name FROM ignored ORDER BY name")
        self.names: dict[int, str] = dict(rows)

    def __contains__(self, account: object) -> bool:
        return account in self.names

    def put(self, account: int, name: str, *, is_ignored: bool) -> bool:
        """False: it was so already."""
        if is_ignored is (account in self.names):
            return False
        with self._database.write() as writer:
            if is_ignored:
                writer.execute("INSERT OR REPLACE INTO ignored VALUES (?, ?)", (account, name))
            else:
                writer.execute("DELETE FROM ignored WHERE account = ?", (account,))
        self.names = {**self.names, account: name}
        if not is_ignored:
            del self.names[account]
        return True

    def note_name(self, account: int, name: str) -> None:
        if account in self.names and self.names[account] != name:
            self.put(account, name, is_ignored=False)

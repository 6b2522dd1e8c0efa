# ruff: noqa: RUF001 -- letters that are taken for each other are what this file is about
"""Letters and digits that look alike, for the fold of names. Latin, Cyrillic, Greek; no complete list of Unicode.

Small letters only, because the fold is case-blind: a capital's look-alike stands here under its small form. Since I
is i to the fold and l to the eye, i, l and 1 are one letter. Where a Greek letter resembles one Latin letter when small
and another when capital (nu, eta), the small form counts; names do not mix these scripts anyway.
"""

from __future__ import annotations

_ALIKE = {
    "l": "i1ıɩɪʟǀɭіӏι|",
    "o": "0оοᴏ",
    "a": "аαɑᴀ",
    "b": "вьβʙ",
    "c": "сϲᴄ",
    "d": "ԁᴅ",
    "e": "еεєᴇ",
    "g": "ɡɢ",
    "h": "нһʜ",
    "j": "јϳȷᴊ",
    "k": "кκᴋĸ",
    "m": "мμᴍ",
    "n": "пηɴ",
    "p": "рρᴘ",
    "q": "ԛ",
    "r": "гʀ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "υᴜʋ",
    "v": "ѵνᴠ",
    "w": "ԝωшᴡ",
    "x": "хχ",
    "y": "уүγʏ",
    "z": "ζᴢ",
    "3": "зӡʒ",
}

LOOK_ALIKES = {ord(alike): letter for letter, alikes in _ALIKE.items() for alike in alikes}
"""For `str.translate`."""

"""Owns what makes a password too weak. Not how it is kept or looked at."""

from __future__ import annotations

import unicodedata

MIN_PASSWORD_CHARS = 10
_MIN_DIFFERENT_CHARS = 5
_MIN_CORE_CHARS = 4

# What stands in the lists of leaked passwords again and again. A password is one of them also with other capitals, with
# digits and signs before and after it, and when it is said twice.
_COMMONEST = frozenset(
    """
    password passwort passw0rd p@ssw0rd p@ssword motdepasse contraseña contrasena senha parola hasło haslo
    qwerty qwertyuiop qwertyui qwertz qwertzuiop azerty azertyuiop asdfghjkl asdfghjklö asdfgh zxcvbnm yxcvbnm
    qazwsx qazwsxedc qazxswedc qweasdzxc qwerasdf asdfasdf qweqwe asdasd abcdef abcdefgh abcdefghij abcdefghijkl
    q1w2e3r4t5 q1w2e3r4t5y6 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 zaq12wsx zaq1zaq1 !qaz2wsx
    1q2w3e4r 1234qwer qwer1234 abc123 abcd1234 a1b2c3d4e5 1a2b3c4d5e aa123456 a123456789
    iloveyou iloveu loveyou iloveyouforever mylove sunshine princess football baseball basketball superman batman
    dragon monkey shadow master michael jennifer jordan charlie welcome willkommen bienvenue letmein letmeinnow
    trustno whatever starwars pokemon computer internet samsung google facebook liverpool chelsea arsenal
    administrator admin root toor user guest login changeme changeit secret default temp test testtest
    hello helloworld hallo freedom cheese summer winter spring autumn lanline correcthorsebatterystaple
    """.split()  # noqa: SIM905 -- a hundred quoted words would hide what they are
)
_IN_ORDER = ("01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")


def weakness(password: str, name: str) -> str:
    """The sentence to refuse it with; nothing where it will do."""
    if len(password) < MIN_PASSWORD_CHARS:
        return f"A password has at least {MIN_PASSWORD_CHARS} characters. A few words that you can remember are best."
    said = unicodedata.normalize("NFKC", password).casefold()
    if len(set(said)) < _MIN_DIFFERENT_CHARS or any(said in order for order in _IN_ORDER):
        return "This password is tried first by whoever guesses: it repeats or counts. A few words are better."
    if _core(said) in _COMMONEST or said in _COMMONEST:
        return "This password is one of the commonest and is tried first by whoever guesses. A few words are better."
    if _core(said) == _core(name.casefold()):
        return "This password is your name, which everybody tries first. A few words are better."
    return ""


def _core(said: str) -> str:
    """Without the digits and signs around it, and once where it is said several times."""
    core = said.strip("".join({character for character in said if not character.isalpha()}))
    core = core if len(core) >= _MIN_CORE_CHARS else said
    for length in range(_MIN_CORE_CHARS, len(core) // 2 + 1):
        if len(core) % length == 0 and core[:length] * (len(core) // length) == core:
            return core[:length]
    return core

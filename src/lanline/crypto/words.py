"""Fingerprints as words: one word for each byte, chosen to be told apart when read aloud.

Twelve words stand for 96 bits: nobody can make a second key that reads the same.
"""

from __future__ import annotations

import hashlib

from lanline.errors import InvalidInput

WORDS_SHOWN = 12

_WORDS = tuple(
    """
    acorn actor adobe agent album alley amber anchor angle ankle apple apron
    arena arrow aspen atlas attic autumn bacon badge bagel baker balcony bamboo
    banjo barrel basin basket beacon beaver berry bicycle bishop blanket blossom bonfire
    border bottle bracket branch bread bridge bronze bucket buffalo bundle butter cabin
    cactus camel camera candle canoe canyon captain carbon carpet castle cattle cedar
    cellar cherry chimney circus citrus clover cobalt coffee comet compass copper coral
    cotton cradle crater cricket crystal curtain cyclone dagger dairy daisy dancer delta
    denim desert diamond dolphin donkey dragon drummer eagle easel echo eclipse elbow
    elephant ember emerald engine envelope falcon farmer feather fiddle flagpole flamingo flour
    forest fossil fountain freckle frigate furnace galaxy garden garlic gazelle geyser giant
    ginger glacier glove goblet granite grape gravel guitar hammer harbor hazel helmet
    heron hickory honey horizon hornet hotel hunter igloo indigo inkwell iris island
    ivory jacket jaguar jasmine jelly jigsaw jungle juniper kayak kettle kidney kitchen
    kite koala ladder lagoon lantern lavender lemon leopard lily linen lizard lobster
    locket lumber lunar magnet mammoth mango maple marble market meadow melon mercury
    midnight mirror mitten monkey morning mosaic museum mustard napkin nebula needle nickel
    nutmeg oasis ocean olive onion orbit orchard otter oxygen oyster paddle palace
    panther paper parrot peanut pebble pelican pencil pepper piano pigeon pilot pirate
    planet pocket polar pony poplar potato prairie pretzel puffin pumpkin quarry quartz
    quilt rabbit radish rainbow raven ribbon river rocket saddle saffron salmon sandal
    satchel scarlet shadow signal silver sparrow spider sugar summit temple thunder tiger
    timber tomato tulip turtle
    """.split()  # noqa: SIM905 -- 256 quoted words would hide what they are
)


def fingerprint_words(fingerprint: bytes) -> list[str]:
    return [_WORDS[byte] for byte in fingerprint[:WORDS_SHOWN]]


def words_of(data: bytes) -> list[str]:
    """One for each byte."""
    return [_WORDS[byte] for byte in data]


def secret_words(secret: bytes) -> list[str]:
    """One for each byte, and one more by which a mistake is known."""
    return [_WORDS[byte] for byte in secret + _check(secret)]


def secret_of_words(words: list[str]) -> bytes:
    """The other way round. Raises InvalidInput, whose text holds no word that is right."""
    known = {word: byte for byte, word in enumerate(_WORDS)}
    for place, word in enumerate(words, 1):
        if word.lower() not in known:
            raise InvalidInput(f"Word {place} is none of those that are shown. Look at how it is written.")
    secret = bytes(known[word.lower()] for word in words)
    if len(words) < 2 or _check(secret[:-1]) != secret[-1:]:
        raise InvalidInput("These words do not belong together: one is missing, is another one, or stands elsewhere.")
    return secret[:-1]


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()[:1]

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanline.crypto.words import WORDS_SHOWN, fingerprint_words

FINGERPRINTS = st.binary(min_size=32, max_size=32)


def test_every_byte_has_a_word_of_its_own() -> None:
    words = [fingerprint_words(bytes([byte]))[0] for byte in range(256)]
    assert len(set(words)) == 256
    assert all(word.isascii() and word.islower() and 4 <= len(word) <= 8 for word in words)


@given(FINGERPRINTS, FINGERPRINTS)
def test_words_are_equal_where_the_first_bytes_are(one: bytes, other: bytes) -> None:
    same = one[:WORDS_SHOWN] == other[:WORDS_SHOWN]
    assert (fingerprint_words(one) == fingerprint_words(other)) is same
    assert len(fingerprint_words(one)) == WORDS_SHOWN

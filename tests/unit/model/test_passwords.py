from __future__ import annotations

import pytest

from lanline.model.passwords import weakness


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "ninechars",
        "1234567890",
        "0987654321",
        "aaaaaaaaaaaa",
        "1212121212",
        "password123",
        "Password2024!",
        "PASSWORDpassword",
        "qwertyuiop",
        "1q2w3e4r5t",
        "iloveyou!!",
        "administrator",
        "abcdefghijk",
        "ann-boleyn1",
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    assert weakness(password, "Ann-Boleyn").endswith(".")


@pytest.mark.parametrize(
    "password", ["correct horse", "another horse 8", "a new password", "x7!kQ92mZp", "großer Käse 12"]
)
def test_others_will_do(password: str) -> None:
    assert weakness(password, "ann") == ""

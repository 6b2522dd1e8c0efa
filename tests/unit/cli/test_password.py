"""Where the password comes from, and what is none."""

from __future__ import annotations

import pytest

from lanline.cli.password import PASSWORD_VARIABLE, read_password
from lanline.errors import InvalidInput


def test_a_password_that_is_no_text_is_told_before_anybody_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret\udcff")
    with pytest.raises(InvalidInput, match="not UTF-8") as told:
        read_password("ann", None)
    assert "secret" not in str(told.value)

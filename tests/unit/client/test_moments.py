from __future__ import annotations

import pytest

from lanline.client.moments import moment


def test_a_moment_is_told_in_local_time() -> None:
    at = moment(1_700_000_000_000)
    assert at is not None
    assert at.timestamp() == 1_700_000_000


@pytest.mark.parametrize("time_ms", [2**63 - 1, -(2**63), 2**64 - 1])
def test_a_number_that_is_no_moment_is_none(time_ms: int) -> None:
    assert moment(time_ms) is None

from __future__ import annotations

import pytest

from lanline.model.addresses import address_text


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("192.0.2.1", "192.0.2.1:5265"),
        ("::ffff:192.0.2.1", "192.0.2.1:5265"),
        ("2001:db8::1", "[2001:db8::1]:5265"),
    ],
)
def test_an_address_is_shown_as_people_write_it(host: str, text: str) -> None:
    assert address_text((host, 5265)) == text

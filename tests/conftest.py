"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes is no property of ours, and depends on who else uses the machine.
settings.register_profile("lanline", deadline=None)
settings.load_profile("lanline")

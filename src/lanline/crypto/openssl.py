"""Owns how pyOpenSSL is loaded: without the X.509 package of cryptography, until somebody asks that for something.

pyOpenSSL names it in its types only, and it compiles expressions, which takes long at each start.
"""

from __future__ import annotations

import importlib.util
import sys

import cryptography

_NAME = "cryptography.x509"


def _load_when_asked() -> None:
    spec = importlib.util.find_spec(_NAME)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)
    cryptography.x509 = module  # or `from cryptography import` looks into it


if _NAME not in sys.modules:
    _load_when_asked()

from OpenSSL import SSL, crypto  # noqa: E402 -- as the module says
from OpenSSL._util import lib  # noqa: E402 -- as the module says

__all__ = ["SSL", "crypto", "lib"]

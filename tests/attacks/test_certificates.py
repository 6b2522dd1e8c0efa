"""Nobody makes a server check a chain of certificates, or a key of another kind than its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from attacks.certificates import attack, chain_context, handshake_tcp, handshake_udp, self_signed_context
from attacks.lasting import attacked
from e2e.house import house

TRIES = 20
"""A busy machine may take longer than is waited for the answer to one."""


def test_chains_and_keys_of_other_kinds_are_taken_by_no_server(tmp_path: Path) -> None:
    kinds = {
        "P-256": ec.generate_private_key(ec.SECP256R1()),
        "RSA-1024": rsa.generate_private_key(65537, 1024),
        "brainpoolP512": ec.generate_private_key(ec.BrainpoolP512R1()),
    }
    with house(tmp_path) as made:
        address = ("127.0.0.1", made.serve().port)
        counts = attacked(lambda seconds: attack(address, seconds, 10e6), lambda counts: counts["handshakes"] >= 2, 0.5)
        assert counts["taken"] == 0, counts
        for name, key in kinds.items():
            for handshake, method in ((handshake_udp, SSL.DTLS_METHOD), (handshake_tcp, SSL.TLS_METHOD)):
                context = self_signed_context(method, key)
                tries = TRIES if name == "P-256" else 1
                is_taken = any(handshake(address, context, Counter()) for _ in range(tries))
                assert is_taken == (name == "P-256"), (name, handshake)
        beside = [chain_context(m, 3, ec.SECP256R1(), is_linked=False) for m in (SSL.DTLS_METHOD, SSL.TLS_METHOD)]
        assert not handshake_udp(address, beside[0], Counter())
        assert not handshake_tcp(address, beside[1], Counter())

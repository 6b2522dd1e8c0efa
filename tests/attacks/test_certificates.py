"""Nobody makes a server check a chain of certificates, or a key of another kind than its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from attacks.certificates import attack, chain_context, handshake_tcp, handshake_udp, self_signed_context
from e2e.house import house


def test_chains_and_keys_of_other_kinds_are_taken_by_no_server(tmp_path: Path) -> None:
    kinds = {
        "P-256": ec.generate_private_key(ec.SECP256R1()),
        "RSA-1024": rsa.generate_private_key(65537, 1024),
        "brainpoolP512": ec.generate_private_key(ec.BrainpoolP512R1()),
    }
    with house(tmp_path) as made:
        address = ("127.0.0.1", made.serve().port)
        counts = attack(address, 0.5, 10e6)
        assert counts["handshakes"] >= 2
        assert counts["taken"] == 0, counts
        taken = [
            name
            for name, key in kinds.items()
            for is_taken in (
                handshake_udp(address, self_signed_context(SSL.DTLS_METHOD, key), Counter()),
                handshake_tcp(address, self_signed_context(SSL.TLS_METHOD, key), Counter()),
            )
            if is_taken
        ]
        assert taken == ["P-256", "P-256"]
        beside = [chain_context(m, 3, ec.SECP256R1(), is_linked=False) for m in (SSL.DTLS_METHOD, SSL.TLS_METHOD)]
        assert not handshake_udp(address, beside[0], Counter())
        assert not handshake_tcp(address, beside[1], Counter())

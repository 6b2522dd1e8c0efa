import asyncio
import ssl

import pytest

from lanline.errors import MailDeferred
from lanline.model.mail.server import Security, Server
from lanline.transport.smtp.handshake import VERSIONS, shake_hands
from mailhouse.certificates import Authority
from mailhouse.moody import EHLO, Moody
from mailhouse.stage import Stage


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.SMTPS])
def test_versions_and_chain_of_an_untrusted_server_are_seen(
    stage: Stage, authority: Authority, security: Security
) -> None:
    context = authority.good.server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    port = stage.serve_streams(Moody(tls=context), ssl=context if security is Security.SMTPS else None)
    server = Server("127.0.0.1", port, security)
    assert asyncio.run(shake_hands(server, 60, VERSIONS["TLS 1.2"])) is None
    handshake = asyncio.run(shake_hands(server, 60, VERSIONS["TLS 1.3"]))
    assert handshake is not None
    assert handshake.version == "TLSv1.3"
    assert handshake.chain[-1] == authority.certificate
    assert len(handshake.chain) == 2


def test_without_starttls_there_is_no_handshake(stage: Stage) -> None:
    moody = Moody({"EHLO": EHLO, "STARTTLS": b"502 no\r\n"})
    server = Server("127.0.0.1", stage.serve_streams(moody), Security.STARTTLS)
    assert asyncio.run(shake_hands(server, 60)) is None


@pytest.mark.parametrize("greeting", [b"220-x\r\n" * 200, b""])
def test_a_server_that_never_comes_to_the_point_is_left(stage: Stage, greeting: bytes) -> None:
    server = Server("127.0.0.1", stage.serve_streams(Moody({"GREETING": greeting})), Security.STARTTLS)
    with pytest.raises(MailDeferred):
        asyncio.run(shake_hands(server, 0.3))

"""Owns the ways to sign in (RFC 4954): what a client says to each challenge. Not the lines that carry it.

Each way is a generator: it yields what to say, the first without being asked, and is sent each challenge.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Generator

from lanline.errors import MailRefused
from lanline.model.mail.server import Credentials, Server, SignIn

Answers = Generator[bytes | None, bytes, None]

_BY_PREFERENCE = (SignIn.SCRAM_SHA_256, SignIn.PLAIN, SignIn.LOGIN, SignIn.CRAM_MD5)
_MOST_ROUNDS, _FEWEST_ROUNDS = 2_000_000, 4096
"""RFC 7677, 4; and no server may keep this machine busy for minutes."""


def chosen_way(offered: tuple[str, ...], wanted: SignIn, server: Server) -> SignIn:
    """One way, tried once: three wrong ones in a row lock an account at some providers."""
    if wanted is not SignIn.AUTO and wanted.value in offered:
        return wanted
    known = [way for way in _BY_PREFERENCE if way.value in offered]
    if wanted is SignIn.AUTO and known:
        return known[0]
    if not offered:
        raise MailRefused(f"{server} offers no sign-in; leave out the user name (--username, SMTP_USER).")
    tokens = [way.value for way in (SignIn.XOAUTH2, SignIn.OAUTHBEARER) if way.value in offered]
    if wanted is SignIn.AUTO and tokens:
        raise MailRefused(
            f"{server} takes no password, only an access token: give --auth {tokens[0]}, and the token in place of the"
            " password."
        )
    what = "none of the ways known here" if wanted is SignIn.AUTO else f"no sign-in by {wanted.value}"
    raise MailRefused(f"{server} offers {what}, only {ascii(', '.join(offered))[1:-1][:200]}; see --auth.")


def answers(way: SignIn, who: Credentials, server: Server, entropy: Callable[[int], bytes]) -> Answers:
    user, password = who.username.encode(), who.password.encode()
    bearer = b"auth=Bearer " + password
    if way is SignIn.PLAIN:
        return _said(b"\0" + user + b"\0" + password)
    if way is SignIn.LOGIN:
        return _login(user, password)
    if way is SignIn.CRAM_MD5:
        return _cram_md5(user, password)
    if way is SignIn.SCRAM_SHA_256:
        return _scram(who, base64.b64encode(entropy(18)))
    if way in {SignIn.EXTERNAL, SignIn.XOAUTH2}:
        return _said(user) if way is SignIn.EXTERNAL else _said(b"user=" + user + b"\1" + bearer + b"\1\1", b"")
    name = user.replace(b"=", b"=3D").replace(b",", b"=2C")
    place = f"host={server.host}\1port={server.port}\1".encode()
    return _said(b"n,a=" + name + b",\1" + place + bearer + b"\1\1", b"\1")  # RFC 7628, 3.2.3: the end of a refusal


def _said(*texts: bytes) -> Answers:
    for text in texts:  # noqa: UP028  it is sent challenges
        yield text


def _login(user: bytes, password: bytes) -> Answers:
    challenge = yield user
    if challenge.strip().lower().startswith(b"user"):  # it did not take what came with the command
        yield user
    yield password


def _cram_md5(user: bytes, password: bytes) -> Answers:
    challenge = yield None
    yield user + b" " + hmac.digest(password, challenge, "md5").hex().encode()


def _scram(who: Credentials, nonce: bytes) -> Answers:
    """RFC 5802 and 7677, without channel binding. The server proves that it knows the password, too."""
    user, password = (unicodedata.normalize("NFKC", text).encode() for text in (who.username, who.password))
    first = b"n=" + user.replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=" + nonce
    challenge = yield b"n,," + first
    match = re.fullmatch(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(,.*)?", challenge)
    if match is None or not match[1].startswith(nonce) or not _FEWEST_ROUNDS <= int(match[3]) <= _MOST_ROUNDS:
        raise MailRefused("The server's side of SCRAM-SHA-256 is not as it has to be; nothing was sent. See --auth.")
    salted = hashlib.pbkdf2_hmac("sha256", password, decoded(match[2]), int(match[3]))
    last = b"c=biws,r=" + match[1]
    signed = b",".join([first, challenge, last])
    client_key, server_key = (hmac.digest(salted, word, "sha256") for word in (b"Client Key", b"Server Key"))
    proof = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    mixed = bytes(one ^ other for one, other in zip(client_key, proof, strict=True))
    challenge = yield last + b",p=" + base64.b64encode(mixed)
    if challenge != b"v=" + base64.b64encode(hmac.digest(server_key, signed, "sha256")):
        raise MailRefused("The server could not prove that it knows the password; nothing was sent.")
    yield b""


def decoded(text: bytes) -> bytes:
    """A challenge; one that is no base64 is taken as it stands, as some servers send it."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text

"""A private Postfix on loopback ports of its own, with TLS, sign-in, and mailboxes that a test can read."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from mailhouse.certificates import Pair
from mailhouse.doorman import Doorman
from mailhouse.stage import Stage
from serverhouse.ports import free_port

USER, PASSWORD = "ann@office.test", "cor:rect horse"
SIZE_LIMIT_BYTES = 40_000_000

_MAIN = """
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
maillog_file = {root}/mail.log
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = office.test
mydestination =
mynetworks =
alias_maps =
alias_database =
smtputf8_enable = yes
message_size_limit = {size_limit}
default_transport = discard
virtual_mailbox_domains = example.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = inline:{{ {{bob@example.test = bob/}}, {{jörg@example.test = joerg/}} }}
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = {uid}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{doorman_port}
smtpd_sender_login_maps = inline:{{ {{ann@example.test = ann@office.test}}, {{boss@example.test = boss@office.test}} }}
smtpd_peername_lookup = no
"""

_SIGNED_IN = (
    "-o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes"
    " -o smtpd_sender_restrictions=reject_sender_login_mismatch"
    " -o smtpd_relay_restrictions=permit_sasl_authenticated,reject_unauth_destination"
)

_MASTER = """
127.0.0.1:{starttls_port} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt {signed_in}
127.0.0.1:{smtps_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes {signed_in}
127.0.0.1:{open_port} inet n - n - - smtpd -o smtpd_tls_security_level=may -o mynetworks=127.0.0.0/8
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def why_not() -> str | None:
    """Why there can be no Postfix here; None when there can."""
    if shutil.which("postfix", path=_PATH) is None:
        return "Postfix is not installed"
    return None if os.geteuid() == 0 else "Postfix starts as root only"


_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class Postfix:
    def __init__(self, pair: Pair, sasl_port: int | None = None) -> None:
        """Without `sasl_port`, passwords are checked by a server of our own."""
        self.root = Path(tempfile.mkdtemp(prefix="lanline-postfix-"))
        self._sasl_port = sasl_port
        self.root.chmod(0o755)
        self.starttls_port, self.smtps_port, self.open_port = (free_port() for _ in range(3))
        self._pair = pair
        self._stage = Stage()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._stage.__enter__()
        try:
            self._write(self._sasl_port or self._stage.serve_streams(Doorman(USER, PASSWORD)))
            # Its own session: master signals its whole process group when it ends.
            with (self.root / "start.log").open("wb") as start_log:
                self._process = subprocess.Popen(
                    ["postfix", "-c", str(self.root / "etc"), "start-fg"],
                    env={"PATH": _PATH},
                    stdin=subprocess.DEVNULL,
                    stdout=start_log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._await_port()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            # The process is a script; `stop` finds the master that it started, and waits for it to end.
            command = ["postfix", "-c", str(self.root / "etc"), "stop"]
            subprocess.run(command, env={"PATH": _PATH}, check=False, capture_output=True, timeout=60)
            self._process.terminate()
            self._process.wait(60)
        self._stage.__exit__()
        shutil.rmtree(self.root, ignore_errors=True)

    def _write(self, doorman_port: int) -> None:
        owner = pwd.getpwnam("postfix")
        for name in ("etc", "spool", "data", "mail"):
            (self.root / name).mkdir()
        for name in ("data", "mail"):
            os.chown(self.root / name, owner.pw_uid, owner.pw_gid)
        certificate, key = self.root / "etc" / "server.pem", self.root / "etc" / "server.key"
        shutil.copy(self._pair.certificate, certificate)
        shutil.copy(self._pair.key, key)
        main = _MAIN.format(
            root=self.root,
            doorman_port=doorman_port,
            size_limit=SIZE_LIMIT_BYTES,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            certificate=certificate,
            key=key,
        )
        (self.root / "etc" / "main.cf").write_text(main)
        master = _MASTER.format(
            starttls_port=self.starttls_port, smtps_port=self.smtps_port, open_port=self.open_port, signed_in=_SIGNED_IN
        )
        (self.root / "etc" / "master.cf").write_text(master)

    def _await_port(self) -> None:
        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.open_port)) == 0

        wait_until(answers, self.log)

    def log(self) -> str:
        logs = [self.root / "start.log", self.root / "mail.log"]
        return "".join(path.read_text(errors="replace") for path in logs if path.exists())

    def delivered(self, mailbox: str = "bob") -> bytes:
        """The one message in that mailbox, which is emptied."""
        folder = self.root / "mail" / mailbox / "new"
        wait_until(lambda: folder.exists() and any(folder.iterdir()), self.log)
        (path,) = folder.iterdir()
        content = path.read_bytes()
        path.unlink()
        return content


def wait_until(condition: Callable[[], bool], explain: Callable[[], str] = str, limit_s: float = 60) -> None:
    """Poll, because files and other programs' ports tell nobody."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"waited too long\n{explain()}"
        time.sleep(0.02)

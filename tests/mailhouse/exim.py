"""Exim on a loopback port of its own, which closes each connection after some messages, as it does everywhere."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from mailhouse.certificates import Pair
from mailhouse.postfix import wait_until
from serverhouse.ports import free_port

USER, PASSWORD = "ann", "correct-horse"
MAX_MESSAGES = 5
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_CONF = """
spool_directory = {root}/spool
log_file_path = {root}/%slog
pid_file_path = {root}/pid
primary_hostname = exim.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {root}/server.pem
tls_privatekey = {root}/server.key
smtp_accept_max_per_connection = {max_messages}
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
queue_only = true
keep_environment =
begin acl
check_rcpt:
  deny !authenticated = *
       message = sign in first
  deny local_parts = nobody
       message = unknown user
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{name}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


def why_not() -> str | None:
    if shutil.which("exim4", path=_PATH) is None:
        return "Exim is not installed"
    return None if os.geteuid() == 0 else "Exim starts as root only"


class Exim:
    domain = "exim.test"
    has_tls = True

    def __init__(self, pair: Pair) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lanline-exim-"))
        self.root.chmod(0o755)
        self.port = free_port()
        self._pair = pair

    def __enter__(self) -> Self:
        owner = pwd.getpwnam("Debian-exim")
        (self.root / "spool").mkdir()
        os.chown(self.root / "spool", owner.pw_uid, owner.pw_gid)
        os.chown(self.root, owner.pw_uid, owner.pw_gid)
        for source, name in ((self._pair.certificate, "server.pem"), (self._pair.key, "server.key")):
            shutil.copy(source, self.root / name)
            os.chown(self.root / name, owner.pw_uid, owner.pw_gid)
        conf = self.root / "exim.conf"
        conf.write_text(
            _CONF.format(root=self.root, port=self.port, max_messages=MAX_MESSAGES, name=USER, password=PASSWORD)
        )
        self._process = subprocess.Popen(
            ["exim4", "-C", str(conf), "-bdf"], env={"PATH": _PATH}, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        wait_until(lambda: self._answers() or self._process.poll() is not None, self.log)
        assert self._process.poll() is None, self._process.stderr and self._process.stderr.read() + self.log()
        return self

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.root.glob("*log"))

    def bodies(self, count: int) -> list[str]:
        """Of what waits in its queue: the first line of each such file is its name."""
        wait_until(lambda: len(list(self.root.glob("spool/input/**/*-D"))) >= count, self.log)
        return [path.read_text().split("\n")[1] for path in self.root.glob("spool/input/**/*-D")]

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        if self._process.stderr:
            self._process.stderr.close()
        shutil.rmtree(self.root, ignore_errors=True)

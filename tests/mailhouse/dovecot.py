"""Dovecot, as the one who checks passwords for Postfix: with every way of signing in that it knows."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from mailhouse.postfix import wait_until
from serverhouse.ports import free_port

PASSWORD = "correct-horse"
_CONF = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain login cram-md5 scram-sha-256
default_internal_user = dovecot
default_login_user = dovenull
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home=/nowhere
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


def why_not() -> str | None:
    if shutil.which("dovecot", path=_PATH) is None:
        return "Dovecot is not installed"
    return None if os.geteuid() == 0 else "Dovecot starts as root only"


_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class Dovecot:
    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lanline-dovecot-"))
        self.root.chmod(0o755)
        self.port = free_port()

    def __enter__(self) -> Self:
        conf = self.root / "dovecot.conf"
        conf.write_text(_CONF.format(root=self.root, port=self.port, password=PASSWORD))
        self._process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(conf)], env={"PATH": _PATH}, start_new_session=True
        )
        wait_until(lambda: self._answers() or self._process.poll() is not None, self.log)
        assert self._process.poll() is None, self.log()
        return self

    def _answers(self) -> bool:
        import socket  # noqa: PLC0415

        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        path = self.root / "dovecot.log"
        return path.read_text() if path.exists() else ""

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        shutil.rmtree(self.root, ignore_errors=True)

"""OpenSMTPD on a loopback port of its own, from a folder that its package was unpacked into.

Debian installs one mail server only, and Postfix is there. So this one runs where it sees the users and folders that
are compiled into it, and nobody else does: in a mount namespace. `.ci/run` unpacks it. In clear: Debian's 6.8 finds no
private key under OpenSSL 3, of neither kind, so its TLS cannot be met.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from mailhouse.postfix import wait_until
from serverhouse.ports import free_port

MAX_MESSAGES = 5
_PACKAGE = Path(__file__).resolve().parents[2] / ".unpacked" / "opensmtpd"
_CONF = """
smtp limit max-mails {max_messages}
listen on 127.0.0.1 port {port} hostname opensmtpd.test
action "keep" maildir "{root}/mail" virtual {{ "batch@opensmtpd.test" = mail, "bob@opensmtpd.test" = mail }}
match from any for any action "keep"
"""
_START = """
for name in passwd group; do
    cp /etc/$name {root}/$name
    for user in opensmtpd:64501 opensmtpq:64502; do
        [ $name = group ] && tail=: || tail=:${{user#*:}}::/var/lib/opensmtpd/empty:/usr/sbin/nologin
        echo "${{user%:*}}:x:${{user#*:}}$tail" >> {root}/$name
    done
    mount --bind {root}/$name /etc/$name
done
for folder in /var/lib /var/spool /usr/libexec /run; do mount -t tmpfs none $folder; done
mkdir -p /var/lib/opensmtpd/empty && mkdir -m 711 /var/spool/smtpd
cp -r {package}/usr/libexec/opensmtpd /usr/libexec/
exec {package}/usr/sbin/smtpd -d -f {root}/smtpd.conf
"""


def why_not() -> str | None:
    if not (_PACKAGE / "usr/sbin/smtpd").exists():
        return "OpenSMTPD is not unpacked here"
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        return "OpenSMTPD needs root, and a mount namespace of its own"
    missing = subprocess.run(["ldd", _PACKAGE / "usr/sbin/smtpd"], check=False, capture_output=True, text=True).stdout
    return "OpenSMTPD lacks a library" if "not found" in missing else None


class OpenSmtpd:
    domain = "opensmtpd.test"
    has_tls = False

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lanline-opensmtpd-"))
        self.root.chmod(0o755)
        self.port = free_port()

    def __enter__(self) -> Self:
        conf = _CONF.format(root=self.root, port=self.port, max_messages=MAX_MESSAGES)
        (self.root / "smtpd.conf").write_text(conf)
        (self.root / "smtpd.conf").chmod(0o600)
        (self.root / "mail").mkdir()
        owner = pwd.getpwnam("mail")
        os.chown(self.root / "mail", owner.pw_uid, owner.pw_gid)
        with (self.root / "log").open("wb") as log:
            start = _START.format(root=self.root, package=_PACKAGE)
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", start], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: self._answers() or self._process.poll() is not None, self.log)
        assert self._process.poll() is None, self.log()
        return self

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self) -> str:
        return (self.root / "log").read_text(errors="replace")

    def bodies(self, count: int) -> list[str]:
        folder = self.root / "mail" / "new"
        wait_until(lambda: not count or (folder.exists() and len(list(folder.iterdir())) >= count), self.log)
        return [path.read_text().partition("\n\n")[2].strip() for path in folder.glob("*")]

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # and with it all that it has started
        self._process.wait(60)
        shutil.rmtree(self.root, ignore_errors=True)

"""Servers whose Debian packages exclude Postfix and each other: fetched with apt, unpacked below the build directory, and
run in a mount namespace of their own, in which their compiled-in paths lie in the spool's directory."""

import os
import pathlib
import signal
import subprocess

from rig.process import Process, free_port, wait_until

from .machine import load
from .servers import Server


def unpack(name, packages):
    """The packages' files in a directory; fetched once."""
    to = pathlib.Path(os.environ["TDC_BUILD_DIR"]) / "peers" / name
    if not (to / "done").exists():
        to.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", *packages], cwd=to, check=True, capture_output=True)
        for package in to.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, to], check=True)
        (to / "done").touch()
    return to.resolve()


class Boxed(Server):
    """`BINDS` are directories of its own in place of the machine's; USERS are added to the machine's."""

    BINDS = ("/var/spool", "/var/lib", "/var/log", "/run")
    USERS, PACKAGES = (), ()

    def start(self):
        self.root = unpack(self.name, self.PACKAGES)
        self.port = free_port()
        box = self.directory / "box"
        users, groups = pathlib.Path("/etc/passwd").read_text(), pathlib.Path("/etc/group").read_text()
        for i, user in enumerate(self.USERS):
            users += f"{user}:x:{64900 + i}:{64900 + i}::/nonexistent:/usr/sbin/nologin\n"
            groups += f"{user}:x:{64900 + i}:\n"
        binds = {path: box / path.strip("/").replace("/", "-") for path in self.BINDS}
        for path in binds.values():
            path.mkdir(parents=True)
        for path, text in {"/etc/passwd": users, "/etc/group": groups}.items():
            binds[path] = box / pathlib.Path(path).name
            binds[path].write_text(text)
        libraries = self.root / "usr/lib/x86_64-linux-gnu"
        if libraries.exists():
            # The programs start themselves again with a clean environment, so the linker's cache must know.
            (box / "ld.so.conf").write_text(f"include /etc/ld.so.conf.d/*.conf\n{libraries}\n")
            binds["/etc/ld.so.cache"] = box / "ld.so.cache"
            subprocess.run(["ldconfig", "-X", "-C", box / "ld.so.cache", "-f", box / "ld.so.conf"], check=True)
        binds["/etc/ssl/certs/ca-certificates.crt"] = self.ca
        self.box = box
        command = self.command()
        script = " && ".join(f"mount --bind '{at}' '{path}'" for path, at in binds.items())
        self.process = Process(["unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh", *self.prefix(), *command],
                               self.directory / "output")
        self.group.add(self.process.pid)
        wait_until(lambda: not self.process.is_running() or self.answers(), 30, f"{self.name} to start")
        assert self.process.is_running(), self.process.tail()
        return self

    def answers(self):
        try:
            return load(self.port, connections=1, per_connection=1, total=0, seconds=0.01) is not None
        except AssertionError:
            return False

    def stop(self):
        if self.process.is_running():
            # Behind strace stands the server itself.
            for pid in (p for p in self.group.pids() if not self.trace or p != self.process.pid):
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
            self.process.child.wait(60)
        self.process.file.close()

    def files(self, directory, ending=""):
        return sum(name.endswith(ending) for _, _, names in os.walk(directory) for name in names)

    def is_empty(self):
        return self.waiting() == 0

    def fresh_delays(self, address):
        return []


class OpenSmtpd(Boxed):
    """As it comes, with its limits on messages and sizes raised. It never syncs."""

    name = "opensmtpd"
    USERS, PACKAGES = ("opensmtpd", "opensmtpq"), ("opensmtpd",)

    def command(self):
        spool = self.box / "var-spool" / "smtpd"
        spool.mkdir(mode=0o711)
        (self.box / "var-lib" / "opensmtpd" / "empty").mkdir(parents=True)
        (self.box / "run").chmod(0o755)
        path = self.directory / "smtpd.conf"
        path.write_text(f'listen on 127.0.0.1 port {self.port}\nsmtp max-message-size "200M"\n'
                        f"smtp limit max-mails 1000000\n"
                        f'action "relay" relay host smtp+tls://localhost:{self.hop} tls\n'
                        f'match from any for any action "relay"\n')
        return [str(self.root / "usr/sbin/smtpd"), "-d", "-f", str(path)]

    def waiting(self):
        return self.files(self.box / "var-spool" / "smtpd" / "queue")

    def retry_now(self):
        subprocess.run(["nsenter", "--mount", "--target", str(self.process.pid), str(self.root / "usr/sbin/smtpctl"),
                        "schedule", "all"], check=False, capture_output=True)


class Exim(Boxed):
    """As it comes, with a split spool, several messages a connection and a runner of the queue."""

    name = "exim"
    USERS, PACKAGES = ("Debian-exim",), ("exim4-daemon-light", "exim4-base", "libidn12")
    CONFIGURATION = """\
exim_path = {root}/usr/sbin/exim4
primary_hostname = mx.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
acl_smtp_rcpt = accept
acl_smtp_data = accept
host_lookup =
rfc1413_query_timeout = 0s
message_size_limit = 200M
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
split_spool_directory = true
keep_environment =
queue_run_max = 20
remote_max_parallel = 20
begin acl
accept:
  accept
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1::{hop}
  self = send
  host_find_failed = defer
  transport = intake
begin transports
intake:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = {ca}
  tls_verify_hosts = *
  tls_verify_cert_hostnames = :
  connection_max_messages = {count}
begin retry
* * F,1h,1m
"""

    def command(self):
        for name in ("var-spool/exim4", "var-log/exim4", "var-lib/exim4", "run/exim4"):
            path = self.box / name
            path.mkdir(parents=True)
            os.chown(path, 64900, 64900)
        (self.box / "run").chmod(0o755)
        path = self.box / "var-lib" / "exim4" / "config.autogenerated"
        path.write_text(self.CONFIGURATION.format(root=self.root, port=self.port, hop=self.hop, ca=self.ca,
                                                  count=self.messages_per_connection))
        return [str(self.root / "usr/sbin/exim4"), "-bdf", "-q10s"]

    def waiting(self):
        return self.files(self.box / "var-spool" / "exim4" / "input", "-H")

    def retry_now(self):
        subprocess.run(["nsenter", "--mount", "--target", str(self.process.pid), str(self.root / "usr/sbin/exim4"),
                        "-qff"], check=False, capture_output=True, stdin=subprocess.DEVNULL)

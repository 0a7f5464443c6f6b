"""A private Postfix (Debian's package): own configuration and queue directories, unprivileged ports on
loopback, everything below one temporary directory. It never touches the machine's own Postfix."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import time

from .process import free_port, wait_until

DAEMONS = "/usr/lib/postfix/sbin"
STARTED, STARTS, START_SECONDS, STOP_SECONDS = "daemon started -- version", 3, 15, 30


def parent_of(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(re.search(r"^PPid:\s+(\d+)", status, re.M)[1])


class Postfix:
    """`feed` says how copies reach tdcd: lines for main.cf, with {name} filled in."""

    def __init__(self, directory, main=(), master=()):
        assert os.geteuid() == 0, "Postfix must be started as root"
        assert pathlib.Path(DAEMONS, "master").exists(), "the package postfix is not installed"
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self.config = self.directory / "etc"
        self.queue = self.directory / "queue"
        self.data = self.directory / "data"
        self.maillog = self.directory / "mail.log"
        self.main, self.master = list(main), list(master)

    def write(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        # Postfix' unprivileged daemons must be able to walk down to their queue.
        for parent in [self.directory, *self.directory.parents]:
            if parent == pathlib.Path("/tmp") or parent == pathlib.Path("/"):
                break
            parent.chmod(parent.stat().st_mode | 0o711)
        for path in (self.config, self.queue, self.data):
            path.mkdir(parents=True, exist_ok=True)
        owner = pwd.getpwnam("postfix")
        os.chown(self.data, owner.pw_uid, owner.pw_gid)
        (self.config / "main.cf").write_text("\n".join([
            "compatibility_level = 3.7",
            f"queue_directory = {self.queue}",
            f"data_directory = {self.data}",
            f"daemon_directory = {DAEMONS}",
            "command_directory = /usr/sbin",
            "mail_owner = postfix",
            "setgid_group = postdrop",
            f"maillog_file = {self.maillog}",
            f"maillog_file_prefixes = {self.directory}",
            "inet_interfaces = loopback-only",
            "inet_protocols = ipv4",
            "myhostname = mx.example",
            "mydestination =",
            "mynetworks = 127.0.0.0/8",
            "relay_domains = inside.example",
            "local_recipient_maps =",
            "alias_maps =",
            "alias_database =",
            "smtpd_relay_restrictions = permit_mynetworks, reject",
            "default_transport = discard:",
            "relay_transport = discard:",
            "transport_maps = inline:{ { the.tdc.queue = tdc } }",
            "message_size_limit = 209715200",
            "mailbox_size_limit = 0",
            "smtpd_forbid_bare_newline = no",
            "smtputf8_autodetect_classes = all",
            "smtpd_client_connection_count_limit = 0",
            "default_process_limit = 30",
            "minimal_backoff_time = 1s",
            "maximal_backoff_time = 2s",
            "queue_run_delay = 2s",
            *self.main]) + "\n")
        services = [
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "tlsmgr unix - - n 1000? 1 tlsmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "verify unix - - n - 1 verify",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "proxywrite unix - - n - 1 proxymap",
            "smtp unix - - n - - smtp",
            "relay unix - - n - - smtp",
            "showq unix n - n - - showq",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "discard unix - - n - - discard",
            "lmtp unix - - n - - lmtp",
            "anvil unix - - n - 1 anvil",
            "scache unix - - n - 1 scache",
            "postlog unix-dgram n - n - 1 postlogd",
            *self.master]
        (self.config / "master.cf").write_text("\n".join(services) + "\n")

    def run(self, *arguments, check=True):
        done = subprocess.run(["/usr/sbin/postfix", "-c", str(self.config), *arguments],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"postfix {arguments}: {done.stderr}\n{self.log()[-2000:]}"
        return done

    def start(self):
        """Until its log daemon writes. Whoever logs to a socket that nobody reads waits for ever, and the master,
        who would start the daemon, can be among them: then it is killed and started again."""
        self.write()
        for _ in range(STARTS):
            before = self.log().count(STARTED)
            self.run("start")
            self.master_pid = int((self.queue / "pid" / "master.pid").read_text().strip())
            end = time.monotonic() + START_SECONDS
            while time.monotonic() < end:
                if self.log().count(STARTED) > before:
                    return self
                time.sleep(0.02)
            print(f"Postfix {self.master_pid} wrote no log for {START_SECONDS} s: killed")
            self.kill()
        raise AssertionError(f"Postfix did not start: {self.log()[-2000:]}")

    def is_running(self):
        return pathlib.Path(f"/proc/{self.master_pid}").exists()

    def kill(self):
        """The master of this configuration first, so that it starts nobody anew, and then its children."""
        children = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                    if parent_of(pid) == self.master_pid]
        for pid in [self.master_pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.is_running(), 20, "Postfix to die")

    def stop(self):
        """Stops the master of this configuration only, by its pid; as in start(), it may hang."""
        os.kill(self.master_pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while self.is_running() and time.monotonic() < end:
            time.sleep(0.02)
        if self.is_running():
            print(f"Postfix {self.master_pid} did not stop for {STOP_SECONDS} s: killed")
            self.kill()

    def log(self):
        return self.maillog.read_text(errors="replace") if self.maillog.exists() else ""

    def queue_size(self):
        done = subprocess.run(["/usr/sbin/postqueue", "-c", str(self.config), "-j"],
                              capture_output=True, text=True, timeout=60)
        return len(done.stdout.splitlines())

    def wait_drained(self, seconds=120):
        wait_until(lambda: self.queue_size() == 0, seconds, "Postfix' queue to drain")


SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[3]))
TABLE = "/etc/postfix/tdc.pcre"
ADDRESS = "127.0.0.1:10025"
README, ALWAYS_BCC, LMTP = "README.md", "config/postfix-always-bcc.yaml", "config/lmtp.yaml"


class Documented:
    """The lines for Postfix in one of our documents, as whoever follows it would copy them."""

    def __init__(self, name):
        lines = [line.removeprefix("#").strip() for line in (SOURCE / name).read_text().splitlines()]
        self.main = [line for line in lines if re.match(r"(always_bcc|recipient_bcc_maps|transport_maps) = ", line)]
        self.table = [line for line in lines if line.startswith("/^")]
        begin = next(i for i, line in enumerate(lines) if re.match(r"tdc +unix ", line))
        end = next(i for i in range(begin + 1, len(lines)) if not lines[i].startswith("-o "))
        self.master = [lines[begin], *(f"  {line}" for line in lines[begin + 1:end])]

    def feeding(self, port, without, directory=None):
        """Lines for main.cf and master.cf. Only the port, and where the table is, are the test's own."""
        host, _, documented = ADDRESS.rpartition(":")
        hop = re.compile(rf"({re.escape(host)}\]?):{documented}\b")
        main = [hop.sub(rf"\1:{port}", line) for line in self.main if not line.startswith(without)]
        assert len(main) == 2 and f":{port} " in "".join(main).replace("}", " "), main
        if directory is not None:
            table = pathlib.Path(directory) / "copies.pcre"
            table.write_text("".join(f"{line}\n" for line in self.table))
            main = [line.replace(TABLE, str(table)) for line in main]
        return main, self.master


# How copies reach tdcd: the set-ups of the README and of the example configurations.
def always_bcc(port, name=README):
    return Documented(name).feeding(port, "recipient_bcc_maps")


def recipient_bcc(port, directory, name=README):
    return Documented(name).feeding(port, "always_bcc", directory)


def lmtp(port, directory):
    return recipient_bcc(port, directory, LMTP)


def clean(directory):
    shutil.rmtree(directory, ignore_errors=True)

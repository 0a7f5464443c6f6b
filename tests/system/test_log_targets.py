"""The mail log where it can go: a file that a reload names, syslog, journald.

The sockets of the system are at fixed paths. The daemon runs in a mount namespace of its own in which they lead to
sockets of the test.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from rig.process import program, wait_until

from test_faults import arrived, feed

QUEUED, DELIVERED = r"MID \d+ queued for delivery", r"TDC: Message \d+ delivered to tenant@intake\.example: '250 "


# ---------------------------------------------------------------- a file

def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def logging_to(work, sink, path):
    daemon = work.daemon(sink, start=False, log={"target": "file", "path": str(path), "level": "info"})
    daemon.is_foreground = False
    return daemon.start()


UNUSABLE = {
    "a directory that is not there": lambda work: work.directory / "nowhere" / "log",
    "a directory": lambda work: work.directory,
    "below a file": lambda work: work.directory / "first.log" / "log",
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_reload_to_a_log_file_that_cannot_be_opened_is_refused_and_changes_nothing(work, unusable):
    sink, first = work.sink(), work.directory / "first.log"
    daemon = logging_to(work, sink, first)
    before = daemon.json("status")
    daemon.configuration["log"].update(path=str(unusable(work)), level="error")
    daemon.configuration["hostname"] = "renamed.example"
    configuration = daemon.write_configuration()
    done = daemon.ctl("reload", check=False)
    assert done.returncode == 1, done
    where = rf"{re.escape(str(configuration))}:\d+:\d+: log\.path: .*{re.escape(str(unusable(work)))}"
    assert re.search(where, done.stderr), done.stderr
    line = next(i for i, text in enumerate(configuration.read_text().splitlines(), 1) if str(unusable(work)) in text and "path" in text)
    assert f"tdc.yaml:{line}:" in done.stderr, done.stderr
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(daemon.socket)
        s.sendall(b"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 422 ")
    daemon.process.child.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.json("status")["counters"]["reloads_failed"] == 3, 20, "the third refusal")
    after = daemon.json("status")
    assert after["configuration_generation"] == before["configuration_generation"] == 1
    # Nothing of it was taken: neither the name, nor the level, nor another target.
    with socket.create_connection(("127.0.0.1", daemon.smtp_port), 10) as s:
        assert s.recv(100).startswith(b"220 gateway.example ")
    n = len(lines_of(first))
    messages = feed(daemon, 2)
    daemon.wait_drained(20)
    assert arrived(sink) == sorted(messages)
    assert sum(" Info: " in line for line in lines_of(first)[n:]) > 2
    assert sum(re.search(where, line) is not None for line in lines_of(first)) >= 3
    # The same configuration with a file that can be opened is taken whole.
    second = work.directory / "second.log"
    daemon.configuration["log"].update(path=str(second), level="info")
    daemon.write_configuration()
    daemon.ctl("reload")
    n = len(lines_of(first))
    feed(daemon)
    daemon.wait_drained(20)
    assert len(lines_of(first)) == n
    assert len(re.findall(DELIVERED, second.read_text())) == 1
    daemon.stop()


def test_a_configuration_that_is_refused_leaves_no_log_file_behind(work):
    daemon = logging_to(work, work.sink(), work.directory / "first.log")
    other = work.directory / "other.log"
    daemon.configuration["log"]["path"] = str(other)
    daemon.configuration["dns"] = {"hosts": "/nonexistent/hosts"}
    daemon.write_configuration()
    assert daemon.ctl("reload", check=False).returncode == 1
    assert not other.exists()
    daemon.stop()


# ---------------------------------------------------------------- sockets of the system

# In a namespace of its own: the devices that a process needs, and the sockets of the test under the system's names.
NAMESPACE = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
for device in null zero full random urandom tty; do : > "$1/$device"; mount --bind /dev/$device "$1/$device"; done
ln -s /proc/self/fd "$1/fd"
ln -s "$2/syslog" "$1/log"
mount --rbind "$1" /dev
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal
ln -s "$2/journald" /run/systemd/journal/socket
shift 2
exec "$@"
"""


class Socket:
    """What a syslog daemon or journald is to a client: a socket for datagrams at a path, and somebody who reads."""

    def __init__(self, path):
        self.path, self.seen = path, []
        self.open()

    def open(self):
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.reader = threading.Thread(target=self.read, args=(self.socket,), daemon=True)
        self.reader.start()

    def read(self, source):
        while data := source.recv(1 << 16):
            self.seen.append(data.decode())

    def close(self):
        """Everything that was sent is seen; what comes now is refused."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", str(self.path))
        self.reader.join(30)
        self.socket.close()

    def wait_for(self, pattern, n=1, since=0):
        """The first n events, of those after `since`, in which the pattern is."""
        def found():
            return [d for d in self.seen[since:] if re.search(pattern, d)]
        return wait_until(lambda: len(found()) >= n and found(), 20, f"{n} events with {pattern}")


def inside_a_namespace(work, target, **log):
    """A daemon that is not started, and the directory of the sockets that it may find."""
    assert os.geteuid() == 0, "a mount namespace needs root"
    sockets, devices = work.directory / "sockets", work.directory / "devices"
    for directory in (sockets, devices):
        directory.mkdir()
    daemon = work.daemon(work.sink(), start=False, log={"target": target, "level": "info", **log},
                         inside=["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", str(devices), str(sockets)])
    daemon.is_foreground = False
    return daemon, sockets


def deliver(daemon, reader, n):
    """n messages, and the log knows of it."""
    since = len(reader.seen)
    feed(daemon, n)
    assert len(reader.wait_for(DELIVERED, n, since)) == n
    assert len(reader.wait_for(QUEUED, n, since)) == n


def test_syslog_gets_every_event_and_a_syslog_daemon_may_restart(work):
    daemon, sockets = inside_a_namespace(work, "syslog")
    syslog = Socket(sockets / "syslog")
    daemon.start()
    pid = daemon.process.pid
    deliver(daemon, syslog, 3)
    assert syslog.wait_for("]: ready$") == [f"<22>tdcd[{pid}]: ready"]
    # An error has its own priority: a configuration that is refused.
    daemon.configuration["listners"] = []
    daemon.write_configuration()
    assert daemon.ctl("reload", check=False).returncode == 1
    assert syslog.wait_for("nothing changed")[0].startswith(f"<19>tdcd[{pid}]: ")
    del daemon.configuration["listners"]
    daemon.write_configuration()
    # The daemon of the system goes, mail flows on, and what it missed is told when it is back.
    syslog.close()
    feed(daemon, 2)
    daemon.wait_drained(20)
    syslog.open()
    since = len(syslog.seen)
    deliver(daemon, syslog, 1)
    lost = re.fullmatch(rf"<20>tdcd\[{pid}\]: (\d+) log lines could not be written and are lost", syslog.seen[since])
    assert lost and int(lost[1]) >= 4, syslog.seen[since]
    daemon.stop()
    syslog.wait_for("]: spool closed$")
    assert all(re.fullmatch(rf"<(19|20|22)>tdcd\[{pid}\]: [^\n]+", d) for d in syslog.seen), syslog.seen


def test_syslog_carries_the_json_form(work):
    daemon, sockets = inside_a_namespace(work, "syslog", form="json")
    syslog = Socket(sockets / "syslog")
    daemon.start()
    deliver(daemon, syslog, 1)
    events = [json.loads(d.partition("]: ")[2]) for d in syslog.seen]
    assert {"daemon.ready", "listener.open"} <= {e["event"] for e in events}
    assert all(e["text"] and e["level"] in ("info", "warning", "error") for e in events)
    daemon.stop()


def fields(datagram):
    """One entry of journald's native protocol; every field is of the simple form, NAME=value and a line feed."""
    assert datagram.endswith("\n")
    pairs = [line.partition("=") for line in datagram[:-1].split("\n")]
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and equals for name, equals, _ in pairs), datagram
    names = [name for name, _, _ in pairs]
    assert len(names) == len(set(names)), datagram
    return {name: value for name, _, value in pairs}


def test_journald_gets_every_event_with_its_fields(work):
    daemon, sockets = inside_a_namespace(work, "journald")
    journald = Socket(sockets / "journald")
    daemon.start()
    deliver(daemon, journald, 3)
    entries = [fields(d) for d in journald.seen]
    assert {(e["SYSLOG_IDENTIFIER"], e["SYSLOG_FACILITY"]) for e in entries} == {("tdcd", "2")}
    assert {e["PRIORITY"] for e in entries} <= {"4", "6"}
    for e in entries:
        assert e["TDC_SUBSYSTEM"] and e["TDC_EVENT"]
        if re.match(QUEUED, e["MESSAGE"]):
            assert e["MESSAGE"].startswith(f"MID {e['TDC_MID']} ")
    # All of it went there and nowhere else, also what was said before it was known where to.
    assert daemon.process.text() == ""
    assert any("stays root" in e["MESSAGE"] for e in entries)
    # Nobody is there: mail flows on, and the log goes where a service manager may read it.
    journald.close()
    feed(daemon, 2)
    daemon.wait_drained(20)
    wait_until(lambda: len(re.findall(DELIVERED, daemon.process.text())) == 2, 10, "the deliveries on standard error")
    assert len(re.findall(QUEUED, daemon.process.text())) == 2
    assert daemon.process.text().count("cannot be written") == 1
    journald.open()
    deliver(daemon, journald, 1)
    assert len(re.findall(DELIVERED, daemon.process.text())) == 2
    daemon.stop()


def test_without_syslog_the_check_and_the_reload_say_that_lines_are_lost(work):
    daemon, sockets = inside_a_namespace(work, "syslog")
    path = daemon.write_configuration()
    check = [*daemon.inside, program("tdcd"), "--config", str(path), "--check"]
    wanted = rf"{path}:\d+:\d+: log\.target: lines are lost while there is no syslog at /dev/log: No such file or directory\n"
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and re.search(f"warning: {wanted}", done.stderr), done.stderr
    daemon.start()
    assert re.search(f"warning: {wanted}", daemon.ctl("reload").stdout)
    syslog = Socket(sockets / "syslog")
    assert "log.target" not in daemon.ctl("reload").stdout
    daemon.stop()
    syslog.close()


def test_without_journald_the_log_goes_to_standard_error_and_says_so(work):
    daemon, _ = inside_a_namespace(work, "journald")
    daemon.start()
    feed(daemon)
    daemon.wait_drained(20)
    assert "Warning: log target journald is not usable" in daemon.process.text()
    assert re.search(QUEUED, daemon.process.text())
    said = daemon.ctl("reload").stdout
    assert re.match(r"warning: \S+:\d+:\d+: log\.target: journald is not usable: .*; logging to stderr\n", said), said
    daemon.stop()

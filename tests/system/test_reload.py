"""P8: a new configuration is read beside the work, taken whole or not at all, and by everything that was waiting."""

import errno
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess

import pytest
import yaml

from rig import wire
from rig.process import Process, free_port, program, wait_until

from test_faults import arrived, feed


# Of the system: none of them has signed anything here.
OTHER_CA = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def by_name(daemon, sink, address):
    """The route goes to a name that only the hosts file knows."""
    daemon.configuration["smtp_routes"] = [
        {"domain": "intake.example", "next_hops": [f"[hop.example]:{sink.port}"]}]
    daemon.configuration["dns"] = {"hosts": str(daemon.directory / "hosts"), "timeout": "5s"}
    (daemon.directory / "hosts").write_text(f"{address} hop.example\n")


def reloads(daemon):
    counters = daemon.json("status")["counters"]
    return counters["reloads"], counters["reloads_failed"]


def hang_up(daemon, taken):
    """SIGHUP, and the wait for its end."""
    before = reloads(daemon)
    daemon.process.child.send_signal(signal.SIGHUP)
    wait_until(lambda: reloads(daemon) == (before[0] + taken, before[1] + (not taken)), 20, "the reload")


def test_a_next_hop_is_found_by_the_new_hosts_file_after_sighup(work):
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    by_name(daemon, sink, "127.0.0.9")
    daemon.start()
    messages = feed(daemon, 5)
    wait_until(lambda: "127.0.0.9" in daemon.log(), 20, "an attempt at the old address")
    # The same file with other names in it.
    (daemon.directory / "hosts").write_text("127.0.0.1 hop.example\n")
    hang_up(daemon, taken=True)
    daemon.wait_drained(30)
    assert arrived(sink) == sorted(messages)
    # Another file, which cannot be read: nothing changes, and what is known stays known.
    daemon.configuration["dns"]["hosts"] = "/nonexistent/hosts"
    daemon.write_configuration()
    hang_up(daemon, taken=False)
    assert re.search(r"tdc\.yaml:\d+:\d+: dns\.hosts: .*/nonexistent/hosts", daemon.log()), daemon.log()
    messages += feed(daemon, 5)
    daemon.wait_drained(30)
    # Another file with another address, and nobody says that this takes a restart.
    by_name(daemon, sink, "127.0.0.9")
    daemon.configuration["dns"].update(hosts=str(daemon.directory / "other"), timeout="7s")
    (daemon.directory / "other").write_text("127.0.0.1 hop.example\n")
    daemon.write_configuration()
    daemon.ctl("reload")
    messages += feed(daemon, 5)
    daemon.wait_drained(30)
    assert arrived(sink) == sorted(messages)
    assert "takes a restart" not in daemon.log()
    daemon.stop()


def test_ca_files_are_read_by_the_reload_and_not_after_it(work):
    """Deliveries work with what was read, whatever becomes of the files."""
    sink = work.sink()
    daemon = work.daemon(sink)
    copies = [work.directory / "tls.pem", work.directory / "controls.pem"]
    messages = []
    # The one for all, then the one for the destination, where the other trusts nobody who is here.
    for trusted in range(2):
        for i, copy in enumerate(copies):
            copy.write_text((pathlib.Path(sink.ca) if i == trusted else OTHER_CA).read_text())
        daemon.configuration["tls"]["ca_file"] = str(copies[0])
        if trusted == 1:
            daemon.controls["ca_file"] = str(copies[1])
        daemon.write_configuration()
        hang_up(daemon, taken=True)
        for copy in copies:
            copy.unlink()
        messages += feed(daemon, 3)
        daemon.wait_drained(30)
        assert arrived(sink) == sorted(messages)
    # A file that is gone when it is to be read is told, and changes nothing.
    hang_up(daemon, taken=False)
    assert "controls.pem" in daemon.log() or "tls.pem" in daemon.log()
    messages += feed(daemon, 3)
    daemon.wait_drained(30)
    assert arrived(sink) == sorted(messages)
    daemon.stop()


# ---------------------------------------------------------------- what a reload says

class Reload:
    """One by tdcctl: what it said, which is what the interface and the log say."""

    def __init__(self, daemon):
        seen = len(daemon.log())
        path = daemon.write_configuration()
        done = daemon.ctl("reload", check=False)
        self.is_taken = done.returncode == 0
        said = (done.stdout if self.is_taken else done.stderr).replace(f"{path}:", "tdc.yaml:").splitlines()
        assert said[-1].startswith("configuration taken, generation " if self.is_taken else "tdcctl: the configuration is")
        assert (done.stderr if self.is_taken else done.stdout) == ""
        self.warnings = [line.removeprefix("warning: ") for line in said[:-1] if line.startswith("warning: ")]
        self.errors = [line for line in said[:-1] if not line.startswith("warning: ")]
        log = daemon.log()[seen:].replace(f"{path}:", "tdc.yaml:")
        for level, lines in (("Warning", self.warnings), ("Error", self.errors)):
            assert re.findall(rf" {level}: (tdc\.yaml:\d.*)", log) == lines, log
        body = json.loads(daemon.ctl("reload", "--json", check=False).stdout)
        assert [line.replace(f"{path}:", "tdc.yaml:") for line in body["warnings"]] == self.warnings
        assert [line.replace(f"{path}:", "tdc.yaml:") for line in body.get("errors", [])] == self.errors


def without_places(lines):
    return [re.sub(r"^tdc\.yaml:\d+:\d+: ", "", line) for line in lines]


def test_every_reload_tells_the_whole_difference_from_what_runs(work):
    daemon = work.daemon(work.sink())
    listeners, spool, before = daemon.configuration["listeners"], daemon.configuration["spool"], str(daemon.spool)
    assert Reload(daemon).warnings == []
    smtp, lmtp, local = listeners
    old, new = smtp["address"], f"127.0.0.1:{free_port()}"
    smtp["address"] = new
    spool["directory"] = "/nonexistent/spool"
    moved = [f'listeners[0].address: found "{new}"; "{old}" is in use until a restart',
             f'spool.directory: found "/nonexistent/spool"; "{before}" is in use until a restart']
    for _ in range(2):  # what was told is told again
        assert without_places(Reload(daemon).warnings) == moved
    # A key that is well again leaves the others.
    spool["directory"] = before
    assert without_places(Reload(daemon).warnings) == moved[:1]
    # One goes, one comes; the one that went comes back elsewhere.
    extra = {"name": "extra", "protocol": "smtp", "address": f"127.0.0.1:{free_port()}"}
    smtp["address"] = old
    listeners[:] = [smtp, local, extra]
    for _ in range(2):
        assert without_places(Reload(daemon).warnings) == [
            'listeners: "lmtp" is not in the file; it stays in use until a restart',
            "listeners[2]: new; it is not in use until a restart"]
    listeners[:] = [smtp, {**lmtp, "address": new, "protocol": "smtp"}, local]
    assert without_places(Reload(daemon).warnings) == [
        'listeners[1].protocol: found "smtp"; "lmtp" is in use until a restart',
        f'listeners[1].address: found "{new}"; "{lmtp["address"]}" is in use until a restart']
    # It is where it was, and as the file says in all that needs no restart.
    listeners[1]["max_connections"] = 1
    Reload(daemon)
    with socket.create_connection(("127.0.0.1", daemon.lmtp_port), 20) as first:
        assert first.recv(200).startswith(b"220 ")
        with socket.create_connection(("127.0.0.1", daemon.lmtp_port), 20) as second:
            assert second.recv(200).startswith(b"421 ")
    # The file of the start is silent, however it came back.
    listeners[:] = [smtp, lmtp, local]
    assert Reload(daemon).warnings == []
    daemon.stop()
    # After a restart with another file it is that one that runs.
    smtp["address"] = new
    daemon.smtp_port = int(new.rpartition(":")[2])
    daemon.start()
    assert Reload(daemon).warnings == []
    smtp["address"] = old
    assert without_places(Reload(daemon).warnings) == [
        f'listeners[0].address: found "{old}"; "{new}" is in use until a restart']
    daemon.stop()


def test_a_reload_says_all_that_a_check_says(work):
    daemon = work.daemon(work.sink())
    daemon.configuration["connector"]["enabled"] = False
    assert without_places(Reload(daemon).warnings) == [
        "connector.enabled: mail is accepted and not journaled while connector.enabled is false"]
    daemon.configuration["log"].update(level="loud", form="verse")
    daemon.configuration["smtp_routs"] = []
    reload = Reload(daemon)
    assert not reload.is_taken
    check = subprocess.run([program("tdcd"), "--config", str(daemon.write_configuration()), "--check"],
                           capture_output=True, text=True, timeout=60)
    said = check.stderr.replace(str(daemon.directory / "tdc.yaml"), "tdc.yaml").splitlines()
    assert [line for line in said if not line.startswith("warning: ")] == reload.errors
    assert len(reload.errors) == 3 and all(re.match(r"tdc\.yaml:\d+:\d+: \w", line) for line in reload.errors)
    # Of files that the configuration names, too.
    del daemon.configuration["smtp_routs"]
    daemon.configuration["log"].update(level="info", form="text")
    daemon.configuration["destination_controls"].append({"domain": "x.example", "ca_file": "/nonexistent/ca.pem"})
    assert without_places(Reload(daemon).errors) == [
        "destination_controls[1].ca_file: CA file /nonexistent/ca.pem: No such file or directory"]
    # A file that cannot be read at all has no line.
    (daemon.directory / "tdc.yaml").unlink()
    done = daemon.ctl("reload", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tdcctl: the configuration is refused, nothing changed: tdcd, as user root: " \
                          f"cannot open {daemon.directory}/tdc.yaml: No such file or directory\n"
    # The log has each once, and what they came to.
    log = daemon.log()
    assert log.count("CA file /nonexistent/ca.pem: ") == 2  # reloads
    assert " is refused, nothing changed: 3 problems, named above\n" in log
    assert " is refused, nothing changed: 1 problem, named above\n" in log
    assert f" is refused, nothing changed: tdcd, as user root: cannot open {daemon.directory}/tdc.yaml: No such file" in log
    daemon.stop()


# ---------------------------------------------------------------- while files are read

class SlowFile:
    """The configuration as a pipe: whoever reads it waits until the test says what is in it."""

    def __init__(self, daemon):
        self.path = daemon.directory / "tdc.yaml"
        self.daemon = daemon
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path)

    def say(self, text=None):
        """One reader gets the whole file."""
        self.path.write_text(text or yaml.safe_dump(self.daemon.configuration))

    def has_reader(self):
        """Whoever reads finds the end of the file."""
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as e:
            assert e.errno == errno.ENXIO
            return False
        return True


class Asked:
    """A request to reload that the daemon has, and that waits for its answer."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(daemon.socket)
        self.socket.sendall(b"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        daemon.json("status")  # what came before it is in good hands

    def is_waiting(self):
        return not select.select([self.socket], [], [], 0.2)[0]

    def answer(self):
        """Status and JSON; None when the daemon ended without an answer."""
        with self.socket as s:
            text = b"".join(iter(lambda: s.recv(65536), b""))
        head, _, body = text.partition(b"\r\n\r\n")
        return (int(head.split()[1]), json.loads(body)) if head else None


@pytest.fixture
def manager(work):
    """A service manager: it is told when a reading begins."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(work.directory / "notify"))
        s.settimeout(60)
        yield s


def start_with(manager, work, daemon):
    daemon.start(env={"NOTIFY_SOCKET": str(work.directory / "notify")})
    assert manager.recv(200) == b"READY=1"


def greeting(daemon):
    with socket.create_connection(("127.0.0.1", daemon.smtp_port), 20) as s:
        return s.recv(200).decode()


def deliver_some(daemon, sink, messages):
    messages += feed(daemon, 3)
    daemon.wait_drained(30)
    assert arrived(sink) == sorted(messages)


def test_the_work_goes_on_while_files_are_read_and_who_asks_meanwhile_shares_one_more_reading(work, manager):
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    start_with(manager, work, daemon)
    session = wire.Client(("127.0.0.1", daemon.smtp_port))
    slow, messages = SlowFile(daemon), []
    first = Asked(daemon)
    assert manager.recv(200).startswith(b"RELOADING=1\n")
    deliver_some(daemon, sink, messages)
    daemon.process.child.send_signal(signal.SIGHUP)
    second, third = Asked(daemon), Asked(daemon)
    deliver_some(daemon, sink, messages)
    assert first.is_waiting() and reloads(daemon) == (0, 0)
    # This reading finds a mistake; those who asked meanwhile want the file as it is afterwards.
    slow.say("version: 1\nlistners: []\n")
    status, body = first.answer()
    assert status == 422 and "listners" in body["detail"]
    assert [line.split(": ")[1] for line in body["errors"]] == ["listners", "listeners"]
    assert [manager.recv(200)[:9] for _ in range(2)] == [b"READY=1", b"RELOADING"]
    assert second.is_waiting() and third.is_waiting()
    daemon.configuration["hostname"] = "renamed.example"
    slow.say()
    assert [a.answer() for a in (second, third)] == [(200, {"configuration_generation": 2, "warnings": []})] * 2
    assert manager.recv(200) == b"READY=1"
    assert not slow.has_reader() and reloads(daemon) == (1, 1)
    session.data("a@outside.example", ["b@inside.example"], b"Subject: x\r\n\r\nthe session from before\r\n")
    session.quit()
    assert greeting(daemon).startswith("220 renamed.example ")
    daemon.wait_drained(20)
    daemon.stop()


STOPS = {
    "one signal": [signal.SIGTERM],
    "a second signal, which comes at any time of the stop": [signal.SIGTERM, signal.SIGTERM],
    "signals that ask for something else": [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1],
}


@pytest.mark.parametrize("signals", STOPS.values(), ids=STOPS.keys())
@pytest.mark.parametrize("is_read", [True, False], ids=["the file is read in the end", "the file is never read"])
def test_a_stop_does_not_take_what_is_still_being_read(work, manager, signals, is_read):
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    start_with(manager, work, daemon)
    messages = feed(daemon, 3)
    daemon.wait_drained(20)
    slow = SlowFile(daemon)
    first = Asked(daemon)
    assert manager.recv(200).startswith(b"RELOADING=1\n")
    second = Asked(daemon)
    for signo in signals:
        daemon.process.child.send_signal(signo)
    # Only the reading is waited for; all custody is closed by then, and nobody waits for an answer.
    wait_until(lambda: "spool closed" in daemon.log(), 30, "the spool to be closed")
    assert first.answer() is None and second.answer() is None
    assert daemon.process.is_running()
    if is_read:
        slow.say()
        assert daemon.process.child.wait(30) == 0, daemon.log()
    else:
        wait_until(lambda: daemon.process.child.send_signal(signal.SIGTERM) or not daemon.process.is_running(), 30,
                   "the end by a signal")
        assert daemon.process.child.returncode == -signal.SIGTERM
    assert "generation 2" not in daemon.log()
    slow.path.unlink()
    daemon.start()
    assert "after an unclean stop" not in daemon.log()
    assert arrived(sink) == sorted(messages)
    daemon.stop()


def test_a_signal_that_comes_during_the_start_waits_for_its_end(work, manager):
    daemon = work.daemon(start=False)
    log = work.directory / "start.log"
    slow = SlowFile(daemon)
    daemon.process = Process([program("tdcd"), "--config", str(slow.path)], log,
                             env={"NOTIFY_SOCKET": str(work.directory / "notify")})
    held = 1 << (signal.SIGHUP - 1) | 1 << (signal.SIGUSR1 - 1)

    def is_held():
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        return int(re.search(r"^SigBlk:\t(\w+)$", status, re.M)[1], 16) == held
    wait_until(is_held, 20, "the start")
    daemon.process.child.send_signal(signal.SIGHUP)
    daemon.process.child.send_signal(signal.SIGUSR1)
    slow.say()
    assert [manager.recv(200)[:9] for _ in range(2)] == [b"READY=1", b"RELOADING"]
    slow.say()
    assert manager.recv(200) == b"READY=1"
    assert daemon.json("status")["configuration_generation"] == 2
    assert is_held() is False
    daemon.stop()


def test_reloads_in_a_row_with_queries_and_sessions_under_way(work):
    """Whatever is in flight when a configuration is taken, nothing is lost or sent twice."""
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    by_name(daemon, sink, "127.0.0.1")
    daemon.start()
    messages = []
    for i in range(10):
        messages += feed(daemon, 3)
        daemon.configuration["dns"]["timeout"] = f"{5 + i % 2}s"
        daemon.write_configuration()
        for _ in range(3):
            daemon.process.child.send_signal(signal.SIGHUP)
        daemon.ctl("reload")
    daemon.wait_drained(30)
    assert arrived(sink) == sorted(messages) and len(sink.messages()) == len(messages)
    assert reloads(daemon)[1] == 0
    daemon.assert_accounted()
    daemon.stop()

"""tdcd as a process: exit codes, privileges, the service manager, signals, and the control socket's life."""

import os
import pathlib
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

import pytest
import yaml

from rig import wire
from rig.process import Process, free_port, program, wait_until

from test_faults import arrived, feed


def tdcd(*arguments, env=None):
    return subprocess.run([program("tdcd"), *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


@pytest.mark.parametrize("arguments,code,where,part", [
    (["--version"], 0, "stdout", "tdcd "),
    (["--help"], 0, "stdout", "usage: tdcd"),
    (["--help"], 0, "stdout", " 74 the disk lost bytes"),
    (["--check", "--check-spool"], 2, "stderr", "--check and --check-spool cannot be had together"),
    (["--print-config", "--check"], 2, "stderr", "--print-config and --check cannot be had together"),
    (["--print-man-keys"], 0, "stdout", "destination_controls"),
    (["--print-json-schema"], 0, "stdout", "https://json-schema.org/draft/2020-12/schema"),
    (["--frobnicate"], 2, "stderr", "--help"),
    (["--config"], 2, "stderr", "--help"),
    (["stray"], 2, "stderr", "stray"),
    (["--config", "/nonexistent/tdc.yaml"], 78, "stderr", "/nonexistent/tdc.yaml"),
    (["--config", "/nonexistent/tdc.yaml", "--check"], 78, "stderr", "/nonexistent/tdc.yaml"),
])
def test_exit_codes_and_where_the_text_goes(arguments, code, where, part):
    done = tdcd(*arguments)
    assert done.returncode == code, done
    assert part in getattr(done, where)
    assert (done.stderr if where == "stdout" else done.stdout) == ""


def test_printed_configuration_is_one(work):
    daemon = work.daemon(start=False)
    printed = tdcd("--config", daemon.write_configuration(), "--print-config")
    assert printed.returncode == 0
    path = work.directory / "again.yaml"
    path.write_text(printed.stdout)
    assert yaml.safe_load(printed.stdout)["hostname"] == "gateway.example"
    again = tdcd("--config", path, "--check")
    assert again.returncode == 0, again.stderr


def test_an_address_in_use_is_named_and_leaves_the_spool_in_order(work):
    daemon = work.daemon(start=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", daemon.smtp_port))
        taken.listen()
        done = tdcd("--config", daemon.write_configuration(), "--foreground")
    assert done.returncode == 1 and f"127.0.0.1:{daemon.smtp_port}" in done.stderr, done.stderr
    daemon.start()
    assert "after a clean stop" in daemon.log()
    daemon.stop()


# ---------------------------------------------------------------- privileges

def ids(pid):
    """The real, effective, saved and file-system users of every thread."""
    found = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith(("Uid:", "Gid:")):
                found.update((line[0], int(value)) for value in line.split()[1:])
    return found


@pytest.fixture
def low_port():
    assert os.geteuid() == 0, "this test binds a low port and gives up root: run it as root"
    for port in range(700, 1000):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no low port is free")


def test_root_is_for_binding_only(work, low_port):
    nobody = pwd.getpwnam("nobody")
    sink = work.sink()
    os.chmod(work.directory, 0o755)
    daemon = work.daemon(sink, start=False)
    os.chown(daemon.directory, nobody.pw_uid, nobody.pw_gid)
    for path in (sink.ca.parent, sink.ca):
        os.chmod(path, 0o755)
    daemon.configuration["user"] = "nobody"
    daemon.configuration["listeners"][0]["address"] = f"127.0.0.1:{low_port}"
    daemon.smtp_port = low_port
    daemon.start()
    assert ids(daemon.process.pid) == {("U", nobody.pw_uid), ("G", nobody.pw_gid)}
    assert "stays root" not in daemon.log()
    for path in (daemon.spool, daemon.lmtp_socket, daemon.socket, *daemon.spool.rglob("*")):
        assert os.stat(path).st_uid == nobody.pw_uid, path
    messages = feed(daemon, 3)
    daemon.wait_drained(20)
    assert arrived(sink) == sorted(messages)
    daemon.ctl("reload")
    daemon.stop()
    assert not os.path.exists(daemon.lmtp_socket) and not os.path.exists(daemon.socket)


def test_new_files_are_private_and_sockets_have_their_modes(work):
    daemon = work.daemon(start=False)
    daemon.configuration["listeners"][2]["mode"] = "0666"
    daemon.configuration["admin"]["mode"] = "0600"
    daemon.start()
    assert stat.S_IMODE(os.stat(daemon.lmtp_socket).st_mode) == 0o666
    assert stat.S_IMODE(os.stat(daemon.socket).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(daemon.spool).st_mode) == 0o700
    for path in daemon.spool.rglob("*"):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path
    daemon.stop()


# ---------------------------------------------------------------- the service manager

def test_the_service_manager_is_told(work):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(work.directory / "notify"))
    manager.settimeout(20)
    daemon = work.daemon(work.sink(), start=False)
    daemon.start(env={"NOTIFY_SOCKET": str(work.directory / "notify")})
    assert manager.recv(200) == b"READY=1"
    daemon.process.child.send_signal(signal.SIGHUP)
    assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(200))
    assert manager.recv(200) == b"READY=1"
    daemon.stop()
    assert manager.recv(200) == b"STOPPING=1"
    manager.close()


# ---------------------------------------------------------------- signals

def test_a_second_signal_stops_at_once_and_loses_nothing(work):
    sink = work.sink()
    daemon = work.daemon(sink, limits={"stop_grace": "60s"})
    feed(daemon, 3)
    daemon.wait_drained(20)
    busy = wire.Client(("127.0.0.1", daemon.smtp_port))
    busy.begin("a@outside.example", ["b@inside.example"])
    busy.command("DATA", 354)
    busy.say(b"Subject: half\r\n\r\n")
    daemon.process.child.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping on signal TERM" in daemon.log(), 10, "the stop to begin")
    time.sleep(0.3)
    assert daemon.process.is_running()
    daemon.process.child.send_signal(signal.SIGINT)
    assert daemon.process.child.wait(20) == 0
    daemon.start()
    assert "after a clean stop" in daemon.log().split("stopping at once")[1]
    daemon.assert_accounted()
    assert daemon.states()["delivered"] == 3
    daemon.stop()


def test_a_stale_control_socket_is_replaced(work):
    daemon = work.daemon(work.sink())
    daemon.kill()
    assert os.path.exists(daemon.socket)
    daemon.start()
    assert daemon.json("health")["status"] == "ok"
    daemon.stop()


def test_what_needs_a_restart_is_named_and_the_rest_is_taken(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    before = daemon.smtp_port
    daemon.configuration["listeners"][0]["address"] = f"127.0.0.1:{free_port()}"
    daemon.configuration["spool"]["directory"] = str(work.directory / "elsewhere")
    daemon.configuration["hostname"] = "renamed.example"
    daemon.configuration["deliver"] = {"window": 77}
    daemon.write_configuration()
    daemon.ctl("reload")
    log = daemon.log()
    assert re.search(r"Warning: \S+: listeners\[0\]\.address.*restart", log), log
    assert re.search(r"Warning: \S+: spool\.directory.*restart", log), log
    assert not re.search(r"(deliver|hostname).*restart", log), log
    with socket.create_connection(("127.0.0.1", before), 5) as s:
        assert s.recv(200).startswith(b"220 renamed.example ")
    assert not (work.directory / "elsewhere").exists()
    daemon.stop()


# ---------------------------------------------------------------- what is being sent

def test_a_journal_that_is_being_sent_is_left_alone(work):
    sink = work.sink("--delay", "final=12000")
    daemon = work.daemon(sink)
    messages = feed(daemon, 1)
    wait_until(lambda: daemon.json("status")["destinations"] and
               daemon.json("status")["destinations"][0]["in_flight"] == 1, 20, "a delivery in flight")
    mid = daemon.json("queue")["journals"][0]["mid"]
    message = daemon.json("queue")["journals"][0]["message_mid"]
    for command in (["hold", mid], ["delete", mid, "--yes"], ["hold", message], ["delete", message, "--yes"]):
        refused = daemon.ctl(*command, check=False)
        assert refused.returncode == 1 and re.search(r"being sent.*DCID \d+", refused.stderr), refused
    assert daemon.json("hold", "all") == {"action": "hold", "done": "held", "changed": 0, "in_flight": 1}
    daemon.wait_drained(60)
    assert arrived(sink) == messages and len(sink.messages()) == 1
    daemon.assert_accounted()
    daemon.stop()


def test_start_up_log_says_what_was_found(work):
    daemon = work.daemon(work.sink())
    log = daemon.log()
    assert re.search(r"Info: tdcd \d+\.\d+\.\d+ starting, configuration \S+tdc\.yaml\n", log)
    assert re.search(r"Info: spool \S+ opened in \d+ ms, new: 0 waiting", log)
    assert f"listener smtp takes smtp on 127.0.0.1:{daemon.smtp_port}\n" in log
    assert f"listener local takes lmtp on unix:{daemon.lmtp_socket}\n" in log
    daemon.kill()
    daemon.start()
    assert "after an unclean stop" in daemon.log()
    daemon.stop()
    # An idle daemon has nothing to say.
    quiet = work.daemon(work.sink(name="s2"), name="quiet")
    wait_until(lambda: "ready" in quiet.log(), 10, "ready")
    time.sleep(0.5)
    size = len(quiet.log())
    time.sleep(3)
    assert len(quiet.log()) == size, quiet.log()[size:]
    quiet.stop()


def test_port_0_is_resolved_in_the_status(work):
    daemon = work.daemon(start=False)
    daemon.configuration["listeners"] = [{"name": "any", "protocol": "smtp", "address": "127.0.0.1:0"}]
    path = daemon.write_configuration()
    daemon.process = Process([program("tdcd"), "--config", str(path)], work.directory / "any.log")
    wait_until(lambda: "ready" in daemon.process.text(), 20, "ready")
    address = daemon.json("status")["listeners"][0]["address"]
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 5) as s:
        assert s.recv(3) == b"220"
    daemon.process.stop()

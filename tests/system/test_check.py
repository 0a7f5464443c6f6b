"""`tdcd --check` finds what would fail a start, in the words of the start, with key, line and column; it changes nothing."""

import contextlib
import os
import pathlib
import pwd
import re
import socket
import subprocess

import pytest
import yaml

from rig.process import Process, free_port, program, wait_until

NOBODY = pwd.getpwnam("nobody")


def tdcd(path, *arguments, **more):
    # With the effective ids of another user a process may not look into itself for leaks.
    lowered = "\nuser: nobody\n" in path.read_text() and "user" not in more
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "detect_leaks=0" if lowered else None]))
    done = subprocess.run([program("tdcd"), "--config", str(path), *arguments], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "ASAN_OPTIONS": options}, **more)
    return done.returncode, done.stdout, done.stderr.replace(f"{path}:", "tdc.yaml:")


def problems(said, is_error):
    """Without those of the tests' own surroundings: they are run by root, and may name no user."""
    lines = [line for line in said.splitlines() if not line.endswith("user: not set: started as root, tdcd stays root")]
    assert all(re.match(r"(warning: )?tdc\.yaml:\d+:\d+: ", line) for line in lines), said
    return [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ") != is_error]


def everything_in(directory):
    return sorted((str(p), p.lstat().st_mode, p.lstat().st_size, p.lstat().st_mtime_ns) for p in directory.rglob("*"))


def place_of(path, value, nth=0):
    """tdc.yaml:LINE:COLUMN of a value as YAML writes it."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        key, separator, rest = line.partition(": ")
        if separator and rest.strip("'\"") == str(value):
            found.append(f"tdc.yaml:{number}:{len(key) + 3}")
    return found[nth]


class Setting:
    """A configuration that would do, and folders that are root's and nobody's."""

    def __init__(self, work):
        self.work = work
        self.daemon = work.daemon(start=False)
        self.configuration = self.daemon.configuration
        os.chmod(work.directory, 0o755)
        for name, owner in (("mine", 0), ("theirs", NOBODY.pw_uid)):
            (work.directory / name).mkdir(mode=0o755)
            os.chown(work.directory / name, owner, -1)
        (work.directory / "file").write_text("")
        os.chmod(work.directory / "file", 0o600)
        self.mine, self.theirs = work.directory / "mine", work.directory / "theirs"

    def as_nobody(self):
        """All that it needs is nobody's."""
        self.configuration["user"] = "nobody"
        self.configuration["spool"]["directory"] = str(self.theirs / "spool")
        self.configuration["admin"]["socket"] = str(self.theirs / "control.sock")
        self.configuration["listeners"][2]["address"] = f"unix:{self.theirs}/lmtp"

    def put(self, value, *keys):
        section = self.configuration
        for key in keys[:-1]:
            section = section[key] if isinstance(section, list) else section.setdefault(key, {})
        section[keys[-1]] = str(value)


def unknown_user(s):
    s.put("no-such-user", "user")
    return "no-such-user", "user: there is no user no-such-user; allowed: a user of this system"


def unknown_group(s):
    s.as_nobody()
    s.put("no-such-group", "group")
    return "no-such-group", "group: there is no group no-such-group; allowed: a group of this system"


def spool_of(where, reason):
    def change(s):
        path = s.work.directory / where
        s.put(path, "spool", "directory")
        return path, f"spool.directory: directory {path}: {reason}"
    return change


def spool_that_the_user_may_not(make, name, what, reason="Permission denied"):
    def change(s):
        s.as_nobody()
        path = s.mine / "spool" if make else s.mine / "new"
        s.put(path, "spool", "directory")
        if make:
            make(path)
        return path, f"spool.directory: {what}{path}{name}: {reason}"
    return change


def of_root(path):
    path.mkdir(mode=0o755)


def with_a_lock_of_root(path):
    path.mkdir()
    (path / "spool.lock").write_text("")
    os.chmod(path / "spool.lock", 0o600)
    os.chown(path, NOBODY.pw_uid, -1)


def log_at(where, reason):
    def change(s):
        path = s.work.directory / where
        s.configuration["log"] = {"target": "file", "path": str(path)}
        return path, f"log.path: log file {path}: {reason}"
    return change


def log_that_the_user_may_not_write(s):
    s.as_nobody()
    return log_at("file", "Permission denied")(s)


def log_without_a_path(s):
    s.configuration["log"] = {"target": "file"}
    return None, "log.path: required where target is file, but missing; allowed: an absolute path"


def address_of(value):
    def change(s):
        s.put(value, "listeners", 0, "address")
        return value, f'listeners[0].address: found "{value}"; allowed: 127.0.0.1:PORT, [::1]:PORT or unix:/PATH ' \
                      "(an address, not a host name)"
    return change


def address_within_that_of_another(s):
    port = s.daemon.smtp_port
    s.put(f"0.0.0.0:{port}", "listeners", 1, "address")
    return f"0.0.0.0:{port}", f"listeners[1].address: 0.0.0.0:{port} cannot be had beside 127.0.0.1:{port} of listeners[0]"


def listener_at_the_control_socket(s):
    path = s.configuration["admin"]["socket"]
    s.put(f"unix:{path}", "listeners", 2, "address")
    return f"unix:{path}", f"listeners[2].address: unix:{path} is the control socket, admin.socket"


def listener_at_the_control_socket_by_another_path(s):
    path = pathlib.Path(s.configuration["admin"]["socket"])
    (s.work.directory / "link").symlink_to(path.parent)
    address = f"unix:{s.work.directory}/link/{path.name}"
    s.put(address, "listeners", 2, "address")
    return address, f"listeners[2].address: {address} is the control socket, admin.socket"


def key_and_certificate(s, name="own"):
    """Their paths; anybody may read them."""
    paths = [s.work.directory / f"{name}.{part}" for part in ("key", "pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", paths[0], "-out", paths[1],
                    "-days", "30", "-subj", f"/CN={name}.example"], check=True, capture_output=True)
    paths[0].chmod(0o644)
    return paths


def certificate_that_is_not_there(s):
    key, _ = key_and_certificate(s)
    s.configuration["listeners"][1].update(tls="required", certificate_file="/nonexistent/cert.pem", key_file=str(key))
    return "/nonexistent/cert.pem", "listeners[1].certificate_file: " \
                                    "certificate file /nonexistent/cert.pem: No such file or directory"


def key_that_is_not_there(s):
    _, certificate = key_and_certificate(s)
    s.configuration["listeners"][1].update(tls="required", certificate_file=str(certificate), key_file="/nonexistent/key.pem")
    return "/nonexistent/key.pem", "listeners[1].key_file: key file /nonexistent/key.pem: No such file or directory"


def key_of_another_certificate(s):
    (key, _), (_, certificate) = key_and_certificate(s), key_and_certificate(s, "other")
    s.configuration["listeners"][1].update(tls="required", certificate_file=str(certificate), key_file=str(key))
    return key, f"listeners[1].key_file: key file {key}: key values mismatch"


def certificate_that_the_user_may_not_read(s):
    s.as_nobody()
    path = s.work.directory / "file"
    key, _ = key_and_certificate(s)
    s.configuration["listeners"][1].update(tls="required", certificate_file=str(path), key_file=str(key))
    return path, f"listeners[1].certificate_file: certificate file {path}: Permission denied"


def authorities_of_a_destination(s):
    s.configuration["destination_controls"].append({"domain": "x.example", "ca_file": "/nonexistent/other.pem"})
    return "/nonexistent/other.pem", "destination_controls[1].ca_file: " \
                                     "CA file /nonexistent/other.pem: No such file or directory"


def tls_of_deliveries(key, value, reason):
    def change(s):
        # The other keys are there, before it and behind it.
        s.configuration["tls"] = {"min_version": "1.2", key: value, "groups": "X25519:P-256"} if key != "groups" else \
            {"min_version": "1.2", "ciphers": "HIGH", key: value}
        return value, f"tls.{key}: {reason}"
    return change


def file_of_dns(key, path):
    def change(s):
        s.configuration["dns"] = {"timeout": "20s", key: path}
        return path, f"dns.{key}: DNS resolver: {path}: error reading file"
    return change


ERRORS = {
    "a user that does not exist": unknown_user,
    "a group that does not exist": unknown_group,
    "a spool in a folder that is not there": spool_of("nowhere/spool", "No such file or directory"),
    "a spool that is a file": spool_of("file", "Not a directory"),
    "a spool below a file": spool_of("file/spool", "Not a directory"),
    "a spool that the user may not make": spool_that_the_user_may_not(None, "", "directory "),
    "a spool that is root's": spool_that_the_user_may_not(of_root, "", "directory "),
    "a spool that root worked in, its lock": spool_that_the_user_may_not(with_a_lock_of_root, "/spool.lock", ""),
    "a log in a folder that is not there": log_at("nowhere/log", "No such file or directory"),
    "a log that is a folder": log_at("mine", "Is a directory"),
    "a log that the user may not write": log_that_the_user_may_not_write,
    "a log file without a path": log_without_a_path,
    "a host name to listen at": address_of("localhost:25"),
    "an address in the form of mail": address_of("[IPv6:::1]:25"),
    "a port of six digits": address_of("127.0.0.1:000025"),
    "an address within that of another listener": address_within_that_of_another,
    "a listener at the control socket": listener_at_the_control_socket,
    "a listener at the control socket by another path": listener_at_the_control_socket_by_another_path,
    "a certificate that is not there": certificate_that_is_not_there,
    "a key that is not there": key_that_is_not_there,
    "a key of another certificate": key_of_another_certificate,
    "a certificate that the user may not read": certificate_that_the_user_may_not_read,
    "the authorities of one destination": authorities_of_a_destination,
    "the authorities of all destinations":
        tls_of_deliveries("ca_file", "/nonexistent/ca.pem", "CA file /nonexistent/ca.pem: No such file or directory"),
    "ciphers that are none": tls_of_deliveries("ciphers", "FOO", 'no usable cipher in the list "FOO"'),
    "groups that are none": tls_of_deliveries("groups", "FOO", 'not a list of TLS groups: "FOO"'),
    "the names that are known": file_of_dns("hosts", "/nonexistent/hosts"),
    "the name servers": file_of_dns("resolv_conf", "/nonexistent/resolv.conf"),
}


@pytest.mark.parametrize("change", ERRORS.values(), ids=ERRORS.keys())
def test_what_would_fail_a_start_is_found_by_the_check_in_the_same_words(work, change):
    setting = Setting(work)
    value, text = change(setting)
    path = setting.daemon.write_configuration()
    before = everything_in(work.directory)
    code, out, said = tdcd(path, "--check")
    assert (code, out) == (78, "")
    assert everything_in(work.directory) == before
    line, = problems(said, is_error=True)
    assert line.partition(": ")[2] == text, said
    if value is not None:
        assert line.startswith(place_of(path, value) + ": "), (line, path.read_text())
    assert problems(said, is_error=False) == []
    # The start: with a log file it is for that file to say so, and it cannot.
    code, out, said = tdcd(path, *([] if "log" in text else ["--foreground"]))
    assert code in (1, 78) and out == ""
    assert re.search(rf"tdcd cannot start, [\w ]+: {re.escape(line)}\n", said), said
    assert said.count(line) == 1, said


def test_every_problem_of_files_and_lists_is_told_with_its_own_key(work):
    setting = Setting(work)
    c = setting.configuration
    c["listeners"][0].update(tls="required", certificate_file="/nonexistent/cert.pem", key_file="/nonexistent/key.pem")
    c["tls"] = {"ciphers": "FOO", "ca_file": "/nonexistent/ca.pem", "groups": "BAR", "certificate_file": "/nonexistent/c",
                "key_file": "/nonexistent/k"}
    c["destination_controls"][0]["ca_file"] = "/nonexistent/0.pem"
    c["destination_controls"] += [{"domain": "x.example", "ca_file": "/nonexistent/1.pem"}, {"domain": "y.example"}]
    c["dns"] = {"resolv_conf": "/nonexistent/resolv.conf", "hosts": "/nonexistent/hosts"}
    c["smtp_routes"] = [{"domain": f"{name}.example", "next_hops": [f"{name}:0"]} for name in "ab"]
    values = {
        "listeners[0].certificate_file": "/nonexistent/cert.pem", "listeners[0].key_file": "/nonexistent/key.pem",
        "tls.ciphers": "FOO", "tls.ca_file": "/nonexistent/ca.pem", "tls.groups": "BAR",
        "tls.certificate_file": "/nonexistent/c", "tls.key_file": "/nonexistent/k",
        "destination_controls[0].ca_file": "/nonexistent/0.pem", "destination_controls[1].ca_file": "/nonexistent/1.pem",
        "dns.resolv_conf": "/nonexistent/resolv.conf", "dns.hosts": "/nonexistent/hosts"}
    path = setting.daemon.write_configuration()
    code, _, said = tdcd(path, "--check")
    lines = problems(said, is_error=True)
    placed = {line.split(": ")[1]: line.split(": ")[0] for line in lines}
    assert len(placed) == len(lines), said
    hops = {f"smtp_routes[{i}].next_hops[0]" for i in range(2)}
    assert code == 78 and placed.keys() == values.keys() | hops, said
    assert {key: placed[key] for key in values} == {key: place_of(path, value) for key, value in values.items()}
    # A start tells all of them, each once.
    code, _, said = tdcd(path, "--foreground")
    assert code == 78 and all(said.count(f" Error: {line}\n") == 1 for line in lines), said
    assert said.endswith(f" tdcd cannot start, settings: {len(lines)} problems, named above\n"), said


def test_a_place_for_bodies_that_the_user_may_not_use_is_found_before_the_first_large_message(work):
    setting = Setting(work)
    setting.as_nobody()
    segments = setting.theirs / "spool" / "segments"
    segments.mkdir(mode=0o700, parents=True)
    os.chown(segments.parent, NOBODY.pw_uid, -1)
    code, _, said = tdcd(setting.daemon.write_configuration(), "--check")
    line, = problems(said, is_error=True)
    assert code == 78 and line.endswith(f": spool.directory: directory {segments}: Permission denied")


# ---------------------------------------------------------------- sockets

@contextlib.contextmanager
def taken(address):
    with socket.socket() as s:
        s.bind(address)
        s.listen()
        yield


def port_in_use(s, stack):
    address = f"127.0.0.1:{s.daemon.smtp_port}"
    stack.enter_context(taken(("127.0.0.1", s.daemon.smtp_port)))
    return address, f"listeners[0].address: cannot listen on {address}: Address already in use"


def address_of_another_machine(s, stack):
    s.put("192.0.2.1:2525", "listeners", 1, "address")
    return "192.0.2.1:2525", "listeners[1].address: cannot listen on 192.0.2.1:2525: Cannot assign requested address"


def socket_in_a_folder_that_is_not_there(s, stack):
    s.put("unix:/nonexistent/lmtp", "listeners", 2, "address")
    return "unix:/nonexistent/lmtp", "listeners[2].address: cannot listen on /nonexistent/lmtp: No such file or directory"


def socket_that_is_a_file(s, stack):
    path = s.work.directory / "file"
    s.put(f"unix:{path}", "listeners", 2, "address")
    return f"unix:{path}", f"listeners[2].address: {path} exists and is no socket"


def control_socket_in_a_folder_that_is_not_there(s, stack):
    s.put("/nonexistent/control", "admin", "socket")
    return "/nonexistent/control", "admin.socket: cannot listen on /nonexistent/control: No such file or directory"


def control_socket_that_the_user_may_not_make(s, stack):
    s.as_nobody()
    path = s.mine / "control"
    s.put(path, "admin", "socket")
    return path, f"admin.socket: cannot listen on {path}: Permission denied"


SOCKETS = {
    "a port in use": port_in_use,
    "an address of another machine": address_of_another_machine,
    "a unix socket in a folder that is not there": socket_in_a_folder_that_is_not_there,
    "a unix socket that is a file": socket_that_is_a_file,
    "a control socket in a folder that is not there": control_socket_in_a_folder_that_is_not_there,
    "a control socket that the user may not make": control_socket_that_the_user_may_not_make,
}


@pytest.mark.parametrize("change", SOCKETS.values(), ids=SOCKETS.keys())
def test_what_cannot_be_bound_now_is_a_warning_of_the_check_and_an_error_of_the_start(work, change):
    setting = Setting(work)
    with contextlib.ExitStack() as stack:
        value, text = change(setting, stack)
        path = setting.daemon.write_configuration()
        before = everything_in(work.directory)
        code, out, said = tdcd(path, "--check")
        assert (code, out) == (0, f"{path}: the configuration is correct\n"), said
        assert everything_in(work.directory) == before
        assert problems(said, is_error=True) == []
        assert problems(said, is_error=False) == [f"{place_of(path, value)}: {text}"], said
        code, out, said = tdcd(path, "--foreground")
        assert code in (1, 78) and re.search(
            rf" Error: tdcd cannot start, [\w ]+: {re.escape(place_of(path, value))}: {re.escape(text)}\n", said), said
        assert said.count(text) == 1, said
    assert not os.path.exists(setting.configuration["listeners"][2]["address"].removeprefix("unix:")) or "no socket" in text
    # The spool was closed in order, and by its user.
    spool = pathlib.Path(setting.configuration["spool"]["directory"])
    assert {p.stat().st_uid for p in spool.rglob("*")} == {NOBODY.pw_uid if "user" in setting.configuration else 0}


def test_a_check_beside_the_running_daemon_is_silent_and_unnoticed(work):
    daemon = work.daemon(work.sink())
    path = daemon.write_configuration()
    wait_until(lambda: "ICID 1 close" in daemon.log(), 20, "the end of the rig's own session")
    seen = len(daemon.log())
    code, _, said = tdcd(path, "--check")
    assert code == 0 and problems(said, True) + problems(said, False) == [], said
    assert daemon.accepts()
    wait_until(lambda: len(re.findall(r" ICID \d+ close\b", daemon.log())) == 2, 20, "the end of this session")
    assert "ICID 3" not in daemon.log()[seen:], "the check began none"
    assert daemon.json("health")["status"] == "ok"
    # What it has not got is looked at all the same.
    daemon.configuration["listeners"][0]["address"] = "192.0.2.1:2525"
    code, _, said = tdcd(daemon.write_configuration(), "--check")
    assert code == 0 and len(problems(said, is_error=False)) == 1, said
    daemon.stop()


# ---------------------------------------------------------------- who one is

def test_a_check_by_another_user_looks_as_that_user(work):
    setting = Setting(work)
    setting.as_nobody()
    path = setting.daemon.write_configuration()
    as_daemon = {"user": "daemon", "extra_groups": []}
    os.chmod(path, 0o644)
    os.chown(setting.theirs, NOBODY.pw_uid, -1)
    setting.daemon.directory.chmod(0o755)
    code, _, said = tdcd(path, "--check", **as_daemon)
    warnings = [line.partition(": ")[2] for line in problems(said, is_error=False)]
    assert "user: not started as root, tdcd does not become another user" in warnings, said
    assert code == 78 and "Permission denied" in problems(said, is_error=True)[0], said
    # As the user itself there is nothing to become, and nothing in the way.
    code, _, said = tdcd(path, "--check", user="nobody", extra_groups=[])
    assert (code, said) == (0, "")


def test_a_file_that_a_reload_could_not_read_is_a_warning(work):
    setting = Setting(work)
    setting.as_nobody()
    path = setting.daemon.write_configuration()
    os.chmod(path, 0o600)
    code, _, said = tdcd(path, "--check")
    assert code == 0
    assert said == "warning: tdc.yaml:1:1: cannot be read by the user that tdcd works as, for a reload: Permission denied\n"
    os.chmod(path, 0o644)
    assert tdcd(path, "--check")[2] == ""


# ---------------------------------------------------------------- warnings, and the shipped example

def test_mail_that_goes_nowhere_is_told_by_the_check_and_by_the_log_of_the_start(work):
    daemon = work.daemon(start=False)
    log = work.directory / "mail.log"
    daemon.configuration["connector"] = {"enabled": False}
    daemon.configuration["log"] = {"target": "file", "path": str(log)}
    path = daemon.write_configuration()
    code, _, said = tdcd(path, "--check")
    line, = problems(said, is_error=False)
    assert code == 0 and not log.exists()
    assert re.fullmatch(r"tdc\.yaml:\d+:\d+: connector\.enabled: mail is accepted and not journaled while connector\.enabled "
                        r"is false and no connector\.message_intake_address is set", line), line
    daemon.is_foreground = False
    daemon.start()
    assert f" Warning: {line}\n" in log.read_text().replace(f"{path}:", "tdc.yaml:")
    assert daemon.process.text() == "", "all of it is in the log"
    daemon.stop()


def test_the_shipped_example_takes_no_mail_before_it_is_filled_in(work):
    """And filled in, all that is left to do is what the README says: a user and its folders."""
    source = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
    text = (source / "config" / "tdc.yaml").read_text()
    path = work.directory / "tdc.yaml"
    directory = work.directory / "spool"
    text = text.replace("\nuser: tdcd\n", f"\nspool: {{ directory: {directory}, reserve: 1M }}\n"
                                          f"admin: {{ socket: {work.directory}/control.sock }}\n")
    text = text.replace("127.0.0.1:10025", f"127.0.0.1:{free_port()}")
    path.write_text(text)
    for arguments in (["--check"], ["--foreground"]):
        code, _, said = tdcd(path, *arguments)
        assert code == 78 and re.search(r"(^|cannot start, configuration: )tdc\.yaml:\d+:\d+: connector\.message_intake_address: required where the connector "
                                        r"is enabled, but missing; allowed: a mail address", said, re.M), said
    assert not directory.exists()
    path.write_text(text.replace("# message_intake_address", "message_intake_address"))
    assert yaml.safe_load(path.read_text())["connector"]["message_intake_address"] == "tenant@bcc-in.example.com"
    code, _, said = tdcd(path, "--check")
    assert code == 0 and problems(said, True) + problems(said, False) == [], said
    process = Process([program("tdcd"), "--config", str(path)], work.directory / "example.log")
    wait_until(lambda: " ready\n" in process.text() or not process.is_running(), 60, "tdcd to be ready")
    assert "not journaled" not in process.text()
    assert process.stop() == 0

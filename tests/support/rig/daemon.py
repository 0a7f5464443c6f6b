"""tdcd as a user runs it: a configuration file, a spool directory, a control socket."""

import json
import pathlib
import socket
import subprocess

import yaml

from .process import Process, free_ports, program, wait_until

INTAKE = "tenant@intake.example"


class Daemon:
    """One tdcd with an SMTP, an LMTP and a unix LMTP listener and a route to a sink."""

    def __init__(self, directory, sink=None, env=None, inside=(), **changes):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.spool = self.directory / "spool"
        self.socket = str(self.directory / "control.sock")
        self.lmtp_socket = str(self.directory / "lmtp.sock")
        self.smtp_port, self.lmtp_port = free_ports(2)
        self.env = env or {}
        # What runs it, in front of its own words; and whether it logs to where the rig can read it.
        self.inside, self.is_foreground = list(inside), True
        self.process = None
        self.starts = 0
        self.is_proved = True
        self.configuration = {
            "version": 1,
            "hostname": "gateway.example",
            "listeners": [
                {"name": "smtp", "protocol": "smtp", "address": f"127.0.0.1:{self.smtp_port}"},
                {"name": "lmtp", "protocol": "lmtp", "address": f"127.0.0.1:{self.lmtp_port}"},
                {"name": "local", "protocol": "lmtp", "address": f"unix:{self.lmtp_socket}"},
            ],
            "spool": {"directory": str(self.spool), "reserve": "1M"},
            "connector": {"enabled": True, "message_intake_address": INTAKE},
            "incoming_mail_policies": {"default": {"intake": "global"}},
            "destination_controls": [{
                "domain": "default", "tls_name": "localhost", "probe_first": "200ms",
                "probe_longest": "1s", "suspended_probe": "1s", "uncertain_wait": "1s",
                "idle_timeout": "1s",
            }],
            "bounce_profiles": {"default": {"first_wait": "1s", "longest_wait": "2s"}},
            "admin": {"socket": self.socket},
            "log": {"target": "stderr", "level": "info"},
        }
        if sink is not None:
            self.route_to(sink)
        for section, values in changes.items():
            if isinstance(values, dict) and isinstance(self.configuration.get(section), dict):
                self.configuration[section].update(values)
            else:
                self.configuration[section] = values

    def route_to(self, sink):
        self.configuration["smtp_routes"] = [
            {"domain": "intake.example", "next_hops": [f"[127.0.0.1]:{sink.port}"]}]
        self.configuration["tls"] = {"ca_file": str(sink.ca)}

    @property
    def controls(self):
        return self.configuration["destination_controls"][0]

    def write_configuration(self):
        path = self.directory / "tdc.yaml"
        path.write_text(yaml.safe_dump(self.configuration, sort_keys=False))
        return path

    def start(self, env=None):
        path = self.write_configuration()
        self.starts += 1
        self.is_proved = False
        self.process = Process([*self.inside, program("tdcd"), "--config", str(path),
                                *(["--foreground"] if self.is_foreground else [])],
                               self.directory / f"tdcd.{self.starts}.log",
                               env={**self.env, **(env or {})})
        wait_until(lambda: self.accepts() or not self.process.is_running(), 60, "tdcd to accept")
        return self

    def accepts(self):
        try:
            with socket.create_connection(("127.0.0.1", self.smtp_port), 1) as s:
                s.settimeout(5)
                return s.recv(3) == b"220"
        except OSError:
            return False

    def stop(self):
        """An orderly stop after the account was proved; the exit code must be 0 (sanitizers make it another)."""
        if self.process.is_running():
            self.assert_accounted()
        code = self.process.stop(60)
        assert code == 0, f"tdcd ended with {code}\n{self.process.tail()}"

    def kill(self):
        self.process.kill()

    def abandon(self):
        """Killed for good: its account is proved elsewhere, from a copy of its disk, or not at all."""
        self.kill()
        self.is_proved = True

    def log(self):
        return "".join(p.read_text(errors="replace")
                       for p in sorted(self.directory.glob("tdcd.*.log"),
                                       key=lambda p: int(p.name.split(".")[1])))

    def ctl(self, *arguments, check=True):
        done = subprocess.run([program("tdcctl"), "--socket", self.socket, *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)
        if check:
            assert done.returncode == 0, f"tdcctl {arguments}: {done.returncode}: {done.stderr}"
        return done

    def json(self, *arguments):
        return json.loads(self.ctl(*arguments, "--json").stdout)

    def states(self):
        """Journals by state, as counted by the account."""
        return self.json("status")["account"]["states"]

    def pending(self):
        states = self.states()
        return states["waiting"] + states["uncertain"]

    def wait_drained(self, seconds=60):
        wait_until(lambda: self.pending() == 0, seconds, "the queue to drain")

    def assert_accounted(self):
        """The identity closes, by the counters and by counting the rows."""
        account = self.json("account", "--verify")
        assert account["gap"] == 0, account
        assert account["verified"]["gap"] == 0, account
        assert account["verified"]["agrees"] is True, account
        self.is_proved = True
        return account

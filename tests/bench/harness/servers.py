"""The servers, each relaying all mail to one intake over verified STARTTLS. All are given the same: where to go, how
many messages a connection may carry, a log in a file at its usual level, twenty connections at a time."""

import json
import os
import pathlib
import re
import subprocess
import time

import yaml

from rig import postfix as rig_postfix
from rig.process import Process, free_port, program, wait_until

from .measure import Group

SYNCS = "fsync,fdatasync,sync_file_range,syncfs,sync,msync"
STRACE = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={SYNCS}", "-e", "signal=none", "-o"]


class Server:
    """`hop` is the port of the intake on localhost, `ca` the authority of its certificate."""

    name = None
    quiet_times = 6  # in a row, each a quarter of a second

    def __init__(self, directory, hop, ca, messages_per_connection=10, traced=False, **settings):
        self.directory = pathlib.Path(directory)
        self.hop, self.ca, self.settings = hop, ca, settings
        self.messages_per_connection = messages_per_connection
        self.trace = self.directory / "syncs" if traced else None
        self.group = Group(self.name)
        self.directory.mkdir(parents=True)

    def rest(self):
        """Until all that waits has been tried, with the intake down."""

    def prefix(self):
        return [*STRACE, str(self.trace)] if self.trace else []

    def syncs(self):
        """System calls so far that force data to disk."""
        text = self.trace.read_text(errors="replace")
        return len(re.findall(r"^\d+ +(?:fsync|fdatasync|sync_file_range|syncfs|sync|msync)\(", text, re.M))

    def settle(self, most=20):
        """Until the queue is empty and nothing more is done: deletes and the last checkpoint are in the bill."""
        wait_until(self.is_empty, 60, f"the queue of {self.name} to be empty")
        begin, before, quiet = time.monotonic(), self.group.cpu_s(), 0
        while time.monotonic() < begin + most and quiet < self.quiet_times:
            time.sleep(0.25)
            now = self.group.cpu_s()
            quiet = quiet + 1 if now - before < 0.005 else 0
            before = now

    def close(self):
        self.stop()
        self.group.close()


class Tdcd(Server):
    """The shipped defaults, but for paths and the name in the intake's certificate."""

    name = "tdcd"

    def configuration(self):
        per_connection = self.messages_per_connection or 1000000
        found = {
            "version": 1, "hostname": "gateway.example",
            "listeners": [{"name": "smtp", "protocol": "smtp", "address": f"127.0.0.1:{self.port}"}],
            "spool": {"directory": str(self.directory / "spool")},
            "connector": {"enabled": True, "message_intake_address": "tenant@intake.example"},
            "incoming_mail_policies": {"default": {"intake": "global"}},
            "smtp_routes": [{"domain": "intake.example", "next_hops": [f"[127.0.0.1]:{self.hop}"]}],
            "destination_controls": [{"domain": "default", "tls_name": "localhost",
                                      "messages_per_connection": per_connection}],
            "tls": {"ca_file": str(self.ca)},
            "admin": {"socket": str(self.directory / "control.sock")},
            "log": {"target": "file", "path": str(self.directory / "log")},
        }
        connections = self.settings.get("connections")
        if connections:
            found["listeners"][0] |= {"max_connections": connections, "max_connections_per_client": connections}
            found["limits"] = {"max_connections": connections}
        destinations = self.settings.get("destinations", 1)
        if destinations > 1:
            found["incoming_mail_policies"]["policies"] = [
                {"name": f"p{i}", "recipient": [f"d{i}.example"], "intake": "custom",
                 "message_intake_address": f"tenant{i}@intake.example"} for i in range(destinations)]
        return found

    def start(self):
        self.port = free_port()
        path = self.directory / "tdc.yaml"
        path.write_text(yaml.safe_dump(self.configuration(), sort_keys=False))
        self.process = Process([*self.prefix(), program("tdcd"), "--config", str(path)],
                               self.directory / "output")
        self.group.add(self.process.pid)
        wait_until(lambda: not self.process.is_running() or self.answers(), 60, "tdcd to start")
        assert self.process.is_running(), self.process.tail()
        return self

    def answers(self):
        return self.ctl("version", check=False).returncode == 0

    def ctl(self, *arguments, check=True):
        done = subprocess.run([program("tdcctl"), "--socket", str(self.directory / "control.sock"), *arguments],
                              capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, f"tdcctl {arguments}: {done.stderr}"
        return done

    def stop(self):
        if self.trace and self.process.is_running():
            for pid in self.group.pids():
                if pid != self.process.pid:
                    subprocess.run(["kill", "-TERM", str(pid)], check=False)
            self.process.child.wait(60)
        code = self.process.stop(60)
        assert code == 0, f"tdcd ended with {code}\n{self.process.tail()}"

    def waiting(self):
        states = json.loads(self.ctl("status", "--json").stdout)["account"]["states"]
        return states["waiting"] + states["uncertain"]

    def is_empty(self):
        return self.waiting() == 0

    def retry_now(self):
        self.ctl("delivernow", "all")

    def fresh_delays(self, address):
        """Seconds from acceptance to delivery of what this sender sent, by the log, which has whole seconds."""
        accepted, journals, delays = {}, {}, []
        with open(self.directory / "log", errors="replace") as log:
            for line in log:
                if address in line and " From: <" in line:
                    accepted[re.search(r"MID (\d+)", line).group(1)] = log_time(line)
                elif " was generated based on MID " in line:
                    made, of = re.findall(r"MID (\d+)", line)
                    if of in accepted:
                        journals[made] = accepted[of]
                elif "Message done DCID" in line:
                    mid = re.search(r"MID (\d+)", line).group(1)
                    if mid in journals:
                        delays.append(log_time(line) - journals[mid])
        return delays


def log_time(line):
    return time.mktime(time.strptime(line[:24], "%a %b %d %H:%M:%S %Y"))


class Postfix(Server):
    """Tuned after its own TUNING_README, CONNECTION_CACHE_README and TLS_README: connections to the intake are
    reused through tlsproxy, TLS sessions are resumed, input is not slowed down in favour of output, no look-ups."""

    name = "postfix"
    MAIN = [
        # where mail goes, and how
        "mydestination =", "relay_domains =", "local_transport = error:none", "transport_maps =",
        "relayhost = [localhost]:{hop}", "default_transport = smtp", "relay_transport = smtp",
        "smtp_dns_support_level = disabled", "smtp_host_lookup = native", "smtp_tls_security_level = secure",
        "smtp_tls_secure_cert_match = nexthop", "smtp_tls_CAfile = {ca}",
        "smtp_tls_session_cache_database = btree:$data_directory/smtp_scache",
        # connections are kept
        "smtp_tls_connection_reuse = yes", "smtp_connection_cache_on_demand = yes",
        "smtp_connection_cache_destinations = [localhost]:{hop}", "smtp_connection_reuse_count_limit = {count}",
        # as many at a time as tdcd's default
        "default_destination_concurrency_limit = 20", "initial_destination_concurrency = 20",
        "default_process_limit = 200", "smtpd_client_connection_count_limit = 0",
        # input as fast as it comes, no look-ups, no rewriting, no statistics of clients
        "in_flow_delay = 0s", "smtpd_peername_lookup = no", "local_header_rewrite_clients =",
        "smtpd_client_connection_rate_limit = 0", "smtputf8_autodetect_classes = sendmail, verify", "qmgr_message_active_limit = 20000",
        # the usual waits
        "minimal_backoff_time = 300s", "maximal_backoff_time = 4000s", "queue_run_delay = 300s",
    ]

    class Instance(rig_postfix.Postfix):
        def write(self):
            super().write()
            lines = {}
            for line in (self.config / "main.cf").read_text().splitlines():
                lines[line.partition("=")[0].strip()] = line  # the later wins, without a warning
            (self.config / "main.cf").write_text("\n".join(lines.values()) + "\n")

    def start(self):
        values = {"hop": self.hop, "ca": self.ca, "count": self.messages_per_connection}
        self.instance = self.Instance(self.directory / "postfix", [line.format(**values) for line in self.MAIN],
                                      ["tlsproxy unix - - n - 0 tlsproxy"])
        self.port, self.tracer = self.instance.port, None
        if self.trace:
            self.instance.write()
            self.instance.run("check")
            self.tracer = Process([*self.prefix(), "/usr/sbin/postfix", "-c", str(self.instance.config), "start-fg"],
                                  self.directory / "output")
            pid = self.instance.queue / "pid" / "master.pid"
            wait_until(lambda: pid.exists() and pid.read_text().strip(), 30, "Postfix to start")
            self.instance.master_pid = int(pid.read_text())
        else:
            self.instance.start()
        self.group.add(self.instance.master_pid)
        return self

    def stop(self):
        self.instance.stop()
        if self.tracer:
            self.tracer.child.wait(30)
            self.tracer.stop()

    def count(self, *queues):
        return sum(len(files) for name in queues for _, _, files in os.walk(self.instance.queue / name))

    def waiting(self):
        return self.count("maildrop", "incoming", "active", "deferred")

    def is_empty(self):
        return self.waiting() == 0

    def rest(self):
        wait_until(lambda: self.count("incoming", "active") == 0, 600, "Postfix to defer everything")

    def retry_now(self):
        subprocess.run(["/usr/sbin/postqueue", "-c", str(self.instance.config), "-f"], check=True)

    def fresh_delays(self, address):
        """Postfix logs the delay of each delivery itself."""
        ids, delays = set(), []
        with open(self.instance.maillog, errors="replace") as log:
            for line in log:
                found = re.search(r"(?:qmgr|cleanup|smtp)\[\d+\]: ([0-9A-Za-z]+): (.*)", line)
                if not found:
                    continue
                if f"from=<{address}>" in found.group(2):
                    ids.add(found.group(1))
                elif found.group(1) in ids and "status=sent" in line:
                    delays.append(float(re.search(r" delay=([\d.]+)", line).group(1)))
        return delays


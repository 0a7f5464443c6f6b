"""Figures of the main job, from a release build: python3 tests/bench/main_job.py [--messages N]

	backlog   N messages waiting (100,000): anonymous memory, start-up, answer time of `tdcctl status`
	huge      a 60 MB message in and out: growth of memory, and the latency of 4 KB messages meanwhile

Prints one JSON object with the figures and the bounds, and exits 1 when one is missed. Never run by CI as a test:
the machine's own noise is in them.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
os.environ["TDC_BUILD_DIR"] = str(BUILD)
os.environ["TDC_SOURCE_DIR"] = str(ROOT)
sys.path.insert(0, str(ROOT / "tests" / "support"))

from rig import corpus  # noqa: E402
from rig.daemon import Daemon  # noqa: E402
from rig.sink import Sink  # noqa: E402


def build():
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DTDC_BENCH=ON"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "-j", "2"], check=True, stdout=subprocess.DEVNULL)


def load(port, *arguments):
    done = subprocess.run([BUILD / "tests" / "bench" / "load", "--to", f"127.0.0.1:{port}", *map(str, arguments)],
                          capture_output=True, text=True)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def memory(pid):
    """Anonymous resident bytes now."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


class Peak(threading.Thread):
    """The largest anonymous memory while it watches."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.watching = pid, 0, True
        self.start()

    def run(self):
        while self.watching:
            try:
                self.peak = max(self.peak, memory(self.pid))
            except (OSError, AssertionError):
                return
            time.sleep(0.005)

    def stop(self):
        self.watching = False
        self.join()
        return self.peak


def quiet(directory, sink, **changes):
    """Few log lines, and the shipped defaults for waits and limits."""
    daemon = Daemon(directory, sink, log={"target": "stderr", "level": "warning"}, **changes)
    daemon.configuration["destination_controls"] = [{"domain": "default", "tls_name": "localhost"}]
    daemon.configuration["bounce_profiles"] = {}
    del daemon.configuration["spool"]["reserve"]
    return daemon


def backlog(directory, messages):
    sink = Sink(directory / "sink", "--discard").start()
    port = sink.port
    sink.stop()
    daemon = quiet(directory / "daemon", sink).start()
    peak = Peak(daemon.process.pid)
    fed = load(daemon.smtp_port, "--connections", 50, "--per-connection", 100, "--total", messages, "--size", 4096)
    filling = peak.stop()
    daemon.stop()
    begin = time.monotonic()
    daemon.start()
    start = time.monotonic() - begin
    times = []
    for _ in range(20):
        begin = time.monotonic()
        status = daemon.json("status")
        times.append(time.monotonic() - begin)
    waiting = status["account"]["states"]["waiting"]
    resting = memory(daemon.process.pid)
    connections = daemon.json("status")["counters"]["connections_out"]
    time.sleep(60)
    attempts = daemon.json("status")["counters"]["connections_out"] - connections
    peak = Peak(daemon.process.pid)
    sink = Sink(directory / "sink", "--discard", port=port).start()
    daemon.configuration["tls"]["ca_file"] = str(sink.ca)
    daemon.write_configuration()
    daemon.ctl("reload")
    begin = time.monotonic()
    daemon.wait_drained(600)
    drained = time.monotonic() - begin
    draining = peak.stop()
    account = daemon.json("account", "--verify")
    daemon.stop()
    sink.stop()
    return {
        "accepted_per_s": fed["rate"], "accept_p99_ms": fed["latency_us"]["p99"] / 1000, "waiting": waiting,
        "start_s": start, "status_ms_max": max(times) * 1000, "connection_attempts_per_minute_while_down": attempts,
        "drained_per_s": messages / drained, "account_gap": account["gap"],
        "anonymous_mib": {"filling": filling / 2**20, "resting": resting / 2**20, "draining": draining / 2**20},
    }, [("waiting", waiting == messages), ("start < 2 s", start < 2), ("status < 100 ms", max(times) < 0.1),
        ("memory < 32 MiB", max(filling, resting, draining) < 32 * 2**20), ("gap", account["gap"] == 0),
        ("a handful of attempts a minute", attempts <= 6)]


def huge(directory):
    sink = Sink(directory / "sink2", "--discard").start()
    daemon = quiet(directory / "daemon2", sink).start()
    alone = [load(daemon.smtp_port, "--connections", 1, "--per-connection", 100000, "--seconds", 4, "--size", 4096)
             for _ in range(3)]
    daemon.wait_drained(60)
    before = memory(daemon.process.pid)
    peak = Peak(daemon.process.pid)
    # One a second, as fast as the machine takes each: what a feeder in Python does beside would be measured as well.
    feeder = subprocess.Popen([BUILD / "tests" / "bench" / "load", "--to", f"127.0.0.1:{daemon.smtp_port}", "--connections", "1",
                               "--per-connection", "1000", "--rate", "1", "--seconds", "1000", "--size",
                               str(corpus.HUGE)], stdout=subprocess.PIPE, text=True)
    beside = [load(daemon.smtp_port, "--connections", 1, "--per-connection", 100000, "--seconds", 4, "--size", 4096)
              for _ in range(3)]
    feeder.terminate()
    sent = json.loads(feeder.communicate()[0])["accepted"]
    daemon.wait_drained(120)
    growth = peak.stop() - before
    daemon.stop()
    sink.stop()

    def median(runs):
        return sorted(run["latency_us"]["p99"] for run in runs)[1] / 1000
    return {"sixty_megabyte_messages": sent, "growth_mib": growth / 2**20, "p99_ms_alone": median(alone),
            "p99_ms_beside": median(beside), "ratio": median(beside) / median(alone)}, \
        [("growth < 8 MiB", growth < 8 * 2**20), ("p99 within 2 x", median(beside) <= 2 * median(alone))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--only", choices=["backlog", "huge"])
    options = parser.parse_args()
    build()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="tdc-bench-"))
    result, bounds = {}, []
    try:
        if options.only != "huge":
            result["backlog"], found = backlog(directory, options.messages)
            bounds += found
        if options.only != "backlog":
            result["huge"], found = huge(directory)
            bounds += found
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    result["missed"] = [name for name, holds in bounds if not holds]
    print(json.dumps(result, indent=2))
    sys.exit(1 if result["missed"] else 0)


if __name__ == "__main__":
    main()

"""The cells: each runs one server once and returns its figures. Clocks stop when everything is delivered and the
server has nothing left to do."""

import contextlib
import json
import os
import subprocess
import threading
import time

from rig.process import wait_until
from rig.sink import Sink

from .boxed import Exim, OpenSmtpd
from .machine import bench_program, load, load_command
from .measure import Group, Peak, Volume
from .servers import Postfix, Tdcd

GIB = 1 << 30
SERVERS = {server.name: server for server in (Tdcd, Postfix, OpenSmtpd, Exim)}


class Bench:
    """What a run was asked for, and a place for each cell."""

    def __init__(self, directory, seconds, scale, own_ext4, pipelining):
        self.directory, self.seconds, self.scale = directory, seconds, scale
        self.own_ext4, self.pipelining = own_ext4, pipelining
        self.rounds, self.series_points, self.cells = 1, None, 0

    def points(self, all_points):
        """The points of a series: all, or so many from its first to its last, evenly; in a smoke run the first."""
        if self.series_points == 2:
            return all_points[:2]
        if self.series_points is None or self.series_points >= len(all_points):
            return all_points
        step = (len(all_points) - 1) / (self.series_points - 1)
        return [all_points[round(i * step)] for i in range(self.series_points)]

    def count(self, full, least):
        """A count of the full run, scaled down in a quick one."""
        return max(least, int(full * self.scale))

    @contextlib.contextmanager
    def place(self, own_ext4=False):
        self.cells += 1
        place = self.directory / f"cell-{self.cells}"
        volume = Volume(place / "spool", own=own_ext4 or self.own_ext4)
        try:
            yield place, volume
        finally:
            volume.close()
            subprocess.run(["rm", "-rf", place], check=False)

    @contextlib.contextmanager
    def relay(self, name, own_ext4=False, round_trip_ms=0, **settings):
        """A sink and a server in front of it, warm. An error shows; what still runs is stopped."""
        with self.place(own_ext4) as (place, volume), contextlib.ExitStack() as stack:
            group = Group("sink")
            stack.callback(group.close)
            sink = Sink(place / "sink", "--discard").start()
            stack.callback(lambda: sink.process.is_running() and sink.stop())
            sink.group = group
            sink.group.add(sink.process.pid)
            hop = sink.port
            if round_trip_ms:
                wire = subprocess.Popen([bench_program("delay"), "--to", f"127.0.0.1:{hop}", "--round-trip-ms",
                                         str(round_trip_ms)], stdout=subprocess.PIPE, text=True)
                stack.callback(lambda: (wire.terminate(), wire.wait()))
                hop = json.loads(wire.stdout.readline())["listening"]
            server = SERVERS[name](volume.directory / name, hop, sink.ca, **settings)
            stack.callback(server.group.close)
            server.start()
            stack.callback(server.stop)
            server.volume = volume
            warm = load(server.port, connections=10, per_connection=10, total=100)
            assert warm["accepted"] == 100, f"{name} does not take mail: {warm}"
            wait_for(sink, 100)
            server.settle()
            yield server, sink

    def bound(self, size):
        """How many may wait in a relay: so few that each is in its steady state, and accepts what it delivers, for
        nearly all of the time. What filling alone does is in `outage` and `backlog`."""
        return min(2_000, 2 * GIB // max(size, 4096))


def wait_for(sink, messages, seconds=600):
    """Until the sink has taken so many; the time of it."""
    wait_until(lambda: sink.counts()["messages"] >= messages, seconds, f"{messages} messages at the intake")
    return time.monotonic()


def delivered_between(sink, begin, end):
    """Messages a second that the sink takes between two times from now on."""
    time.sleep(max(0, begin))
    first, at = sink.counts()["messages"], time.monotonic()
    time.sleep(max(0, end - begin))
    return (sink.counts()["messages"] - first) / (time.monotonic() - at)


def latency(figures, result):
    for name in ("p50", "p99", "p999", "max"):
        figures[f"latency_{name}_ms"] = result["latency_us"][name] / 1000


def feed(bench, server, sink, size, bounded=True, **options):
    """Feeds for a while and waits for the end of it all: rates, CPU, memory, latency under load."""
    before, wrote = sink.counts(), server.volume.written()
    cpu, sink_cpu, peak = server.group.cpu_s(), sink.group.cpu_s(), Peak(server.group)
    if bounded:
        options |= {"backlog_max": bench.bound(size), "sink_control": sink.control}
    begin = time.monotonic()
    result = load(server.port, size=size, pipelining=bench.pipelining, **options)
    fed = time.monotonic()
    backlog = before["messages"] + result["accepted"] - sink.counts()["messages"]
    end = wait_for(sink, before["messages"] + result["accepted"])
    server.settle()
    n, after = result["accepted"], sink.counts()
    assert n > 0, result
    figures = {
        "accept_per_s": result["rate"], "drained_per_s": n / (end - begin),
        "cpu_s_per_1000": (server.group.cpu_s() - cpu) / n * 1000,
        "feeder_cpu_s_per_1000": result["cpu_s"] / n * 1000,
        "sink_cpu_s_per_1000": (sink.group.cpu_s() - sink_cpu) / n * 1000,
        "peak_anonymous_mib": peak.stop() / (1 << 20), "accepted": n, "refused": result["refused"],
        "accept_mb_per_s": result["bytes"] / result["seconds"] / 1e6, "backlog_after_feeding": backlog,
        "tail_s": end - fed, "duplicates": after["messages"] - before["messages"] - n,
        "messages_per_connection_out": n / max(1, after["connections"] - before["connections"]),
        "handshakes_full": after["handshakes_full"] - before["handshakes_full"],
    }
    latency(figures, result)
    if wrote is not None:
        figures["written_per_byte"] = (server.volume.written() - wrote) / result["bytes"]
    return figures


# -- one function per kind of cell: (bench, name of the server) -> figures

def relayed(size, connections, per_connection, messages_per_connection=10):
    def run(bench, name):
        with bench.relay(name, messages_per_connection=messages_per_connection) as (server, sink):
            return feed(bench, server, sink, size, connections=connections, per_connection=per_connection,
                        seconds=bench.seconds)
    return run


def run_latency(bench, name):
    """One client, with a raw 4 KB append and fdatasync before each message, on the same file system."""
    with bench.relay(name) as (server, sink):
        figures = feed(bench, server, sink, 4096, bounded=False, connections=1, per_connection=9000,
                       seconds=bench.seconds)
        raw = server.volume.directory / "raw"
        result = load(server.port, connections=1, per_connection=9000, seconds=bench.seconds, size=4096,
                      pipelining=bench.pipelining, raw_sync=raw)
        latency(figures, result)
        for key in ("p50", "p99", "max"):
            figures[f"raw_sync_{key}_ms"] = result["raw_sync_us"][key] / 1000
        figures["latency_to_raw_sync"] = figures["latency_p50_ms"] / figures["raw_sync_p50_ms"]
        figures["max_to_raw_max"] = figures["latency_max_ms"] / figures["raw_sync_max_ms"]
        figures["max_to_p50"] = figures["latency_max_ms"] / figures["latency_p50_ms"]
        return {k: v for k, v in figures.items() if k.startswith(("latency", "raw", "max", "peak", "cpu"))}


def run_syncs(bench, name):
    """System calls that force data to disk, counted by strace: no rates from here."""
    figures = {}
    for key, size in (("4k", 4096), ("50k", 51200)):
        with bench.relay(name, traced=True) as (server, sink):
            before, taken = server.syncs(), sink.counts()["messages"]
            result = load(server.port, connections=50, per_connection=100, size=size,
                          total=bench.count(10_000, 300), backlog_max=bench.bound(size), sink_control=sink.control)
            wait_for(sink, taken + result["accepted"])
            server.settle()
            figures[f"syncs_per_message_{key}"] = (server.syncs() - before) / result["accepted"]
    return figures


def run_written(bench, name):
    """Bytes that reach the device of an ext4 with a journal, per byte accepted."""
    figures = {}
    for key, size in (("50k", 51200), ("1m", 1 << 20)):
        with bench.relay(name, own_ext4=True) as (server, sink):
            found = feed(bench, server, sink, size, connections=50, per_connection=100, seconds=bench.seconds)
            figures[f"written_per_byte_{key}"] = found["written_per_byte"]
    return figures


class Fresh(threading.Thread):
    """A client that sends ten messages a second until it is told to stop."""

    ADDRESS = "fresh@outside.example"

    def __init__(self, port):
        super().__init__(daemon=True)
        self.child = subprocess.Popen(load_command(port, connections=1, per_connection=100_000, rate=10, seconds=3600,
                                                   **{"from": self.ADDRESS}), stdout=subprocess.PIPE, text=True)

    def stop(self):
        self.child.terminate()
        return json.loads(self.child.communicate()[0])


def run_outage(bench, name):
    """The live path first; then the same number queued with the intake down, and the intake back."""
    n = bench.count(100_000 if name == "tdcd" else 20_000, 300)
    with bench.relay(name) as (server, sink):
        live = feed(bench, server, sink, 4096, bounded=False, connections=50, per_connection=100, total=n)
        sink.stop()
        peak = Peak(server.group)
        filled = load(server.port, connections=50, per_connection=100, total=n, size=4096)
        server.rest()
        again = Sink(sink.directory, "--discard", port=sink.port).start()
        try:
            fresh = Fresh(server.port)
            begin = time.monotonic()
            server.retry_now()
            first = wait_for(again, 1)
            end = wait_for(again, filled["accepted"])
            sent = fresh.stop()
            # What came before the first delivery may have been put off with the rest, after the retry was asked for.
            server.retry_now()
            wait_for(again, filled["accepted"] + sent["accepted"])
            server.settle()
        finally:
            again.stop()
        delays = sorted(server.fresh_delays(Fresh.ADDRESS)) or [None]
        return {
            "queued": filled["accepted"], "fill_per_s": filled["rate"], "live_drained_per_s": live["drained_per_s"],
            "outage_drained_per_s": filled["accepted"] / (end - first), "first_delivery_s": first - begin,
            "outage_to_live": filled["accepted"] / (end - first) / live["drained_per_s"],
            "fresh_messages": sent["accepted"], "fresh_delay_p50_s": delays[len(delays) // 2],
            "fresh_delay_max_s": delays[-1], "peak_anonymous_mib": peak.stop() / (1 << 20),
        }


# Behind a round trip of T: connecting and greeting 2 T, EHLO, STARTTLS, the handshake of TLS 1.3 and EHLO again one
# each; then a round trip per message whose envelope and content go in one flight.
ROUND_TRIPS_OF_A_CONNECTION, ROUND_TRIP_MS, CONCURRENCY = 6, 50, 20


def run_rtt(bench, name):
    with bench.relay(name, round_trip_ms=ROUND_TRIP_MS) as (server, sink):
        seconds = max(4, bench.seconds)
        feeder = subprocess.Popen(load_command(server.port, connections=10, per_connection=100, size=4096,
                                               seconds=seconds, backlog_max=2000, sink_control=sink.control),
                                  stdout=subprocess.PIPE, text=True)
        rate = delivered_between(sink, 2, seconds)
        result = json.loads(feeder.communicate()[0])
        assert result["refused"] == 0, result["first_refusal"]
        ideal = CONCURRENCY * 10 / ((ROUND_TRIPS_OF_A_CONNECTION + 10) * ROUND_TRIP_MS / 1000)
        return {"rtt_delivered_per_s": rate, "rtt_ideal_per_s": ideal, "rtt_share": rate / ideal}


def at_backlog(bench, server):
    """Rate, latency and memory with the intake down and what waits as it is, once all of that is on the disk."""
    os.sync()
    peak = Peak(server.group)
    cpu = server.group.cpu_s()
    fed = load(server.port, connections=50, per_connection=100, seconds=bench.seconds, size=4096)
    cpu = server.group.cpu_s() - cpu
    one = load(server.port, connections=1, per_connection=9000, seconds=bench.seconds, size=4096)
    return {"accept_per_s": fed["rate"], "cpu_s_per_1000": cpu / fed["accepted"] * 1000,
            "latency_p50_ms": one["latency_us"]["p50"] / 1000, "latency_p99_ms": one["latency_us"]["p99"] / 1000,
            "peak_anonymous_mib": peak.stop() / (1 << 20)}


def fill(server, upto):
    missing = upto - server.waiting()
    if missing > 0:
        result = load(server.port, connections=50, per_connection=100, total=missing, size=4096)
        assert result["accepted"] == missing, result


def run_backlog(bench, name):
    """One full, one empty, measured one after the other when the first has been filled: memory that the machine hands
    out for the first time is slow on a virtual one, and filling uses gigabytes of it for the page cache."""
    with bench.relay(name) as (server, sink), bench.relay(name) as (bare, other):
        sink.stop()
        other.stop()
        fill(server, bench.count(1_000_000, 1000))
        waiting = server.waiting()
        full = at_backlog(bench, server)
        empty = at_backlog(bench, bare)
        return {
            "backlog": waiting, "accept_to_empty": full["accept_per_s"] / empty["accept_per_s"],
            "latency_to_empty": full["latency_p50_ms"] / empty["latency_p50_ms"],
            "memory_over_empty_mib": full["peak_anonymous_mib"] - empty["peak_anonymous_mib"],
            "peak_anonymous_mib": full["peak_anonymous_mib"], "accept_per_s_empty": empty["accept_per_s"],
            "accept_per_s_full": full["accept_per_s"],
        }


CELLS = {
    "4k-50x100": relayed(4096, 50, 100),
    "4k-50x100-unlimited": relayed(4096, 50, 100, messages_per_connection=0),
    "4k-50x1": relayed(4096, 50, 1),
    "50k": relayed(51200, 50, 100),
    "50k-unlimited": relayed(51200, 50, 100, messages_per_connection=0),
    "1m": relayed(1 << 20, 20, 100),
    "1m-unlimited": relayed(1 << 20, 20, 100, messages_per_connection=0),
    "latency": run_latency,
    "syncs": run_syncs,
    "written": run_written,
    "outage": run_outage,
    "rtt": run_rtt,
    "backlog": run_backlog,
}
# Its goal is a ratio to tdcd itself.
ALONE = {"backlog"}

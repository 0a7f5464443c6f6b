"""The build, and what the machine itself can do."""

import json
import os
import pathlib
import platform
import subprocess
import time

from rig.sink import Sink

from .measure import Group

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = ["tdcd", "tdcctl", "tdcsink", "load", "delay", "floor"]


def build(directory):
    """A release: -O2, no crash points, no tests."""
    flags = ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O2", "-DTDC_BENCH=ON", "-DTDC_TESTS=OFF",
             "-DTDC_FAULTS=OFF", "-DTDC_SANITIZE="]
    for command in (["cmake", "-S", ROOT, "-B", directory, "-G", "Ninja", *flags],
                    ["cmake", "--build", directory, "-j", str(os.cpu_count()), "--target", *PROGRAMS]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"


def bench_program(name):
    path = pathlib.Path(os.environ["TDC_BUILD_DIR"]) / "tests" / "bench" / name
    assert path.exists(), f"{path} has not been built"
    return str(path)


def load_command(port, **options):
    """load --to ... with --per-connection for per_connection=...; what is None or False is left out."""
    command = [bench_program("load"), "--to", f"127.0.0.1:{port}"]
    for name, value in options.items():
        if value is None or value is False:
            continue
        command.append("--" + name.replace("_", "-"))
        if value is not True:
            command.append(str(value))
    return command


def load(port, **options):
    done = subprocess.run(load_command(port, **options), capture_output=True, text=True)
    assert done.stdout, f"load: {done.stderr}"
    return json.loads(done.stdout)


def raw_syncs(directory, seconds):
    """How often 4 KB are appended to a file and made durable, a second; and one such in ms."""
    path = pathlib.Path(directory) / "raw"
    times = []
    with open(path, "ab", buffering=0) as f:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            f.write(bytes(4096))
            os.fdatasync(f.fileno())
            times.append(time.monotonic() - begin)
    path.unlink()
    times.sort()
    return len(times) / sum(times), times[len(times) // 2] * 1000


def sequential_write(directory, mebibytes):
    """MB/s of a file written in pieces of 1 MiB and synced at the end."""
    path = pathlib.Path(directory) / "sequential"
    piece = os.urandom(1 << 20)
    begin = time.monotonic()
    with open(path, "wb", buffering=0) as f:
        for _ in range(mebibytes):
            f.write(piece)
        os.fdatasync(f.fileno())
    seconds = time.monotonic() - begin
    path.unlink()
    return mebibytes * (1 << 20) / 1e6 / seconds


def straight(directory, seconds, **options):
    """The load generator into the simulated intake, no relay between them."""
    sink = Sink(directory, "--discard", "--plaintext-ok").start()
    group = Group("sink")
    try:
        group.add(sink.process.pid)
        before = group.cpu_s()
        result = load(sink.port, seconds=seconds, **options)
        cpu = group.cpu_s() - before
    finally:
        sink.stop()
        group.close()
    assert result["refused"] == 0, result["first_refusal"]
    return {"per_s": result["rate"], "feeder_cpu_s_per_1000": result["cpu_s"] / result["accepted"] * 1000,
            "sink_cpu_s_per_1000": cpu / result["accepted"] * 1000}


def limits(directory, seconds, mebibytes):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    syncs, sync_ms = raw_syncs(directory, seconds)
    return {
        "fdatasync_4k_per_s": syncs, "fdatasync_4k_p50_ms": sync_ms,
        "sequential_mb_per_s": sequential_write(directory, mebibytes),
        "straight_50x100": straight(directory / "sink", seconds, connections=50, per_connection=100, size=4096),
        "straight_50x1": straight(directory / "sink", seconds, connections=50, per_connection=1, size=4096),
    }


# What the floor program does for each cell whose CPU is judged; the groups are as large as tdcd's
# (docs/decisions/0010-a-batch-grows-while-mail-comes.md).
FLOORS = {
    "4k-50x100": {"size": 4096, "clients": 50, "group": 24},
    "4k-50x100-unlimited": {"size": 4096, "clients": 50, "group": 24, "messages_per_connection": 0},
    "4k-50x1": {"size": 4096, "clients": 50, "group": 24, "per_connection": 1},
    "50k": {"size": 51200, "clients": 50, "group": 32},
    "50k-unlimited": {"size": 51200, "clients": 50, "group": 32, "messages_per_connection": 0},
    "1m": {"size": 1 << 20, "clients": 20, "group": 4},
    "1m-unlimited": {"size": 1 << 20, "clients": 20, "group": 4, "messages_per_connection": 0},
}


def floor(directory, seconds, **options):
    """The least that a relay can do for a message, in CPU: tests/bench/floor."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    command = [bench_program("floor"), "--directory", directory, "--seconds", str(seconds)]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def facts(directory):
    model = [line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    kind = subprocess.run(["findmnt", "-n", "-o", "FSTYPE,SOURCE", "-T", str(directory)], capture_output=True, text=True)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"cpu": model[0] if model else platform.processor(), "cores": os.cpu_count(), "kernel": platform.release(),
            "file_system": " ".join(kind.stdout.split()), "load_average_at_start": os.getloadavg()[0],
            "commit": commit.stdout.strip(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}

"""What a server costs: CPU seconds, anonymous memory and bytes written, over all its processes."""

import os
import pathlib
import re
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cgroup2():
    """Where control groups of version 2 are mounted, alone or beside version 1; None if nowhere writable."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(where, os.W_OK):
            return pathlib.Path(where)
    return None


def children(pid):
    try:
        text = "".join(p.read_text() for p in pathlib.Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return []
    return [int(word) for word in text.split()]


def tree(pid):
    found = [pid]
    for child in children(pid):
        found += tree(child)
    return found


class Group:
    """All processes of one server. By a control group where there are such; else the processes below its roots,
    each with what its reaped children used."""

    number = 0

    def __init__(self, name):
        self.roots, self.path = [], None
        Group.number += 1
        root = cgroup2()
        if root is not None:
            try:
                path = root / f"tdc-bench-{os.getpid()}-{Group.number}-{name}"
                path.mkdir()
                (path / "cpu.stat").read_text()
                self.path = path
            except OSError:
                pass

    @property
    def method(self):
        return "control group" if self.path else "process times"

    def add(self, pid):
        self.roots.append(pid)
        for each in tree(pid) if self.path else []:
            (self.path / "cgroup.procs").write_text(str(each))

    def pids(self):
        if self.path:
            try:
                return [int(word) for word in (self.path / "cgroup.procs").read_text().split()]
            except OSError:
                return []
        return [each for root in self.roots for each in tree(root)]

    def cpu_s(self):
        if self.path:
            found = re.search(r"usage_usec (\d+)", (self.path / "cpu.stat").read_text())
            return int(found.group(1)) / 1e6
        ticks = 0
        for pid in self.pids():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(map(int, fields[11:15]))
        return ticks / TICKS

    def written(self):
        """Bytes that its processes caused to be written, without the file system's own (journal, tables)."""
        bytes_ = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/io").read_text()
            except OSError:
                continue
            found = {k: int(v) for k, v in re.findall(r"(\w+): (\d+)", text)}
            bytes_ += found["write_bytes"] - found["cancelled_write_bytes"]
        return bytes_

    def anonymous(self):
        kib = 0
        for pid in self.pids():
            try:
                found = re.search(r"^Anonymous:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
            except OSError:
                continue
            kib += int(found.group(1)) if found else 0
        return kib * 1024

    def close(self):
        if self.path:
            for _ in range(100):
                try:
                    self.path.rmdir()
                    return
                except OSError:
                    time.sleep(0.05)


class Peak(threading.Thread):
    """The largest anonymous memory of a group while it watches: now, every quarter of a second, and at the end."""

    def __init__(self, group):
        super().__init__(daemon=True)
        self.group, self.bytes, self.over = group, 0, threading.Event()
        self.start()

    def look(self):
        self.bytes = max(self.bytes, self.group.anonymous())

    def run(self):
        while not self.over.is_set():
            self.look()
            self.over.wait(0.25)

    def stop(self):
        self.over.set()
        self.join()
        self.look()
        return self.bytes


class Volume:
    """Where spools lie: a directory, or an ext4 with a journal in a file of its own, whose device counts every
    sector that reaches it."""

    def __init__(self, directory, own=False, size="40G"):
        self.directory, self.device = pathlib.Path(directory), None
        self.directory.mkdir(parents=True)
        if not own:
            return
        image = self.directory.with_suffix(".ext4")
        subprocess.run(["truncate", "-s", size, image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
        done = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
        self.image, self.device = image, done.stdout.strip()
        subprocess.run(["mount", "-o", "noatime", self.device, self.directory], check=True)
        self.directory.chmod(0o755)

    def written(self):
        """Bytes written to the device, all that is due included; None where the device is shared."""
        if self.device is None:
            return None
        subprocess.run(["sync", "-f", self.directory], check=True)
        fields = pathlib.Path("/sys/block", pathlib.Path(self.device).name, "stat").read_text().split()
        return int(fields[6]) * 512

    def close(self):
        if self.device is not None:
            for _ in range(50):
                if subprocess.run(["umount", self.directory], capture_output=True).returncode == 0:
                    break
                time.sleep(0.1)
            subprocess.run(["losetup", "--detach", self.device], check=False)
            self.image.unlink()

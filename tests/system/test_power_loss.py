"""P1: 250 means that it survives power loss. The spool is on a loop-mounted file system; its image, copied
at the instant of a 250, holds only what was synced. A build that does not sync must be found out."""

import os
import subprocess


from rig import corpus, wire
from rig.process import count, report
from rig.unwrap import Journal


class Disk:
    """An ext4 image, mounted; `pull the plug` is a copy of the image while it is in use."""

    def __init__(self, directory, megabytes=96):
        assert os.geteuid() == 0, "mounting needs root"
        self.image, self.mount = directory / "disk.img", directory / "disk"
        self.mount.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image],
                       check=True, stdin=subprocess.DEVNULL)
        # No write-back by time: only what the daemon itself syncs reaches the image.
        subprocess.run(["mount", "-o", "loop,commit=600", self.image, self.mount], check=True)

    def copy(self, target):
        subprocess.run(["cp", "--sparse=always", self.image, target], check=True)

    def unmount(self):
        subprocess.run(["umount", self.mount], check=True)


class Mounted:
    def __init__(self, image, at):
        at.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", image, at], check=True)
        self.at = at

    def unmount(self):
        subprocess.run(["umount", self.at], check=True)


SIZES = [500, 30_000, 600_000]


def acknowledge_then_pull_the_plug(work, env, rounds):
    """[(messages acknowledged so far, copy of the image at that instant)]"""
    disk = Disk(work.directory)
    work.started.callback(lambda: os.path.ismount(disk.mount) and disk.unmount())
    # The intake is down: everything must be in the spool.
    daemon = work.daemon(None, env=env, spool={"directory": str(disk.mount / "spool"), "reserve": "1M"},
                         smtp_routes=[{"domain": "intake.example", "next_hops": ["[127.0.0.1]:9"]}])
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    acknowledged, copies = [], []
    r = __import__("random").Random(corpus.seed())
    for i in range(rounds):
        data = b"Subject: power %d\r\n\r\n" % i + corpus.bulk(r, SIZES[i % len(SIZES)])
        client.data("alice@outside.example", ["bob@inside.example"], data)
        acknowledged.append(data)
        copy = work.directory / f"copy{i}.img"
        disk.copy(copy)
        copies.append((list(acknowledged), copy))
    client.close()
    daemon.kill()
    disk.unmount()
    return copies


def survivors(work, image, number):
    """Starts on the copied disk and lets everything that it holds arrive."""
    mounted = Mounted(image, work.directory / f"after{number}")
    sink = work.sink(name=f"sink{number}")
    daemon = work.daemon(sink, name=f"after-daemon{number}",
                         spool={"directory": str(mounted.at / "spool"), "reserve": "1M"})
    try:
        daemon.wait_drained(30)
        daemon.assert_accounted()
        return [Journal(p.read_bytes()).original for p, _ in sink.messages()]
    finally:
        daemon.stop()
        sink.stop()
        mounted.unmount()


def test_power_loss_at_a_250_loses_nothing(work):
    for number, (acknowledged, image) in enumerate(acknowledge_then_pull_the_plug(work, {}, count(6, 30))):
        assert sorted(survivors(work, image, number)) == sorted(acknowledged)
    report(f"power loss: {number + 1} copies of the disk at a 250, up to {len(acknowledged)} messages, none lost")


def test_a_build_that_does_not_sync_is_found_out(work):
    """The negative control: on the copied disk the daemon starts, and fewer messages are there."""
    copies = acknowledge_then_pull_the_plug(work, {"TDC_FAULT": "store.synchronous-off"}, 3)
    acknowledged, image = copies[-1]
    found = survivors(work, image, 0)
    assert set(found) < set(acknowledged), "a missing sync went unseen"
    report(f"power loss without sync: {len(acknowledged)} acknowledged, {len(found)} found, as a lie must show")

"""P1: 250 means that it survives power loss. The spool is on a loop-mounted file system; its image, copied
while the daemon stands still, holds only what was synced. Builds that do not sync, or that remove a body before the
outcome is synced, must be found out."""

import os
import random
import subprocess
import time

from rig import corpus, custody, wire
from rig.custody import Feeders, Promises
from rig.process import count, report, wait_until
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

    def sync_another_file(self):
        """What any other program on this disk may do: all names are on disk now, the bytes of our files are not."""
        with open(self.mount / "another", "ab") as f:
            f.write(b"x")
            f.flush()
            os.fsync(f.fileno())

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
    r = random.Random(corpus.seed())
    for i in range(rounds):
        data = b"Subject: power %d\r\n\r\n" % i + corpus.bulk(r, SIZES[i % len(SIZES)])
        client.data("alice@outside.example", ["bob@inside.example"], data)
        acknowledged.append(data)
        copy = work.directory / f"copy{i}.img"
        disk.copy(copy)
        copies.append((list(acknowledged), copy))
    client.close()
    daemon.abandon()
    disk.unmount()
    return copies


class Recovered:
    """Starts on the copied disk and lets everything that it holds arrive."""

    def __init__(self, work, image, number, read):
        mounted = Mounted(image, work.directory / f"after{number}")
        sink = work.sink(name=f"sink{number}")
        daemon = work.daemon(sink, name=f"after-daemon{number}",
                             spool={"directory": str(mounted.at / "spool"), "reserve": "1M"})
        try:
            daemon.wait_drained(60)
            daemon.assert_accounted()
            self.states = daemon.states()
            self.found = read(sink)
        finally:
            daemon.stop()
            sink.stop()
            mounted.unmount()


def survivors(work, image, number):
    return Recovered(work, image, number, lambda sink: [Journal(p.read_bytes()).original for p, _ in sink.messages()]).found


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


# ---------------------------------------------------------------- while the intake takes mail

class Moment:
    """One instant: the disk as it was, and what had been promised and taken by then."""

    def __init__(self, work, disk, daemon, sink, promises, number, is_synced_by_another):
        alive_at = time.time()
        daemon.process.freeze()
        if is_synced_by_another:
            disk.sync_another_file()
        self.image = work.directory / f"moment{number}.img"
        disk.copy(self.image)
        # What the daemon had said is read by now: both ends had the time of the copy for it.
        self.acknowledged = set(promises.acknowledged)
        self.taken = sink.counts()["messages"]
        self.latest_begun = promises.latest_begun(alive_at)
        daemon.process.thaw()

    def assert_kept(self, work, promises, taken, number):
        """How many the disk brought back, and how many of them had arrived before."""
        taken = taken[:self.taken]
        recovered = Recovered(work, self.image, number, custody.copies)
        assert [recovered.states[s] for s in ("quarantined", "dead", "held")] == [0, 0, 0], recovered.states
        for copy in recovered.found:
            assert copy.original == promises.sent[copy.token], f"{copy.token}: bytes changed"
        found = {copy.token: copy for copy in recovered.found}
        assert len(found) == len(recovered.found), "twice from one disk"
        before = {copy.token: copy for copy in taken}
        assert sorted(self.acknowledged - found.keys() - before.keys()) == [], "lost"
        both = found.keys() & before.keys()
        for token in both:
            assert found[token][1:4] == before[token][1:4], f"{token}: sent twice with other bytes or another id"
        settled = custody.settled(taken, lambda connection: self.latest_begun)
        assert both & {taken[i].token for i in settled} == set(), "sent again, though its outcome was synced"
        self.image.unlink()
        return len(found), len(both), len(settled)


def start_on_a_disk(work, sink, env=None):
    disk = Disk(work.directory)
    work.started.callback(lambda: os.path.ismount(disk.mount) and disk.unmount())
    return disk, work.daemon(sink, env=env, spool={"directory": str(disk.mount / "spool"), "reserve": "1M"})


def test_power_loss_while_the_intake_takes_mail_loses_nothing(work):
    """Outcomes wait up to a second for their sync, and bodies go meanwhile: no row comes back without its body."""
    sink = work.sink("--delay", "final=10")
    disk, daemon = start_on_a_disk(work, sink)
    promises, chance, moments = Promises(), random.Random(corpus.seed()), []
    with Feeders(daemon, promises, 4, pause=0.1):
        for i in range(count(6, 30)):
            before = sink.counts()["messages"]
            wait_until(lambda: sink.counts()["messages"] >= before + 5, 30, "deliveries")
            time.sleep(chance.uniform(0, 0.5))
            moments.append(Moment(work, disk, daemon, sink, promises, i, is_synced_by_another=i % 2 == 1))
    daemon.wait_drained(60)
    daemon.stop()
    disk.unmount()
    taken = custody.copies(sink)
    assert promises.acknowledged <= {copy.token for copy in taken}
    figures = [moment.assert_kept(work, promises, taken, i) for i, moment in enumerate(moments)]
    recovered, both, settled = map(sum, zip(*figures))
    report(f"power loss while the intake takes mail: {len(moments)} copies of the disk, {len(promises.acknowledged)} messages "
           f"acknowledged, none lost; {recovered} were on the disks, {both} of them had arrived, {settled} were known to be recorded")
    assert recovered and settled


def quiet_moments(work, env=None):
    """Large messages that were delivered less than a second ago, and nobody but another program syncs."""
    sink = work.sink()
    disk, daemon = start_on_a_disk(work, sink, env)
    promises = Promises()
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    for i in range(3):
        for j in range(3):
            promises.send(client, "data", *custody.message(random.Random(corpus.seed()), f"{i}.{j}", 400_000))
        wait_until(lambda: daemon.pending() == 0, 20, "the deliveries")
        yield Moment(work, disk, daemon, sink, promises, i, is_synced_by_another=True), promises, sink
    client.quit()
    daemon.stop()
    disk.unmount()


def test_a_body_stays_until_its_outcome_is_synced(work):
    for i, (moment, promises, sink) in enumerate(quiet_moments(work)):
        moment.assert_kept(work, promises, custody.copies(sink), i)


def test_a_build_that_removes_bodies_too_early_is_found_out(work):
    """The negative control: on a copied disk are rows whose body is gone."""
    broken = 0
    for i, (moment, _, _) in enumerate(quiet_moments(work, {"TDC_FAULT": "store.early-removal"})):
        broken += Recovered(work, moment.image, i, custody.copies).states["quarantined"]
    report(f"power loss with bodies that go too early: {broken} rows without their body, as a lie must show")
    assert broken > 0

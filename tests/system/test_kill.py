"""P1: 250 means that it survives kill -9. At random instants under load, at every crash point, and
with a build that lies, which must be found out."""

import collections
import random
import threading
import time

import pytest

from rig import corpus, wire
from rig.process import count, report, wait_until
from rig.unwrap import Journal, field

FEEDERS = 8


class Feeder(threading.Thread):
    """Sends without a pause while it may; remembers which messages got their 250."""

    def __init__(self, daemon, number, acknowledged):
        super().__init__(daemon=True)
        self.tdcd, self.number, self.acknowledged = daemon, number, acknowledged
        self.random = random.Random(corpus.seed() * 100 + number)
        self.stopping = False
        self.client = None
        self.sent = 0

    def in_transaction(self):
        client = self.client
        return client is not None and client.stage == "mail"

    def message(self):
        self.sent += 1
        token = f"{self.number}.{self.sent}.{self.random.getrandbits(64):x}"
        size = int(self.random.choice([300, 2000, 20000, 60000, 400000]))
        return token, (f"From: a@outside.example\r\nX-Token: {token}\r\nSubject: kill\r\n\r\n".encode() +
                       corpus.bulk(self.random, size))

    def run(self):
        while not self.stopping:
            try:
                self.client = wire.Client(("127.0.0.1", self.tdcd.smtp_port), timeout=20)
                for _ in range(self.random.randint(1, 30)):
                    token, data = self.message()
                    verb = self.client.data if self.random.random() < 0.5 else self.client.bdat
                    verb("alice@outside.example", ["bob@inside.example"], data)
                    self.acknowledged[token] = data
                    if self.stopping:
                        break
                self.client.quit()
            except (OSError, wire.Refused, ValueError):
                time.sleep(0.01)
            finally:
                if self.client is not None:
                    self.client.close()
                self.client = None


def start_feeders(daemon, acknowledged, n=FEEDERS):
    feeders = [Feeder(daemon, i, acknowledged) for i in range(n)]
    for feeder in feeders:
        feeder.start()
    return feeders


def stop_feeders(feeders):
    for feeder in feeders:
        feeder.stopping = True
    for feeder in feeders:
        feeder.join(60)
        assert not feeder.is_alive()


def lost_and_doubled(sink, acknowledged):
    """Tokens that never came; and proof that what came twice is the same journal."""
    copies = collections.defaultdict(set)
    times = collections.Counter()
    for path, facts in sink.messages():
        if not facts["final"]:
            continue
        data = path.read_bytes()
        journal = Journal(data)
        header = journal.original.split(b"\r\n\r\n", 1)[0]
        token = field([tuple(line.decode().split(": ", 1)) for line in header.split(b"\r\n")], "X-Token")
        copies[token].add((journal.outer("Message-ID"), data))
        times[token] += 1
        if token in acknowledged:
            assert journal.original == acknowledged[token], f"{token}: bytes changed"
    different = [token for token, kinds in copies.items() if len(kinds) > 1]
    assert not different, f"sent twice with other bytes: {different[:5]}"
    return [t for t in acknowledged if t not in copies], sum(n - 1 for n in times.values())


def hammer(work, kills, env=None):
    """Kills the daemon `kills` times at random instants; (lost, doubled, share of kills in the middle)."""
    sink = work.sink("--delay", "final=100")
    daemon = work.daemon(sink, env=env)
    acknowledged = {}
    chance = random.Random(corpus.seed())
    feeders = start_feeders(daemon, acknowledged)
    in_the_middle = 0
    try:
        for _ in range(kills):
            # However slow the machine: the instants are random from when both ways are busy.
            begun = sink.counts()["transactions"]
            wait_until(lambda: sink.counts()["transactions"] > begun, 30, "a delivery after the start")
            time.sleep(chance.uniform(0, 0.4))
            before = sink.counts()["aborted_transactions"]
            accepting = sum(f.in_transaction() for f in feeders)
            daemon.kill()
            # What the sink lost in mid-transaction was in flight when the daemon died.
            deadline = time.monotonic() + 1
            delivering = 0
            while time.monotonic() < deadline and not delivering:
                delivering = sink.counts()["aborted_transactions"] - before
            in_the_middle += bool(accepting and delivering)
            daemon.start()
    finally:
        stop_feeders(feeders)
    daemon.wait_drained(180)
    daemon.assert_accounted()
    lost, doubled = lost_and_doubled(sink, acknowledged)
    daemon.stop()
    report(f"kill -9{' ' + str(env) if env else ''}: kills {kills}, acknowledged {len(acknowledged)}, "
           f"lost {len(lost)}, doubled {doubled}, with an acceptance and a delivery under way {in_the_middle}")
    assert len(acknowledged) >= kills
    return lost, doubled, in_the_middle / kills


def test_kill_at_random_instants_loses_nothing(work):
    lost, _, share = hammer(work, count(12, 200))
    assert lost == []
    assert share >= 0.8, f"only {share:.0%} of the kills met both an acceptance and a delivery"


def test_a_build_that_answers_before_the_commit_is_found_out(work):
    """The negative control: the same test must fail for it."""
    lost, _, _ = hammer(work, count(12, 40), env={"TDC_FAULT": "server.early-250"})
    assert lost, "a lie about custody went unseen"


CRASH_POINTS = [
    "server.after-data", "server.before-250", "server.after-250",
    "store.segment-appended", "store.body-written", "store.before-commit", "store.after-commit",
    "store.before-answer", "store.outcome-before-commit", "store.outcome-after-commit",
    "deliver.before-final-dot", "deliver.after-final-dot", "deliver.after-final-reply",
]


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_crash_at_a_custody_state(work, point):
    sink = work.sink()
    daemon = work.daemon(sink, env={"TDC_FAULT": f"{point}:{random.Random(corpus.seed()).randint(1, 3)}"})
    acknowledged = {}
    feeders = start_feeders(daemon, acknowledged, 3)
    try:
        wait_until(lambda: not daemon.process.is_running(), 30, f"the crash at {point}")
    finally:
        stop_feeders(feeders)
    assert daemon.process.child.returncode == -9
    daemon.env = {}
    daemon.start()
    daemon.wait_drained(60)
    daemon.assert_accounted()
    lost, doubled = lost_and_doubled(sink, acknowledged)
    assert lost == []
    report(f"crash at {point}: acknowledged {len(acknowledged)}, doubled {doubled}")
    daemon.stop()


def at_rest(work, state, env=None):
    """A daemon with one journal in the state, which nothing moves."""
    faults = {"uncertain": ["--drop", "before-final-reply"], "dead": ["--reply", "final=554 5.7.1 no"],
              "held": ["--no-extension", "CHUNKING"], "waiting": ["--reply", "mail=451 later"], "quarantined": []}
    sink = work.sink(*faults[state])
    daemon = work.daemon(sink, start=False, env=env)
    daemon.controls.update(uncertain_wait="1h", probe_first="1h", probe_longest="1h")
    daemon.configuration["connector"]["bare_line_ends"] = "hold"
    if state == "quarantined":
        daemon.configuration["smtp_routes"][0]["next_hops"] = ["[127.0.0.1]:9"]
    daemon.start()
    data = b"Subject: at rest\r\n\r\na bare\nline end\r\n" + corpus.bulk(random.Random(1), 50_000)
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    client.data("alice@outside.example", ["bob@inside.example"], data)
    client.quit()
    return sink, daemon, data


def damage_the_segment(daemon):
    for path in daemon.spool.rglob("*"):
        if path.is_file() and path.parent.name == "segments":
            with open(path, "r+b") as f:
                f.seek(20_000)
                f.write(b"\0" * 100)


@pytest.mark.parametrize("state", ["waiting", "uncertain", "held", "dead", "quarantined"])
def test_kill_while_at_rest_in_a_custody_state(work, state):
    """Each state of the custody table is resumed as it was."""
    sink, daemon, _ = at_rest(work, state)
    if state == "quarantined":
        daemon.kill()
        damage_the_segment(daemon)
        daemon.route_to(sink)
        daemon.start()
    wait_until(lambda: daemon.states()[state] == 1, 20, f"a journal that is {state}")
    before = daemon.json("queue")["journals"]
    daemon.kill()
    daemon.controls.update(uncertain_wait="1s")
    daemon.start()
    after = daemon.json("queue")["journals"]
    assert [(j["mid"], j["state"], j["attempts"]) for j in after] == [
        (j["mid"], j["state"], j["attempts"]) for j in before]
    assert daemon.states()[state] == 1
    daemon.stop()

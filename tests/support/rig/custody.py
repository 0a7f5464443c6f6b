"""Custody as outsiders see it: what feeders were promised, what the intake holds, and what may come twice.

A journal may be sent again only when its final reply could not be received or recorded before the daemon died.
Whether one was recorded needs no stop-watch, for three things come one after the other:

1. The next message of the same connection reached the intake. The client sends none before it has read the
   final reply of the one before, and an outcome goes to the store as its reply is read.
2. Some feeder began a new message.
3. That message got its 250. The store answers in the order that it was asked in, so whatever was asked before
   is committed, too; and what is committed before a 250 survives a kill, and is synced.

A journal for which all three came before the end of that life of the daemon is settled. It must not come again.
"""

import bisect
import collections
import datetime
import hashlib
import random
import threading
import time

from . import corpus, wire
from .process import wait_until
from .unwrap import Journal, field

TO_BE_SURE = 0.002  # the intake's times are whole milliseconds


def digest(data):
    return hashlib.sha256(data).digest()


class Promises:
    """What was sent, what was acknowledged, and when; for many feeders."""

    def __init__(self):
        self.sent = {}  # token: digest of the original
        self.acknowledged = set()
        self.times = []  # (begun, acknowledged) of each

    def send(self, client, verb, token, data):
        self.sent[token] = digest(data)
        begun = time.time()
        getattr(client, verb)("alice@outside.example", ["bob@inside.example"], data)
        self.times.append((begun, time.time()))
        self.acknowledged.add(token)

    def latest_begun(self, end):
        """When the last of those began that were acknowledged before `end`."""
        return max((begun for begun, acknowledged in self.times if acknowledged < end), default=0)


class Feeder(threading.Thread):
    """Sends without a pause while it may."""

    def __init__(self, daemon, number, promises, pause=0):
        super().__init__(daemon=True)
        self.tdcd, self.number, self.promises, self.pause = daemon, number, promises, pause
        self.random = random.Random(corpus.seed() * 100 + number)
        self.stopping = False
        self.client = None
        self.sent = 0

    def in_transaction(self):
        client = self.client
        return client is not None and client.stage == "mail"

    def message(self):
        self.sent += 1
        return message(self.random, f"{self.number}.{self.sent}", self.random.choice([300, 2000, 20000, 60000, 400000]))

    def run(self):
        while not self.stopping:
            try:
                self.client = wire.Client(("127.0.0.1", self.tdcd.smtp_port), timeout=20)
                for _ in range(self.random.randint(1, 30)):
                    verb = "data" if self.random.random() < 0.5 else "bdat"
                    self.promises.send(self.client, verb, *self.message())
                    if self.stopping:
                        break
                    time.sleep(self.random.uniform(0, self.pause))
                self.client.quit()
            except (OSError, wire.Refused, ValueError):
                time.sleep(0.01)
            finally:
                if self.client is not None:
                    self.client.close()
                self.client = None


def message(r, name, size):
    """(token, bytes): no other message has the token."""
    token = f"{name}.{r.getrandbits(64):x}"
    return token, (f"From: a@outside.example\r\nX-Token: {token}\r\nSubject: custody\r\n\r\n".encode() +
                   corpus.bulk(r, size))


class Feeders:
    """Some of them, as long as the block lasts."""

    def __init__(self, daemon, promises, n, pause=0):
        self.all = [Feeder(daemon, i, promises, pause) for i in range(n)]

    def __enter__(self):
        for feeder in self.all:
            feeder.start()
        return self

    def __exit__(self, *_):
        for feeder in self.all:
            feeder.stopping = True
        for feeder in self.all:
            feeder.join(60)
            assert not feeder.is_alive()

    def in_transaction(self):
        return sum(feeder.in_transaction() for feeder in self.all)


# One message that the intake took: which, under which id, with which bytes, when and over which connection.
Copy = collections.namedtuple("Copy", "token message_id original whole connection at")


def copies(sink):
    """All that the intake took, in the order in which it came."""
    found = []
    for path, facts in sink.messages():
        if not facts["final"]:
            continue
        data = path.read_bytes()
        journal = Journal(data)
        header = journal.original.split(b"\r\n\r\n", 1)[0]
        token = field([tuple(line.decode().split(": ", 1)) for line in header.split(b"\r\n")], "X-Token")
        found.append(Copy(token, journal.outer("Message-ID"), digest(journal.original), digest(data),
                          facts["connection"], datetime.datetime.fromisoformat(facts["received_at"][:-1] + "+00:00").timestamp()))
    return found


def settled(all_copies, latest_begun):
    """Those whose outcome was recorded for certain, as `latest_begun(connection)` says of the life that they are of."""
    next_at, last = {}, {}
    for i, copy in enumerate(all_copies):
        if copy.connection in last:
            next_at[last[copy.connection]] = copy.at
        last[copy.connection] = i
    return {i for i, at in next_at.items() if at + TO_BE_SURE <= latest_begun(all_copies[i].connection)}


class Lives:
    """The lives of a daemon, as the intake can tell them apart: by the connections that each had made."""

    def __init__(self, sink, promises):
        self.sink, self.promises = sink, promises
        self.last_connections, self.latest_begun = [], []

    def end(self, at):
        """The daemon is dead; it lived at `at` at least, and whoever asks now knows all of its acceptances."""
        # What it said before is still to be read.
        wait_until(lambda: self.sink.counts()["open_connections"] == 0, 30, "the intake to see the end")
        self.last_connections.append(self.sink.counts()["connections"])
        self.latest_begun.append(self.promises.latest_begun(at))

    def of(self, connection):
        return bisect.bisect_left(self.last_connections, connection)


class Judgement:
    """What became of all that was sent, over the lives of a daemon with one intake."""

    def __init__(self, sink, promises, lives):
        found = copies(sink)
        last_life = len(lives.latest_begun)
        is_settled = settled(found, lambda connection: lives.latest_begun[lives.of(connection)]
                             if lives.of(connection) < last_life else 0)
        places = collections.defaultdict(list)
        for i, copy in enumerate(found):
            places[copy.token].append(i)
            assert copy.original == promises.sent[copy.token], f"{copy.token}: bytes changed"
        for token, its in places.items():
            assert len({found[i][1:4] for i in its}) == 1, f"{token}: sent twice with other bytes or another id"
        again = [(found[a], found[b]) for its in places.values() for a, b in zip(its, its[1:])]
        settled_ones = {found[i] for i in is_settled}
        self.lost = sorted(promises.acknowledged - places.keys())
        self.doubled = len(again)
        self.settled = len(is_settled)
        self.most_doubled = max(collections.Counter(lives.of(a.connection) for a, _ in again).values(), default=0)
        self.again_though_settled = [a for a, b in again if a in settled_ones]
        self.twice_in_one_life = [a for a, b in again if lives.of(a.connection) == lives.of(b.connection)]

    def assert_kept(self):
        assert self.lost == []
        assert self.again_though_settled == [], "sent again, though its outcome was recorded"
        assert self.twice_in_one_life == [], "sent again, though nothing had happened"

"""P1: 250 means that it survives kill -9. At random instants under load, at every crash point, and with builds
that lie, which must be found out: one about custody, one that forgets what was delivered."""

import random
import time

import pytest

from rig import corpus, wire
from rig.custody import Feeders, Judgement, Lives, Promises
from rig.process import count, report, wait_until

FEEDERS = 8
LONG = 3  # every third life is long enough for outcomes that are recorded for certain


def hammer(work, kills, env=None):
    """Kills the daemon `kills` times at random instants; the judgement, and the share of kills in the middle."""
    sink = work.sink("--delay", "final=300")
    daemon = work.daemon(sink, env=env)
    promises = Promises()
    lives = Lives(sink, promises)
    chance = random.Random(corpus.seed())
    in_the_middle = 0
    with Feeders(daemon, promises, FEEDERS) as feeders:
        for i in range(kills):
            # However slow the machine: the instants are random from when both ways are busy.
            begun = sink.counts()
            wait_until(lambda: sink.counts()["transactions"] > begun["transactions"] and feeders.in_transaction(), 30,
                       "a delivery and an acceptance after the start")
            if i % LONG == 0:
                wait_until(lambda: sink.counts()["messages"] >= begun["messages"] + 30, 30, "a longer life")
            time.sleep(chance.uniform(0, 0.4))
            before = sink.counts()["aborted_transactions"]
            accepting = feeders.in_transaction()
            alive_at = time.time()
            daemon.kill()
            lives.end(alive_at)
            # What the sink lost in mid-transaction was in flight when the daemon died.
            in_the_middle += bool(accepting and sink.counts()["aborted_transactions"] > before)
            if i == kills - 1:
                daemon.env = {}  # a lie ends here, or the rest would never come to an end
            daemon.start()
    sink.command("clear")  # the intake was slow for the sake of the kills; what waits by now is a lot
    daemon.wait_drained(180)
    daemon.assert_accounted()
    judgement = Judgement(sink, promises, lives)
    daemon.stop()
    report(f"kill -9{' ' + str(env) if env else ''}: kills {kills}, acknowledged {len(promises.acknowledged)}, "
           f"lost {len(judgement.lost)}, doubled {judgement.doubled} (at most {judgement.most_doubled} by a kill), "
           f"with a recorded outcome {judgement.settled}, again all the same {len(judgement.again_though_settled)}, "
           f"kills with an acceptance and a delivery under way {in_the_middle}")
    assert len(promises.acknowledged) >= kills
    return judgement, in_the_middle / kills


def test_kill_at_random_instants_loses_nothing_and_doubles_only_what_was_not_recorded(work):
    kills = count(12, 200)
    judgement, share = hammer(work, kills)
    judgement.assert_kept()
    assert judgement.settled >= 2 * kills, "hardly a journal of which it could be known"
    assert share >= 0.8, f"only {share:.0%} of the kills met both an acceptance and a delivery"


def test_a_build_that_answers_before_the_commit_is_found_out(work):
    """The negative control: the same test must fail for it."""
    judgement, _ = hammer(work, count(12, 40), env={"TDC_FAULT": "server.early-250"})
    assert judgement.lost, "a lie about custody went unseen"


def test_a_build_that_forgets_what_was_delivered_is_found_out(work):
    """The other negative control: nothing is lost by it, but what was recorded comes again."""
    judgement, _ = hammer(work, count(4, 12), env={"TDC_FAULT": "store.lose-outcomes"})
    assert judgement.lost == []
    assert judgement.again_though_settled, "outcomes that are not recorded went unseen"


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
    promises = Promises()
    lives = Lives(sink, promises)
    with Feeders(daemon, promises, 3):
        wait_until(lambda: not daemon.process.is_running(), 30, f"the crash at {point}")
    assert daemon.process.child.returncode == -9
    lives.end(time.time())
    daemon.env = {}
    daemon.start()
    daemon.wait_drained(60)
    daemon.assert_accounted()
    judgement = Judgement(sink, promises, lives)
    judgement.assert_kept()
    report(f"crash at {point}: acknowledged {len(promises.acknowledged)}, doubled {judgement.doubled}, "
           f"with a recorded outcome {judgement.settled}")
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

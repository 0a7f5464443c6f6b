"""P1, P4 and the retry rules: every fault of an intake has the documented outcome, and loses nothing."""

import re

import pytest

from rig import corpus, wire
from rig.process import count, free_port, wait_until
from rig.unwrap import Journal


def feed(daemon, n=1, size=2000):
    """n messages, each answered with 250."""
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    messages = [data for _, data in corpus.make([corpus.plain], n, corpus.seed(), largest=size)]
    for data in messages:
        client.data("alice@outside.example", ["bob@inside.example"], data)
    client.quit()
    return messages


def arrived(sink):
    """The originals that got a final 250, as a sorted list."""
    return sorted(Journal(p.read_bytes()).original for p, facts in sink.messages() if facts["final"])


EHLO, STARTTLS = b"EHLO gateway.example\r\n", b"STARTTLS\r\n"
# What is said before TLS when it does not come to the whole dialogue.
CUT_SHORT = {
    "no starttls": EHLO, "greeting 421": b"", "greeting 554": b"", "drop at greeting": b"", "drop at ehlo": EHLO,
}


def assert_pre_tls_dialogue(sink, fault=None):
    """P4: the raw bytes before TLS are the EHLO and STARTTLS dialogue, exactly, and nothing else."""
    said = sink.pre_tls()
    assert said, "the sink saw no connection"
    expected = CUT_SHORT.get(fault, EHLO + STARTTLS)
    assert set(said) == {expected}, (fault, set(said))


# Faults of the transport: the destination is backed off with the reason, rows are untouched.
TRANSPORT = {
    "no starttls": (["--no-starttls"], "STARTTLS"),
    "starttls refused": (["--starttls-refuse"], "STARTTLS"),
    "starttls injection": (["--inject-after-starttls"], "injection"),
    "tls 1.1 only": (["--tls-version", "1.1"], "TLS Error"),
    "wrong name": (["--certificate", "wrong-name"], "name"),
    "expired": (["--certificate", "expired"], "expired"),
    "unknown authority": (["--certificate", "unknown-ca"], "issuer"),
    "self-signed": (["--certificate", "self-signed"], "self"),
    "greeting 421": (["--reply", "greeting=421 busy"], "421"),
    "greeting 554": (["--reply", "greeting=554 go away"], "554"),
    "mail 451": (["--reply", "mail=451 later"], "451"),
    "mail 550": (["--reply", "mail=550 not you"], "550"),
    "rcpt 452": (["--reply", "rcpt=452 full"], "452"),
    "rcpt 550": (["--reply", "rcpt=550 unknown"], "550"),
    "data 451": (["--reply", "data=451 later", "--no-extension", "CHUNKING"], "451"),
    "data 554": (["--reply", "data=554 closed for maintenance", "--no-extension", "CHUNKING"], "554"),
    "drop at greeting": (["--drop", "greeting"], ""),
    "drop at ehlo": (["--drop", "ehlo"], ""),
    "drop in the data": (["--drop", "mid-data"], ""),
    "two replies for one": (["--duplicate-reply"], ""),
}


@pytest.mark.parametrize("hop,named", [("127.0.0.1", ""), ("hop.example", "hop.example ")])
def test_the_reason_names_the_place_once(work, hop, named):
    daemon = work.daemon(start=False)
    port = free_port()
    daemon.configuration["smtp_routes"] = [{"domain": "intake.example", "next_hops": [f"[{hop}]:{port}"]}]
    daemon.configuration["dns"] = {"hosts": str(work.directory / "hosts"), "timeout": "5s"}
    (work.directory / "hosts").write_text("127.0.0.1 hop.example\n")
    daemon.start()
    feed(daemon, 1)
    reason = wait_until(lambda: [d["last_error"] for d in daemon.json("status")["destinations"] if d["last_error"]], 20,
                        "the failed attempt")
    assert reason == [f"{named}[127.0.0.1]:{port}: no connection: Connection refused"]
    assert f" {reason[0]}" in daemon.log()
    daemon.stop()


@pytest.mark.parametrize("fault", TRANSPORT)
def test_a_destination_that_fails_touches_no_row(work, fault):
    options, reason = TRANSPORT[fault]
    sink = work.sink(*options)
    daemon = work.daemon(sink)
    messages = feed(daemon, 3)
    wait_until(lambda: sink.counts()["connections"] >= 2, 20, "a second attempt")
    status = daemon.json("status")
    states = status["account"]["states"]
    assert states["waiting"] + states["uncertain"] == 3, status
    destination = status["destinations"][0]
    assert destination["state"] in ("backed off", "suspended"), destination
    assert reason.lower() in destination["last_error"].lower() + daemon.log().lower()
    assert_pre_tls_dialogue(sink, fault)
    if "mail" not in fault and "rcpt" not in fault and "data" not in fault and "replies" not in fault:
        rows = daemon.json("queue")["journals"]
        assert [row["attempts"] for row in rows] == [0, 0, 0], rows
    # The cure: the same port, an intake in order; one probe, and everything flows.
    port = sink.port
    sink.stop()
    healthy = work.sink(name="healthy", port=port)
    daemon.configuration["tls"]["ca_file"] = str(healthy.ca)
    daemon.write_configuration()
    daemon.ctl("reload")
    daemon.wait_drained(40)
    assert set(arrived(healthy)) == set(messages)
    if states["uncertain"] == 0:
        assert len(healthy.messages()) == len(messages)
    daemon.stop()


def test_vague_final_replies_cost_one_copy_and_no_more(work):
    """250 without an enhanced code could be RCPT's, moved by one; it must not double for ever."""
    sink = work.sink("--reply", "final=250 fine")
    daemon = work.daemon(sink)
    messages = feed(daemon, 5)
    daemon.wait_drained(40)
    copies = [p.read_bytes() for p, _ in sink.messages()]
    assert set(Journal(c).original for c in copies) == set(messages)
    assert len(copies) <= 2 * len(messages) and len(set(copies)) == len(messages)
    daemon.stop()


def test_no_tls_error_is_logged_in_the_fields_form(work):
    sink = work.sink("--certificate", "expired")
    daemon = work.daemon(sink)
    feed(daemon)
    wait_until(lambda: "TLS Error" in daemon.log(), 20, "the log line")
    assert re.search(r"TDC: Message \d+ delivery failed to tenant@intake\.example: TLS Error\. .*expired",
                     daemon.log()), daemon.log()
    daemon.stop()


# Where an intake can say no to the content: at the end of data, and at the last chunk of BDAT.
CONTENT = {
    "end of data": ("final", ["--no-extension", "CHUNKING"]),
    "last chunk": ("final", []),
}


@pytest.mark.parametrize("stage", CONTENT)
def test_a_4xx_to_the_content_is_a_soft_bounce(work, stage):
    stage, options = CONTENT[stage]
    sink = work.sink("--reply", f"{stage}=451 4.3.0 try later@first 2", *options)
    daemon = work.daemon(sink)
    messages = feed(daemon)
    daemon.wait_drained(30)
    assert arrived(sink) == messages
    assert "Delayed:" in daemon.log() and "pending till" in daemon.log()
    status = daemon.json("status")
    assert status["counters"]["soft_bounced"] == 2
    daemon.assert_accounted()
    daemon.stop()


@pytest.mark.parametrize("stage", CONTENT)
def test_a_5xx_to_the_content_is_a_dead_letter_that_can_be_retried(work, stage):
    stage, options = CONTENT[stage]
    sink = work.sink("--reply", f"{stage}=554 5.7.1 no thanks@first 1", *options)
    daemon = work.daemon(sink)
    messages = feed(daemon)
    wait_until(lambda: daemon.states()["dead"] == 1, 20, "the dead letter")
    assert "Bounced:" in daemon.log()
    dead = daemon.json("dead")["journals"]
    assert len(dead) == 1 and "no thanks" in dead[0]["last_reply"]
    assert arrived(sink) == []
    daemon.assert_accounted()
    daemon.ctl("dead", "retry", dead[0]["mid"])
    daemon.wait_drained(20)
    wait_until(lambda: arrived(sink) == messages, 10, "the retried journal")
    daemon.assert_accounted()
    daemon.stop()


def test_the_bounce_profile_ends_in_a_dead_letter(work):
    sink = work.sink("--reply", "final=450 4.2.0 never")
    daemon = work.daemon(sink, bounce_profiles={"default": {
        "first_wait": "100ms", "longest_wait": "200ms", "max_retries": 3}})
    feed(daemon)
    wait_until(lambda: daemon.states()["dead"] == 1, 20, "the expiry")
    assert daemon.json("dead")["journals"][0]["attempts"] == 4
    assert "5.4.7" in daemon.log()
    daemon.assert_accounted()
    daemon.stop()


def test_a_lost_final_reply_is_uncertain_and_sends_the_same_bytes(work):
    sink = work.sink("--drop", "before-final-reply@first 1")
    daemon = work.daemon(sink)
    messages = feed(daemon)
    wait_until(lambda: daemon.states()["uncertain"] == 1 or len(sink.messages()) == 2, 20, "uncertain")
    daemon.wait_drained(30)
    both = [(path.read_bytes(), facts) for path, facts in sink.messages()]
    assert len(both) == 2 and both[0][0] == both[1][0], "the second is not the first"
    assert Journal(both[0][0]).original == messages[0]
    assert daemon.json("status")["counters"]["uncertain"] == 1
    daemon.assert_accounted()
    daemon.stop()


def test_a_cut_after_the_final_reply_is_no_failure(work):
    sink = work.sink("--drop", "after-final-reply@every 2")
    daemon = work.daemon(sink)
    messages = feed(daemon, 20)
    daemon.wait_drained(30)
    assert arrived(sink) == sorted(messages)
    daemon.assert_accounted()
    daemon.stop()


def test_ten_messages_per_connection(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    daemon.controls["concurrency"] = 1
    daemon.write_configuration()
    daemon.ctl("reload")
    messages = feed(daemon, 35)
    daemon.wait_drained(30)
    per_connection = {}
    for _, facts in sink.messages():
        per_connection[facts["connection"]] = per_connection.get(facts["connection"], 0) + 1
    assert max(per_connection.values()) <= 10
    assert arrived(sink) == sorted(messages)
    daemon.stop()


def test_an_intake_that_is_down_is_left_in_peace_and_found_again(work):
    """No stampede: with many waiting, attempts stay few, and recovery is one probe."""
    sink = work.sink()
    port = sink.port
    sink.stop()
    daemon = work.daemon(sink)
    daemon.controls.update(probe_first="2s", probe_longest="4s")
    daemon.write_configuration()
    daemon.ctl("reload")
    messages = feed(daemon, count(300, 5000), size=600)
    wait_until(lambda: daemon.json("status")["counters"]["connections_out"] >= 3, 30, "a few probes")
    counters = daemon.json("status")["counters"]
    assert counters["connections_out"] <= 12, counters
    # The same intake again (its CA is in its directory); nobody tells the daemon.
    again = work.sink(port=port)
    wait_until(lambda: again.counts()["messages"] >= 1, 8, "the probe that finds it, within one interval")
    daemon.wait_drained(count(30, 120))
    assert arrived(again) == sorted(messages)
    daemon.assert_accounted()
    daemon.stop()


def test_a_slow_intake_loses_nothing_and_doubles_nothing(work):
    sink = work.sink("--delay", "final=300", "--delay", "ehlo=100")
    daemon = work.daemon(sink)
    messages = feed(daemon, 30)
    daemon.wait_drained(60)
    assert arrived(sink) == sorted(messages)
    assert len(sink.messages()) == 30
    daemon.assert_accounted()
    daemon.stop()

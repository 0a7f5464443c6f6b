"""P8, P9: what an operator orders is what happens, to one journal and to all, end to end."""

import socket
import time

import pytest

from rig import wire
from rig.process import wait_until
from rig.unwrap import Journal

from test_faults import arrived, feed
from test_operations import closed_port_route

HOUR = {"default": {"first_wait": "1h", "longest_wait": "1h"}}


def waiting_daemon(work, n, sink=None, **changes):
    """A daemon whose intake is away, with n journals that wait for it; the messages and the MIDs."""
    daemon = work.daemon(sink, start=False, **changes)
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.start()
    messages = feed(daemon, n)
    return daemon, messages, [row["mid"] for row in daemon.json("queue")["journals"]]


def intake_is_back(daemon, sink):
    daemon.route_to(sink)
    daemon.write_configuration()
    daemon.ctl("reload")


def reach(daemon, state, n):
    wait_until(lambda: daemon.states()[state] == n, 20, f"{n} {state}")


def test_what_was_held_for_longer_than_its_time_in_queue_is_delivered_by_its_release(work):
    sink = work.sink()
    daemon, messages, (mid,) = waiting_daemon(
        work, 1, sink, bounce_profiles={"default": {"max_time_in_queue": "5s"}})
    daemon.ctl("hold", mid)
    time.sleep(6)
    intake_is_back(daemon, sink)
    daemon.ctl("release", mid)
    daemon.wait_drained(20)
    assert arrived(sink) == messages, daemon.states()
    daemon.stop()


def test_a_release_lets_go_of_what_its_form_holds(work):
    """Before, it was held again at once; now it goes attached, and that holds for it alone."""
    sink = work.sink("--no-extension", "8BITMIME", "--no-extension", "SMTPUTF8")
    daemon = work.daemon(sink, connector={"eight_bit": "hold"})
    data = b"Subject: x\r\n\r\n\xe4\xf6\r\n"
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    for _ in range(2):
        client.data("alice@outside.example", ["bob@inside.example"], data)
    client.quit()
    reach(daemon, "held", 2)
    first, second = [row["mid"] for row in daemon.json("queue")["journals"]]
    assert "8-bit data, no 8BITMIME" in daemon.json("show", first)["why"]
    daemon.ctl("release", first)
    wait_until(lambda: arrived(sink), 20, "the released one")
    ((path, _),) = sink.messages()
    journal = Journal(path.read_bytes())
    assert journal.original == data
    assert journal.outer("X-TDC-Mark") == "attach: 8-bit data, no 8BITMIME"
    assert daemon.json("show", second)["state"] == "held"
    daemon.ctl("release", "all")
    daemon.wait_drained(20)
    assert arrived(sink) == [data, data]
    daemon.assert_accounted()
    daemon.stop()


def test_delivernow_moves_what_is_uncertain_with_the_same_bytes(work):
    sink = work.sink("--drop", "before-final-reply@first 1")
    daemon = work.daemon(sink, start=False)
    daemon.controls["uncertain_wait"] = "1h"
    daemon.start()
    for words in (["all"], None):
        feed(daemon)
        reach(daemon, "uncertain", 1)
        (row,) = daemon.json("queue")["journals"]
        before = len(sink.messages())
        done = daemon.ctl("delivernow", *(words or [row["mid"]]))
        assert "made due" in done.stdout, done.stdout
        daemon.wait_drained(20)
        first, second = [p.read_bytes() for p, _ in sink.messages()[before - 1:]]
        assert first == second
        sink.command("drop before-final-reply@first 1")
    daemon.assert_accounted()
    daemon.stop()


def test_delivernow_of_one_leaves_the_others_their_wait(work):
    sink = work.sink("--reply", "final=451 later@first 2")
    daemon = work.daemon(sink, bounce_profiles=HOUR)
    feed(daemon, 2)
    wait_until(lambda: daemon.log().count("pending till") == 2, 20, "both delays")
    first, second = [row["mid"] for row in daemon.json("queue")["journals"]]
    daemon.ctl("delivernow", first)
    wait_until(lambda: daemon.pending() == 1, 20, "the one")
    assert [row["mid"] for row in daemon.json("queue")["journals"]] == [second]
    assert len(arrived(sink)) == 1
    daemon.ctl("delivernow", second)
    daemon.wait_drained(20)
    assert len(arrived(sink)) == 2
    daemon.stop()


def test_delivernow_is_logged_also_where_the_journal_was_due_already(work):
    daemon, _, (mid,) = waiting_daemon(work, 1)
    wait_until(lambda: daemon.json("status")["destinations"][0]["state"] == "backed off", 20, "the end of the attempt")
    assert daemon.ctl("delivernow", mid).stdout == f"{mid}: due already; its destination is tried\n"
    assert f"Info: MID {mid} made due by operator; it was due already\n" in daemon.log()
    daemon.stop()


def test_hold_all_and_release_all(work):
    sink = work.sink()
    daemon, messages, mids = waiting_daemon(work, 5, sink)
    assert daemon.json("hold", "all")["changed"] == 5
    assert daemon.states()["held"] == 5
    intake_is_back(daemon, sink)
    messages += feed(daemon, 1)     # what comes later is not held
    wait_until(lambda: len(arrived(sink)) == 1, 20, "the one that is not held")
    assert daemon.states()["held"] == 5
    assert daemon.json("release", "all")["changed"] == 5
    daemon.wait_drained(20)
    assert arrived(sink) == sorted(messages)
    daemon.assert_accounted()
    daemon.stop()


def test_delete_all_deletes_and_is_accounted(work):
    daemon, _, mids = waiting_daemon(work, 4)
    daemon.ctl("hold", mids[0])
    refused = daemon.ctl("delete", "all", check=False)      # no terminal, and no --yes
    assert refused.returncode == 2 and daemon.pending() == 3, refused
    daemon.ctl("delete", "all", "--state", "held", "--yes")
    assert daemon.pending() == 3 and daemon.states()["held"] == 0
    daemon.ctl("delete", "all", "--yes")
    assert daemon.json("queue")["journals"] == []
    account = daemon.assert_accounted()
    assert account["deleted"] == 4
    daemon.stop()


def test_dead_letters_are_retried_and_deleted(work):
    sink = work.sink("--reply", "final=554 5.7.1 no")
    daemon = work.daemon(sink)
    messages = feed(daemon, 3)
    reach(daemon, "dead", 3)
    first, _, third = [row["mid"] for row in daemon.json("dead")["journals"]]
    daemon.ctl("dead", "retry", first)
    wait_until(lambda: daemon.log().count(f"MID {first} ") and daemon.states()["dead"] == 3, 20, "its second death")
    daemon.ctl("dead", "delete", "--yes", third)
    assert daemon.states()["dead"] == 2
    assert daemon.ctl("show", third, check=False).returncode == 1
    sink.command("clear")
    assert daemon.json("dead", "retry", "all")["changed"] == 2
    daemon.wait_drained(20)
    assert len(arrived(sink)) == 2 and set(arrived(sink)) < set(messages)
    account = daemon.assert_accounted()
    assert account["deleted"] == 1 and account["states"]["dead"] == 0
    daemon.stop()


def crash_with_one_in_flight(work):
    """The intake has the bytes, and the daemon died before it knew: (sink, daemon, the bytes)."""
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    daemon.start(env={"TDC_FAULT": "deliver.after-final-dot:1"})
    feed(daemon)
    wait_until(lambda: not daemon.process.is_running(), 20, "the crash")
    wait_until(sink.messages, 20, "the bytes")
    ((path, _),) = sink.messages()
    return sink, daemon, path.read_bytes()


def test_bytes_of_a_crash_stay_through_an_orderly_stop_and_a_new_configuration(work):
    sink, daemon, sent = crash_with_one_in_flight(work)
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.start()
    daemon.stop()
    daemon.route_to(sink)
    daemon.configuration["connector"]["client_ip_field"] = "X-Sender-IP"
    daemon.start()
    daemon.wait_drained(20)
    again = [path.read_bytes() for path, _ in sink.messages()][1:]
    assert again == [sent]
    feed(daemon)
    daemon.wait_drained(20)
    assert b"X-Sender-IP" in sink.messages()[-1][0].read_bytes()
    daemon.stop()


def test_bytes_of_a_crash_stay_while_others_go_with_new_ones(work):
    sink, daemon, sent = crash_with_one_in_flight(work)
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.start()
    daemon.ctl("hold", "all")
    daemon.configuration["connector"]["client_ip_field"] = "X-Sender-IP"
    intake_is_back(daemon, sink)
    feed(daemon)
    daemon.wait_drained(20)
    assert b"X-Sender-IP" in sink.messages()[-1][0].read_bytes()
    daemon.stop()
    daemon.start()
    daemon.ctl("release", "all")
    daemon.wait_drained(20)
    assert len(sink.messages()) == 3 and sink.messages()[-1][0].read_bytes() == sent
    daemon.stop()


def test_clients_that_do_not_read_their_answers_do_not_keep_the_operator_out(work):
    daemon, _, _ = waiting_daemon(work, 300)
    rude = []
    for _ in range(32):
        s = socket.socket(socket.AF_UNIX)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(daemon.socket)
        s.sendall(b"GET /queue?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        rude.append(s)
    time.sleep(2)
    for _ in range(3):
        daemon.ctl("status")
    for s in rude:
        s.close()
    daemon.stop()


def down_with_nothing_queued(work, **controls):
    """An intake that was away as its only mail came, and is back since; that mail is deleted."""
    sink = work.sink()
    port = sink.port
    sink.stop()
    daemon = work.daemon(sink, start=False)
    daemon.controls.update(controls)
    daemon.start()
    feed(daemon)
    wait_until(lambda: daemon.ctl("health", check=False).returncode == 1, 20, "an intake that is down")
    assert daemon.ctl("delete", "all", "--yes").stdout == "1 journal deleted\n"
    work.sink(port=port)
    return daemon


def is_well(daemon):
    return daemon.ctl("health", check=False).stdout == "ok\n"


def test_the_end_of_an_outage_is_found_with_nothing_queued(work):
    daemon = down_with_nothing_queued(work)
    wait_until(lambda: is_well(daemon), 20, "the probe")
    (destination,) = daemon.json("status")["destinations"]
    assert destination["last_error_at"] and destination["next_probe_at"] is None and destination["down_since"] is None
    assert "Connection refused" not in daemon.ctl("status").stdout
    daemon.stop()


@pytest.mark.parametrize("command", ["delivernow", "reload"])
def test_an_operator_has_it_found_at_once(work, command):
    daemon = down_with_nothing_queued(work, probe_first="1h", probe_longest="1h")
    assert not is_well(daemon)
    daemon.ctl(command)
    wait_until(lambda: is_well(daemon), 20, "the probe")
    daemon.stop()


def test_what_an_outage_held_longer_than_its_time_in_queue_is_delivered(work):
    sink = work.sink()
    port = sink.port
    sink.stop()
    daemon = work.daemon(sink, start=False, bounce_profiles={"default": {"max_retries": 0, "max_time_in_queue": "2s"}})
    daemon.start()
    messages = feed(daemon, 3)
    longer = "is backed off, for longer than max_time_in_queue: "
    wait_until(lambda: longer in daemon.ctl("health", check=False).stdout, 20, "the warning")
    wait_until(lambda: daemon.log().count("longer than max_time_in_queue") == 1, 20, "its line")
    assert daemon.states()["waiting"] == 3
    again = work.sink(port=port)
    daemon.wait_drained(20)
    assert arrived(again) == sorted(messages), daemon.states()
    assert daemon.states()["dead"] == 0 and is_well(daemon)
    daemon.stop()


def test_where_a_journal_is_being_sent_is_told(work):
    sink = work.sink("--delay", "final=600000")
    daemon = work.daemon(sink)
    feed(daemon)
    wait_until(lambda: daemon.json("status")["destinations"][0]["in_flight"], 20, "a journal that is being sent")
    (row,) = daemon.json("queue")["journals"]
    shown = daemon.json("show", row["mid"])
    assert shown["dcid"] > 0 and shown["why"] == f"it is being sent in this moment, by DCID {shown['dcid']}"
    told = f"{row['mid']}: being sent in this moment, by DCID {shown['dcid']}\n"
    assert daemon.ctl("delivernow", row["mid"]).stdout == told
    assert daemon.ctl("delivernow", row["message_mid"]).stdout == told.replace(
        str(row["mid"]), f"message {row['message_mid']}", 1)
    daemon.assert_accounted()
    daemon.kill()

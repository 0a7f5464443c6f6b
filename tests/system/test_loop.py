"""P7: a journal that comes back is never journaled again, and nothing that a sender writes keeps its mail
from the scanner."""

import re

import pytest

from rig import wire
from rig.process import wait_until
from rig.unwrap import Journal

ORIGINAL = b"From: <alice@outside.example>\r\nSubject: hello\r\n\r\nhello\r\n"
MARK = re.compile(rb"^X-TDC-Journal: ([0-9a-f]{32})\r\n? ([0-9a-f]{32})\r\n", re.M)


def deliver(daemon, content):
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    client.data("alice@outside.example", ["bob@inside.example"], content)
    client.quit()


def received(sink, n):
    """The n-th message of the sink, and no more than that."""
    wait_until(lambda: len(sink.messages()) >= n, 20, f"message {n} at the sink")
    messages = sink.messages()
    assert len(messages) == n
    return messages[-1][0].read_bytes()


def dropped(daemon):
    return daemon.json("account")["dropped_by"]["loop"]


def change_tag(journal):
    """The journal with another digit at the end of its tag."""
    at = MARK.search(journal).end(2) - 1
    digit = b"1" if journal[at:at + 1] == b"0" else b"0"
    return journal[:at] + digit + journal[at + 1:]


@pytest.mark.parametrize("form", ["journal", "exchange", "bcc"])
def test_a_journal_that_comes_back_is_dropped_and_accounted(work, form):
    sink = work.sink()
    daemon = work.daemon(sink, connector={"format": form})
    deliver(daemon, ORIGINAL)
    journal = received(sink, 1)
    assert MARK.search(journal)
    # As a relay hands it back: with a trace field in front.
    deliver(daemon, b"Received: from relay.example by mx.example; today\r\n" + journal)
    wait_until(lambda: dropped(daemon) == 1, 10, "the loop to be accounted")
    assert re.search(r"Warning: TDC: Message \d+ dropped: loop\.", daemon.log())
    assert "loop mark" not in daemon.log()
    # The secret is the spool's: also after a restart the journal is known.
    daemon.stop()
    daemon.start()
    deliver(daemon, journal)
    wait_until(lambda: dropped(daemon) == 2, 10, "the second loop to be accounted")
    account = daemon.assert_accounted()
    assert account["dropped"] == 2 and account["states"]["delivered"] == 1
    received(sink, 1)
    daemon.stop()


def test_one_digit_of_the_tag_makes_it_mail_like_any_other(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    deliver(daemon, ORIGINAL)
    forged = change_tag(received(sink, 1))
    deliver(daemon, forged)
    assert Journal(received(sink, 2)).original == forged
    assert "Warning: MID 3 ICID" in daemon.log() and "forged or foreign loop mark" in daemon.log()
    account = daemon.assert_accounted()
    assert account["dropped"] == 0 and account["states"]["delivered"] == 2
    daemon.stop()


def test_a_journal_of_another_spool_is_mail_like_any_other(work):
    sink = work.sink()
    first, second = work.daemon(sink, name="first"), work.daemon(sink, name="second")
    deliver(first, ORIGINAL)
    journal = received(sink, 1)
    deliver(second, journal)
    assert Journal(received(sink, 2)).original == journal
    assert dropped(second) == 0
    for daemon in (first, second):
        daemon.assert_accounted()
        daemon.stop()


SENDERS_TRICKS = [
    b"X-TDC-Journal: 1\r\n",
    b"X-TDC-Journal:\r\n",
    b"X-TDC-Journal: " + b"0" * 32 + b" " + b"0" * 32 + b"\r\n",
    b"X-MS-Journal-Report:\r\n",
    b"Received: from a by b; today\r\n" * 101,
]


def test_no_field_of_a_sender_keeps_its_mail_from_the_scanner(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    for n, fields in enumerate(SENDERS_TRICKS, 1):
        deliver(daemon, fields + ORIGINAL)
        assert Journal(received(sink, n)).original == fields + ORIGINAL
    assert "has 101 Received fields, more than 100" in daemon.log()
    assert daemon.assert_accounted()["dropped"] == 0
    daemon.stop()


def test_journals_of_others_are_dropped_where_it_is_so_configured(work):
    sink = work.sink()
    daemon = work.daemon(sink, connector={"foreign_journals": "drop"})
    deliver(daemon, b"X-MS-Journal-Report:\r\n" + ORIGINAL)
    wait_until(lambda: dropped(daemon) == 1, 10, "the journal to be accounted")
    # A reload takes it back.
    daemon.configuration["connector"]["foreign_journals"] = "journal"
    daemon.write_configuration()
    daemon.ctl("reload")
    deliver(daemon, b"X-MS-Journal-Report:\r\n" + ORIGINAL)
    assert Journal(received(sink, 1)).original == b"X-MS-Journal-Report:\r\n" + ORIGINAL
    assert daemon.assert_accounted()["dropped"] == 1
    daemon.stop()

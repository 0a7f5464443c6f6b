"""What a sender may choose must not keep its mail from the scanner: whatever Postfix takes, tdcd takes.

A copy that is refused is bounced to nobody and lost (P2). The envelopes here are not of any standard, but a
real Postfix lets them in and hands them on.
"""

import re

import pytest

from rig import postfix, wire
from rig.process import wait_until

OUTSIDE = b"a@outside.example"

# name: (sender, parameters of MAIL, HELO)
ENVELOPES = {
    "a sender of 2 KiB": (b"x" * 1900 + b"@outside.example", b"", b"c.example"),
    "a sender with a control byte": (b'"a\x01b"@outside.example', b"", b"c.example"),
    "a sender with an escape sequence": (b'"a\x1b[31mb"@outside.example', b"", b"c.example"),
    "a sender that is not UTF-8": (b"a\xe4@outside.example", b"", b"c.example"),
    "a sender of an empty domain": (b"a@b@", b"", b"c.example"),
    "a sender without a domain": (b"root", b"", b"c.example"),
    "an ENVID of 900 characters": (OUTSIDE, b" ENVID=" + b"e" * 900, b"c.example"),
    "an ENVID that grows in xtext": (OUTSIDE, b" ENVID=" + b"=" * 1900, b"c.example"),
    "a HELO of 1500 bytes": (OUTSIDE, b"", b"h" * 1500),
    "a HELO that is not UTF-8": (OUTSIDE, b"", b"h\xe4"),
}


def hand_in(port, sender, parameters, helo, subject):
    client = wire.Client(("127.0.0.1", port))
    for line, code in ((b"EHLO " + helo, 250), (b"MAIL FROM:<" + sender + b">" + parameters, 250),
                       (b"RCPT TO:<b@inside.example>", 250), (b"DATA", 354),
                       (b"Subject: " + subject + b"\r\n\r\nx\r\n.", 250)):
        client.say(line + b"\r\n")
        client.expect(code)
    client.quit()


@pytest.mark.parametrize("feed", [
    lambda daemon, work: postfix.always_bcc(daemon.smtp_port),
    lambda daemon, work: postfix.recipient_bcc(daemon.smtp_port, work.directory),
], ids=["always_bcc", "recipient_bcc_maps"])
def test_what_postfix_takes_is_taken(work, feed):
    sink = work.sink()
    daemon = work.daemon(sink)
    main, master = feed(daemon, work)
    relay = work.postfix([*main, "smtputf8_enable = no"], master)
    for i, envelope in enumerate(ENVELOPES.values()):
        hand_in(relay.port, *envelope, b"odd %d" % i)
    relay.wait_drained(60)
    lost = re.findall(r"to=<[^>]*the\.tdc\.queue>.*status=(?!sent).*", relay.log())
    assert not lost, "\n".join(line[:300] for line in lost)
    assert not re.search(r"said: 50\d.*XFORWARD", relay.log())
    wait_until(lambda: len(sink.messages()) >= len(ENVELOPES), 30, "every journal")
    arrived = b"".join(path.read_bytes() for path, _ in sink.messages())
    for i, name in enumerate(ENVELOPES):
        assert b"Subject: odd %d\r\n" % i in arrived, name
    assert daemon.json("status")["account"]["refused"] == 0
    assert sink.counts()["violations"] == 0
    daemon.stop()

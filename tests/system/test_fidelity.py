"""P3: the attached original is, byte for byte, what arrived, whatever it is and however it came."""

import collections
import hashlib
import math
import random

import pytest
import yaml

from rig import corpus, postfix, wire
from rig.process import count, report
from rig.unwrap import Journal

RECIPIENTS = ["bob@inside.example", "carol@inside.example"]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def originals(sink):
    """{sha256: Journal} of all that the sink has; each exactly once."""
    found = {}
    for path, facts in sink.messages():
        journal = Journal(path.read_bytes())
        key = digest(journal.original)
        assert journal.outer("X-TDC-SHA256") == key, path
        assert int(journal.outer("X-TDC-Size")) == len(journal.original)
        assert facts["to"] == ["tenant@intake.example"]
        assert facts["from"] == ""
        assert facts["tls_version"] in ("TLSv1.2", "TLSv1.3")
        assert key not in found, f"{path}: came twice"
        found[key] = journal
    return found


def assert_all_arrived(sink, sent):
    """`sent` is [(name, bytes)]; the same bytes may stand in it more than once only if empty."""
    found = originals(sink)
    for name, data in sent:
        journal = found.pop(digest(data), None)
        assert journal, f"{name} of {len(data)} bytes did not arrive as it was"
        if name == "dkim_signed":
            assert corpus.dkim_verifies(journal.original)
        if name == "smime_signed":
            assert corpus.smime_verifies(journal.original)
        if name in ("nul_bytes", "bare_line_ends"):
            expected = "message/rfc822" if journal.part_fields and "binary" in str(journal.part_fields) \
                else "application/octet-stream"
            assert journal.form == expected
    assert not found, f"{len(found)} journals that nobody sent"


FEEDS = {
    "data": (corpus.DATA, lambda d: wire.Client(("127.0.0.1", d.smtp_port)), "data", 1),
    "bdat": (corpus.TEXT + corpus.BINARY, lambda d: wire.Client(("127.0.0.1", d.smtp_port)), "bdat", 1),
    "lmtp": (corpus.DATA, lambda d: wire.Client(("127.0.0.1", d.lmtp_port), "LHLO feeder"), "data", 2),
    "lmtp by bdat over a unix socket":
        (corpus.TEXT + corpus.BINARY, lambda d: wire.Client(d.lmtp_socket, "LHLO feeder"), "bdat", 2),
}


@pytest.mark.parametrize("extensions", [(), ("CHUNKING", "BINARYMIME"), ("8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME")],
                         ids=["intake with all", "intake without chunking", "intake of seven bits"])
@pytest.mark.parametrize("feed", FEEDS)
def test_direct(work, feed, extensions):
    classes, connect, verb, replies = FEEDS[feed]
    sink = work.sink(*[o for e in extensions for o in ("--no-extension", e)])
    daemon = work.daemon(sink)
    # Twenty of each class at least, and a thousand towards an intake that offers all.
    total = count(3, 20 if extensions else math.ceil(1060 / len(classes))) * len(classes)
    messages = corpus.make(classes, total, corpus.seed(), largest=count(1 << 20, 8 << 20))
    client, seen = connect(daemon), set()
    sent = []
    for name, data in messages:
        if data in seen:
            continue
        seen.add(data)
        texts = getattr(client, verb)("alice@outside.example", RECIPIENTS, data, replies=replies)
        assert all("queued as" in text for text in texts), texts
        sent.append((name, data))
    client.quit()
    daemon.wait_drained(240)
    if not extensions:
        assert_all_arrived(sink, sent)
    else:
        found = originals(sink)
        missing = [name for name, data in sent if digest(data) not in found]
        assert not missing and len(found) == len(sent)
    for journal in originals(sink).values():
        assert journal.reported("Sender") == ["alice@outside.example"]
        assert [line.partition(",")[0] for line in journal.reported("Recipient")] == RECIPIENTS
    account = daemon.assert_accounted()
    assert account["states"]["delivered"] == len(sent)
    report(f"fidelity by {feed}, intake without {', '.join(extensions) or 'nothing'}: {len(sent)} messages of "
           f"{len(classes)} classes, each once, byte for byte")
    daemon.stop()


def take_the_only_message(sink):
    """The one journal that the sink has; its files are removed, so that many huge ones fit on a disk."""
    (path, facts), = sink.messages()
    journal = Journal(path.read_bytes())
    path.unlink()
    path.with_suffix(".json").unlink()
    return journal


def test_sixty_megabytes(work):
    """The largest class, by each verb, each judged before the next is sent."""
    sink = work.sink()
    daemon = work.daemon(sink)
    connect = {
        "data": lambda: wire.Client(("127.0.0.1", daemon.smtp_port)),
        "bdat": lambda: wire.Client(("127.0.0.1", daemon.smtp_port)),
        "lmtp": lambda: wire.Client(daemon.lmtp_socket, "LHLO feeder"),
    }
    for i in range(count(3, 60)):
        how = list(connect)[i % 3]
        data = corpus.huge(random.Random(corpus.seed() + i), corpus.HUGE)
        client = connect[how]()
        verb = client.bdat if how == "bdat" else client.data
        verb("a@outside.example", RECIPIENTS[:1], data)
        client.quit()
        daemon.wait_drained(120)
        assert digest(take_the_only_message(sink).original) == digest(data), how
    daemon.assert_accounted()
    daemon.stop()


# Each by the very lines of the document.
POSTFIX = {
    "always_bcc": lambda port, work: postfix.always_bcc(port),
    "recipient_bcc_maps": lambda port, work: postfix.recipient_bcc(port, work.directory),
    "always_bcc of the example": lambda port, work: postfix.always_bcc(port, postfix.ALWAYS_BCC),
    "recipient_bcc_maps of the example": lambda port, work: postfix.recipient_bcc(port, work.directory, postfix.ALWAYS_BCC),
    "lmtp of the example": lambda port, work: postfix.lmtp(port, work.directory),
}
LONG_LINE = b"x" * 3000


@pytest.mark.parametrize("name, protocol", [(postfix.ALWAYS_BCC, "smtp"), (postfix.LMTP, "lmtp")])
def test_an_example_listens_where_its_postfix_delivers(name, protocol):
    listener, = yaml.safe_load((postfix.SOURCE / name).read_text())["listeners"]
    assert (listener["protocol"], listener["address"]) == (protocol, postfix.ADDRESS)


@pytest.mark.parametrize("setup", POSTFIX)
def test_through_postfix(work, setup):
    """What a real Postfix says to tdcd is recorded on the wire and read by independent code."""
    sink = work.sink()
    daemon = work.daemon(sink)
    recorder = wire.Recorder(("127.0.0.1", daemon.lmtp_port if "lmtp" in setup else daemon.smtp_port))
    relay = work.postfix(*POSTFIX[setup](recorder.port, work))
    # Postfix itself takes a bare LF as a line's end, and ends a message by it.
    classes = [c for c in corpus.DATA if c is not corpus.bare_line_ends]
    total = count(2, 56) * len(classes) if setup == "always_bcc" else count(1, 3) * len(classes)
    messages = corpus.make(classes, total, corpus.seed(), largest=count(1 << 20, 8 << 20))
    messages.append(("a long line", b"Subject: a long line\r\n\r\n\xe9" + LONG_LINE + b"\r\n"))
    client = wire.Client(("127.0.0.1", relay.port))
    for _, data in messages:
        client.begin("alice@outside.example", RECIPIENTS, " BODY=8BITMIME SMTPUTF8")
        client.command("DATA", 354)
        client.say(wire.stuffed(data))
        client.expect(250)
    client.quit()
    relay.wait_drained(300)
    daemon.wait_drained(300)
    given = [(RECIPIENTS, data) for _, data in recorder.messages()]
    assert len(given) == len(messages), relay.log()[-3000:]
    found = originals(sink)
    expected = collections.Counter(digest(data) for _, data in given)
    assert collections.Counter(found.keys()) == expected
    assert [j for j in found.values() if j.original.endswith(b"\r\n\r\n\xe9" + LONG_LINE + b"\r\n")]
    signed = [j for j in found.values() if b"DKIM-Signature" in j.original[:2000]]
    assert signed and all(corpus.dkim_verifies(j.original) for j in signed)
    signed = [j for j in found.values() if b"application/pkcs7-signature" in j.original[:3000]]
    assert signed and all(corpus.smime_verifies(j.original) for j in signed)
    for journal in found.values():
        assert journal.reported("Sender") == ["alice@outside.example"]
        if "always_bcc" not in setup:
            recipients = [line.partition(",")[0] for line in journal.reported("Recipient")]
            assert set(recipients) <= set(RECIPIENTS) and recipients
    daemon.assert_accounted()
    report(f"fidelity through Postfix by {setup}: {len(given)} messages of {len(classes)} classes, each once, byte for byte")
    recorder.close()
    daemon.stop()


def test_sixty_megabytes_through_postfix(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    recorder = wire.Recorder(("127.0.0.1", daemon.smtp_port))
    relay = work.postfix(*postfix.always_bcc(recorder.port))
    for i in range(count(1, 20)):
        client = wire.Client(("127.0.0.1", relay.port))
        client.data("alice@outside.example", RECIPIENTS, corpus.huge(random.Random(corpus.seed() + i), corpus.HUGE))
        client.quit()
        relay.wait_drained(120)
        daemon.wait_drained(120)
        (_, given), = recorder.messages()
        recorder.connections.clear()
        assert digest(take_the_only_message(sink).original) == digest(given)
    daemon.assert_accounted()
    recorder.close()
    daemon.stop()

"""Incoming mail policies over the wire: what a policy asks of a message, and which mail is incoming."""

from rig import postfix, wire
from rig.process import wait_until

POLICIES = {
    "default": {"intake": "global"},
    "policies": [
        {"name": "BOUNCES", "sender": ["<>"], "intake": "no"},
        {"name": "LISTS", "header": ["List-Id"], "not_header": ["X-Personal"], "intake": "no"},
        {"name": "NEAR", "client": ["192.0.2.0/24"], "not_recipient": ["abuse@"],
         "intake": "custom", "message_intake_address": "near@intake.example"},
    ],
}

# (name, XFORWARD ADDR, sender, recipients, header lines, {policy: recipients that are journaled})
MESSAGES = [
    ("a bounce", b"203.0.113.1", b"", [b"a@inside.example"], b"", {}),
    ("a list's mail", b"192.0.2.9", b"l@out.example", [b"a@inside.example"], b"list-ID: <x.y>\r\n", {}),
    ("a list's mail for one", b"203.0.113.1", b"l@out.example", [b"a@inside.example"],
     b"List-Id: <x.y>\r\nX-Personal: yes\r\n", {"DEFAULT": [b"a@inside.example"]}),
    ("a near client", b"192.0.2.9", b"n@out.example", [b"a@inside.example", b"Abuse@inside.example"], b"",
     {"NEAR": [b"a@inside.example"], "DEFAULT": [b"Abuse@inside.example"]}),
    ("a far client", b"203.0.113.1", b"f@out.example", [b"a@inside.example"], b"",
     {"DEFAULT": [b"a@inside.example"]}),
]


def hand_in(port, address, sender, recipients, header, subject):
    client = wire.Client(("127.0.0.1", port))
    lines = [(b"EHLO feeder.example", 250), (b"XFORWARD ADDR=" + address, 250), (b"MAIL FROM:<" + sender + b">", 250),
             *((b"RCPT TO:<" + r + b">", 250) for r in recipients), (b"DATA", 354),
             (header + b"Subject: " + subject + b"\r\n\r\nx\r\n.", 250)]
    for line, code in lines:
        client.say(line + b"\r\n")
        client.expect(code)
    client.quit()


def reported(text):
    """The recipients that a journal's report names."""
    return [line.removeprefix(b"Recipient: ") for line in text.split(b"\r\n") if line.startswith(b"Recipient: ")]


def test_each_message_goes_where_its_policy_says(work):
    sink = work.sink()
    daemon = work.daemon(sink, incoming_mail_policies=POLICIES)
    wanted = []
    for i, (name, address, sender, recipients, header, journals) in enumerate(MESSAGES):
        hand_in(daemon.smtp_port, address, sender, recipients, header, b"message %d." % i)
        intakes = {"NEAR": "near@intake.example", "DEFAULT": "tenant@intake.example"}
        wanted += [(i, intakes[policy], named) for policy, named in journals.items()]
    wait_until(lambda: len(sink.messages()) >= len(wanted), 30, "every journal")
    wait_until(lambda: daemon.json("account")["states"]["delivered"] == len(wanted), 30, "every outcome")
    found = []
    for path, facts in sink.messages():
        text = path.read_bytes()
        i = next(i for i in range(len(MESSAGES)) if b"Subject: message %d." % i in text)
        found.append((i, facts["to"][0], reported(text)))
    assert sorted(found) == sorted(wanted)
    assert daemon.assert_accounted()["dropped_by"]["policy"] == 2
    daemon.stop()


def fed_by_postfix(work, listener, main=()):
    """One message that comes to a real Postfix from this machine, under two incoming domains; the account then."""
    sink = work.sink()
    daemon = work.daemon(sink, start=False, incoming_domains=["inside.example"])
    daemon.configuration["listeners"][0]["direction"] = listener
    daemon.start()
    ours, master = postfix.always_bcc(daemon.smtp_port)
    relay = work.postfix([*ours, *main], master)
    client = wire.Client(("127.0.0.1", relay.port))
    for line, code in ((b"EHLO client.example", 250), (b"MAIL FROM:<a@outside.example>", 250),
                       (b"RCPT TO:<b@inside.example>", 250), (b"DATA", 354), (b"Subject: s\r\n\r\nx\r\n.", 250)):
        client.say(line + b"\r\n")
        client.expect(code)
    client.quit()
    relay.wait_drained(60)

    def ended():
        account = daemon.json("account")
        return account if account["states"]["delivered"] + account["dropped"] == 1 else None
    account = wait_until(ended, 30, "the end of the one message")
    log = daemon.log()
    daemon.stop()
    return account, log


def test_postfix_calls_mail_from_its_own_machine_local(work):
    account, log = fed_by_postfix(work, "auto", ["local_header_rewrite_clients = permit_inet_interfaces"])
    assert account["dropped_by"]["direction"] == 1
    assert "it began inside, as XFORWARD SOURCE says" in log


def test_unless_it_is_told_not_to(work):
    account, _ = fed_by_postfix(work, "auto", ["local_header_rewrite_clients ="])
    assert account["states"]["delivered"] == 1


def test_by_default_all_that_comes_is_incoming(work):
    account, _ = fed_by_postfix(work, "incoming", ["local_header_rewrite_clients = permit_inet_interfaces"])
    assert account["states"]["delivered"] == 1

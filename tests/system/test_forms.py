"""What the configuration can choose, end to end: formats, TLS modes, listeners, holds."""

import socket

import pytest

from rig import postfix, wire
from rig.process import wait_until
from rig.unwrap import Journal, field, fields

ORIGINAL = (b"From: Alice <alice@outside.example>\r\nTo: Bob <bob@inside.example>\r\nSubject: forms\r\n"
            b"Message-ID: <forms@outside.example>\r\n\r\nas it was\r\n")


def deliver_one(work, sink, data=ORIGINAL, **changes):
    daemon = work.daemon(sink, **changes)
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    client.data("alice@outside.example", ["bob@inside.example", "carol@inside.example"], data)
    client.quit()
    daemon.wait_drained(20)
    return daemon


def only(sink):
    (path, facts), = sink.messages()
    return path.read_bytes(), facts


def connector(**changes):
    return {"connector": changes}


def test_the_exchange_format_has_its_mark(work):
    sink = work.sink()
    deliver_one(work, sink, **connector(format="exchange")).stop()
    data, _ = only(sink)
    journal = Journal(data)
    assert journal.fields[0] == ("X-MS-Journal-Report", "")
    assert journal.original == ORIGINAL
    assert journal.reported("Recipient") == ["bob@inside.example", "carol@inside.example"]


def test_the_bcc_format_is_the_original_behind_the_fields(work):
    sink = work.sink()
    deliver_one(work, sink, **connector(format="bcc")).stop()
    data, _ = only(sink)
    assert data.endswith(ORIGINAL)
    added = fields(data[:-len(ORIGINAL)])
    assert field(added, "X-CSE-MailFrom") == "alice@outside.example"
    assert field(added, "X-CSE-RcptTo") == "bob@inside.example, carol@inside.example"
    assert field(added, "X-CSE-MsgDirection") == "Incoming"
    assert field(added, "X-CSE-ClientIP") == "127.0.0.1"


def test_a_hold_holds_and_a_release_with_another_choice_frees(work):
    sink = work.sink("--no-extension", "8BITMIME", "--no-extension", "SMTPUTF8", "--no-extension", "CHUNKING")
    daemon = deliver_one(work, sink, ORIGINAL + "Grüße\r\n".encode(), **connector(eight_bit="hold"))
    wait_until(lambda: daemon.states()["held"] == 1, 10, "the hold")
    daemon.configuration["connector"]["eight_bit"] = "attach"
    daemon.write_configuration()
    daemon.ctl("reload")
    daemon.ctl("release", "all", "--yes")
    wait_until(lambda: daemon.states()["delivered"] == 1, 20, "the delivery")
    journal = Journal(only(sink)[0])
    assert journal.form == "application/octet-stream"
    assert journal.original == ORIGINAL + "Grüße\r\n".encode()
    assert journal.outer("X-TDC-Mark").startswith("attach")
    daemon.stop()


def test_tls_required_without_verification_takes_any_certificate(work):
    sink = work.sink("--certificate", "self-signed")
    daemon = work.daemon(sink, start=False)
    daemon.controls["tls_mode"] = "required"
    daemon.start()
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    client.data("alice@outside.example", ["bob@inside.example"], ORIGINAL)
    client.quit()
    daemon.wait_drained(20)
    assert only(sink)[1]["tls"] is True
    assert "not verified" in daemon.log()
    daemon.stop()


def test_an_ipv6_listener(work):
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    with socket.socket(socket.AF_INET6) as s:
        s.bind(("::1", 0))
        port = s.getsockname()[1]
    daemon.configuration["listeners"].append({"name": "six", "protocol": "smtp", "address": f"[::1]:{port}"})
    daemon.start()
    with socket.create_connection(("::1", port), 5) as s:
        assert s.recv(4) == b"220 "
    daemon.stop()


def test_sessions_are_resumed_and_tls_1_2_will_do(work):
    sink = work.sink("--tls-version", "1.2", "--messages-per-connection", "1")
    daemon = work.daemon(sink)
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    for _ in range(4):
        client.data("alice@outside.example", ["bob@inside.example"], ORIGINAL)
        daemon.wait_drained(20)
    client.quit()
    found = [facts for _, facts in sink.messages()]
    assert {f["tls_version"] for f in found} == {"TLSv1.2"}
    assert [f["tls_resumed"] for f in found][1:] == [True] * 3
    daemon.stop()


def test_postfix_by_lmtp_over_a_unix_socket(work):
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    work.directory.chmod(0o755)
    daemon.directory.chmod(0o755)
    daemon.configuration["listeners"][2]["mode"] = "0666"
    daemon.start()
    main, master = postfix.lmtp(daemon.smtp_port, work.directory)
    by_socket = [line.replace(f"inet:127.0.0.1:{daemon.smtp_port}", f"unix:{daemon.lmtp_socket}") for line in main]
    assert by_socket != main
    relay = work.postfix(by_socket, master)
    client = wire.Client(("127.0.0.1", relay.port))
    client.data("alice@outside.example", ["bob@inside.example"], ORIGINAL)
    client.quit()
    relay.wait_drained(60)
    daemon.wait_drained(20)
    journal = Journal(only(sink)[0])
    assert journal.original.endswith(b"\r\n\r\nas it was\r\n")
    assert journal.outer("X-CSE-ClientIP") == "127.0.0.1"
    daemon.stop()


def test_uncertain_bytes_do_not_change_with_the_intake(work):
    """The same bytes under the same Message-ID, even if the intake address was corrected meanwhile."""
    sink = work.sink("--drop", "before-final-reply@first 1")
    daemon = work.daemon(sink, start=False)
    daemon.controls["uncertain_wait"] = "3s"
    daemon.start()
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    client.data("alice@outside.example", ["bob@inside.example"], ORIGINAL)
    client.quit()
    wait_until(lambda: daemon.states()["uncertain"] == 1, 20, "uncertain")
    daemon.configuration["connector"]["message_intake_address"] = "other@intake.example"
    daemon.write_configuration()
    daemon.ctl("reload")
    daemon.wait_drained(30)
    first, second = [path.read_bytes() for path, _ in sink.messages()]
    assert first == second
    daemon.stop()

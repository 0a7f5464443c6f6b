"""P8, P9 and the operator's commands against a live daemon."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import time

from rig import corpus, postfix, wire
from rig.process import Process, count, program, wait_until
from rig.unwrap import Journal

from test_faults import arrived, feed


def closed_port_route():
    return [{"domain": "intake.example", "next_hops": ["[127.0.0.1]:9"]}]


def test_a_corrected_route_frees_what_waits_by_reload(work):
    sink = work.sink()
    daemon = work.daemon(sink, smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    messages = feed(daemon, 20)
    wait_until(lambda: daemon.json("status")["destinations"], 10, "a first attempt")
    assert daemon.pending() == 20
    daemon.route_to(sink)
    daemon.write_configuration()
    daemon.ctl("reload")
    daemon.wait_drained(30)
    assert arrived(sink) == sorted(messages)
    daemon.assert_accounted()
    daemon.stop()


def test_a_broken_configuration_changes_nothing_and_says_so(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    good = (daemon.directory / "tdc.yaml").read_text()
    (daemon.directory / "tdc.yaml").write_text(good.replace("probe_first", "prob_first"))
    refused = daemon.ctl("reload", check=False)
    assert refused.returncode == 1 and "prob_first" in refused.stderr + daemon.log()
    daemon.process.child.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.json("status")["counters"]["reloads_failed"] >= 2, 10, "the second refusal")
    assert re.search(r"tdc\.yaml:\d+:\d+: .*prob_first", daemon.log())
    # The session from before goes on.
    client.data("a@outside.example", ["b@inside.example"], b"Subject: x\r\n\r\nstill here\r\n")
    (daemon.directory / "tdc.yaml").write_text(good)
    daemon.ctl("reload")
    client.data("a@outside.example", ["b@inside.example"], b"Subject: y\r\n\r\nand again\r\n")
    client.quit()
    daemon.wait_drained(20)
    assert len(arrived(sink)) == 2
    daemon.stop()


def test_check_names_file_line_column_and_key(work):
    path = work.directory / "bad.yaml"
    path.write_text("version: 1\nspool:\n  directory: /tmp/x\n  reserve: lots\nlistners: []\n")
    done = subprocess.run([program("tdcd"), "--config", str(path), "--check"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 78
    text = done.stdout + done.stderr
    assert re.search(r"bad\.yaml:4:\d+: spool\.reserve: ", text), text
    assert re.search(r"bad\.yaml:5:\d+: listners: ", text) and "listeners" in text


def test_a_stop_and_a_start_lose_nothing(work):
    sink = work.sink("--delay", "final=50")
    daemon = work.daemon(sink)
    messages = []
    for _ in range(3):
        messages += feed(daemon, 20)
        daemon.stop()
        daemon.start()
    daemon.wait_drained(60)
    assert set(arrived(sink)) == set(messages)
    assert len(sink.messages()) == len(arrived(sink)) == len(set(messages)) or len(set(messages)) < 60
    daemon.assert_accounted()
    daemon.stop()


def test_idle_sessions_get_421_at_the_stop_and_running_ones_their_time(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    idle = wire.Client(("127.0.0.1", daemon.smtp_port))
    busy = wire.Client(("127.0.0.1", daemon.smtp_port))
    busy.begin("a@outside.example", ["b@inside.example"])
    busy.command("DATA", 354)
    busy.say(b"Subject: half\r\n\r\n")
    daemon.process.child.send_signal(signal.SIGTERM)
    assert idle.reply()[0] == 421
    busy.say(b"and the rest\r\n.\r\n")
    assert busy.reply()[0] == 250
    assert daemon.process.child.wait(30) == 0
    daemon.start()
    daemon.wait_drained(20)
    assert len(arrived(sink)) == 1
    daemon.stop()


def test_a_second_instance_on_the_same_spool_is_refused(work):
    daemon = work.daemon(work.sink())
    other = dict(daemon.configuration)
    path = work.directory / "second.yaml"
    import yaml
    other["listeners"] = [{"name": "x", "protocol": "smtp", "address": "127.0.0.1:0"}]
    other["admin"] = {"socket": str(work.directory / "second.sock")}
    path.write_text(yaml.safe_dump(other))
    done = subprocess.run([program("tdcd"), "--config", str(path), "--foreground"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "another instance" in done.stdout + done.stderr or "held" in done.stdout + done.stderr
    daemon.stop()


def test_hold_release_delete_and_show(work):
    sink = work.sink()
    daemon = work.daemon(sink, smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    feed(daemon, 3)
    rows = daemon.json("queue")["journals"]
    assert [row["state"] for row in rows] == ["waiting"] * 3
    first, second, third = (row["mid"] for row in rows)
    daemon.ctl("hold", first)
    daemon.ctl("delete", "--yes", second)
    assert daemon.json("show", first)["state"] == "held"
    assert daemon.ctl("show", second, check=False).returncode == 1
    shown = daemon.json("show", third)
    assert shown["sender"] == "alice@outside.example"
    assert shown["recipients"][0]["address"] == "bob@inside.example"
    assert daemon.ctl("show", "999999", check=False).returncode == 1
    assert daemon.ctl("frobnicate", check=False).returncode == 2
    daemon.route_to(sink)
    daemon.write_configuration()
    daemon.ctl("reload")
    wait_until(lambda: daemon.states()["waiting"] == 0, 20, "the third to go")
    assert len(arrived(sink)) == 1
    daemon.ctl("release", first)
    daemon.wait_drained(20)
    assert len(arrived(sink)) == 2
    account = daemon.assert_accounted()
    assert account["deleted"] == 1
    daemon.stop()


def test_show_tells_what_was_asked_of_a_dsn(work):
    daemon = work.daemon(work.sink(), smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    for parameters in (" ENVID=a+2Bb RET=FULL", " RET=HDRS", ""):
        client.begin("alice@outside.example", ["bob@inside.example"], parameters)
        client.command("DATA", 354)
        client.say(wire.stuffed(b"Subject: x\r\n\r\nx\r\n"))
        client.expect(250)
    client.quit()
    daemon.stop()
    daemon.start()
    shown = [daemon.json("show", row["mid"]) for row in daemon.json("queue")["journals"]]
    assert [(s["envelope_id"], s["return"]) for s in shown] == [("a+b", "full"), (None, "hdrs"), (None, None)]
    daemon.stop()


def test_delivernow_ends_a_wait(work):
    sink = work.sink("--reply", "final=451 later@first 1")
    daemon = work.daemon(sink, bounce_profiles={"default": {"first_wait": "1h", "longest_wait": "1h"}})
    messages = feed(daemon)
    wait_until(lambda: "pending till" in daemon.log(), 20, "the delay")
    daemon.ctl("delivernow", "all")
    daemon.wait_drained(20)
    assert arrived(sink) == messages
    daemon.stop()


def test_untrusted_clients_are_turned_away_at_the_greeting(work):
    daemon = work.daemon(work.sink())
    daemon.configuration["listeners"][0]["trusted_networks"] = ["192.0.2.0/24"]
    daemon.stop()
    daemon.process = None
    path = daemon.write_configuration()
    daemon.process = Process([program("tdcd"), "--config", str(path), "--foreground"], work.directory / "x.log")

    def greeting():
        try:
            with socket.create_connection(("127.0.0.1", daemon.smtp_port), 1) as s:
                return s.recv(100)
        except OSError:
            return None
    assert wait_until(greeting, 20, "a greeting").startswith(b"554 ")
    daemon.stop()


def test_a_full_disk_is_a_4xx_and_acceptance_resumes_by_itself(work):
    disk = work.directory / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", disk], check=True)
    work.started.callback(lambda: subprocess.run(["umount", disk], check=True))
    sink = work.sink()
    daemon = work.daemon(sink, spool={"directory": str(disk / "spool"), "reserve": "16M"},
                         smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    import random
    accepted, refused = [], None
    for i in range(200):
        data = b"Subject: fill %d\r\n\r\n" % i + corpus.bulk(random.Random(i), 500_000)
        try:
            client.data("a@outside.example", ["b@inside.example"], data)
            accepted.append(data)
        except wire.Refused as e:
            refused = e
            break
    assert refused is not None and refused.code == 452 and "4.3.1" in refused.text, refused
    client.close()
    daemon.route_to(sink)
    daemon.write_configuration()
    daemon.ctl("reload")
    daemon.wait_drained(60)
    assert arrived(sink) == sorted(accepted)

    def accepts_again():
        c = wire.Client(("127.0.0.1", daemon.smtp_port))
        try:
            c.data("a@outside.example", ["b@inside.example"], b"Subject: again\r\n\r\nroom\r\n")
            return True
        except wire.Refused:
            return False
        finally:
            c.close()
    wait_until(accepts_again, 20, "acceptance to resume")
    daemon.wait_drained(20)
    daemon.assert_accounted()
    daemon.stop()


def test_the_log_file_is_reopened_on_sigusr1(work):
    log = work.directory / "mail.log"
    sink = work.sink()
    daemon = work.daemon(sink, start=False, log={"target": "file", "path": str(log), "form": "json"})
    path = daemon.write_configuration()
    daemon.process = Process([program("tdcd"), "--config", str(path)], work.directory / "x.log")
    wait_until(daemon.accepts, 20, "tdcd")
    feed(daemon)
    daemon.wait_drained(20)
    log.rename(work.directory / "mail.log.1")
    daemon.process.child.send_signal(signal.SIGUSR1)
    wait_until(log.exists, 10, "the new file")
    feed(daemon)
    daemon.wait_drained(20)
    daemon.stop()
    for file in (log, work.directory / "mail.log.1"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert any("queued for delivery" in line["text"] for line in lines), file


def test_a_full_disk_under_the_log_costs_lines_and_nothing_else(work):
    disk = work.directory / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    work.started.callback(lambda: subprocess.run(["umount", disk], check=True))
    log, ballast = disk / "mail.log", disk / "ballast"
    sink = work.sink()
    daemon = work.daemon(sink, start=False, log={"target": "file", "path": str(log)})
    daemon.process = Process([program("tdcd"), "--config", str(daemon.write_configuration())], work.directory / "x.log")
    wait_until(daemon.accepts, 20, "tdcd")
    with open(ballast, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 4096)
    messages = feed(daemon, 30)
    daemon.wait_drained(30)
    assert daemon.process.text().count("cannot be written: No space left on device; lines are lost") == 1
    ballast.unlink()
    messages += feed(daemon, 1)
    daemon.wait_drained(30)
    text = log.read_text()
    assert re.search(r"^\S.* Warning: \d+ log lines could not be written and are lost$", text, re.M), text[-2000:]
    assert text.endswith("\n") and text.count("log lines could not be written") == 1
    assert arrived(sink) == sorted(messages)
    daemon.assert_accounted()
    daemon.stop()


def test_tls_on_a_listener(work):
    sink = work.sink()
    daemon = work.daemon(sink, start=False)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", work.directory / "key.pem", "-out", work.directory / "cert.pem", "-days", "2",
                    "-subj", "/CN=gateway.example"], check=True, capture_output=True)
    daemon.configuration["listeners"][0].update(
        tls="required", certificate_file=str(work.directory / "cert.pem"), key_file=str(work.directory / "key.pem"))
    daemon.start()
    import smtplib
    import ssl
    context = ssl.create_default_context(cafile=str(work.directory / "cert.pem"))
    context.check_hostname = False
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, timeout=20) as s:
        s.ehlo()
        code, text = s.docmd("MAIL FROM:<a@b.example>")
        assert code == 530, text
        s.starttls(context=context)
        s.sendmail("a@outside.example", ["b@inside.example"], b"Subject: over TLS\r\n\r\nx\r\n")
    daemon.wait_drained(20)
    assert len(arrived(sink)) == 1
    daemon.stop()


def test_smuggling_ends_no_message(work):
    """Every sequence of the list arrives inside one message, and no second message is born."""
    sequences = [b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r",
                 b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n"]
    sink = work.sink()
    daemon = work.daemon(sink)
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    sent = []
    for sequence in sequences:
        evil = b"MAIL FROM:<evil@x>\r\nRCPT TO:<victim@y>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n"
        data = b"Subject: outer\r\n\r\nbefore" + sequence + evil
        client.begin("a@outside.example", ["b@inside.example"])
        client.command("DATA", 354)
        client.say(wire.stuffed(data))
        client.expect(250)
        sent.append(data)
    client.quit()
    daemon.wait_drained(20)
    assert arrived(sink) == sorted(sent)
    daemon.stop()


def test_stopping_with_many_waiting_is_quick(work):
    sink = work.sink()
    daemon = work.daemon(sink, smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    feed(daemon, count(500, 5000), size=600)
    started = time.monotonic()
    daemon.stop()
    assert time.monotonic() - started < 10
    daemon.start()
    assert daemon.pending() == count(500, 5000)
    daemon.stop()


def test_mail_that_reaches_no_intake_is_a_warning_of_health_and_names_its_reason_in_the_log(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    assert daemon.ctl("health").stdout == "ok\n"
    daemon.configuration["connector"]["enabled"] = False
    daemon.write_configuration()
    daemon.ctl("reload")
    feed(daemon, 2)
    health = daemon.ctl("health", check=False)
    assert health.returncode == 1
    assert health.stdout == ("warning: mail is accepted and not journaled: the connector is disabled; "
                             "2 journals dropped since the start\n")
    assert "the connector is disabled; 2 journals" in daemon.ctl("status").stdout
    assert len(re.findall(r"TDC: Message \d+ dropped: the connector is disabled\.", daemon.log())) == 2
    daemon.configuration["connector"]["enabled"] = True
    daemon.configuration["smtp_routes"] = [{"domain": "intake.example", "next_hops": ["/dev/null"]}]
    daemon.write_configuration()
    reload = daemon.ctl("reload")
    assert "journals for intake.example are dropped" in reload.stdout, reload.stdout
    feed(daemon, 1)
    wait_until(lambda: daemon.pending() == 0, 20, "the drop")
    assert daemon.ctl("health", check=False).stdout == (
        "warning: journals are dropped: the route of intake.example is /dev/null; 1 journal dropped since the start\n")
    assert re.search(r"TDC: Message \d+ dropped: the route of \S+ is /dev/null", daemon.log())
    daemon.route_to(sink)
    daemon.write_configuration()
    daemon.ctl("reload")
    assert daemon.ctl("health").stdout == "ok\n" and not arrived(sink)
    daemon.assert_accounted()
    daemon.stop()


def test_a_postfix_that_pipelines_keeps_its_copies_while_there_is_no_room(work):
    """MAIL gets 452, what is pipelined behind it 503: Postfix goes by the first, and bounces nothing."""
    sink = work.sink()
    daemon = work.daemon(sink, spool={"reserve": "1024G"})
    recorder = wire.Recorder(("127.0.0.1", daemon.smtp_port))
    relay = work.postfix(*postfix.always_bcc(recorder.port))
    client = wire.Client(("127.0.0.1", relay.port))
    client.data("alice@outside.example", ["bob@inside.example"], b"Subject: kept\r\n\r\nb\r\n")
    client.quit()
    wait_until(lambda: relay.log().count("status=deferred") >= 2, 60, "two attempts")
    assert re.search(r"to=<journal@the\.tdc\.queue>.*status=deferred \(host \S+ said: 452 4\.3\.1", relay.log()), relay.log()[-2000:]
    assert "status=bounced" not in relay.log() and relay.queue_size() == 1
    assert b"RCPT TO:<journal@the.tdc.queue>" in recorder.connections[0], "nothing was pipelined behind MAIL"
    account = daemon.json("status")["account"]
    assert (account["messages"], account["refused"]) == (0, 0)
    daemon.configuration["spool"]["reserve"] = "1M"
    daemon.write_configuration()
    daemon.ctl("reload")
    relay.wait_drained(60)
    wait_until(lambda: len(arrived(sink)) == 1, 20, "the journal")
    recorder.close()
    daemon.stop()


def body_files(daemon):
    return sorted((daemon.spool / "bodies").glob("*/*.body"))


def test_what_is_quarantined_gets_out_when_it_is_sound_again(work):
    """A damaged body is never delivered; what can be had again is, once, and the account closes all the way."""
    sink = work.sink()
    daemon = work.daemon(sink, smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    messages = [b"Subject: %d\r\n\r\n" % i + b"a line of the body\r\n" * 20_000 for i in range(3)]
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    for data in messages:
        client.data("a@outside.example", ["b@inside.example"], data)
    client.quit()
    daemon.stop()
    files = body_files(daemon)
    assert len(files) == 3
    originals = [file.read_bytes() for file in files]
    files[0].write_bytes(originals[0][:-3] + b"x\r\n")    # as long as it was
    files[1].unlink()
    daemon.route_to(sink)
    daemon.write_configuration()
    daemon.start()
    daemon.ctl("delivernow", "all")
    wait_until(lambda: daemon.states()["waiting"] == 0, 30, "an end of the attempts")
    assert daemon.states()["quarantined"] == 2 and len(arrived(sink)) == 1
    ids = [row["mid"] for row in daemon.json("quarantine")["journals"]]
    assert len(ids) == 2
    # The log has what was found, not only that something was.
    why = re.findall(r"TDC: Message \d+ quarantined: body: (.+)", daemon.log())
    assert len(why) == 2 and any("gone" in w for w in why) and any("checksum" in w for w in why), why
    refused = daemon.ctl("quarantine", "retry", "all", check=False)
    assert refused.returncode == 1 and refused.stdout.startswith("0 journals") and "left in quarantine: 2" in refused.stdout
    assert "does not match its SHA-256" in refused.stderr and "file is gone" in refused.stderr, refused.stderr
    assert daemon.states()["quarantined"] == 2
    files[1].write_bytes(originals[1])
    freed = daemon.ctl("quarantine", "retry", "all", check=False)
    assert freed.returncode == 1 and freed.stdout.startswith("1 journal put") and "left in quarantine: 1" in freed.stdout
    wait_until(lambda: daemon.states()["waiting"] == 0 and len(arrived(sink)) == 2, 30, "the one that is sound")
    assert set(arrived(sink)) < set(messages)
    (left,) = [row["mid"] for row in daemon.json("quarantine")["journals"]]
    assert daemon.ctl("dead", "delete", "--yes", left, check=False).returncode == 1     # it is none
    assert daemon.states()["quarantined"] == 1
    daemon.ctl("quarantine", "delete", "--yes", left)
    account = daemon.assert_accounted()
    assert account["deleted"] == 1 and account["states"]["quarantined"] == 0
    daemon.stop()


def test_clients_that_hold_the_control_socket_do_not_keep_the_operator_out(work):
    """Silent ones, half requests and endless heads by the hundred: mail flows, and the operator gets in."""
    sink = work.sink()
    daemon = work.daemon(sink)
    rude = []
    for i in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.connect(daemon.socket)
        try:
            s.send([b"", b"GET /sta", b"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n",
                    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000][i % 4])
        except OSError:
            pass
        rude.append(s)
    started = time.monotonic()
    daemon.ctl("status")        # whoever has been silent for a second makes room
    assert time.monotonic() - started < 30
    messages = feed(daemon, 10)
    wait_until(lambda: arrived(sink) == sorted(messages), 20, "the mail")
    assert daemon.json("status")["version"]
    for s in rude:
        s.close()
    daemon.wait_drained(20)
    daemon.stop()

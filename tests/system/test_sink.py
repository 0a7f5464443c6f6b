"""tdcsink does what the other tests trust it for: it keeps every byte, is strict, and goes wrong as asked."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

SINK = pathlib.Path(os.environ["TDC_BUILD_DIR"]) / "src" / "tdcsink"
SENDER, RECIPIENT = "alice@outside.example", "bob@intake.example"


class Running:
    """A tdcsink of this test's own."""

    def __init__(self, directory, options):
        self.directory = pathlib.Path(directory)
        self.control = str(self.directory / "control")
        self.process = subprocess.Popen(
            [str(SINK), "--listen", "127.0.0.1:0", "--directory", str(self.directory), "--control",
             self.control, *options], stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        host, _, port = ready["listening"].rpartition(":")
        self.address = (host, int(port))
        self.ca = ready["ca"]

    def context(self, **changes):
        context = ssl.create_default_context(cafile=self.ca)
        for key, value in changes.items():
            setattr(context, key, value)
        return context

    def client(self, context=None):
        client = smtplib.SMTP(*self.address, timeout=10)
        client.ehlo("client.example")
        client.starttls(context=context or self.context())
        client.ehlo("client.example")
        return client

    def raw(self):
        """A socket with buffered reading, the greeting taken."""
        s = socket.create_connection(self.address, timeout=10)
        f = s.makefile("rb")
        assert f.readline().startswith(b"220 ")
        return s, f

    def open_raw(self):
        """The same, past STARTTLS and EHLO."""
        s, f = self.raw()
        assert converse(s, f, b"EHLO client.example\r\n")[-1].startswith(b"250 ")
        assert converse(s, f, b"STARTTLS\r\n") == [b"220 2.0.0 ready to start TLS\r\n"]
        s = self.context().wrap_socket(s, server_hostname="localhost")
        f = s.makefile("rb")
        assert converse(s, f, b"EHLO client.example\r\n")[-1].startswith(b"250 ")
        return s, f

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            return json.loads(s.makefile().readline())

    def messages(self):
        return [(p.read_bytes(), json.loads(p.with_suffix(".json").read_text()))
                for p in sorted((self.directory / "messages").glob("*.eml"))]

    def pre_tls(self):
        return [p.read_bytes() for p in sorted((self.directory / "pre-tls").glob("*.raw"))]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return json.loads(out.splitlines()[-1])


def reply(f):
    """The lines of one reply."""
    lines = []
    while True:
        line = f.readline()
        lines.append(line)
        if line[3:4] != b"-":
            return lines


def converse(s, f, command):
    s.sendall(command)
    return reply(f)


@pytest.fixture
def sink():
    with contextlib.ExitStack() as stack:
        def start(*options):
            directory = tempfile.mkdtemp(prefix="tdcsink-")
            stack.callback(shutil.rmtree, directory)
            running = Running(directory, options)
            stack.callback(running.process.wait)
            stack.callback(running.process.kill)
            return running
        yield start


AWKWARD = (b"Subject: dots\r\n\r\n.\r\n..\r\n.one\r\n\r\n...three\r\nlast . line\r\n"
           + b"x" * 2000 + b"\r\n\xff\xfe\r\n")


def test_a_message_is_kept_as_it_was_sent(sink):
    s = sink()
    with s.client() as client:
        client.sendmail(SENDER, [RECIPIENT, "carol@intake.example"], AWKWARD, ["BODY=8BITMIME"])
    (data, facts), = s.messages()
    assert data == AWKWARD
    assert facts["from"] == SENDER and facts["to"] == [RECIPIENT, "carol@intake.example"]
    assert facts["helo"] == "client.example" and facts["bytes"] == len(AWKWARD)
    assert facts["tls_version"] == "TLSv1.3" and facts["final"] is True and facts["connection"] == 1
    assert "BODY=8BITMIME" in facts["parameters"]
    assert s.pre_tls() == [b"ehlo client.example\r\nSTARTTLS\r\n"]
    counts = s.stop()
    assert counts["messages"] == 1 and counts["bytes"] == len(AWKWARD) and counts["violations"] == 0
    assert counts["handshakes_full"] == 1 and counts["lines_over_998"] == 1


def test_data_is_the_same_in_any_pieces(sink):
    s = sink()
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line
                           for line in AWKWARD.split(b"\r\n")) + b".\r\n"
    for size in (1, 2, 3, 7, 1000):
        sock, f = s.open_raw()
        for command in (b"MAIL FROM:<> BODY=8BITMIME\r\n", b"RCPT TO:<%s>\r\n" % RECIPIENT.encode()):
            assert converse(sock, f, command)[0].startswith(b"250 ")
        assert converse(sock, f, b"DATA\r\n")[0].startswith(b"354 ")
        for at in range(0, len(stuffed), size):
            sock.sendall(stuffed[at:at + size])
        assert reply(f)[0].startswith(b"250 ")
        sock.close()
    assert [data for data, _ in s.messages()] == [AWKWARD] * 5
    assert s.stop()["violations"] == 0


def test_chunks_are_kept_byte_for_byte(sink):
    s = sink()
    body = b"Subject: b\r\n\r\n\0\r\n.\r\nbare\rbare\n\r\n.\r\n" + bytes(range(256)) * 300
    sock, f = s.open_raw()
    sock.sendall(b"MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<%s>\r\n" % RECIPIENT.encode()
                 + b"BDAT 10\r\n" + body[:10] + b"BDAT 0\r\nBDAT %d\r\n" % (len(body) - 11) + body[10:-1]
                 + b"BDAT 1 LAST\r\n" + body[-1:] + b"QUIT\r\n")
    codes = [reply(f)[0][:3] for _ in range(7)]
    assert codes == [b"250"] * 6 + [b"221"]
    (data, facts), = s.messages()
    assert data == body and facts["chunked"] is True
    counts = s.stop()
    assert counts["bdat_chunks"] == 4 and counts["violations"] == 0


def test_chunks_without_a_transaction_are_swallowed(sink):
    s = sink()
    sock, f = s.open_raw()
    sock.sendall(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert [reply(f)[0][:3] for _ in range(2)] == [b"503", b"250"]
    assert s.messages() == []


@pytest.mark.parametrize("sequence", [
    b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n\0.\r\n",
    b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\0\r\n"])
def test_only_crlf_dot_crlf_ends_the_data(sink, sequence):
    s = sink()
    sock, f = s.open_raw()
    for command in (b"MAIL FROM:<>\r\n", b"RCPT TO:<%s>\r\n" % RECIPIENT.encode(), b"DATA\r\n"):
        reply_line, = converse(sock, f, command)
    sock.sendall(b"Subject: s\r\n\r\nbefore" + sequence + b"after\r\n.\r\n")
    assert reply(f)[0].startswith(b"250 ")
    assert converse(sock, f, b"NOOP\r\n")[0].startswith(b"250 ")
    (data, _), = s.messages()
    assert data.startswith(b"Subject: s\r\n\r\nbefore") and data.endswith(b"after\r\n")
    assert s.stop()["violations"] >= 1


STRICT = {
    "mail in the clear": (b"MAIL FROM:<a@b.example>\r\n", b"530", False),
    "an unknown command": (b"XYZZY\r\n", b"500", True),
    "a bare LF": (b"NOOP\n", b"500", True),
    "a bare CR": (b"NO\rOP\r\n", b"500", True),
    "a space before the path": (b"MAIL FROM: <a@b.example>\r\n", b"501", True),
    "no brackets": (b"MAIL FROM:a@b.example\r\n", b"501", True),
    "no domain": (b"MAIL FROM:<a>\r\n", b"501", True),
    "two dots": (b"MAIL FROM:<a..b@c.example>\r\n", b"501", True),
    "UTF-8 without SMTPUTF8": ("MAIL FROM:<ä@b.example>\r\n".encode(), b"501", True),
    "an unknown parameter": (b"MAIL FROM:<> X=1\r\n", b"555", True),
    "two spaces": (b"MAIL FROM:<>  BODY=7BIT\r\n", b"501", True),
    "a space at the end": (b"MAIL FROM:<> \r\n", b"501", True),
    "an argument of DATA": (b"DATA now\r\n", b"501", True),
    "a second STARTTLS": (b"STARTTLS\r\n", b"502", True),
    "a malformed EHLO": (b"EHLO under..dot\r\n", b"501", True),
}


@pytest.mark.parametrize("case", STRICT)
def test_it_is_strict(sink, case):
    line, code, in_tls = STRICT[case]
    s = sink()
    sock, f = s.open_raw() if in_tls else s.raw()
    if not in_tls:
        converse(sock, f, b"EHLO client.example\r\n")
    assert converse(sock, f, line)[0][:3] == code
    assert s.stop()["violations"] == 1


def test_what_is_not_offered_is_not_taken(sink):
    s = sink("--no-extension", "SMTPUTF8", "--no-extension", "8BITMIME", "--no-extension", "BINARYMIME",
             "--size", "1000")
    with s.client() as client:
        assert not client.has_extn("smtputf8") and not client.has_extn("8bitmime")
        assert client.esmtp_features["size"] == "1000"
        assert client.docmd("MAIL FROM:<> SMTPUTF8")[0] == 555
        assert client.docmd("MAIL FROM:<> BODY=8BITMIME")[0] == 555
        assert client.docmd("MAIL FROM:<> SIZE=1001")[0] == 552
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.esmtp_features.pop("size")
            client.sendmail(SENDER, RECIPIENT, b"x" * 70 + b"\r\n" + b"y" * 990 + b"\r\n")
        assert refused.value.smtp_code == 552
    assert s.messages() == []


CERTIFICATES = {
    "good": None,
    "expired": "expired",
    "wrong-name": "Hostname mismatch|not valid for",
    "unknown-ca": "unable to get local issuer",
    "self-signed": "self.signed",
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_each_certificate_is_what_it_says(sink, kind):
    s = sink("--certificate", kind)
    if CERTIFICATES[kind] is None:
        s.client().quit()
        return
    with pytest.raises(ssl.SSLCertVerificationError, match=CERTIFICATES[kind]):
        s.client()
    # Encryption works nevertheless.
    s.client(s.context(check_hostname=False, verify_mode=ssl.CERT_NONE)).quit()
    counts = s.stop()
    assert counts["handshakes_failed"] == 1 and counts["handshakes_full"] == 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_one_tls_version_only(sink, version):
    s = sink("--tls-version", version)
    client = s.client()
    assert client.sock.version() == f"TLSv{version}"
    client.quit()


def test_tls_1_1_is_refused_by_a_client_of_today(sink):
    s = sink("--tls-version", "1.1")
    with pytest.raises(ssl.SSLError):
        s.client()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(s.ca)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    client = s.client(old)
    assert client.sock.version() == "TLSv1.1"
    client.quit()


def test_sessions_are_resumed(sink):
    s = sink()
    context = s.context()
    sock, f = s.raw()
    converse(sock, f, b"EHLO c.example\r\n")
    converse(sock, f, b"STARTTLS\r\n")
    first = context.wrap_socket(sock, server_hostname="localhost")
    converse(first, first.makefile("rb"), b"EHLO c.example\r\n")
    session = first.session
    first.close()
    sock, f = s.raw()
    converse(sock, f, b"EHLO c.example\r\n")
    converse(sock, f, b"STARTTLS\r\n")
    second = context.wrap_socket(sock, server_hostname="localhost", session=session)
    converse(second, second.makefile("rb"), b"EHLO c.example\r\n")
    assert second.session_reused
    counts = s.stop()
    assert counts["handshakes_full"] == 1 and counts["handshakes_resumed"] == 1


def test_starttls_missing_refused_and_injected(sink):
    s = sink("--no-starttls")
    sock, f = s.raw()
    assert b"STARTTLS" not in b"".join(converse(sock, f, b"EHLO c.example\r\n"))
    assert converse(sock, f, b"STARTTLS\r\n")[0].startswith(b"502 ")
    s = sink("--starttls-refuse")
    sock, f = s.raw()
    assert b"STARTTLS" in b"".join(converse(sock, f, b"EHLO c.example\r\n"))
    assert converse(sock, f, b"STARTTLS\r\n")[0].startswith(b"454 ")
    s = sink("--inject-after-starttls")
    sock, f = s.raw()
    converse(sock, f, b"EHLO c.example\r\n")
    sock.sendall(b"STARTTLS\r\n")
    time.sleep(0.2)
    packet = sock.recv(1000)
    assert packet.count(b"\r\n") == 2 and packet.startswith(b"220 ") and b"\r\n250 " in packet


def test_bytes_behind_starttls_are_recorded_and_cut(sink):
    s = sink()
    sock, f = s.raw()
    converse(sock, f, b"EHLO c.example\r\n")
    sock.sendall(b"STARTTLS\r\nNOOP\r\n")
    assert reply(f)[0].startswith(b"220 ")
    assert f.read() == b""
    assert s.stop()["violations"] == 1
    assert s.pre_tls() == [b"EHLO c.example\r\nSTARTTLS\r\nNOOP\r\n"]


def send(client, n=1):
    """The codes of n messages, 0 for a cut connection."""
    codes = []
    for _ in range(n):
        try:
            client.sendmail(SENDER, RECIPIENT, b"Subject: x\r\n\r\ny\r\n")
            codes.append(250)
        except smtplib.SMTPServerDisconnected:
            codes.append(0)
            break
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as e:
            codes.append(e.smtp_code)
        except smtplib.SMTPRecipientsRefused as e:
            codes.append(e.recipients[RECIPIENT][0])
    return codes


REPLIES = {
    "mail=451 4.3.0 later": [451, 451, 451],
    "mail=451 later@first 2": [451, 451, 250],
    "rcpt=550 5.1.1 nobody@every 2": [250, 550, 250],
    "data=452 full@first 1": [452, 250, 250],
    "final=554 5.6.0 no@every 3": [250, 250, 554],
}


@pytest.mark.parametrize("fault", REPLIES)
def test_replies_can_be_ordered(sink, fault):
    s = sink("--reply", fault)
    with s.client() as client:
        assert send(client, 3) == REPLIES[fault]
    assert len(s.messages()) == REPLIES[fault].count(250)
    assert s.stop()["faults"] == 3 - REPLIES[fault].count(250)


def test_greeting_and_ehlo_can_be_refused(sink):
    s = sink("--reply", "greeting=554 no")
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        smtplib.SMTP(*s.address, timeout=10)
    assert refused.value.smtp_code == 554
    s = sink("--reply", "ehlo=421 not now")
    client = smtplib.SMTP(*s.address, timeout=10)
    assert client.ehlo()[0] == 421
    assert client.file.read() == b""


DROPS = {
    "greeting": (0, False), "ehlo": (0, False), "mail": (0, False), "rcpt": (0, False), "data": (0, False),
    "mid-data": (0, False), "final": (0, False), "before-final-reply": (1, False),
    "after-final-reply": (1, True),
}


@pytest.mark.parametrize("stage", DROPS)
def test_connections_are_cut_where_it_was_asked_for(sink, stage):
    stored, is_final = DROPS[stage]
    s = sink("--drop", stage)
    try:
        client = s.client()
        codes = send(client, 2)
    except (smtplib.SMTPServerDisconnected, ConnectionError, smtplib.SMTPConnectError):
        codes = [0]
    assert codes == ([250, 0] if is_final else [0])
    assert [facts["final"] for _, facts in s.messages()] == [is_final] * stored
    assert not list((s.directory / "messages").glob(".*"))
    counts = s.stop()
    assert counts["messages"] == stored and counts["faults"] == 1
    assert counts["messages_without_final_reply"] == (stored and not is_final)


def test_a_surplus_reply_and_a_late_one(sink):
    s = sink("--duplicate-reply", "--late-reply=final@first 1")
    sock, f = s.open_raw()
    converse(sock, f, b"MAIL FROM:<>\r\n")
    assert converse(sock, f, b"RCPT TO:<%s>\r\n" % RECIPIENT.encode()) == reply(f)
    assert converse(sock, f, b"DATA\r\n")[0].startswith(b"354 ")
    sock.sendall(b"x\r\n.\r\n")
    sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    sock.settimeout(10)
    sock.sendall(b"QUIT\r\n")
    assert sock.recv(1000).startswith(b"250 2.0.0 Ok: taken as 000001\r\n")


def test_delays_and_limits(sink):
    s = sink("--delay", "mail=300", "--messages-per-connection", "2", "--max-connections", "1")
    client = s.client()
    began = time.monotonic()
    assert send(client, 2) == [250, 250]
    assert time.monotonic() - began >= 0.6
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        smtplib.SMTP(*s.address, timeout=10)
    assert refused.value.smtp_code == 421
    assert send(client) == [421]
    assert s.stop()["connections_turned_away"] == 1


def test_faults_change_at_run_time(sink):
    s = sink()
    with s.client() as client:
        assert s.command("reply mail=451 later")["ok"]
        assert send(client) == [451]
        assert s.command("clear")["ok"]
        assert send(client) == [250]
        assert s.command("counts")["messages"] == 1
    assert s.command("nonsense")["ok"] is False
    assert s.command("certificate wrong-name")["ok"]
    with pytest.raises(ssl.SSLCertVerificationError):
        s.client()
    assert s.command("certificate good")["ok"]
    s.client().quit()


def test_the_ca_and_the_numbers_outlive_a_restart(sink):
    s = sink()
    with s.client() as client:
        assert send(client) == [250]
    before = pathlib.Path(s.ca).read_bytes()
    s.stop()
    again = Running(s.directory, [])
    try:
        assert pathlib.Path(again.ca).read_bytes() == before
        with again.client() as client:
            assert send(client) == [250]
        assert len(again.messages()) == 2 and len(again.pre_tls()) == 2
    finally:
        again.stop()


def test_discard_writes_no_files(sink):
    s = sink("--discard")
    with s.client() as client:
        assert send(client, 3) == [250] * 3
    assert not (s.directory / "messages").exists() and not (s.directory / "pre-tls").exists()
    assert s.stop()["messages"] == 3


def test_help_names_every_option():
    text = subprocess.run([str(SINK), "--help"], capture_output=True, text=True, check=True).stdout
    source = (pathlib.Path(os.environ["TDC_SOURCE_DIR"]) / "src" / "sink" / "options.c").read_text()
    table = source[source.index("struct option_row"):source.index("static int")]
    names = re.findall(r'\{ "([a-z0-9-]+)", TYPE', table)
    assert len(names) > 15
    for name in names:
        assert f"--{name}" in text, name


@pytest.mark.parametrize("options", [["--nonsense"], ["--size", "x"], ["--reply", "nowhere=451"],
                                     ["--reply", "mail=45"], ["--drop", "mail@every 0"], ["--name"]])
def test_a_bad_option_is_told_and_refused(options, tmp_path):
    result = subprocess.run([str(SINK), "--listen", "127.0.0.1:0", "--directory", str(tmp_path), *options],
                            capture_output=True, text=True)
    assert result.returncode == 2 and options[0] in result.stderr and "--help" in result.stderr

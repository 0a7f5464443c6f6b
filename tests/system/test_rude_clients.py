"""Clients that take more than their share: each is bounded by a documented limit, and others go on."""

import re
import resource
import signal
import socket
import time

from rig import wire
from rig.process import wait_until

from test_faults import arrived

ENVELOPE = b"EHLO c.example\r\nMAIL FROM:<a@outside.example>\r\nRCPT TO:<b@inside.example>\r\n"
CONNECTIONS = 1000


class Raw:
    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))

    def say(self, data):
        self.socket.sendall(data)
        return self

    def until(self, pattern):
        """What is read up to the pattern, or up to the end."""
        data = b""
        while not re.search(pattern, data):
            more = self.socket.recv(65536)
            if not more:
                break
            data += more
        return data


def limits(daemon, **values):
    for listener in daemon.configuration["listeners"]:
        listener.update(values)


def test_a_thousand_connections(work):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * CONNECTIONS), hard))
    sink = work.sink()
    daemon = work.daemon(sink, start=False, limits={"max_connections": CONNECTIONS})
    limits(daemon, max_connections=2 * CONNECTIONS, max_connections_per_client=2 * CONNECTIONS)
    daemon.start()
    wait_until(lambda: daemon.json("status")["incoming"]["connections"] == 0, 10, "the rig's own probe to go")
    clients = [Raw(daemon.smtp_port) for _ in range(CONNECTIONS)]
    for client in clients:
        assert client.until(rb"\r\n").startswith(b"220 ")
    assert Raw(daemon.smtp_port).until(rb"\r\n").startswith(b"421 4.3.2 ")
    for i, client in enumerate(clients):
        client.say(ENVELOPE + b"DATA\r\nSubject: %d\r\n\r\nx\r\n.\r\nQUIT\r\n" % i)
    for client in clients:
        assert b"Ok: queued as " in client.until(rb"\r\n221 ")
    assert daemon.json("status")["incoming"]["connections"] == 0
    daemon.wait_drained(120)
    assert len(sink.messages()) == CONNECTIONS
    daemon.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_reads_no_replies_is_not_served_and_then_closed(work):
    daemon = work.daemon(start=False)
    limits(daemon, idle_timeout="3s")
    daemon.start()
    rude = Raw(daemon.smtp_port, receive_buffer=4096)
    rude.socket.settimeout(1)
    sent = 0
    try:
        for _ in range(10000):
            sent += rude.socket.send(b"HELP\r\n" * 1000)
    except OSError:
        pass
    assert sent < 32 * 1024 * 1024
    polite = wire.Client(("127.0.0.1", daemon.smtp_port))
    polite.command("NOOP", 250)
    polite.quit()
    wait_until(lambda: daemon.json("status")["incoming"]["connections"] == 0, 20, "the client to be closed")
    daemon.stop()


def test_a_command_line_has_its_time(work):
    daemon = work.daemon(start=False)
    limits(daemon, idle_timeout="60s", command_timeout="2s", data_timeout="60s")
    daemon.start()
    slow = Raw(daemon.smtp_port)
    slow.until(rb"\r\n")
    slow.say(b"EHLO c.example\r\n").until(rb"\r\n250 ")
    started = time.monotonic()
    slow.socket.settimeout(0.2)
    data = b""
    while b"421 4.4.2 " not in data and time.monotonic() - started < 20:
        slow.say(b"N")
        try:
            data += slow.socket.recv(65536)
        except TimeoutError:
            pass
    assert b"421 4.4.2 " in data
    assert time.monotonic() - started < 15
    daemon.stop()


def test_a_reload_in_the_middle_of_the_data(work):
    sink = work.sink()
    daemon = work.daemon(sink)
    running = Raw(daemon.smtp_port)
    running.say(ENVELOPE + b"DATA\r\nSubject: r\r\n\r\nfirst ").until(rb"354 ")
    limits(daemon, trusted_networks=["192.0.2.0/24"])
    daemon.write_configuration()
    daemon.process.child.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.json("status")["configuration_generation"] == 2, 10, "the reload")
    assert Raw(daemon.smtp_port).until(rb"\r\n").startswith(b"554 5.7.1 ")
    content = b"x" * 4000
    assert b"250 2.0.0 Ok: queued as " in running.say(content + b"\r\n.\r\n").until(rb"queued")
    daemon.wait_drained(20)
    assert arrived(sink) == [b"Subject: r\r\n\r\nfirst " + content + b"\r\n"]
    daemon.stop()

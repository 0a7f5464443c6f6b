"""The wire as bytes: feeders that say exactly what a test means, and a recorder that stands between
a real mail server and tdcd and keeps what was said."""

import pathlib
import re
import socket
import threading


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


def stuffed(data):
    """Dot transparency (RFC 5321 4.5.2) and the end of data, for bytes whose lines end in CRLF."""
    body = re.sub(rb"(^|\r\n)\.", rb"\1..", data)
    return body + (b".\r\n" if body.endswith(b"\r\n") or not body else b"\r\n.\r\n")


class Client:
    """A client without opinions: it sends what it is told and reads replies."""

    def __init__(self, address, hello="EHLO feeder.example", timeout=120):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")
        # Where the dialogue stands, for tests that cut it: "idle", "mail" (between MAIL and 250).
        self.stage = "idle"
        self.expect(220)
        self.extensions = self.command(hello, 250).split("\n")[1:]

    def reply(self):
        lines = []
        while True:
            line = self.input.readline()
            if not line.endswith(b"\r\n"):
                raise ConnectionError(f"connection ended after {line!r}")
            lines.append(line[4:-2].decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(lines)

    def expect(self, *codes):
        code, text = self.reply()
        if codes and code not in codes:
            raise Refused(code, text)
        return text

    def say(self, data):
        self.socket.sendall(data)

    def command(self, line, *codes):
        self.say(line.encode() + b"\r\n")
        return self.expect(*codes)

    def begin(self, sender, recipients, parameters=""):
        self.stage = "mail"
        self.command(f"MAIL FROM:<{sender}>{parameters}", 250)
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}>", 250)

    def data(self, sender, recipients, content, replies=1):
        """By DATA; the texts of the replies after it."""
        self.begin(sender, recipients)
        self.command("DATA", 354)
        self.say(stuffed(content))
        texts = [self.expect(250) for _ in range(replies)]
        self.stage = "idle"
        return texts

    def bdat(self, sender, recipients, content, chunk=1 << 20, replies=1):
        """By BDAT in chunks of at most `chunk` octets, the last one marked."""
        self.begin(sender, recipients, " BODY=BINARYMIME")
        pieces = [content[i:i + chunk] for i in range(0, len(content), chunk)] or [b""]
        for piece in pieces[:-1]:
            self.say(b"BDAT %d\r\n" % len(piece) + piece)
            self.expect(250)
        self.say(b"BDAT %d LAST\r\n" % len(pieces[-1]) + pieces[-1])
        texts = [self.expect(250) for _ in range(replies)]
        self.stage = "idle"
        return texts

    def quit(self):
        try:
            self.command("QUIT", 221)
        finally:
            self.close()

    def close(self):
        self.input.close()
        self.socket.close()


class Recorder:
    """A proxy on loopback that copies both ways and keeps what the client said, per connection."""

    def __init__(self, target):
        self.target = target
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, 10)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            said = bytearray()
            self.connections.append(said)
            threading.Thread(target=self.copy, args=(client, server, said), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, None), daemon=True).start()

    @staticmethod
    def copy(source, target, said):
        try:
            while data := source.recv(1 << 16):
                if said is not None:
                    said += data
                target.sendall(data)
        except OSError:
            pass
        finally:
            try:
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def close(self):
        self.listener.close()

    def messages(self):
        """[(recipients, bytes)] of every transaction by DATA that was said, read independently."""
        found = []
        for said in self.connections:
            rest, recipients = bytes(said), []
            while rest:
                line, _, rest = rest.partition(b"\r\n")
                verb = line[:4].upper()
                if verb == b"RCPT":
                    recipients.append(re.search(rb"<([^>]*)>", line).group(1).decode())
                elif verb == b"DATA":
                    content, rest = self.take_data(rest)
                    if content is None:
                        break
                    found.append((recipients, content))
                    recipients = []
                elif verb == b"RSET":
                    recipients = []
        return found

    @staticmethod
    def take_data(rest):
        if rest.startswith(b".\r\n"):
            return b"", rest[3:]
        end = rest.find(b"\r\n.\r\n")
        if end < 0:
            return None, b""
        content = rest[:end + 2]
        return re.sub(rb"(^|\r\n)\.", rb"\1", content), rest[end + 5:]


def save(path, data):
    pathlib.Path(path).write_bytes(data)

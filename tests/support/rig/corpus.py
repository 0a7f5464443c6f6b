"""A varied corpus of messages, each unlike what a naive relay expects. Seeded: the same seed is the
same corpus. A class is a function of a random source and a wished size; at least 20 of each are
made for a full run."""

import base64
import email.utils
import functools
import math
import os
import pathlib
import random
import subprocess
import tempfile

import dkim

CRLF = b"\r\n"


def words(r, n):
    """About n bytes of ASCII lines of at most 72 octets, each ended by CRLF."""
    out, size = [], 0
    while size < n:
        line = bytes(r.choice(b"abcdefghij klmnopqrstuvwxyz0123456789=+-") for _ in range(r.randint(0, 72)))
        line = line.strip() or b"x"
        out.append(line)
        size += len(line) + 2
    return CRLF.join(out) + CRLF


@functools.lru_cache(maxsize=None)
def block():
    return base64.encodebytes(random.Random(7).randbytes(57 * 18000)).replace(b"\n", CRLF)


def bulk(r, n):
    """About n bytes quickly: base64 lines."""
    whole = block()
    lines = max(1, n // 78)
    start = r.randrange(0, 17000) * 78
    piece = whole[start:start + lines * 78]
    while len(piece) < lines * 78:
        piece += whole[:lines * 78 - len(piece)]
    return piece


def head(r, *extra, subject=b"Quarterly figures"):
    token = b"%032x" % r.getrandbits(128)
    return CRLF.join([
        b"From: Alice <alice@outside.example>",
        b"To: Bob <bob@inside.example>",
        b"Subject: " + subject,
        b"Message-ID: <" + token + b"@outside.example>",
        b"Date: " + email.utils.formatdate(1700000000 + r.randrange(10**7)).encode(),
        *extra]) + CRLF


def plain(r, n):
    return head(r) + CRLF + words(r, min(n, 4000)) + (bulk(r, n) if n > 4000 else b"")


def eight_bit(r, n):
    text = "Grüße aus Köln, naïve café – 日本語\r\n".encode()
    return (head(r, b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8",
                 b"Content-Transfer-Encoding: 8bit") + CRLF + text * max(1, min(n, 10**6) // len(text)))


def latin1(r, n):
    return (head(r, b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=iso-8859-1",
                 b"Content-Transfer-Encoding: 8bit") + CRLF + b"Stra\xdfe \xe4\xf6\xfc\r\n" * max(1, min(n, 10**5) // 13))


def utf8_header(r, n):
    return head(r, "X-Département: Zürich".encode(), subject="Prüfung für 田中さん".encode()) + CRLF + words(r, min(n, 20000))


@functools.lru_cache(maxsize=None)
def key_and_certificate():
    directory = tempfile.mkdtemp(prefix="tdc-corpus-")
    key, certificate = f"{directory}/key.pem", f"{directory}/certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "30", "-subj", "/CN=alice@outside.example"], check=True, capture_output=True)
    texts = pathlib.Path(key).read_bytes(), pathlib.Path(certificate).read_bytes()
    for name in (key, certificate):
        os.unlink(name)
    os.rmdir(directory)
    return texts


def smime_signed(r, n):
    key, certificate = key_and_certificate()
    inner = b"Content-Type: text/plain\r\n\r\n" + words(r, min(n, 20000))
    with tempfile.TemporaryDirectory(prefix="tdc-corpus-") as d:
        pathlib.Path(d, "key").write_bytes(key)
        pathlib.Path(d, "certificate").write_bytes(certificate)
        signed = subprocess.run(["openssl", "cms", "-sign", "-signer", f"{d}/certificate", "-inkey", f"{d}/key",
                                 "-crlfeol"], input=inner, capture_output=True, check=True).stdout
    return head(r) + signed.replace(b"\r\n", b"\n").replace(b"\n", CRLF)


def smime_verifies(message):
    _, certificate = key_and_certificate()
    with tempfile.NamedTemporaryFile(prefix="tdc-corpus-") as f:
        f.write(certificate)
        f.flush()
        return subprocess.run(["openssl", "cms", "-verify", "-CAfile", f.name, "-purpose", "any", "-out", "/dev/null"],
                              input=message, capture_output=True).returncode == 0


@functools.lru_cache(maxsize=None)
def dkim_key():
    pem = key_and_certificate()[0]
    der = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=pem, capture_output=True,
                         check=True).stdout
    return pem, b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def dkim_signed(r, n):
    message = plain(r, min(n, 200000))
    return dkim.sign(message, b"selector", b"outside.example", dkim_key()[0],
                     canonicalize=(r.choice([b"simple", b"relaxed"]), r.choice([b"simple", b"relaxed"])),
                     include_headers=[b"from", b"to", b"subject", b"message-id"]) + message


def dkim_verifies(message):
    return dkim.verify(message, dnsfunc=lambda name, timeout=5: dkim_key()[1])


def long_lines(r, n):
    line = b"x" * r.choice([998, 999, 1000, 2000, 5000, 70000]) + CRLF
    return head(r) + CRLF + line * max(1, min(n, 10**6) // len(line)) + words(r, 200)


def dot_lines(r, n):
    lines = [b".", b"..", b"...", b".x", b". ", b"x.", b"", b".\t", b"." * 100, b"x"]
    return head(r) + CRLF + CRLF.join(r.choice(lines) for _ in range(200)) + CRLF


def header_only(r, n):
    return head(r)


def header_and_empty_line(r, n):
    return head(r) + CRLF


def no_header(r, n):
    return CRLF + words(r, min(n, 2000))


def opaque(r, n):
    return b"this is not a header at all" + CRLF + words(r, min(n, 2000))


def nested(r, n):
    body = words(r, 200)
    for depth in range(200):
        mark = b"level%d" % depth
        body = (b"Content-Type: multipart/mixed; boundary=" + mark + CRLF + CRLF + b"--" + mark + CRLF +
                (b"" if depth else CRLF) + body + CRLF + b"--" + mark + b"--" + CRLF)
    return head(r, b"MIME-Version: 1.0") + body


def many_fields(r, n):
    return head(r, *[b"X-Field-%d: %s" % (i, b"v" * r.randint(0, 300)) for i in range(100)]) + CRLF + words(r, min(n, 2000))


def folded(r, n):
    return head(r, b"References: " + b"\r\n\t".join(b"<%d@x.example>" % i for i in range(60)),
                subject=b"=?utf-8?B?8J+Yig==?=\r\n =?iso-8859-1?Q?caf=E9?=") + CRLF + words(r, min(n, 2000))


def attachment(r, n):
    return (head(r, b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=outer") + CRLF +
            b"--outer\r\nContent-Type: text/plain\r\n\r\nhello\r\n--outer\r\nContent-Type: application/pdf\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + bulk(r, n) + b"--outer--\r\n")


def looks_like_ours(r, n):
    """Boundary-like lines and report-like text of other journals inside the body."""
    return head(r) + CRLF + b"--tdc-0000\r\nSender: x@y\r\nRecipient: z@y\r\n--tdc-0000--\r\n" + words(r, min(n, 2000))


# -- only BDAT carries these as they are; DATA marks them ------------------------------------------------

def nul_bytes(r, n):
    return head(r) + CRLF + b"a\x00b\x00\x00c\r\n" + words(r, min(n, 2000))


def no_final_newline(r, n):
    return head(r) + CRLF + words(r, min(n, 2000)) + b"the last line is not ended"


def bare_line_ends(r, n):
    pieces = [b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\n\0.\r\n",
              b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n"]
    return head(r) + CRLF + b"".join(r.choice(pieces) + b"text" for _ in range(30)) + CRLF


def empty(r, n):
    return b""


def binary(r, n):
    return (head(r, b"MIME-Version: 1.0", b"Content-Type: application/octet-stream",
                 b"Content-Transfer-Encoding: binary") + CRLF + r.randbytes(min(n, 10**6)))


TEXT = [plain, eight_bit, latin1, utf8_header, smime_signed, dkim_signed, long_lines, dot_lines, header_only,
        header_and_empty_line, no_header, opaque, nested, many_fields, folded, attachment, looks_like_ours]
BINARY = [nul_bytes, no_final_newline, bare_line_ends, empty, binary]
# What a dot-stuffed DATA can carry as it is: every line ends in CRLF. NUL and bare line ends are carried, too.
DATA = TEXT + [nul_bytes, bare_line_ends]
HUGE = 60 * 1024 * 1024


def huge(r, n):
    return attachment(r, HUGE)


def size(r, largest):
    return int(math.exp(r.uniform(math.log(200), math.log(largest))))


def make(classes, total, seed, largest=4 << 20):
    """[(name, bytes)]: the classes in turn, sizes log-uniform."""
    r = random.Random(seed)
    return [(c.__name__, c(r, size(r, largest))) for c in (classes[i % len(classes)] for i in range(total))]


def seed():
    """Rotates by day unless given, and is printed, so that a failure can be repeated."""
    import time
    value = int(os.environ.get("TDC_SEED", time.time() // 86400))
    print(f"TDC_SEED={value}")
    return value

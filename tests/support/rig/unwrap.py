"""Unwraps a journal with nothing of the product's own code: the independent judge of fidelity."""

import base64
import re


class NotAJournal(Exception):
    pass


def header_and_rest(data):
    if data.startswith(b"\r\n"):
        return b"", data[2:]
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise NotAJournal("no end of the header")
    return data[:end + 2], data[end + 4:]


def fields(header):
    """[(name, unfolded value)] of a header block that ends each line with CRLF."""
    result = []
    for line in re.sub(rb"\r\n([ \t])", rb"\1", header).split(b"\r\n"):
        if line:
            name, colon, value = line.partition(b":")
            if not colon:
                raise NotAJournal(f"not a header field: {line[:60]!r}")
            result.append((name.decode("ascii"), value.strip(b" \t").decode("utf-8", "replace")))
    return result


def field(pairs, name):
    for found, value in pairs:
        if found.lower() == name.lower():
            return value
    return None


class Journal:
    """The parts of one journal: outer header fields, report lines, original bytes, form."""

    def __init__(self, data):
        header, rest = header_and_rest(data)
        self.fields = fields(header)
        content_type = field(self.fields, "Content-Type") or ""
        boundary = re.search(r'boundary="?([^";]+)"?', content_type)
        if not content_type.lower().startswith("multipart/mixed") or not boundary:
            raise NotAJournal(f"Content-Type: {content_type}")
        mark = b"--" + boundary.group(1).encode("ascii")
        start = rest.find(mark + b"\r\n")
        close = rest.rfind(b"\r\n" + mark + b"--\r\n")
        if start not in (0,) and not rest[:start].endswith(b"\r\n"):
            raise NotAJournal("no first boundary")
        middle = rest.find(b"\r\n" + mark + b"\r\n", start)
        if start < 0 or middle < 0 or close < 0:
            raise NotAJournal("boundaries are missing")
        report = rest[start + len(mark) + 2:middle]
        part = rest[middle + len(mark) + 4:close]
        report_header, report_body = header_and_rest(report)
        self.report_fields = fields(report_header)
        encoding = (field(self.report_fields, "Content-Transfer-Encoding") or "7bit").lower()
        if encoding == "base64":
            report_body = base64.b64decode(report_body)
        elif encoding == "quoted-printable":
            import quopri
            report_body = quopri.decodestring(report_body)
        self.report = report_body.decode("utf-8").replace("\r\n", "\n").splitlines()
        part_header, original = header_and_rest(part)
        self.part_fields = fields(part_header)
        self.form = (field(self.part_fields, "Content-Type") or "").split(";")[0].lower()
        encoding = (field(self.part_fields, "Content-Transfer-Encoding") or "7bit").lower()
        if self.form == "application/octet-stream":
            if encoding != "base64":
                raise NotAJournal("an attached original must be base64")
            original = base64.b64decode(original, validate=False)
        elif self.form not in ("message/rfc822", "message/global"):
            raise NotAJournal(f"second part is {self.form}")
        elif encoding not in ("7bit", "8bit", "binary"):
            raise NotAJournal(f"message/rfc822 in {encoding} (RFC 2046 5.2.1)")
        self.original = original

    def reported(self, name):
        return [line.partition(": ")[2] for line in self.report if line.startswith(name + ": ")]

    def outer(self, name):
        return field(self.fields, name)

"""tdcsink, the simulated intake: what it received, byte for byte."""

import hashlib
import json
import pathlib
import signal
import socket
import subprocess

from .process import Process, program, wait_until


class Sink:
    def __init__(self, directory, *options, port=0):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.options = list(map(str, options))
        self.port = port
        self.process = None

    def start(self):
        # A sink that stood in this directory before left its output.
        output = self.directory / f"sink.{len(list(self.directory.glob('sink.*.out'))) + 1}.out"
        self.control = str(self.directory / "control.sock")
        self.process = Process([program("tdcsink"), "--listen", f"127.0.0.1:{self.port}",
                                "--directory", str(self.directory), "--control", self.control,
                                *self.options], output)
        line = wait_until(lambda: self.process.text().partition("\n")[0] if "\n" in self.process.text()
                          else not self.process.is_running(), 20, "tdcsink to listen")
        assert line is not True, f"tdcsink ended: {self.process.tail()}"
        ready = json.loads(line)
        self.port = int(ready["listening"].rpartition(":")[2])
        self.ca = pathlib.Path(ready["ca"])
        return self

    def stop(self):
        """The final counts."""
        code = self.process.stop()
        assert code == 0, self.process.tail()
        return json.loads(self.process.text().strip().splitlines()[-1])

    def kill(self):
        self.process.kill()

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                more = s.recv(65536)
                if not more:
                    break
                data += more
        return json.loads(data)

    def counts(self):
        return self.command("counts")

    def messages(self):
        """Every stored message, in order of arrival: (path of the .eml, its facts)."""
        found = []
        for path in sorted((self.directory / "messages").glob("*.eml")):
            found.append((path, json.loads(path.with_suffix(".json").read_text())))
        return found

    def pre_tls(self):
        """Raw bytes of each connection before TLS."""
        return [p.read_bytes() for p in sorted((self.directory / "pre-tls").glob("*.raw"))]

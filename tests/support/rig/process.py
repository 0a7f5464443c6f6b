"""Processes that are started, waited for and stopped by pid, and ports that are free."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

BUILD = pathlib.Path(os.environ.get("TDC_BUILD_DIR", "build/asan")).resolve()
SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[3])).resolve()
FULL = os.environ.get("TDC_TEST_TIER", "quick") == "full"


def program(name):
    """The built program; a missing one is an error, never a skip."""
    path = BUILD / "src" / name
    assert path.exists(), f"{path} has not been built"
    return str(path)


def count(quick, full):
    """How much of a thing this tier does."""
    return full if FULL else quick


def report(line):
    """A figure that a run is quoted by: shown at the end of tests/run."""
    print(line)
    if "TDC_RESULTS" in os.environ:
        with open(os.environ["TDC_RESULTS"], "a") as f:
            f.write(line + "\n")


def free_ports(n):
    """Different ones: each is held until all are known."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(n)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]


def free_port():
    return free_ports(1)[0]


def wait_until(condition, seconds, what):
    """Asks until it is true; the result, or an error that names what was waited for."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


class Process:
    """One child; its output goes to a file that a failing test can show."""

    def __init__(self, argv, output, env=None):
        self.output = pathlib.Path(output)
        self.file = open(self.output, "ab")
        environment = dict(os.environ)
        environment.pop("TDC_FAULT", None)
        environment.update(env or {})
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.file,
                                      stderr=self.file, env=environment)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def freeze(self):
        """SIGSTOP; no thread of it does anything more."""
        self.child.send_signal(signal.SIGSTOP)
        threads = pathlib.Path(f"/proc/{self.pid}/task")
        wait_until(lambda: all((t / "stat").read_text().rpartition(") ")[2][0] == "T" for t in threads.iterdir()),
                   30, "every thread to stand still")

    def thaw(self):
        self.child.send_signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL, and reaped."""
        if self.is_running():
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.file.close()

    def stop(self, seconds=30):
        """SIGTERM; the exit code. One that does not stop in time is killed and is an error."""
        if self.is_running():
            self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.child.args[0]} did not stop within {seconds} s\n{self.tail()}")
        finally:
            self.file.close()
        return code

    def text(self):
        return self.output.read_text(errors="replace")

    def tail(self, n=4000):
        return self.text()[-n:]

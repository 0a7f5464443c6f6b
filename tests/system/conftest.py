"""Fixtures: a directory for each test, and rigs that are stopped whatever happens."""

import contextlib
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

from rig.daemon import Daemon  # noqa: E402
from rig.postfix import Postfix  # noqa: E402
from rig.sink import Sink  # noqa: E402


class Workspace:
    """Makes rigs in one temporary directory and takes them down in the reverse order."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.started = contextlib.ExitStack()
        self.daemons = []

    def sink(self, *options, name="sink", port=0):
        sink = Sink(self.directory / name, *options, port=port).start()
        self.started.callback(lambda: sink.process.is_running() and sink.kill())
        return sink

    def daemon(self, sink=None, name="daemon", start=True, env=None, **changes):
        daemon = Daemon(self.directory / name, sink, env=env, **changes)
        self.daemons.append(daemon)
        if start:
            daemon.start()
        self.started.callback(lambda: daemon.process and daemon.process.is_running() and daemon.kill())
        return daemon

    def assert_accounted(self):
        """The account of every daemon closes with a gap of 0: at its stop, or now if it still runs."""
        for daemon in self.daemons:
            if not daemon.is_proved and daemon.process and daemon.process.is_running():
                daemon.assert_accounted()
            assert daemon.is_proved, f"{daemon.directory.name}: nobody looked at its account before its end"

    def postfix(self, main, master, name="postfix"):
        postfix = Postfix(self.directory / name, main, master).start()
        self.started.callback(postfix.stop)
        return postfix


@pytest.fixture
def work(request):
    directory = tempfile.mkdtemp(prefix="tdc-system-")
    workspace = Workspace(directory)
    try:
        yield workspace
        if not getattr(request.node, "failed", False):
            workspace.assert_accounted()
    finally:
        workspace.started.close()
        failed = getattr(request.node, "failed", False)
        for log in sorted(pathlib.Path(directory).rglob("*.log")) if failed else []:
            print(f"---- {log.name}\n{log.read_text(errors='replace')[-6000:]}")
        shutil.rmtree(directory, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call" and report.failed:
        item.failed = True

"""docs/spool.md, "A damaged spool": the look at all that is in a spool, by a command."""

import contextlib
import sqlite3
import subprocess

from rig.process import program

from test_faults import feed
from test_operations import closed_port_route


def check(daemon):
    done = subprocess.run([program("tdcd"), "--config", str(daemon.write_configuration()), "--check-spool"],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_a_spool_is_looked_at_while_its_daemon_is_stopped_and_never_else(work):
    daemon = work.daemon(work.sink(), start=False)
    daemon.configuration["smtp_routes"] = closed_port_route()
    code, out, err = check(daemon)
    assert code == 1 and out == "" and "spool.tdc.queue: No such file or directory" in err, (out, err)
    assert not daemon.spool.exists()
    daemon.start()
    feed(daemon, 3)
    code, out, err = check(daemon)
    assert code == 1 and out == "" and "is held by another instance" in err, (out, err)
    daemon.stop()
    code, out, err = check(daemon)
    assert (code, out) == (0, f"{daemon.spool}: 0 findings\n"), err
    with contextlib.closing(sqlite3.connect(daemon.spool / "spool.tdc.queue")) as database:
        (body,) = database.execute("SELECT max(id) FROM body").fetchone()
        database.execute("UPDATE body SET data = zeroblob(size) WHERE id = ?", (body,))
        database.commit()
    code, out, err = check(daemon)
    assert code == 65, err
    assert out == f"body {body}: its bytes do not match its SHA-256\n{daemon.spool}: 1 finding\n"
    # It repaired nothing, and left everything as a daemon needs it.
    daemon.start()
    assert daemon.pending() == 3
    daemon.stop()

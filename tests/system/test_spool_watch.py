"""P9: what the spool tells who asks is told in the log, once, to who does not."""

import contextlib
import re
import shutil
import sqlite3
import subprocess
import time

from rig import wire
from rig.process import wait_until

from test_faults import arrived, feed
from test_operations import body_files, closed_port_route


def lines_of(daemon):
    """The watch's lines in their order: (level, the first words)."""
    return re.findall(r" (Error|Info): (no mail is accepted|mail is accepted again|the database will not change"
                      r"|\d+ journals? in quarantine)", daemon.log())


def is_accepted(daemon):
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    try:
        client.data("a@outside.example", ["b@inside.example"], b"Subject: room?\r\n\r\nwho knows\r\n")
        return True
    except wire.Refused as e:
        assert e.code == 452, e
        return False
    finally:
        client.close()


def fill_below_the_reserve(disk, reserve):
    """Not to the last byte: what is accepted already must still fit."""
    with open(disk / "ballast", "wb", buffering=0) as f:
        while shutil.disk_usage(disk).free > reserve * 3 // 4:
            f.write(b"x" * (1 << 20))


def test_a_disk_below_the_reserve_is_one_error_line_and_its_end_one_info_line(work):
    disk = work.directory / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", disk], check=True)
    work.started.callback(lambda: subprocess.run(["umount", disk], check=True))
    daemon = work.daemon(work.sink(), spool={"directory": str(disk / "spool"), "reserve": "16M"})
    assert is_accepted(daemon)
    fill_below_the_reserve(disk, 16 << 20)
    wait_until(lambda: not is_accepted(daemon), 20, "a refusal")
    wait_until(lambda: lines_of(daemon), 20, "the error")
    told = daemon.log()
    assert re.search(r" Error: no mail is accepted: free disk space is below the reserve; "
                     r"\d+ bytes are free, the reserve is 16777216$", told, re.M), told
    # More looks, and more mail that is refused, are no news.
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert not is_accepted(daemon)
    assert lines_of(daemon) == [("Error", "no mail is accepted")]
    (disk / "ballast").unlink()
    wait_until(lambda: is_accepted(daemon), 20, "acceptance to resume")
    wait_until(lambda: len(lines_of(daemon)) > 1, 30, "the end of it")
    assert " Info: mail is accepted again, after: free disk space is below the reserve; " in daemon.log()
    daemon.wait_drained(20)
    daemon.stop()
    assert lines_of(daemon) == [("Error", "no mail is accepted"), ("Info", "mail is accepted again")]


def test_rows_that_the_database_will_not_change_are_an_error_line(work):
    sink = work.sink()
    daemon = work.daemon(sink, smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    feed(daemon, 2)
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.spool / "spool.tdc.queue")) as database:
        (mid,) = database.execute("SELECT min(mid) FROM journal").fetchone()
        for event in ("UPDATE", "DELETE"):
            database.execute(f"CREATE TRIGGER no_{event} BEFORE {event} ON journal WHEN OLD.mid = {mid}"
                             " BEGIN SELECT RAISE(ABORT, 'no'); END")
        database.commit()
    daemon.route_to(sink)
    daemon.start()
    wait_until(lambda: lines_of(daemon), 30, "the line")
    assert (" Error: the database will not change 1 row (1 new), left out until the next start"
            in daemon.log())
    assert daemon.json("status")["spool"]["refused_rows"] == 1
    ill = daemon.ctl("health", check=False)
    assert (ill.returncode, ill.stdout) == (
        2, "error: 1 row that the database will not change, left out until the next start\n")
    assert len(arrived(sink)) == 2
    daemon.stop()
    assert lines_of(daemon) == [("Error", "the database will not change")]


def test_journals_that_came_into_quarantine_are_an_error_line(work):
    sink = work.sink()
    daemon = work.daemon(sink, smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    for i in range(2):
        client.data("a@outside.example", ["b@inside.example"], b"Subject: %d\r\n\r\n" % i + b"a line\r\n" * 50_000)
    client.quit()
    daemon.stop()
    body_files(daemon)[0].unlink()
    daemon.route_to(sink)
    daemon.start()
    daemon.ctl("delivernow", "all")
    wait_until(lambda: lines_of(daemon), 30, "the line")
    assert " Error: 1 journal in quarantine (1 new): body or rows damaged" in daemon.log()
    wait_until(lambda: len(arrived(sink)) == 1, 30, "the other one")
    daemon.stop()
    assert lines_of(daemon) == [("Error", "1 journal in quarantine")]
    # It was told: the next start has no news.
    daemon.start()
    wait_until(lambda: daemon.log().count(" 1 quarantined (0 new)") == 1, 30, "the start's line")
    daemon.stop()
    assert lines_of(daemon) == [("Error", "1 journal in quarantine")]


def test_a_change_of_all_leaves_out_the_rows_that_cannot_be_changed_and_says_how_many(work):
    daemon = work.daemon(work.sink(), smtp_routes=closed_port_route())
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.stop()
    daemon.start()
    feed(daemon, 5)
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.spool / "spool.tdc.queue")) as database:
        (mid,) = database.execute("SELECT min(mid) FROM journal").fetchone()
        for event in ("UPDATE", "DELETE"):
            database.execute(f"CREATE TRIGGER no_{event} BEFORE {event} ON journal WHEN OLD.mid = {mid}"
                             " BEGIN SELECT RAISE(ABORT, 'no'); END")
        database.commit()
    daemon.start()
    for words, done in ((("hold", "all"), "4 journals held"), (("delete", "all", "--yes"), "4 journals deleted")):
        result = daemon.ctl(*words, check=False)
        assert result.returncode != 0
        assert f"1 damaged row left out; {done}" in result.stderr, result.stderr
    assert daemon.states()["waiting"] == 1
    daemon.assert_accounted()
    daemon.stop()

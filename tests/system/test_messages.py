"""P9: the number that the mail server was told, "queued as N", is all that an operator needs."""

import re
import time

from rig import wire
from rig.process import wait_until

from test_faults import arrived, feed
from test_operations import closed_port_route
from test_operator import intake_is_back, reach

TWO_POLICIES = {
    "default": {"intake": "global"},
    "policies": [{"name": "CUSTOMERS", "recipient": ["@customer.example"], "intake": "default"}],
}


def queued_as(daemon, recipients=("bob@inside.example",)):
    """One message; the number of its 250."""
    client = wire.Client(("127.0.0.1", daemon.smtp_port))
    (text,) = client.data("alice@outside.example", recipients, b"Subject: s\r\n\r\nb\r\n")
    client.quit()
    return int(re.fullmatch(r"2\.0\.0 Ok: queued as (\d+)", text).group(1))


def test_the_number_of_the_250_tells_all_of_the_message_also_after_its_delivery(work):
    sink = work.sink()
    daemon = work.daemon(sink, start=False, spool={"retention": "1h"})
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.start()
    message = queued_as(daemon)
    shown = daemon.json("show", message)
    (journal,) = shown["journals"]
    assert shown["message_mid"] == message != journal["mid"] and journal["state"] == "waiting"
    assert daemon.json("queue")["journals"][0]["message_mid"] == message
    intake_is_back(daemon, sink)
    daemon.wait_drained(20)
    (journal,) = daemon.json("show", message)["journals"]
    assert (journal["state"], journal["attempts"]) == ("delivered", 1)
    assert journal["last_reply"].startswith("250 ") and journal["destination"]["domain"] == "intake.example"
    text = daemon.ctl("show", message).stdout
    assert f"Message          {message}\n" in text and "State            delivered\n" in text
    daemon.stop()


def test_a_number_of_which_nothing_is_kept_says_so(work):
    daemon = work.daemon(work.sink())
    message = queued_as(daemon)
    daemon.wait_drained(20)
    gone = daemon.ctl("show", message, check=False)
    assert gone.returncode == 1
    assert gone.stderr == (f"tdcctl: nothing is kept of MID {message}: what was delivered is not kept (spool.retention), "
                           "what was refused, dropped or deleted never is; the log has what became of it, unless it is "
                           "one of the numbers that a crash skipped and that were never given\n")
    assert f"MID {message} queued for delivery" in daemon.log()
    # A crash skips numbers that nobody was given: the answer does not claim that something became of them.
    daemon.kill()
    daemon.start()
    assert queued_as(daemon) > message + 1000
    daemon.wait_drained(20)
    skipped = daemon.ctl("show", message + 500, check=False)
    assert skipped.returncode == 1 and "numbers that a crash skipped and that were never given" in skipped.stderr
    never = daemon.ctl("show", 424242, check=False)
    assert never.returncode == 1 and "there is no MID 424242; the latest one is " in never.stderr
    daemon.stop()


def test_an_action_on_the_number_is_on_each_journal_of_the_message(work):
    sink = work.sink()
    daemon = work.daemon(sink, start=False, incoming_mail_policies=TWO_POLICIES)
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.start()
    other = queued_as(daemon)
    message = queued_as(daemon, ("bob@inside.example", "eve@customer.example"))
    assert len(daemon.json("show", message)["journals"]) == 2
    rows = {row["policy"]: row for row in daemon.json("queue")["journals"] if row["message_mid"] == message}
    assert [(rows[policy]["recipients"], rows[policy]["first_recipient"]) for policy in ("DEFAULT", "CUSTOMERS")] == [
        (1, "bob@inside.example"), (1, "eve@customer.example")]
    assert daemon.ctl("hold", message).stdout == f"message {message}: 2 journals held\n"
    assert daemon.states()["held"] == 2 and daemon.pending() == 1
    again = daemon.ctl("hold", message, check=False)
    assert again.returncode == 1 and "has no journal that is waiting or uncertain: " in again.stderr
    assert daemon.ctl("release", message).stdout == f"message {message}: 2 journals released\n"
    daemon.ctl("delivernow", message)
    daemon.ctl("delete", other, "--yes")
    intake_is_back(daemon, sink)
    daemon.wait_drained(20)
    assert len(arrived(sink)) == 2
    assert daemon.assert_accounted()["deleted"] == 1
    daemon.stop()


def test_what_was_accepted_stays_accepted_then_whatever_an_operator_retries(work):
    sink = work.sink("--reply", "final=554 5.7.1 no")
    daemon = work.daemon(sink)
    feed(daemon)
    reach(daemon, "dead", 1)
    (before,) = daemon.json("dead")["journals"]
    accepted = daemon.ctl("dead").stdout.splitlines()[1].split()[3:5]
    assert before["accepted_at"].startswith("T".join(accepted))
    assert "hard bounced: the intake refused the content with a 5xx" in daemon.ctl("show", before["mid"]).stdout
    time.sleep(1.1)     # the column has seconds
    daemon.ctl("dead", "retry", before["mid"])
    reach(daemon, "dead", 1)
    wait_until(lambda: daemon.log().count("Bounced: ") == 2, 20, "its second death")
    (after,) = daemon.json("dead")["journals"]
    assert after["accepted_at"] == before["accepted_at"]
    assert after["in_queue_since"] > before["in_queue_since"]
    assert daemon.ctl("dead").stdout.splitlines()[1].split()[3:5] == accepted
    daemon.stop()


def test_health_is_a_warning_while_something_rests_and_ok_when_it_is_gone(work):
    sink = work.sink("--reply", "final=554 5.7.1 no")
    daemon = work.daemon(sink)
    healthy = daemon.ctl("health", check=False)
    assert (healthy.returncode, healthy.stdout) == (0, "ok\n")
    feed(daemon)
    reach(daemon, "dead", 1)
    ill = daemon.ctl("health", check=False)
    assert (ill.returncode, ill.stdout) == (1, "warning: 1 dead letter: see tdcctl dead\n")
    assert daemon.ctl("status").stdout.splitlines()[1] == "warning: 1 dead letter: see tdcctl dead"
    daemon.ctl("dead", "delete", "all", "--yes")
    daemon.configuration["smtp_routes"] = closed_port_route()
    daemon.write_configuration()
    daemon.ctl("reload")
    feed(daemon)
    wait_until(lambda: daemon.ctl("health", check=False).returncode == 1, 20, "a destination that is down")
    assert daemon.ctl("health", check=False).stdout.startswith("warning: destination intake.example is backed off: ")
    daemon.stop()

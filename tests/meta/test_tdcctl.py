"""tdcctl against a daemon that says what we want: exit codes, messages, paging, escaping, tables.

What the real daemon answers is tested in tests/system; here are the answers that are hard to get from it."""

import http.server
import json
import os
import pathlib
import re
import socketserver
import subprocess
import threading

import pytest

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TDC_BUILD_DIR", SOURCE / "build" / "dev"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.server.seen.append((self.command, self.path))
        status, body = self.server.answers.get((self.command, self.path), (404, {"detail": "no such path"}))
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer()

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"


class Fake(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path):
        super().__init__(str(path), Handler)
        self.path, self.answers, self.seen = str(path), {}, []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def daemon(tmp_path):
    fake = Fake(tmp_path / "s")
    yield fake
    fake.shutdown()
    fake.server_close()


def ctl(socket, *arguments, env=None):
    return subprocess.run([BUILD / "src" / "tdcctl", *arguments], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, env={**os.environ, "TDC_SOCKET": str(socket), **(env or {})})


def row(mid, **more):
    return {"mid": mid, "message_mid": mid + 100, "state": "waiting", "accepted_at": "2026-01-02T03:04:05.678Z",
            "in_queue_since": "2026-01-05T00:00:00.000Z", "next_at": None, "attempts": 0, "size": 1234, "sender": "a@x", "recipients": 1, "first_recipient": "b@y",
            "last_reply": None, **more}


ANSWER = (200, {"changed": 1, "in_flight": 0, "done": "done"})


@pytest.mark.parametrize("words,code", [
    ([], 2), (["frobnicate"], 2), (["show"], 2), (["show", "abc"], 2), (["show", "1", "2"], 2), (["show", "0"], 2), (["show", "1x"], 2),
    (["hold"], 2), (["hold", "0"], 2), (["hold", "-1"], 2), (["hold", "12345678901234567890"], 2),
    (["delete", "5"], 2),                       # cannot ask, and was not told --yes
    (["dead", "delete", "all"], 2), (["dead", "retry"], 2), (["dead", "bury", "5"], 2), (["dead", "list", "5"], 2),
    (["quarantine", "free", "5"], 2), (["quarantine", "retry"], 2), (["quarantine", "retry", "x"], 2),
    (["quarantine", "delete", "5"], 2),
    (["queue", "--limit", "0"], 2), (["queue", "--limit", "x"], 2), (["queue", "--state", "A b"], 2),
    (["status", "--verify"], 2), (["--nonsense"], 2), (["delete", "5", "--yes", "--state", "dead"], 2),
])
def test_a_wrong_command_line_is_2_and_asks_the_daemon_nothing(daemon, words, code):
    done = ctl(daemon.path, *words)
    assert done.returncode == code, done
    assert done.stdout == "" and done.stderr.strip() != "" and "--help" in done.stderr
    assert daemon.seen == []


@pytest.mark.parametrize("words,named", [
    (["status", "--x"], "'--x'"),
    (["status", "--verify"], "status does not take --verify\n"),
    (["--yes", "show", "1", "--state", "held"], "show does not take --state, --yes\n"),
    (["reload", "--verif"], "reload does not take --verify\n"),  # short for it
])
def test_an_option_that_is_not_taken_is_named(daemon, words, named):
    done = ctl(daemon.path, *words)
    assert done.returncode == 2 and named in done.stderr, done


@pytest.mark.parametrize("words,request_", [
    (["hold", "5"], ("POST", "/queue/5/hold")),
    (["hold", "all"], ("POST", "/queue/hold")),
    (["release", "all"], ("POST", "/queue/release")),
    (["delivernow"], ("POST", "/queue/delivernow")),
    (["delivernow", "all"], ("POST", "/queue/delivernow")),
    (["delivernow", "5"], ("POST", "/queue/5/delivernow")),
    (["delete", "5", "--yes"], ("POST", "/queue/5/delete")),
    (["--yes", "delete", "all"], ("POST", "/queue/delete")),
    (["delete", "all", "--state", "held", "--yes"], ("POST", "/queue/delete?state=held")),
    (["hold", "all", "--yes"], ("POST", "/queue/hold")),       # harmless where nothing is asked
    (["release", "5", "--yes"], ("POST", "/queue/5/release")),
    (["delivernow", "--yes"], ("POST", "/queue/delivernow")),
    (["dead", "retry", "all", "--yes"], ("POST", "/queue/retry?state=dead")),
    (["dead", "retry", "7"], ("POST", "/queue/7/retry?state=dead")),
    (["dead", "retry", "all"], ("POST", "/queue/retry?state=dead")),
    (["dead", "delete", "all", "--yes"], ("POST", "/queue/delete?state=dead")),
    (["dead", "delete", "7", "--yes"], ("POST", "/queue/7/delete?state=dead")),
    (["quarantine", "retry", "7"], ("POST", "/quarantine/7/retry")),
    (["quarantine", "delete", "7", "--yes"], ("POST", "/queue/7/delete?state=quarantined")),
    (["quarantine", "delete", "all", "--yes"], ("POST", "/queue/delete?state=quarantined")),
])
def test_a_command_is_one_request(daemon, words, request_):
    daemon.answers[request_] = ANSWER
    done = ctl(daemon.path, *words)
    assert done.returncode == 0 and done.stderr == "" and done.stdout != "", done
    assert daemon.seen == [request_]


@pytest.mark.parametrize("status,code", [(404, 1), (409, 1), (422, 1), (500, 1), (503, 1), (400, 2)])
def test_a_refusal_says_why_on_stderr(daemon, status, code):
    daemon.answers["POST", "/queue/5/hold"] = (status, {"detail": "journal 5 is \x1b[31mred"})
    done = ctl(daemon.path, "hold", "5")
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr == "tdcctl: journal 5 is \\x1b[31mred\n"


def test_nobody_there_is_3(tmp_path):
    done = ctl(tmp_path / "nothing", "status")
    assert done.returncode == 3 and done.stdout == ""
    assert "nothing: No such file or directory" in done.stderr


def test_what_is_not_json_is_3(daemon):
    daemon.answers["GET", "/status"] = (200, b"<html>")
    done = ctl(daemon.path, "status")
    assert done.returncode == 3 and "does not speak" in done.stderr


def test_the_option_wins_over_the_environment(daemon, tmp_path):
    daemon.answers["POST", "/reload"] = (200, {"configuration_generation": 2})
    done = ctl(tmp_path / "nothing", "--socket", daemon.path, "reload")
    assert done.returncode == 0 and "generation 2" in done.stdout


WARNINGS = ["tdc.yaml:4:14: listeners[feed].address: found \"a\"; \"b\" is in use until a restart",
            "tdc.yaml:9:3: \x1b[31mred"]


def test_a_reload_prints_the_warnings_too(daemon):
    daemon.answers["POST", "/reload"] = (200, {"configuration_generation": 3, "warnings": WARNINGS})
    done = ctl(daemon.path, "reload")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"warning: {WARNINGS[0]}\nwarning: tdc.yaml:9:3: \\x1b[31mred\nconfiguration taken, generation 3\n"
    done = ctl(daemon.path, "reload", "--json")
    assert (done.returncode, done.stderr) == (0, "") and json.loads(done.stdout)["warnings"] == WARNINGS


def test_a_refused_reload_prints_what_a_check_prints(daemon):
    answer = {"detail": "2 problems", "errors": ["t:1:2: a: x", "t:3:4: b: y"], "warnings": ["t:5:6: c: z"]}
    daemon.answers["POST", "/reload"] = (422, answer)
    done = ctl(daemon.path, "reload")
    said = "warning: t:5:6: c: z\nt:1:2: a: x\nt:3:4: b: y\ntdcctl: the configuration is refused, nothing changed\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    done = ctl(daemon.path, "reload", "--json")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (1, answer, said)
    # Where no line is to blame, the reason is what there is.
    daemon.answers["POST", "/reload"] = (503, {"detail": "the daemon is stopping", "errors": [], "warnings": []})
    done = ctl(daemon.path, "reload")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "tdcctl: the daemon is stopping\n")


def test_pages_become_one_list(daemon):
    daemon.answers["GET", "/queue?after=0&limit=1000"] = (200, {"journals": [row(1), row(2)], "next": 2})
    daemon.answers["GET", "/queue?after=2&limit=1000"] = (200, {"journals": [row(30)], "next": None})
    done = ctl(daemon.path, "queue", "--json")
    assert [r["mid"] for r in json.loads(done.stdout)["journals"]] == [1, 2, 30]
    lines = ctl(daemon.path, "queue").stdout.splitlines()
    assert len(lines) == 4 and lines[0].split()[:3] == ["ID", "MESSAGE", "STATE"]
    state = lines[0].index("STATE")
    assert all(line[state:].startswith("waiting") for line in lines[1:]), lines


def test_an_empty_queue_is_a_title_or_an_empty_list(daemon):
    daemon.answers["GET", "/queue?after=0&limit=1000"] = (200, {"journals": [], "next": None})
    assert json.loads(ctl(daemon.path, "queue", "--json").stdout) == {"journals": []}
    assert len(ctl(daemon.path, "queue").stdout.splitlines()) == 1


def test_a_limit_ends_the_pages(daemon):
    daemon.answers["GET", "/queue?after=0&limit=2&state=held"] = (200, {"journals": [row(1), row(2)], "next": 2})
    done = ctl(daemon.path, "queue", "--state", "held", "--limit", "2")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 3
    assert len(daemon.seen) == 1


def test_what_peers_sent_cannot_harm_a_terminal_or_a_table(daemon):
    evil = row(1, sender="a\x1b]0;x\x07@x", first_recipient="b\nb", recipients=3, last_reply="451 \u202egnol" + "x" * 300)
    daemon.answers["GET", "/queue?after=0&limit=1000"] = (200, {"journals": [evil, row(2)], "next": None})
    out = ctl(daemon.path, "queue").stdout
    assert len(out.splitlines()) == 3
    assert "\x1b" not in out and "\u202e" not in out and "\\x1b]0;x\\x07@x" in out and "b\\x0ab (+2)" in out
    assert "..." in out and max(map(len, out.splitlines())) < 260
    shown = {**evil, "subject": "s\x1b[2J", "recipients": [{"rid": 0, "address": "b\r\nb", "source": "envelope"}]}
    daemon.answers["GET", "/queue/1"] = (200, shown)
    out = ctl(daemon.path, "show", "1").stdout
    assert "\x1b" not in out and "\r" not in out and "s\\x1b[2J" in out and "b\\x0d\\x0ab (from envelope)" in out


def test_retrying_all_that_is_quarantined_is_one_by_one_and_tells_what_stays(daemon):
    daemon.answers["GET", "/quarantine?after=0&limit=1000"] = (200, {"journals": [row(1), row(2)], "next": 2})
    daemon.answers["GET", "/quarantine?after=2&limit=1000"] = (200, {"journals": [row(9)], "next": None})
    daemon.answers["POST", "/quarantine/1/retry"] = daemon.answers["POST", "/quarantine/9/retry"] = ANSWER
    daemon.answers["POST", "/quarantine/2/retry"] = (409, {"detail": "journal 2 is not retried: its file is gone"})
    done = ctl(daemon.path, "quarantine", "retry", "all")
    assert (done.returncode, done.stdout) == (1, "2 journals put back into the queue; left in quarantine: 1\n")
    assert done.stderr == "tdcctl: journal 2 is not retried: its file is gone\n"
    daemon.answers["POST", "/quarantine/2/retry"] = ANSWER
    done = ctl(daemon.path, "quarantine", "retry", "all", "--json")
    assert done.returncode == 0 and json.loads(done.stdout) == {"action": "retry", "changed": 3, "refused": 0}


def test_a_list_shows_why_what_had_no_reply_is_where_it_is(daemon):
    rows = [row(1, state="quarantined", reason="corrupt"), row(2, state="quarantined", reason="body", last_reply="no")]
    daemon.answers["GET", "/queue?after=0&limit=1000&state=quarantined"] = (200, {"journals": rows, "next": None})
    lines = ctl(daemon.path, "quarantine").stdout.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["corrupt", "no"]


def test_show_names_the_facts_of_the_body(daemon):
    body = {"size": 5, "sha256": "00", "place": "inline", "facts": ["8-bit", "bare-lf"]}
    daemon.answers["GET", "/queue/1"] = (200, row(1, recipients=[], body=body))
    assert "\nFacts            8-bit, bare-lf\n" in ctl(daemon.path, "show", "1").stdout
    daemon.answers["GET", "/queue/1"] = (200, row(1, recipients=[], body={**body, "facts": []}))
    assert "Facts" not in ctl(daemon.path, "show", "1").stdout


def test_a_list_has_the_message_and_when_it_was_accepted(daemon):
    daemon.answers["GET", "/queue?after=0&limit=1000"] = (200, {"journals": [row(7)], "next": None})
    title, line = ctl(daemon.path, "queue").stdout.splitlines()
    assert title.split()[:4] == ["ID", "MESSAGE", "STATE", "ACCEPTED"]
    assert line.split()[:5] == ["7", "107", "waiting", "2026-01-02", "03:04:05"]


def test_show_of_a_message_has_each_of_its_journals(daemon):
    journals = [{"mid": 13, "state": "delivered", "why": "delivered", "attempts": 1, "last_reply": "250 ok"},
                {"mid": 14, "state": "dead", "why": "hard bounced: \x1b[1mno", "attempts": 2, "rids": "0,3",
                 "destination": {"domain": "intake.example", "state": "up"}}]
    daemon.answers["GET", "/queue/12"] = (200, {
        "message_mid": 12, "accepted_at": "2026-01-02T03:04:05.678Z", "sender": "", "journals": journals,
        "recipients": [{"rid": 0, "address": "b@y", "source": "envelope"}]})
    done = ctl(daemon.path, "show", "12")
    assert done.returncode == 0 and "\x1b" not in done.stdout
    message, first, second = done.stdout.split("\n\n")
    assert message.startswith("Message          12\nAccepted (UTC)   2026-01-02 03:04:05\n")
    assert "\nSender           <>\n" in message and "Journal" not in message
    assert first == ("Journal          13\nState            delivered\nWhy              delivered\n"
                     "Attempts         1\nLast reply       250 ok")
    assert second.startswith("Journal          14\nState            dead\nWhy              hard bounced: \\x1b[1mno\n"
                             "RIDs             0,3\n")
    assert second.endswith("Destination      intake.example, up\n")


def test_show_of_a_journal_has_its_two_times(daemon):
    daemon.answers["GET", "/queue/1"] = (200, row(1, recipients=[], reason="content", why="hard bounced"))
    out = ctl(daemon.path, "show", "1").stdout
    assert "\nIn queue (UTC)   2026-01-05 00:00:00\n" in out and "\nAccepted (UTC)   2026-01-02 03:04:05\n" in out
    assert "content" not in out     # the row's word; the sentence is in Why


@pytest.mark.parametrize("words,answer,want", [
    (["hold", "5"], {"mid": 5, "changed": 1, "done": "held"}, "5: held\n"),
    (["hold", "4"], {"message_mid": 4, "changed": 1, "done": "held", "in_flight": 0}, "message 4: 1 journal held\n"),
    (["hold", "4"], {"message_mid": 4, "changed": 2, "done": "held", "in_flight": 1},
     "message 4: 2 journals held; 1 left out while being sent\n"),
    (["hold", "all"], {"changed": 1, "done": "held", "in_flight": 0}, "1 journal held\n"),
    (["hold", "all"], {"changed": 0, "done": "held", "in_flight": 0}, "0 journals held\n"),
    (["delivernow", "5"], {"mid": 5, "changed": 0, "done": "made due"}, "5: due already; its destination is tried\n"),
    (["delivernow", "4"], {"message_mid": 4, "changed": 0, "in_flight": 0, "done": "made due"},
     "message 4: due already; its destination is tried\n"),
    (["delivernow", "5"], {"mid": 5, "changed": 0, "done": "made due", "dcid": 2},
     "5: being sent in this moment, by DCID 2\n"),
    (["delivernow"], {"changed": 1, "in_flight": 0, "done": "made due"}, "1 journal made due; all destinations are tried\n"),
])
def test_what_was_done_is_said_in_whole_words(daemon, words, answer, want):
    path = "/queue/" + (f"{words[1]}/" if words[1:] and words[1] != "all" else "") + words[0]
    daemon.answers["POST", path] = (200, answer)
    assert ctl(daemon.path, *words).stdout == want


def test_status_begins_with_health(daemon):
    answer = {"version": "1", "account": {"states": {}}, "spool": {"is_accepting": True, "refused_rows": 0},
              "incoming": {"connections": 1, "transactions": 0}, "health": {"status": "ok", "reasons": []}}
    daemon.answers["GET", "/status"] = (200, answer)
    lines = ctl(daemon.path, "status").stdout.splitlines()
    assert lines[1] == "ok" and "1 connection, 0 transactions" in lines
    answer["health"] = {"status": "error", "reasons": [
        {"level": "error", "text": "3 rows that the database will not change"}, {"level": "warning", "text": "w"}]}
    daemon.answers["GET", "/status"] = (200, answer)
    lines = ctl(daemon.path, "status").stdout.splitlines()
    assert lines[1:3] == ["error: 3 rows that the database will not change", "warning: w"]


DOWN = {"domain": "intake.example", "state": "backed off", "down_since": "2026-01-02T03:00:00.000Z", "is_being_probed": False,
        "next_probe_at": "2026-01-02T03:05:00.000Z", "last_error": "it said no", "last_error_at": "2026-01-02T03:04:05.678Z"}
PROBED = DOWN | {"next_probe_at": None, "is_being_probed": True}
UP = DOWN | {"state": "up", "down_since": None, "next_probe_at": None}


def test_an_error_has_its_time_and_is_past_when_its_destination_is_up(daemon):
    journal = row(1, recipients=[], why="it is due, behind others")
    answer = {"version": "1", "account": {"states": {}}, "spool": {"is_accepting": True, "refused_rows": 0},
              "incoming": {"connections": 1, "transactions": 0}, "health": {"status": "ok", "reasons": []}}
    for destination, shown, listed in (
            (DOWN, "Destination      intake.example, backed off since 2026-01-02 03:00:00, next probe 2026-01-02 03:05:00\n"
                   "  error at (UTC) 2026-01-02 03:04:05\n  last error     it said no\n",
             r"2026-01-02 03:05:00 +2026-01-02 03:04:05 +it said no"),
            (PROBED, "Destination      intake.example, backed off since 2026-01-02 03:00:00, being probed\n"
                     "  error at (UTC) 2026-01-02 03:04:05\n  last error     it said no\n",
             r"now +2026-01-02 03:04:05 +it said no"),
            (UP, "Destination      intake.example, up\n", r"- +- +-")):
        daemon.answers["GET", "/queue/1"] = (200, journal | {"destination": destination})
        assert shown in ctl(daemon.path, "show", "1").stdout
        daemon.answers["GET", "/status"] = (200, answer | {"destinations": [destination]})
        (line,) = [line for line in ctl(daemon.path, "status").stdout.splitlines() if line.startswith("intake.example")]
        assert re.search(listed + " *$", line), line
    assert "it said no" not in ctl(daemon.path, "status").stdout + ctl(daemon.path, "show", "1").stdout


def test_a_gap_is_a_failure(daemon):
    account = {"messages": 2, "refused": 0, "created": 2, "states": {"delivered": 1}, "deleted": 0, "dropped": 0}
    daemon.answers["GET", "/account"] = (200, {**account, "gap": 0})
    assert ctl(daemon.path, "account").returncode == 0
    daemon.answers["GET", "/account"] = (200, {**account, "gap": 1})
    done = ctl(daemon.path, "account")
    assert done.returncode == 1 and "gap 1" in done.stdout
    daemon.answers["GET", "/account?verify=1"] = (200, {**account, "gap": 0, "verified": {"gap": 0, "agrees": False}})
    done = ctl(daemon.path, "account", "--verify")
    assert done.returncode == 1 and "DISAGREE" in done.stdout


def test_status_of_a_daemon_of_another_version_is_printed_as_far_as_it_goes(daemon):
    """Between an upgrade of the package and the restart."""
    daemon.answers["GET", "/status"] = (200, {"version": "0.0.9", "uptime_seconds": 5})
    done = ctl(daemon.path, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["tdcd 0.0.9, up 5 s, configuration generation 0", "-"]


@pytest.mark.parametrize("http_status,health,code,out", [
    (200, {"status": "ok", "reasons": []}, 0, "ok\n"),
    (200, {"status": "warning", "reasons": [{"level": "warning", "text": "1 dead letter"}]}, 1,
     "warning: 1 dead letter\n"),
    (503, {"status": "error", "reasons": [{"level": "error", "text": "full\x1b"}, {"level": "warning", "text": "w"}]},
     2, "error: full\\x1b\nwarning: w\n"),
])
def test_health_is_what_monitoring_expects(daemon, http_status, health, code, out):
    daemon.answers["GET", "/health"] = (http_status, health)
    done = ctl(daemon.path, "health")
    assert (done.returncode, done.stdout, done.stderr) == (code, out, "")
    done = ctl(daemon.path, "health", "--json")
    assert done.returncode == code and json.loads(done.stdout) == health


@pytest.mark.parametrize("answer", [{"status": 503, "detail": "all 32 are at work"}, {"status": "splendid"}])
def test_an_answer_that_is_no_state_of_health_is_3(daemon, answer):
    daemon.answers["GET", "/health"] = (503, answer)
    done = ctl(daemon.path, "health")
    assert (done.returncode, done.stdout) == (3, "") and answer.get("detail", "no state of health") in done.stderr


def test_its_version_needs_no_daemon(tmp_path):
    done = ctl(tmp_path / "nothing", "--version")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("tdcctl ") and len(done.stdout.splitlines()) == 1


def test_an_output_that_cannot_be_written_is_no_success(daemon):
    daemon.answers["POST", "/reload"] = (200, {"configuration_generation": 2})
    with open("/dev/full", "w") as full:
        done = subprocess.run([BUILD / "src" / "tdcctl", "--socket", daemon.path, "reload"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == 1 and "standard output" in done.stderr

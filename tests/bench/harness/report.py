"""Medians, ratios, goals: the table of a run, its JSON and its plots."""

import json
import statistics

from . import plot

# what, cell, figure, which way is better, goal as a text and as a test of (tdcd, postfix, limits)
GOALS = [
    ("accept/s, 4 KB, 50 x 100, while delivering", "4k-50x100", "accept_per_s", ">= 15 x", lambda t, p, m: t >= 15 * p),
    ("drained/s, the same", "4k-50x100", "drained_per_s", ">= 20 x", lambda t, p, m: t >= 20 * p),
    ("accept/s, unlimited a connection", "4k-50x100-unlimited", "accept_per_s", ">= 15 x", lambda t, p, m: t >= 15 * p),
    ("drained/s, unlimited a connection", "4k-50x100-unlimited", "drained_per_s", ">= 20 x", lambda t, p, m: t >= 20 * p),
    ("accept/s, 4 KB, one a connection", "4k-50x1", "accept_per_s", ">= 10 x", lambda t, p, m: t >= 10 * p),
    ("drained/s, the same", "4k-50x1", "drained_per_s", ">= 10 x", lambda t, p, m: t >= 10 * p),
    ("CPU s per 1000, 4 KB", "4k-50x100", "cpu_s_per_1000", "<= 1/30", lambda t, p, m: t <= p / 30),
    ("CPU s per 1000, 4 KB, unlimited", "4k-50x100-unlimited", "cpu_s_per_1000", "<= 1/30", lambda t, p, m: t <= p / 30),
    ("CPU s per 1000, 50 KB", "50k", "cpu_s_per_1000", "<= 1/15", lambda t, p, m: t <= p / 15),
    ("CPU s per 1000, 50 KB, unlimited", "50k-unlimited", "cpu_s_per_1000", "<= 1/15", lambda t, p, m: t <= p / 15),
    ("CPU s per 1000, 1 MB", "1m", "cpu_s_per_1000", "<= 1/6", lambda t, p, m: t <= p / 6),
    ("CPU s per 1000, 1 MB, unlimited", "1m-unlimited", "cpu_s_per_1000", "<= 1/6", lambda t, p, m: t <= p / 6),
    ("accept/s, 1 MB", "1m", "accept_per_s", "", None),
    ("accepted MB/s, 1 MB", "1m", "accept_mb_per_s", ">= 60 % of the disk",
     lambda t, p, m: t >= 0.6 * m["sequential_mb_per_s"]),
    ("p50 ms to 250, one client", "latency", "latency_p50_ms", "", None),
    ("p50 to a raw 4 KB fdatasync", "latency", "latency_to_raw_sync", "<= 1.5", lambda t, p, m: t <= 1.5),
    ("p99 ms", "latency", "latency_p99_ms", "<= its p50", None),
    ("p99.9 ms", "latency", "latency_p999_ms", "", None),
    ("max to p50", "latency", "max_to_p50", "<= 10", lambda t, p, m: t <= 10),
    ("raw 4 KB fdatasync beside it: p99 ms", "latency", "raw_sync_p99_ms", "", None),
    ("raw 4 KB fdatasync beside it: max ms", "latency", "raw_sync_max_ms", "", None),
    ("max to the raw max", "latency", "max_to_raw_max", "", None),
    ("syncs per message, 4 KB", "syncs", "syncs_per_message_4k", "<= 0.1", lambda t, p, m: t <= 0.1),
    ("syncs per message, 50 KB", "syncs", "syncs_per_message_50k", "<= 0.1", lambda t, p, m: t <= 0.1),
    ("bytes written per byte, 50 KB", "written", "written_per_byte_50k", "<= 1.3", lambda t, p, m: t <= 1.3),
    ("bytes written per byte, 1 MB", "written", "written_per_byte_1m", "<= 1.3", lambda t, p, m: t <= 1.3),
    ("peak anonymous MiB, every cell", None, "peak_anonymous_mib", "<= 32", lambda t, p, m: t <= 32),
    ("backlog: accept/s to empty", "backlog", "accept_to_empty", ">= 0.9", lambda t, p, m: t >= 0.9),
    ("backlog: latency to empty", "backlog", "latency_to_empty", "<= 1.2", lambda t, p, m: t <= 1.2),
    ("backlog: MiB over empty", "backlog", "memory_over_empty_mib", "<= 16", lambda t, p, m: t <= 16),
    ("outage: fill/s", "outage", "fill_per_s", "", None),
    ("outage: drained/s", "outage", "outage_drained_per_s", "", None),
    ("outage: drained/s to the live path", "outage", "outage_to_live", ">= 0.9", lambda t, p, m: t >= 0.9),
    ("outage: fresh mail's delay, s, worst", "outage", "fresh_delay_max_s", "", None),
    ("50 ms round trip: share of the ideal", "rtt", "rtt_share", ">= 0.8", lambda t, p, m: t >= 0.8),
]
# Postfix on an idle machine of this kind; far below it, the machine is too busy for a run to count.
POSTFIX_USUAL = {"accept_per_s": 480, "drained_per_s": 300}


def median_of(runs):
    """The median of each figure over the rounds; what is not a number is left out."""
    keys = {k for run in runs for k in run}
    found = {}
    for k in sorted(keys):
        values = [run[k] for run in runs if isinstance(run.get(k), (int, float))]
        if values:
            found[k] = statistics.median(values)
    return found


def summarize(raw):
    """{cell: {server: [figures of each round]}} -> {cell: {server: medians}}"""
    return {cell: {server: median_of(runs) for server, runs in servers.items()} for cell, servers in raw.items()}


def figure(summary, cell, name, server):
    if cell is not None:
        return summary.get(cell, {}).get(server, {}).get(name)
    values = [s[server][name] for s in summary.values() if name in s.get(server, {})]
    return max(values) if values else None


def show(v):
    if v is None:
        return "-"
    return f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}"


def judge(goal, test, tdcd, peer, summary, machine):
    if not goal or tdcd is None:
        return ""
    if goal == "<= its p50":
        half = figure(summary, "latency", "latency_p50_ms", "postfix")
        return "" if half is None else "met" if tdcd <= half else "missed"
    if peer is None and " x" in goal or peer is None and "1/" in goal:
        return ""
    return "met" if test(tdcd, peer, machine) else "missed"


def rows(summary, machine, servers):
    for text, cell, name, goal, test in GOALS:
        values = [figure(summary, cell, name, s) for s in servers]
        if values[0] is None:
            continue
        peer = values[servers.index("postfix")] if "postfix" in servers else None
        ratio = values[0] / peer if peer else None
        yield text, values, ratio, goal, judge(goal, test, values[0], peer, summary, machine)


def table(result):
    servers, summary, machine = result["servers"], result["summary"], result["limits"]
    lines = ["| figure | " + " | ".join(servers) + " | tdcd / postfix | goal | |",
             "|---|" + "---|" * (len(servers) + 3)]
    for text, values, ratio, goal, verdict in rows(summary, machine, servers):
        cells = [text, *map(show, values), show(ratio), goal, verdict]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cpu_goal(cell, summary):
    """What tdcd may take: Postfix's CPU times the goal's ratio; None where there is no goal or no Postfix."""
    peer = figure(summary, cell, "cpu_s_per_1000", "postfix")
    for _, where, name, goal, _ in GOALS:
        if peer is not None and where == cell and name == "cpu_s_per_1000":
            return peer / int(goal.removeprefix("<= 1/"))
    return None


def floors(result):
    """Each cell's CPU beside the least that any relay takes on this machine, as sentences."""
    for cell, floor in result["limits"]["floor"].items():
        ours, least = figure(result["summary"], cell, "cpu_s_per_1000", "tdcd"), floor["cpu_s_per_1000"]
        goal = cpu_goal(cell, result["summary"])
        text = f"CPU s per 1000, {cell}: tdcd {show(ours)}, floor {show(least)} ({ours / least:.1f} x)"
        if goal is not None:
            text += f", goal {show(goal)}"
            text += ": the goal is below the floor" if goal < least else ""
        yield text


def checks(result):
    """Whether the run can be trusted: what is wrong with it, as sentences."""
    summary, machine, found = result["summary"], result["limits"], []
    for cell, servers in summary.items():
        t = servers.get("tdcd", {})
        if "feeder_cpu_s_per_1000" not in t:
            continue
        ours = t["feeder_cpu_s_per_1000"] + t["sink_cpu_s_per_1000"]
        if ours > t["cpu_s_per_1000"] / 2:
            found.append(f"{cell}: feeder and intake took {ours:.3f} CPU s per 1000, more than half of tdcd's "
                         f"{t['cpu_s_per_1000']:.3f}")
    for cell, limit in (("4k-50x100", "straight_50x100"), ("4k-50x1", "straight_50x1")):
        rate = figure(summary, cell, "drained_per_s", "tdcd")
        if rate is not None and machine[limit]["per_s"] < 2 * rate:
            found.append(f"{cell}: straight into the intake {machine[limit]['per_s']:.0f}/s, less than twice the "
                         f"relayed {rate:.0f}/s")
    for name, usual in POSTFIX_USUAL.items():
        seen = figure(summary, "4k-50x100", name, "postfix")
        if seen is not None and seen < 0.6 * usual:
            found.append(f"the machine is too busy: Postfix's {name} is {seen:.0f}, under 60 % of {usual}; repeat the run")
    for cell, servers in summary.items():
        for server, figures in servers.items():
            if figures.get("refused") or figures.get("duplicates"):
                found.append(f"{cell}: {server} refused {figures['refused']:g}, sent twice {figures['duplicates']:g}")
    return found


NAMES = {"accept_per_s": "accepted/s", "cpu_s_per_1000": "CPU seconds per 1000 messages", "latency_p99_ms": "p99, ms",
         "peak_anonymous_mib": "peak anonymous MiB"}


def plots(result, directory):
    for name, points in result["series"].items():
        title = f"tdcd against {name.removeprefix('series-')}"
        panels = [(text, [(p["x"], p[k], p["label"] if name.endswith("size") else plot.number(p["x"])) for p in points])
                  for k, text in NAMES.items()]
        (directory / f"{name.removeprefix('series-')}.svg").write_text(plot.growth(title, panels))
    bars = [(text, list(zip(result["servers"], values)))
            for text, values, *_ in rows(result["summary"], result["limits"], result["servers"])
            if len(values) > 1 and all(v is not None and v >= 0 for v in values)]
    if bars:
        (directory / "servers.svg").write_text(plot.bars("Side by side, each row on its own scale", bars))


def write(result, directory):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    (directory / "table.md").write_text(table(result) + "\n")
    plots(result, directory)

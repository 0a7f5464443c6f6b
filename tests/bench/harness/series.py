"""How the cost of tdcd grows: with connections, size, backlog and destinations. Each point has the same figures."""

from .cells import at_backlog, feed, fill

SIZES = {"1 KB": 1 << 10, "4 KB": 4 << 10, "16 KB": 16 << 10, "50 KB": 50 << 10, "100 KB": 100 << 10,
         "256 KB": 256 << 10, "1 MB": 1 << 20, "10 MB": 10 << 20, "50 MB": 50 << 20}
FIGURES = ("accept_per_s", "cpu_s_per_1000", "latency_p99_ms", "peak_anonymous_mib")


def point(x, figures, label=None):
    return {"x": x, "label": label or str(x), **{k: figures[k] for k in FIGURES}}


def connections(bench):
    points = []
    for n in bench.points([1, 10, 50, 100, 200, 500, 1000]):
        with bench.relay("tdcd", connections=2000) as (server, sink):
            points.append(point(n, feed(bench, server, sink, 4096, connections=n, per_connection=100,
                                        seconds=bench.seconds)))
    return points


def size(bench):
    points = []
    for label in bench.points(list(SIZES)):
        n = SIZES[label]
        with bench.relay("tdcd") as (server, sink):
            points.append(point(n, feed(bench, server, sink, n, connections=20 if n <= 1 << 20 else 4, per_connection=100,
                                        seconds=bench.seconds), label))
    return points


def backlog(bench):
    points = []
    with bench.relay("tdcd") as (server, sink):
        sink.stop()
        for n in bench.points([0, 10_000, 100_000, 300_000, 1_000_000, 2_000_000, 3_000_000]):
            fill(server, bench.count(n, 0))
            waiting = server.waiting()
            points.append(point(waiting, at_backlog(bench, server)))
    return points


def destinations(bench):
    points = []
    for n in bench.points([1, 10, 100, 1000]):
        with bench.relay("tdcd", destinations=n) as (server, sink):
            points.append(point(n, feed(bench, server, sink, 4096, connections=50, per_connection=100,
                                        seconds=bench.seconds, destinations=n)))
    return points


SERIES = {"series-connections": connections, "series-size": size, "series-backlog": backlog,
          "series-destinations": destinations}

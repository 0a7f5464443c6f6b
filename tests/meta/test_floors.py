"""The house of docs/architecture.md: an include goes down only, and every foreign header
has its home. Read from the includes themselves, and checked against planted violations."""

import os
import pathlib
import re

import pytest

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))

FLOOR = {
    "base": 0,
    "loop": 1, "mime": 1, "smtp": 1,
    "tls": 2, "digest": 2, "config": 2, "store": 2, "dns": 2, "http": 2,
    "policy": 3,
    "server": 4, "milter": 4, "journal": 4, "deliver": 4, "threat": 4, "remedy": 4, "cluster": 4,
    "admin": 5,
    "daemon": 6, "ctl": 6, "sink": 6,
}

HOMES = [
    (r"event2?/|event\.h", {"loop"}),
    (r"openssl/", {"tls", "digest"}),
    (r"sqlite3", {"store"}),
    (r"yaml\.h", {"config"}),
    (r"unbound\.h", {"dns"}),
    (r"xxhash\.h", {"digest"}),
    (r"curl/", {"ctl"}),
    (r"jansson\.h", {"threat", "cluster", "admin", "ctl", "sink"}),
    (r"expat\.h|libxml/", {"remedy"}),
    (r"systemd/", set()),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def violations(area, text, name):
    """Every include of one file that goes up, sideways or away from home."""
    found = []
    for header in INCLUDE.findall(text):
        inner = re.match(r"tdc/([a-z]+)/", header)
        if inner:
            other = inner.group(1)
            if other not in FLOOR:
                found.append(f"{name}: {header}: no such area")
            elif other != area and FLOOR[other] >= FLOOR[area]:
                found.append(f"{name}: {header}: floor {FLOOR[area]} includes floor {FLOOR[other]}")
            continue
        beside = re.match(r"(?:\.\./)*([a-z]+)/", header)
        if beside and beside.group(1) in FLOOR and beside.group(1) != area:
            found.append(f"{name}: {header}: the private header of another area")
        for pattern, homes in HOMES:
            if re.match(pattern, header) and area not in homes:
                found.append(f"{name}: {header}: at home in {sorted(homes)} only")
    return found


def files():
    for top in ("src", "include/tdc"):
        for path in sorted((SOURCE / top).rglob("*.[ch]")):
            yield path.relative_to(SOURCE / top).parts[0], path


def test_every_area_is_on_a_floor():
    assert {area for area, _ in files()} <= set(FLOOR)
    assert {"base", "loop", "store", "server", "deliver", "daemon"} <= {a for a, _ in files()}


def test_includes_go_down_and_foreign_headers_stay_at_home():
    found = []
    for area, path in files():
        found += violations(area, path.read_text(), str(path.relative_to(SOURCE)))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("area,line", [
    ("base", '#include "tdc/loop/loop.h"'),
    ("loop", '#include "tdc/smtp/line.h"'),
    ("tls", '#include "tdc/digest/sha256.h"'),
    ("policy", '#include "tdc/server/server.h"'),
    ("server", '#include "tdc/deliver/deliver.h"'),
    ("server", '#include "deliver/pool.h"'),
    ("server", "#include <sqlite3.h>"),
    ("loop", "#include <openssl/ssl.h>"),
    ("deliver", "#include <event2/event.h>"),
    ("http", "#include <event2/http.h>"),
    ("store", '#include "tdc/nowhere/x.h"'),
])
def test_a_planted_violation_is_seen(area, line):
    assert violations(area, line + "\n", "planted.c")


def test_the_architecture_document_names_the_same_floors():
    text = (SOURCE / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| (\d) \| ([^|]+) \|", text, re.M)
    assert rows, "docs/architecture.md has no table of floors"
    written = {name: int(floor) for floor, names in rows for name in re.findall(r"`([a-z]+)`", names)}
    present = {area for area, _ in files()}
    assert {a: FLOOR[a] for a in present} == {a: f for a, f in written.items() if a in present}


LIBRARIES = {"libevent": "event2/", "OpenSSL": "openssl/", "SQLite": "sqlite3.h", "libyaml": "yaml.h",
             "libunbound": "unbound.h", "libxxhash": "xxhash.h", "libcurl": "curl/", "jansson": "jansson.h"}


def test_the_architecture_document_names_the_homes_where_somebody_lives():
    text = (SOURCE / "docs/architecture.md").read_text()
    listed = re.search(r"^Homes of foreign headers: (.*?)\.\n", text, re.M | re.S)[1]
    written = {part.split()[0]: set(re.findall(r"`([a-z]+)`", part)) for part in listed.split(";")}
    included = {name: {area for area, path in files()
                       if any(header.startswith(start) for header in INCLUDE.findall(path.read_text()))}
                for name, start in LIBRARIES.items()}
    assert written == included
    for start in LIBRARIES.values():
        homes = [homes for pattern, homes in HOMES if re.match(pattern, start)]
        assert len(homes) == 1, f"{start}: {homes}"

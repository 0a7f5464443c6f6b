"""What the compiled objects say about the house: who defines which name, and who keeps state of their own.

One global name has one owner, who declares it in a header of the same area; and no object but log and counters has
data that can change. Read by nm from the objects of the build, which has the shape of the source tree."""

import collections
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TDC_BUILD_DIR", SOURCE / "build" / "asan"))

# Every variable at file scope (or static in a function) that can change, and why it may.
MUTABLE = {
    ("src/base/counter.c", "values"): "the counters: any thread adds, without a handle",
    ("src/base/log.c", "state"): "the log: any area of floor 4 or above writes, without a handle",
    ("src/base/log.c", "thresholds"): "the log's levels, set at start and at reload",
    ("src/base/fault.c", "passages"): "crash points; in test builds only",
}
# What the C library does with hidden state or without a bound. (glibc's strerror() is safe since 2.32.)
FORBIDDEN = set("""alloca asctime atoi atol atoll ctime getgrnam getpwnam gethostbyname gets gmtime inet_ntoa localtime mktemp
    popen rand random sprintf srand srandom strcat strcpy strncat strtok system tmpnam vsprintf""".split())
# Stands for the crash points in builds without them: ISO C wants something in a translation unit.
FILLER = "fault_is_compiled_out"
BEFORE_THREADS = {
    ("src/daemon/privileges.c", "getpwnam"), ("src/daemon/privileges.c", "getgrnam"),
}
# What each program links of ours: names must differ within one.
EVERY_AREA = {path.name for path in (SOURCE / "src").iterdir() if path.is_dir()}
LINKED = [EVERY_AREA - {"ctl", "sink"}, {"ctl", "base"}, {"sink", "tls", "loop", "base"}]

CONSTANT = (".rodata", ".data.rel.ro")     # tables of pointers are relocated once, then read only
MADE_BY_SANITIZERS = re.compile(r"__(odr_)?(a|t|ub)san|\.LASAN|_sub_[ID]_|__sancov|__gcov|_ZN?\d*__|\.?Lubsan")

Symbol = collections.namedtuple("Symbol", "source area name kind type section")


def symbols_of(sources):
    """The symbols that objects define or (section *UND*) use; `sources` is {object: its source, relative}."""
    listed = subprocess.run(["nm", "-f", "sysv", *sources], capture_output=True, text=True, check=True)
    found, source = [], None
    for line in listed.stdout.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if line.startswith("Symbols from "):
            source = sources[pathlib.Path(line.removeprefix("Symbols from ").removesuffix(":"))]
        elif len(fields) == 7 and not MADE_BY_SANITIZERS.match(fields[0]):
            found.append(Symbol(str(source), source.parts[1], fields[0], fields[2], fields[3], fields[6]))
    return found


@pytest.fixture(scope="module")
def symbols():
    sources = {}
    for source in sorted(SOURCE.glob("src/*/*.c")):
        inside = source.relative_to(SOURCE)
        objects = list((BUILD / "src" / "CMakeFiles").glob(f"*.dir/{inside.parts[1]}/{source.name}.o"))
        assert len(objects) == 1, f"{inside}: {len(objects)} objects in {BUILD}"
        sources[objects[0]] = inside
    found = symbols_of(sources)
    assert len({symbol.source for symbol in found}) > 150
    return found


def is_used(symbol):
    return symbol.section == "*UND*"


def is_global(symbol):
    return symbol.kind.isupper() and symbol.name not in ("main", FILLER) and not is_used(symbol)


def name_in_source(symbol):
    """`values.3` and `values.part.0` are what the compiler made of a static `values`."""
    return symbol.name.split(".")[0]


def is_mutable(symbol):
    return not is_used(symbol) and symbol.type in ("OBJECT", "TLS") and not symbol.section.startswith(CONSTANT)


def clashes(symbols, linked):
    """Names that two sources of one program define: a link that fails, or worse, does not."""
    owners = collections.defaultdict(set)
    for symbol in filter(is_global, symbols):
        if symbol.area in linked:
            owners[symbol.name].add(symbol.source)
    return sorted(f"{name}: {' '.join(sorted(sources))}" for name, sources in owners.items() if len(sources) > 1)


def undeclared(symbols, headers):
    """Global names that no header of their own area has; headers is {area: text}."""
    words = {area: set(re.findall(r"\w+", text)) for area, text in headers.items()}
    return sorted(f"{symbol.source}: {symbol.name}" for symbol in filter(is_global, symbols)
                  if symbol.name not in words[symbol.area])


def headers():
    return {area: "".join(path.read_text() for top in ("src", "include/tdc") for path in (SOURCE / top / area).glob("*.h"))
            for area in EVERY_AREA}


def test_one_name_has_one_owner(symbols):
    found = [line for linked in LINKED for line in clashes(symbols, linked)]
    assert not found, "\n".join(found)


def test_every_global_name_is_declared_in_a_header_of_its_area(symbols):
    found = undeclared(symbols, headers())
    assert not found, "\n".join(found)


def test_nothing_that_can_change_is_at_file_scope(symbols):
    found = {(symbol.source, name_in_source(symbol)) for symbol in symbols if is_mutable(symbol)}
    assert found - set(MUTABLE) == set()
    without_faults = {key for key in MUTABLE if key[0] != "src/base/fault.c"}
    assert without_faults <= found, "the list allows what is not there"


def forbidden(symbols):
    return {(symbol.source, symbol.name) for symbol in symbols if is_used(symbol) and symbol.name in FORBIDDEN}


def test_nothing_is_called_that_threads_or_buffers_must_fear(symbols):
    assert forbidden(symbols) - BEFORE_THREADS == set()


PLANTED = """
#include <stddef.h>
extern int shared(void);
int shared(void) { static int calls; return ++calls; }
static _Thread_local int mine;
int *where(void); int *where(void) { return &mine; }
const char *const names[] = { "a", NULL };
static const int numbers[] = { 1, 2 };
int number(int i); int number(int i) { return numbers[i]; }
int counted = 3;
extern char *strtok(char *, const char *);
char *split(char *t); char *split(char *t) { return strtok(t, " "); }
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Two areas with the same source of sins."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "x.c").write_text(PLANTED)
    subprocess.run(["cc", "-fPIE", "-O1", "-c", "-o", folder / "x.o", folder / "x.c"], check=True)
    (folder / "y.o").write_bytes((folder / "x.o").read_bytes())
    return symbols_of({folder / "x.o": pathlib.Path("src/one/x.c"), folder / "y.o": pathlib.Path("src/two/x.c")})


def test_planted_state_is_seen_and_constants_are_none(planted):
    assert {name_in_source(s) for s in planted if is_mutable(s)} == {"calls", "mine", "counted"}


def test_a_planted_clash_is_seen(planted):
    assert {line.split(":")[0] for line in clashes(planted, {"one", "two"})} == {"shared", "where", "names", "number", "counted", "split"}
    assert clashes(planted, {"one"}) == []


def test_a_planted_name_without_a_header_is_seen(planted):
    texts = {"one": "shared where names number counted split", "two": "shared where names number split"}
    assert undeclared(planted, texts) == ["src/two/x.c: counted"]


def test_a_planted_call_is_seen(planted):
    assert forbidden(planted) == {("src/one/x.c", "strtok"), ("src/two/x.c", "strtok")}

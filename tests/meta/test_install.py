"""What `cmake --install` puts where; and that all that the documents show of set-ups is the same."""

import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TDC_BUILD_DIR", SOURCE / "build" / "dev"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The files below the prefix, as relative paths."""
    prefix = tmp_path_factory.mktemp("prefix")
    done = subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    return {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}


def test_programs_are_installed(installed):
    assert {"sbin/tdcd", "sbin/tdcctl"} <= installed
    assert not any("tdcsink" in path for path in installed), "the simulated intake is for tests"


def test_every_manual_page_is_installed_in_its_section(installed):
    pages = {f"share/man/man{path.suffix[1:]}/{path.name}" for path in (SOURCE / "docs" / "man").glob("*.[1-8]")}
    assert {"share/man/man8/tdcd.8", "share/man/man5/tdc.yaml.5"} <= pages <= installed


def test_every_example_is_installed(installed):
    examples = {f"share/doc/tdcd/examples/{path.name}" for path in (SOURCE / "config").glob("*.yaml")}
    assert len(examples) >= 4 and examples <= installed


def test_nothing_else_is_installed(installed):
    known = re.compile(r"s?bin/tdc(d|ctl)$|share/man/man\d/|share/doc/tdcd/examples/.*\.yaml$")
    assert [path for path in sorted(installed) if not known.match(path)] == []


def test_every_decision_record_is_listed():
    folder = SOURCE / "docs" / "decisions"
    listed = dict(re.findall(r"^- \[(.+)\]\((\d{4}-[a-z-]+\.md)\)$", (folder / "README.md").read_text(), re.M))
    titles = {path.read_text().splitlines()[0].removeprefix("# "): path.name for path in folder.glob("[0-9]*.md")}
    assert titles and listed == titles


COPY = re.compile(r"^#?\s*(/\^.*@the\.tdc\.queue)$", re.M)


def test_the_table_of_copies_is_the_same_everywhere():
    places = ["README.md", "config/postfix-always-bcc.yaml", "config/lmtp.yaml"]
    tables = {place: COPY.findall((SOURCE / place).read_text()) for place in places}
    assert len(tables["README.md"]) == 1 and len(set(map(tuple, tables.values()))) == 1, tables


def test_the_table_of_copies_is_the_one_that_is_tested(tmp_path):
    import sys
    sys.path.insert(0, str(SOURCE / "tests" / "support"))
    from rig import postfix
    postfix.recipient_bcc(25, tmp_path)
    assert (tmp_path / "copies.pcre").read_text().splitlines() == COPY.findall((SOURCE / "README.md").read_text())

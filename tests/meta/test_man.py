"""tdcd(8) and tdcctl(8) say what the programs' --help says, no more and no less, and lint clean."""

import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TDC_BUILD_DIR", SOURCE / "build" / "dev"))

OPTION = re.compile(r"^\s+--([a-z-]+)(?: ([A-Z]+))?", re.M)


def help_of(program, *arguments):
    done = subprocess.run([BUILD / "src" / program, *arguments, "--help"], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


def page(name):
    return (SOURCE / "docs" / "man" / name).read_text()


def options_of_page(text):
    """{name: argument or ''} of the entries `.It Fl Fl name Ar ARGUMENT`."""
    return {name: argument or "" for name, argument in
            re.findall(r"^\.It Fl Fl ([a-z-]+)(?: Ar ([A-Z]+))?$", text, re.M)}


def commands_of_page(text):
    """The entries `.It Cm name ...` as the help prints them: 'dead retry ID|all'."""
    section = text[text.index(".Ss Commands"):text.index(".Ss Options")]
    return set(re.findall(r"^\.It Cm ([a-z]+)", section, re.M))


def commands_of_help(text):
    section = text[text.index("Commands:"):text.index("Options:")]
    return set(re.findall(r"^  ([a-z]+)", section, re.M))


def verbs_of_help(text, command):
    """'dead [list | retry ID|all | delete ID|all]' -> {'list', 'retry', 'delete'}"""
    found = re.search(rf"^  {command} \[(.*)\]$", text, re.M)
    return {part.split()[0] for part in found.group(1).split(" | ")}


@pytest.mark.parametrize("program", ["tdcd", "tdcctl"])
def test_options_of_help_and_page_are_the_same(program):
    printed = {name: argument for name, argument in OPTION.findall(help_of(program))}
    assert len(printed) >= 7
    assert options_of_page(page(f"{program}.8")) == printed


def test_commands_of_help_and_page_are_the_same():
    text = help_of("tdcctl")
    commands = commands_of_help(text)
    assert {"status", "queue", "show", "dead"} <= commands
    assert commands_of_page(page("tdcctl.8")) == commands
    for command in ("dead", "quarantine"):
        documented = set(re.findall(rf"^\.It Cm {command} (?:Op Cm )?([a-z]+)", page("tdcctl.8"), re.M))
        assert documented == verbs_of_help(text, command)


def test_every_command_has_help_with_its_options():
    every = help_of("tdcctl")
    known = {name for name, _ in OPTION.findall(every)}
    used = set()
    for command in commands_of_help(every):
        text = help_of("tdcctl", command)
        assert text.startswith(f"usage: tdcctl {command}")
        options = {name for name, _ in OPTION.findall(text)}
        assert {"help", "socket"} <= options <= known
        used |= options
    assert used == known, "an option that no command takes"


def test_help_is_aligned_and_fits_a_terminal():
    for program in ("tdcd", "tdcctl"):
        text = help_of(program)
        assert max(len(line) for line in text.splitlines()) <= 90
        columns = {len(line) - len(line.lstrip(" -")) + len(re.match(r"\S+(?: [A-Z]+)? +", line.lstrip(" -"))[0])
                   for line in text.splitlines() if line.startswith("  --")}
        assert len(columns) == 1, f"{program}: options begin at {sorted(columns)}"


@pytest.mark.parametrize("name", ["tdcd.8", "tdcctl.8"])
def test_pages_lint_clean(name):
    done = subprocess.run(["mandoc", "-Tlint", SOURCE / "docs" / "man" / name], capture_output=True, text=True,
                          timeout=20)
    lines = [line for line in (done.stdout + done.stderr).splitlines()
             if "referenced manual not found" not in line]
    assert not lines, "\n".join(lines)


def test_the_comparison_sees_a_difference():
    """The negative control: a page that lost an entry is not equal."""
    text = page("tdcctl.8").replace(".It Fl Fl yes\n", "")
    assert options_of_page(text) != options_of_page(page("tdcctl.8"))
    text = page("tdcctl.8").replace(".It Cm hold ", ".It Cm grip ")
    assert commands_of_page(text) != commands_of_page(page("tdcctl.8"))

"""What the documents name exists: files, folders, presets."""

import json
import os
import pathlib
import re

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
PRESETS = {"dev", "asan", "tsan", "fuzz", "cover", "release"}

# `path/name.ext` as the documents write it: from the top, or from one of these folders.
TOPS = ("", "src", "include/tdc", "tests", "tests/system", "tests/bench", "docs")
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:c|h|py|sql|md|yaml|json|cmake))\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)\)")


def documents():
    return [SOURCE / "README.md", SOURCE / "CONTRIBUTING.md", *sorted((SOURCE / "docs").rglob("*.md"))]


def missing(text, folder):
    named = [name for name in NAMED.findall(text) if "NNNN" not in name
             and not any((SOURCE / top / name).exists() for top in TOPS)]
    return named + [link for link in LINK.findall(text) if not (folder / link).exists()]


def test_every_named_file_exists():
    found = {str(path.relative_to(SOURCE)): missing(path.read_text(), path.parent) for path in documents()}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_planted_name_is_seen():
    text = "see `server/verbs.c` and `server/verb.c`, [this](docs/testing.md) and [that](docs/tests.md)"
    assert missing(text, SOURCE) == ["server/verb.c", "docs/tests.md"]


def test_the_map_names_every_folder():
    table = (SOURCE / "README.md").read_text().split("## The map")[1]
    present = {path.name for path in SOURCE.iterdir() if path.is_dir() and not path.name.startswith((".", "build"))}
    assert present - {"cmake"} == set(re.findall(r"^\| `(\w+)/", table, re.M)) | {"include"}
    tiers = {path.name for path in (SOURCE / "tests").iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert tiers - {"support"} <= set(re.findall(r"`(\w+)`", table))


def test_every_preset_is_there_and_named():
    made = {preset["name"] for preset in json.loads((SOURCE / "CMakePresets.json").read_text())["configurePresets"]
            if not preset.get("hidden")}
    assert PRESETS <= made
    assert PRESETS <= set(re.findall(r"`(?:cmake --preset )?(\w+)`", (SOURCE / "CONTRIBUTING.md").read_text()))

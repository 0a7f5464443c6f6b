"""Every C file is as the pinned clang-format writes it (.clang-format at the top); mend with
`clang-format-14 -i FILE`. Comments that do not fit behind a declaration stand above it."""

import os
import pathlib
import subprocess

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
TOOL = "clang-format-14"


def differing(files, style):
    done = subprocess.run([TOOL, f"--style=file:{style}", "--dry-run", "-Werror", *files], capture_output=True, text=True,
                          timeout=120)
    found = {line.split(":")[0] for line in done.stderr.splitlines() if "-Wclang-format-violations" in line}
    assert (done.returncode == 0) == (not found), done.stderr
    return sorted(found)


def files():
    return [path for top in ("src", "include", "tests") for path in sorted((SOURCE / top).rglob("*.[ch]"))]


def test_every_file_is_formatted():
    assert len(files()) > 300
    found = differing(files(), SOURCE / ".clang-format")
    assert not found, f"{TOOL} -i " + " ".join(found)


def test_a_planted_deviation_is_seen(tmp_path):
    good = "static int\nf(int a)\n{\n\treturn a;\n}\n"
    for name, text in (("good.c", good), ("spaces.c", good.replace("\t", "    ")), ("brace.c", good.replace("\n{", " {"))):
        (tmp_path / name).write_text(text)
    found = differing(sorted(tmp_path.glob("*.c")), SOURCE / ".clang-format")
    assert [pathlib.Path(name).name for name in found] == ["brace.c", "spaces.c"]

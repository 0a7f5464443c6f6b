"""clang-tidy has nothing to say about src (.clang-tidy at the top: what is on, and why the rest is off)."""

import concurrent.futures
import os
import pathlib
import re
import subprocess

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TDC_BUILD_DIR", SOURCE / "build" / "asan"))
FINDING = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): (.*)$", re.M)


def findings(files, *options):
    """The findings in some files, as lines; a compiler's own option that clang does not know is none."""
    done = subprocess.run(["clang-tidy-14", "--quiet", *options, *files], capture_output=True, text=True, timeout=600)
    found = [f"{path}:{line}: {text}" for path, line, text in FINDING.findall(done.stdout)]
    assert (done.returncode == 0) == (not found), done.stderr
    return found


def tidy(files):
    options = ["-p", BUILD, "--extra-arg=-Wno-unknown-warning-option"]
    batches = [files[i:i + 8] for i in range(0, len(files), 8)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda batch: findings(batch, *options), batches)
        return sorted({line.replace(f"{SOURCE}/", "") for lines in found for line in lines})


def test_nothing_is_found():
    files = sorted((SOURCE / "src").glob("*/*.c"))
    assert len(files) > 150
    found = tidy(files)
    assert not found, "\n".join(found)


PLANTED = {
    "bugprone-suspicious-semicolon": "int f(int a);\nint f(int a)\n{\n\tif (a > 3);\n\t\ta++;\n\treturn a;\n}",
    "cert-err34-c": "#include <stdlib.h>\nint f(const char *t); int f(const char *t) { return atoi(t); }",
    "misc-no-recursion": "int f(int a); int f(int a) { return a == 0 ? 0 : f(a - 1); }",
    "readability-function-size": "int f(int a);\nint f(int a)\n{\n" + "\ta++;\n" * 65 + "\treturn a;\n}\n",
}


def test_planted_mistakes_are_seen(tmp_path):
    for check, text in PLANTED.items():
        path = tmp_path / "x.c"
        path.write_text(text + "\n")
        found = findings([path], f"--config-file={SOURCE / '.clang-tidy'}", "--extra-arg=-std=c17")
        assert any(check in line for line in found), (check, found)

"""What fits a reader's head: 600 lines a file, 60 lines a function, control structures three deep.

Counted from the text by a small reader of C statements, so that it takes seconds and needs no build. clang-tidy
(tests/tidy) has the same bounds for functions, but sees no nesting without braces."""

import os
import pathlib
import re

import pytest

SOURCE = pathlib.Path(os.environ.get("TDC_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
FILE_LINES, FUNCTION_LINES, NESTING = 600, 60, 3
CHOICES = ("if", "for", "while", "switch")

TOKEN = re.compile(r"""
	(?P<skip>\s+ | /\*.*?\*/ | //[^\n]* | \#(?:\\\n|[^\n])*)
	| (?P<text>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')
	| (?P<word>[A-Za-z_]\w*)
	| (?P<mark>.)
""", re.X | re.S)


def tokens_of(text):
    """(line, token): without comments, directives and space; a literal is one token, '""'."""
    found, line, at = [], 1, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        if match.lastgroup != "skip":
            found.append((line, '""' if match.lastgroup == "text" else match.group()))
    return found


class Reader:
    """Reads the statements of one function body; `deepest` is (depth, line) of its innermost structure."""

    def __init__(self, tokens, at):
        self.tokens, self.at, self.deepest = tokens, at, (0, tokens[at][0])

    def token(self):
        return self.tokens[self.at][1]

    def balanced(self):
        """Passes from an opening bracket over its partner."""
        depth = 0
        while True:
            depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(self.token(), 0)
            self.at += 1
            if depth == 0:
                return

    def block(self, depth):
        self.at += 1
        while self.token() != "}":
            self.statement(depth)
        self.at += 1

    def controlled(self, depth):
        self.deepest = max(self.deepest, (depth, self.tokens[self.at][0]))
        self.statement(depth)

    def statement(self, depth):
        word = self.token()
        if word == "{":
            self.block(depth)
        elif word in CHOICES:
            self.at += 1
            self.balanced()
            self.controlled(depth + 1)
            if word == "if" and self.token() == "else":
                self.at += 1
                # `else if` goes on with the same choice
                (self.statement if self.token() == "if" else lambda d: self.controlled(d + 1))(depth)
        elif word == "do":
            self.at += 1
            self.controlled(depth + 1)
            self.plain(depth)
        elif word in ("case", "default"):
            while self.token() != ":":
                self.at += 1
            self.at += 1
        elif self.tokens[self.at + 1][1] == ":":
            self.at += 2
        else:
            self.plain(depth)

    def plain(self, depth):
        """Up to the semicolon; `NAME (...) statement` is a macro that loops."""
        start = self.at
        while self.token() != ";":
            if self.token() in "({[":
                opens = self.at
                self.balanced()
                if opens == start + 1 and self.tokens[start][1] != "return" and re.match(r"[{\w]", self.token()):
                    return self.controlled(depth + 1)
            else:
                self.at += 1
        self.at += 1


def functions_of(text):
    """(name, first line, lines of the body, depth, line of the deepest) of each function definition."""
    tokens, at, name = tokens_of(text), 0, None
    while at < len(tokens):
        line, token = tokens[at]
        if token == "{" and at > 0 and tokens[at - 1][1] == ")":
            reader = Reader(tokens, at)
            reader.block(0)
            yield name, line, tokens[reader.at - 1][0] - line + 1, *reader.deepest
            at = reader.at
        elif token in "({[":
            if token == "(" and re.match(r"\w", tokens[at - 1][1]):
                name = tokens[at - 1][1]
            reader = Reader(tokens, at)
            reader.balanced()
            at = reader.at
        else:
            at += 1


def too_long(text, name):
    found = []
    lines = text.count("\n")
    if lines > FILE_LINES:
        found.append(f"{name}: {lines} lines")
    for function, line, length, depth, deepest in functions_of(text):
        if length - 2 > FUNCTION_LINES:
            found.append(f"{name}:{line}: {function}() has {length - 2} lines")
        if depth > NESTING:
            found.append(f"{name}:{deepest}: {function}() is {depth} deep")
    return found


def files():
    yield from sorted((SOURCE / "src").rglob("*.[ch]"))
    yield from sorted((SOURCE / "include").rglob("*.h"))
    yield from sorted((SOURCE / "tests" / "bench").rglob("*.[ch]"))


def test_no_file_and_no_function_is_past_its_bound():
    found = []
    for path in files():
        found += too_long(path.read_text(), path.relative_to(SOURCE))
    assert not found, "\n".join(found)


def test_every_function_is_seen():
    """The reader finds what stands at a line's start, which is where our definitions stand."""
    for path in sorted((SOURCE / "src").rglob("*.c")):
        text = path.read_text()
        seen = {name for name, *_ in functions_of(text)}
        assert seen >= set(re.findall(r"^(\w+)\([^;{]*\)\n\{", text, re.M)), path


def body(*lines):
    return "static int\nf(int a)\n{\n" + "\n".join(lines) + "\n}\n"


@pytest.mark.parametrize("text,depth", [
    (body("return a;"), 0),
    (body("if (a)", "for (;;)", "while (a)", "a--;"), 3),
    (body("if (a) {", "} else if (b) {", "} else if (c) {", "x();", "}"), 1),
    (body("if (a) {", "} else {", "while (b)", "x();", "}"), 2),
    (body("do {", "if (a)", "x();", "} while (a);"), 2),
    (body("switch (a) {", "case 1: {", "if (a)", "x();", "}", "default:", "y();", "}"), 2),
    (body("LIST_EACH(a, b) {", "if (a)", "x();", "}"), 2),
    (body("EACH(a, b)", "if (a)", "x();"), 2),
    (body("struct s x = { .a = { 1 } };", "char *t = \"{ if (\";", "/* if { */ call((struct s){ 1 });"), 0),
    (body("for (;;) {", "if (a) {", "while (b) {", "if (c)", "x();", "}", "}", "}"), 4),
])
def test_depth_is_that_of_control_structures(text, depth):
    (name, _, _, seen, _), = functions_of(text)
    assert (name, seen) == ("f", depth)
    assert bool(too_long(text, "planted.c")) == (depth > NESTING)


def test_a_planted_file_or_function_is_seen():
    assert too_long(body(*["a();"] * 61), "planted.c") == ["planted.c:3: f() has 61 lines"]
    assert too_long(body(*["a();"] * 60), "planted.c") == []
    assert too_long("\n" * 601, "planted.c") == ["planted.c: 601 lines"]

"""Small SVG plots, written by hand: one panel per figure, one line per series, logarithmic x where that is told."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 360, 220, 62, 42, 30


def number(v):
    if v >= 10_000:
        return f"{v / 1000:.0f}k" if v < 1e6 else f"{v / 1e6:g}M"
    return f"{v:.3g}"


def nice_top(v):
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below v."""
    if v <= 0:
        return 1
    power = 10 ** math.floor(math.log10(v))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= v * 0.999)


class Panel:
    def __init__(self, title, points, log_x):
        self.title, self.points, self.log_x = title, points, log_x
        self.top = nice_top(max(y for _, y, _ in points))
        xs = [self.along(x) for x, _, _ in points]
        self.x0, self.x1 = min(xs), max(xs)

    def along(self, x):
        return math.log10(max(x, 1)) if self.log_x else x

    def place(self, x, y):
        share = (self.along(x) - self.x0) / (self.x1 - self.x0) if self.x1 > self.x0 else 0.5
        return LEFT + share * (WIDTH - LEFT - 16), HEIGHT - BOTTOM - y / self.top * (HEIGHT - BOTTOM - TOP)

    def draw(self, dx, dy):
        out = [f'<g transform="translate({dx},{dy})">',
               f'<text x="{LEFT}" y="18" class="title">{escape(self.title)}</text>']
        for i in range(5):
            v = self.top * i / 4
            y = self.place(self.points[0][0], v)[1]
            out.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
            out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(v)}</text>')
        places = [(*self.place(x, y), label) for x, y, label in self.points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
        out.append(f'<polyline points="{line}" class="line"/>')
        shown = -1e9
        for x, y, label in places:
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="dot"/>')
            if x - shown > 36:
                out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(label)}</text>')
                shown = x
        return out + ["</g>"]


STYLE = ("text{font:11px sans-serif;fill:#333}.title{font-weight:bold;font-size:12px}.grid{stroke:#ddd}"
         ".line{fill:none;stroke:#1f6fb2;stroke-width:2}.dot{fill:#1f6fb2}"
         ".bar0{fill:#1f6fb2}.bar1{fill:#c9762b}.bar2{fill:#6b9e3f}.bar3{fill:#8a63b5}")


def document(width, height, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}"><style>{STYLE}</style>'
            f'<rect width="100%" height="100%" fill="#fff"/>' + "\n".join(body) + "</svg>\n")


def growth(title, panels, log_x=True):
    """`panels`: (title, [(x, y, label)]), two in a row."""
    body = [f'<text x="10" y="20" class="title">{escape(title)}</text>']
    for i, (name, points) in enumerate(panels):
        body += Panel(name, points, log_x).draw(i % 2 * WIDTH, 30 + i // 2 * HEIGHT)
    return document(2 * WIDTH, 30 + (len(panels) + 1) // 2 * HEIGHT, body)


def bars(title, rows):
    """`rows`: (name, [(server, value)]): within a row each bar is a share of the row's largest."""
    body, y = [f'<text x="10" y="20" class="title">{escape(title)}</text>'], 36
    for name, values in rows:
        most = max(v for _, v in values) or 1
        body.append(f'<text x="10" y="{y + 11}">{escape(name)}</text>')
        for i, (server, v) in enumerate(values):
            body.append(f'<rect x="250" y="{y}" width="{max(1, 300 * v / most):.1f}" height="13" class="bar{i % 4}"/>')
            body.append(f'<text x="{256 + 300 * v / most:.1f}" y="{y + 11}">{escape(server)} {number(v)}</text>')
            y += 16
        y += 8
    return document(720, y + 4, body)

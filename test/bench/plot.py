"""The plot of docs/benchmarks.svg: what was found beside its goal, and the curves of growth."""

import math
from xml.sax.saxutils import escape

WIDTH, BAR, GAP, LEFT, RIGHT = 900, 16, 12, 430, 150
COLOURS = ["#2a6f97", "#c8553d", "#588157", "#7b2d8b", "#b08900", "#444444"]
CURVE_HEIGHT = 220


def draw(rows):
    results = [result for row in rows for result in row["results"]]
    parts, y = [], 34
    parts.append(text(10, 18, "Found (bar: median of the rounds, line: from the least to the most); grey: what it is held against"))
    for result in results:
        if result["ours_spread"]:
            parts += bars(result, y)
            y += 2 * BAR + GAP
    for result in results:
        if result["curves"]:
            parts += curves(result, y + 10)
            y += CURVE_HEIGHT + 70
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10}" '
        f'viewBox="0 0 {WIDTH} {y + 10}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{WIDTH}" height="{y + 10}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def text(x, y, words, colour="#222222", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'


def bars(result, y):
    """Ours above, what it is held against below, on one scale from nought."""
    ours, floor = result["ours_spread"], result["floor_spread"]
    most = max(side["most"] for side in (ours, floor) if side) or 1
    scale = (WIDTH - LEFT - RIGHT) / most
    colour = COLOURS[2] if result["met"] else COLOURS[1]
    mark = "met" if result["met"] else "not met"
    parts = [text(LEFT - 8, y + 12, result["what"], anchor="end"),
             text(LEFT - 8, y + 26, f"{result['goal']}: {mark}", colour, "end")]  # fmt: skip
    for side, shade, top in ((ours, colour, y), (floor, "#999999", y + BAR)):
        if not side:
            continue
        parts.append(
            f'<rect x="{LEFT}" y="{top}" width="{side["median"] * scale:.1f}" height="{BAR - 3}" '
            f'fill="{shade}"/>'
        )
        parts.append(
            f'<line x1="{LEFT + side["least"] * scale:.1f}" x2="{LEFT + side["most"] * scale:.1f}" '
            f'y1="{top + BAR / 2 - 1:.1f}" y2="{top + BAR / 2 - 1:.1f}" stroke="black"/>'
        )
        parts.append(text(LEFT + side["most"] * scale + 5, top + 11,
                          f"{side['median']:.3g} {result['unit']}"))  # fmt: skip
    return parts


def curves(result, y):
    """Each curve over a logarithmic x, all on one y from nought."""
    points = [point for curve in result["curves"] for point in curve["points"]]
    high = max(point[1] for point in points) or 1
    left, width = 70, WIDTH - 300
    far = math.log10(max(point[0] for point in points) or 1) or 1

    def place(point):
        return (left + math.log10(max(point[0], 1)) / far * width,
                y + 20 + CURVE_HEIGHT * (1 - point[1] / high))  # fmt: skip

    base = y + 20 + CURVE_HEIGHT
    parts = [text(10, y + 8, f"{result['what']}: {result['unit']} over {result['curves'][0]['x']}")]
    parts.append(f'<line x1="{left}" x2="{left + width}" y1="{base}" y2="{base}" stroke="#888"/>')
    parts.append(f'<line x1="{left}" x2="{left}" y1="{y + 20}" y2="{base}" stroke="#888"/>')
    parts.append(text(left - 6, y + 26, f"{high:.3g}", anchor="end"))
    parts.append(text(left - 6, base, "0", anchor="end"))
    for value in sorted({point[0] for point in points}):
        parts.append(text(place((value, 0))[0], base + 14, f"{value:,}", anchor="middle"))
    for number, curve in enumerate(result["curves"]):
        colour = COLOURS[number % len(COLOURS)]
        places = [place(point) for point in curve["points"]]
        line = " ".join(f"{x:.1f},{at:.1f}" for x, at in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{at:.1f}" r="3" fill="{colour}"/>' for x, at in places]
        parts.append(text(left + width + 12, y + 34 + 16 * number, curve["name"], colour))
    return parts

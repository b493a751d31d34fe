"""docs/benchmarks.json, which keeps what was found, and from it docs/benchmarks.md and .svg."""

import json
import os

import plot

HEAD = """# Benchmarks

Made by `./bench` from [benchmarks.json](benchmarks.json), which has every round.

Each row is measured side by side in one run: Daypass whole (people on the API, `daypassd`, its
store, `daypass-connector`, the server, the report), and a bare program that talks to the same
server through the engine's client library alone. The bare program sends the very statements that
the driver was seen to send, on as many connections, which stay open, and does nothing else: that
is the floor. Rounds of both take turns after a warm-up; a ratio is taken within each round, so
that what the machine does to both falls out. The servers run as they come (a commit is on disk),
on the same machine, as does the load itself, so absolute times say little.

![What was found beside its goal](benchmarks.svg)

"""

TABLE = "| | what | found | goal | | ours: median (least to most; rounds) | held against: the same |\n"
TABLE += "|---|---|---|---|---|---|---|\n"


def paths(folder):
    return [os.path.join(folder, "benchmarks" + end) for end in (".json", ".md", ".svg")]


def load(folder):
    """The rows of earlier runs, by number."""
    path = paths(folder)[0]
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return {row["row"]: row for row in json.load(file)["rows"]}


def save(folder, documents):
    rows = [documents[number] for number in sorted(documents)]
    texts = [json.dumps({"rows": rows}, indent=1, ensure_ascii=False) + "\n", page(rows), plot.draw(rows)]
    os.makedirs(folder, exist_ok=True)
    for path, text in zip(paths(folder), texts):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def page(rows):
    text = HEAD + TABLE
    for row in rows:
        for result in row["results"]:
            text += table_line(row, result)
    text += "\n## What stands behind each\n"
    for row in rows:
        text += "\n" + details(row)
    return text


def table_line(row, result):
    cells = [
        str(row["row"]), result["what"], result["value_text"], result["goal"],
        "met" if result["met"] else "**not met**",
        spread(result["ours_spread"], result["unit"]), spread(result["floor_spread"], result["unit"]),
    ]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def spread(values, unit):
    if not values:
        return "–"
    return (
        f"{number(values['median'])} {unit} ({number(values['least'])} to "
        f"{number(values['most'])}; {values['count']})"
    )


def number(value):
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def details(row):
    text = f"**Row {row['row']}: {row['what']}.** {row['measured_at'][:10]}, revision "
    text += f"{row['revision']}, {row['machine']}, load {row['load_before']} before it began; "
    text += f"{row['rounds']} rounds of {row['seconds_each']} s"
    text += f"; numbers scaled by {row['share']}" if row["share"] != 1 else ""
    text += ".\n\n"
    for result in row["results"]:
        for note in result["notes"]:
            text += f"- {result['what']}: {note}.\n"
    return text

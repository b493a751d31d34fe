"""What a row found, as it is kept in docs/benchmarks.json."""

from dataclasses import asdict, dataclass, field

from measures import Spread, paired_ratios


@dataclass
class Result:
    """`value` is held to the goal. `ours` and `floor`: what it was made of, of each round."""

    row: int
    what: str
    goal: str
    value: float
    value_text: str
    met: bool
    unit: str = ""
    ours: list = field(default_factory=list)
    floor: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    curves: list = field(default_factory=list)  # {"name", "x", "points": [[x, y], …]}

    def document(self):
        document = asdict(self)
        for side in ("ours", "floor"):
            values = getattr(self, side)
            document[side + "_spread"] = asdict(Spread.of(values)) if values else None
        return document


def ratio_result(row, what, unit, ours, floor, least, notes=()):
    """More is better: ours of the floor, at least so much."""
    spread = Spread.of(paired_ratios(ours, floor))
    return Result(
        row=row, what=what, unit=unit, ours=list(ours), floor=list(floor),
        goal=f"≥ {least} of the bare program", value=spread.median, met=spread.median >= least,
        value_text=f"{spread.median:.2f} ({spread.least:.2f} to {spread.most:.2f})",
        notes=list(notes),
    )  # fmt: skip


def bound_result(row, what, unit, ours, most, goal, floor=(), notes=()):
    """Less is better: the median of ours, at most so much."""
    spread = Spread.of(ours)
    return Result(
        row=row, what=what, unit=unit, ours=list(ours), floor=list(floor), goal=goal,
        value=spread.median, met=spread.median <= most,
        value_text=f"{spread.median:.3g} {unit} ({spread.least:.3g} to {spread.most:.3g})",
        notes=list(notes),
    )  # fmt: skip


def times_result(row, what, unit, ours, floor, most, of, notes=()):
    """Less is better: ours at most so many times the other."""
    spread = Spread.of(paired_ratios(ours, floor))
    return Result(
        row=row, what=what, unit=unit, ours=list(ours), floor=list(floor),
        goal=f"≤ {most} × {of}", value=spread.median, met=spread.median <= most,
        value_text=f"{spread.median:.2f} × ({spread.least:.2f} to {spread.most:.2f})",
        notes=list(notes),
    )  # fmt: skip

"""The arithmetic of the benchmark: nothing here knows what is measured."""

import math
from dataclasses import dataclass


def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values: nothing was measured")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, share):
    """The smallest value that at least this share (0 to 1) of all do not exceed."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values: nothing was measured")
    if not 0 < share <= 1:
        raise ValueError(f"{share} is no share: expected more than 0 and at most 1")
    # Rounded first: 0.99 * 100 is a little more than 99.
    return ordered[max(math.ceil(round(share * len(ordered), 9)), 1) - 1]


@dataclass
class Spread:
    """Several values of one thing: what is in the middle, and how far they lie apart."""

    median: float
    least: float
    most: float
    count: int

    @staticmethod
    def of(values):
        return Spread(median(values), min(values), max(values), len(values))


def paired_ratios(ours, floors):
    """Of each round: what the machine does to both sides of a round alike falls out."""
    if len(ours) != len(floors):
        raise ValueError(f"{len(ours)} values beside {len(floors)}: a round has one of each")
    return [our / floor for our, floor in zip(ours, floors)]

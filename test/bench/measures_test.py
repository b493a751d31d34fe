#!/usr/bin/env python3
"""The arithmetic of the benchmark."""

import sys
import traceback

from measures import Spread, median, paired_ratios, percentile

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def refuses(function, *arguments):
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


@test
def a_median_is_the_middle_or_between_the_two():
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 3, 2]) == 2.5
    assert median([7]) == 7


@test
def one_outlier_does_not_move_a_median():
    assert median([10, 11, 12, 13, 9000]) == 12


@test
def a_percentile_is_one_of_the_values():
    hundred = list(range(1, 101))
    assert percentile(hundred, 0.5) == 50
    assert percentile(hundred, 0.99) == 99
    assert percentile(hundred, 1) == 100
    assert percentile(list(reversed(hundred)), 0.01) == 1


@test
def a_percentile_of_few_values_is_not_below_their_share():
    assert percentile([1, 2, 3], 0.99) == 3
    assert percentile([1, 2], 0.5) == 1
    assert percentile([5], 0.01) == 5


@test
def nothing_is_made_of_no_values():
    assert refuses(median, [])
    assert refuses(percentile, [], 0.5)
    assert refuses(percentile, [1], 0)
    assert refuses(percentile, [1], 1.5)


@test
def a_spread_has_its_ends_and_its_count():
    assert Spread.of([3, 9, 4]) == Spread(median=4, least=3, most=9, count=3)


@test
def ratios_are_taken_within_a_round():
    # The machine is half as fast in the second round: both sides are, and the ratio is the same.
    assert paired_ratios([90, 45], [100, 50]) == [0.9, 0.9]


@test
def rounds_with_one_side_alone_are_refused():
    assert refuses(paired_ratios, [1, 2], [1])


def main():
    print(f"1..{len(TESTS)}")
    failed = False
    for number, function in enumerate(TESTS, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}")
        except Exception:  # pylint: disable=broad-except
            failed = True
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

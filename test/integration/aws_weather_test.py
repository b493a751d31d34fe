"""AWS on its bad days: what passes delays a grant and its end, and nothing is left behind."""

import threading

import aws_proxy
from aws_world import AwsWorld
from checks import check_equal
from world import main, test

# What passes: the grant is given all the same, though later, and taken back likewise.
PASSING = {
    "throttled": lambda: aws_proxy.throttled(),
    "asked to wait": lambda: aws_proxy.too_many(1),
    "broken": lambda: aws_proxy.broken(500),
    "unavailable": lambda: aws_proxy.broken(503),
    "cut before the change": aws_proxy.cut_before,
    "cut after the change": aws_proxy.cut_after,
    "broken after the change": aws_proxy.broken_after,
    "late": lambda: aws_proxy.late(4),
}


@test
def what_passes_delays_a_grant_and_its_end_and_loses_neither():
    with AwsWorld().set_up() as world:
        for name, make in PASSING.items():
            rules = [
                world.proxy.rule(action, make()) for action in ("PutUserPolicy", "DeleteUserPolicy")
            ]
            world.live_and_end(name)
            check_equal([rule.used for rule in rules], [1, 1], f"{name} happened")


@test
def reads_that_fail_or_lag_delay_it_likewise():
    with AwsWorld().set_up() as world:
        for make in (aws_proxy.throttled, aws_proxy.broken, aws_proxy.cut_before):
            rules = [world.proxy.rule(action, make(), 2) for action in ("GetUser", "GetUserPolicy")]
            world.live_and_end(make.__name__)
            check_equal([rule.used for rule in rules], [2, 2], f"{make.__name__} happened")


@test
def an_answer_that_never_comes_is_settled_by_reading_back():
    with AwsWorld().set_up() as world:
        released = threading.Event()
        rule = world.proxy.rule("PutUserPolicy", aws_proxy.silent_after(released))
        try:
            world.live_and_end("silence")
            check_equal(rule.used, 1, "it was silent")
        finally:
            released.set()


if __name__ == "__main__":
    main()

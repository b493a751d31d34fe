"""Crashes and cut networks, and what is left of the world afterwards: docs/fire.md.

    fire_test.py            a short campaign: every fault point once, and a little more at random
    DAYPASS_LONG=1          a long one; its table is printed, too
    DAYPASS_SEED=N          the same choices again

It takes over the PostgreSQL that scripts/test-servers started, or starts one.
"""

import os
import sys
import time

from fire.target import start_servers, stop_servers

WALK_S = 900  # at most; it ends when every point was reached
SHORT_RAGE_S = 15
LONG_S = 3000
LONG_ROUND_S = 120
LONG_THREADS = 16


def burn(campaign, is_long):
    missed = campaign.walk(threads=6, seconds=WALK_S)
    campaign.rage(threads=10, seconds=SHORT_RAGE_S)
    campaign.settle()
    campaign.check_round()
    end = time.monotonic() + (LONG_S if is_long else 0)
    while time.monotonic() < end:
        campaign.age_shared_roles()
        campaign.rage(threads=LONG_THREADS, seconds=LONG_ROUND_S)
        campaign.settle()
        campaign.check_round()
    campaign.end_everything()
    campaign.settle()
    campaign.check_shared_roles()
    campaign.check_round()
    campaign.check_amount()
    return missed


def show(faults_of):
    """Prints a test point for each check. Whether all of them held."""
    print(f"1..{len(faults_of)}")
    for number, (name, faults) in enumerate(faults_of.items(), 1):
        print(f"{'not ok' if faults else 'ok'} {number} - {name}")
        for fault in list(faults)[:40]:
            print(f"#   {fault}")
    return not any(faults_of.values())


def run(seed, is_long):
    from fire.campaign import Campaign
    from fire.table import print_table

    with Campaign(seed) as campaign:
        missed = burn(campaign, is_long)
        print(f"# walked over all points in {campaign.walked_s:.0f} s", flush=True)
        campaign.found("every fault point was reached", [f"{name} was not" for name in missed])
        print_table(campaign)
    return show(campaign.faults)


def main():
    seed = os.environ.get("DAYPASS_SEED", "1")
    is_long = os.environ.get("DAYPASS_LONG") == "1"
    print(f"# seed {seed}", flush=True)
    held = False
    try:
        held = run(seed, is_long)
    finally:
        if not held:
            print(f"# replay with ./check --only fire{' --long' if is_long else ''} --seed {seed}")
    return 0 if held else 1


if __name__ == "__main__":
    if "DAYPASS_TEST_PG15_PORT" in os.environ:
        sys.exit(main())
    servers = start_servers()
    try:
        code = main()
    finally:
        stop_servers(servers)
    sys.exit(code)

"""What a campaign did, for people."""

import time


def rows(campaign):
    """(what, how much)"""
    states = {}
    for view in campaign.views():
        states[view["state"]] = states.get(view["state"], 0) + 1
    harms = campaign.arsonist.counts
    killed = sum(count for what, count in harms.items() if what.startswith("kill"))
    yield "seed", campaign.seed
    yield "duration", f"{time.time() - campaign.began:.0f} s"
    yield "rounds, each settled and checked", campaign.rounds
    yield "requests", sum(states.values())
    for state, count in sorted(states.items()):
        yield f"of these {state}", count
    yield "accounts made on the target", len(campaign.server_log.creations)
    yield "kills", killed
    for what, count in sorted(harms.items()):
        yield what, count
    yield "fault points reached while armed", f"{len(campaign.arsonist.hits)} of {len(campaign.points)}"
    yield "times a program died or was held at a point", sum(campaign.arsonist.hits.values())
    yield "statements of open sessions tried", len(campaign.probes.worked)
    yield "logins tried", len(campaign.probes.logins)
    yield "of these refused", sum(not let_in for _, _, let_in in campaign.probes.logins)
    for what, count in sorted(campaign.book.counts.items()):
        yield f"people: {what}", count
    yield "secrets looked for", len(campaign.book.secrets)
    yield "faults found", sum(len(faults) for faults in campaign.faults.values())


def print_table(campaign):
    print("# | what | how much |\n# |---|---|")
    for what, amount in rows(campaign):
        print(f"# | {what} | {amount} |")

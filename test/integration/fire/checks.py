"""Whether the world and the record agree. Each check takes what is known and gives a list of faults,
each a line that names whom it concerns and what is wrong; test/integration/fire/checker_test.py shows
that every one can fail. Nothing here asks anybody anything."""

from fire.evidence import STATE_EVENTS

# docs/fire.md states these.
SESSION_BOUND_S = 10.0  # past the end, with an instance undisturbed and the target in its reach
LOGIN_BOUND_S = 0.0  # past the end: the server refuses by itself
CLOCK_S = 0.0025  # what comes of counting by several clocks of whole milliseconds
RECOVERY_S = 2.0  # for what was killed to be at work again after it is up
LEASE_MARGIN_S = 5.0  # before the end of its lease a connector stops; src/connector/executor.c

WITH_ACCOUNT = ("active",)
AT_REST = ("active", "pending", "ended", "rejected", "cancelled", "lapsed", "failed")


# ---- Promise 6: every account is explained by a live grant, and the other way round -----------------


def accounts_match(grants, accounts):
    """`accounts`: names of all temporary roles on the target."""
    promised = {grant.account: grant for grant in grants.values() if grant.state in WITH_ACCOUNT}
    known = {grant.account: grant for grant in grants.values()}
    faults = [
        f"{account}: on the target, but "
        + (f"{known[account].id} is {known[account].state}" if account in known else "of no grant")
        for account in sorted(set(accounts) - set(promised))
    ]
    faults += [
        f"{account}: {promised[account].id} is active, but the account is not on the target"
        for account in sorted(set(promised) - set(accounts))
    ]
    return faults


def nothing_is_stuck(grants, queued):
    """After all has settled. `queued`: actions that wait or are out."""
    faults = [
        f"{grant.id}: still {grant.state}"
        for grant in grants.values()
        if grant.state not in AT_REST
    ]
    if queued:
        faults.append(f"{queued} actions still wait for a connector")
    return faults


# ---- Promise 1: no access without a decision --------------------------------------------------------


def no_account_before_its_approval(grants, creations):
    by_account = {grant.account: grant for grant in grants.values()}
    faults = []
    for creation in creations:
        grant = by_account.get(creation.account)
        if grant is None:
            faults.append(f"{creation}: made for no grant on record")
            continue
        for event in ("grant.approved", "grant.granting"):
            at = grant.first(event)
            if at is None or creation.at < at:
                when = "never" if at is None else f"{at - creation.at:.3f} s later"
                faults.append(f"{creation}: made for {grant.id}, whose {event} came {when}")
    return faults


def no_account_after_its_end(grants, creations):
    """Nothing that a revocation has removed comes back."""
    by_account = {grant.account: grant for grant in grants.values()}
    faults = []
    for creation in creations:
        grant = by_account.get(creation.account)
        over_at = grant.over_at() if grant else None
        if over_at and creation.committed_at and creation.committed_at > over_at:
            faults.append(
                f"{creation}: committed {creation.committed_at - over_at:.3f} s after {grant.id} "
                f"was {grant.state}"
            )
    return faults


# ---- Promise 2: access ends on time -------------------------------------------------------------------


def ends_are_not_later_than_decided(grants, ends):
    """What the target itself was told as the end. `ends`: {account: [(when, end)]}."""
    faults = []
    for grant in grants.values():
        decided = grant.expires_at()
        told = ends.get(grant.account)
        # Of an extension that was carried out and not yet reported the record does not know the end.
        if not told or decided is None or grant.state not in WITH_ACCOUNT + ("ended",):
            continue
        latest = told[-1][1]
        if latest > decided + CLOCK_S and not is_extension_unreported(grant):
            faults.append(
                f"{grant.account}: the target was told an end {latest - decided:.3f} s after the "
                f"one that {grant.id} has on record"
            )
    return faults


def is_extension_unreported(grant):
    asked = grant.last("grant.extension_approved")
    done = grant.last("grant.extended", "grant.extension_failed")
    return asked is not None and (done is None or done < asked)


def longest_calm(timeline, spoils, begin, end):
    """The longest stretch of [begin, end] that no fault touches, each with time to recover."""
    spoilt = sorted(
        (since, until + RECOVERY_S)
        for since, until, what, who in timeline
        if until + RECOVERY_S > begin and since < end and spoils(what, who)
    )
    longest, at = 0.0, begin
    for since, until in spoilt:
        longest = max(longest, since - at)
        at = max(at, until)
    return max(longest, end - at)


def spoils_instance(instance, instances):
    """Whether a fault keeps this instance from ending access on the target. One that is held, or cut
    off without notice, may hold locks there that the others wait for."""
    def spoils(what, who):
        if who in ("target", instance, f"{instance}-target"):
            return True
        if what == "hold":
            return who in instances
        return what in ("stalled", "slow", "deaf") and who.endswith("-target")

    return spoils


def access_ends_on_time(grants, probes, timeline, instances):
    """`probes`: (grant, at, "session" or "login"), of what worked. `instances`: {name: connector}."""
    faults = []
    for name, at, kind in probes:
        grant = grants.get(name)
        if grant is None:
            faults.append(f"{name}: a {kind} worked, and there is no such grant on record")
            continue
        over_at = grant.last("grant.ended")
        if over_at and at > over_at:
            faults.append(f"{name}: a {kind} worked {at - over_at:.3f} s after it was ended")
        expires_at = grant.expires_at()
        if expires_at is None or at <= expires_at or is_extension_unreported(grant):
            continue
        if kind == "login":
            if at > expires_at + LOGIN_BOUND_S:
                faults.append(f"{name}: a login was let in {at - expires_at:.3f} s after its end")
            continue
        calm = max(
            longest_calm(timeline, spoils_instance(instance, instances), expires_at, at)
            for instance in instances
            if grant.connector is None or instances[instance] == grant.connector
        )
        if calm > SESSION_BOUND_S:
            faults.append(
                f"{name}: a session worked {at - expires_at:.1f} s after its end, {calm:.1f} s of "
                "which nothing stood in a connector's way"
            )
    return faults


# ---- Promise 5: the record is complete ------------------------------------------------------------


def walks_are_legal(grants, moves):
    """Every change of state has its event, and every event may follow the one before."""
    faults = []
    for grant in grants.values():
        state = None
        for event, _, _ in grant.events:
            into = STATE_EVENTS.get(event)
            if into is None:
                if event in ("grant.extended", "grant.reset") and state != "active":
                    faults.append(f"{grant.id}: {event} while it was {state}")
                continue
            if (state or "*", into) not in moves and not (state is None and into == "pending"):
                faults.append(f"{grant.id}: from {state} to {into}, which no arrow allows")
            state = into
        if state != grant.state:
            faults.append(f"{grant.id}: is {grant.state}, but its events lead to {state}")
    return faults


def what_was_said_is_on_record(grants, cases):
    """What daypassd confirmed to somebody has not been forgotten."""
    faults = []
    for case in cases:
        grant = grants.get(case.id)
        if grant is None:
            faults.append(f"{case.id}: confirmed to its requester, and not on record")
            continue
        happened = {event for event, _, _ in grant.events}
        faults += [
            f"{case.id}: {event} was confirmed, and is not on record"
            for event in sorted(set(case.acknowledged) - happened)
        ]
    return faults


# ---- Instances and connectors -----------------------------------------------------------------------


def connectors_stay_apart(grants, visits, creations, connector_of):
    """`connector_of`: {address: connector}."""
    by_account = {grant.account: grant for grant in grants.values()}
    faults = []
    for seen in list(visits) + list(creations):
        grant = by_account.get(seen.account)
        if grant is None or grant.connector is None:
            continue
        if connector_of.get(seen.host) != grant.connector:
            faults.append(
                f"{seen.account}: of connector {grant.connector}, but touched by "
                f"{connector_of.get(seen.host, seen.host)}"
            )
    return faults


def no_action_twice_at_once(visits, timeline, instance_of):
    """No two instances work on one account at the same time. `instance_of`: {address: instance}.

    One that was held in the midst of a statement, or cut off from the target without notice, may end
    that when it comes to itself: such a time is left out."""
    by_account = {}
    for visit in visits:
        if not visit.swept:
            by_account.setdefault(visit.account, []).append(visit)
    faults = []
    for account, them in by_account.items():
        them.sort(key=lambda visit: visit.first)
        for before, after in zip(them, them[1:]):
            if after.first >= before.last or before.host == after.host:
                continue
            held = [instance_of.get(before.host), instance_of.get(after.host)]
            if not was_held(timeline, held, before.first, before.last):
                faults.append(
                    f"{account}: {held[0]} was at it until {before.last - after.first:.3f} s after "
                    f"{held[1]} had begun"
                )
    return faults


def was_held(timeline, instances, begin, end):
    return any(
        since < end and until > begin and what in ("hold", "stop", "stalled", "slow", "deaf")
        and any(who in (instance, f"{instance}-target", "target") for instance in instances)
        for since, until, what, who in timeline
    )


# ---- Programs ---------------------------------------------------------------------------------------


def logs_are_clean(texts):
    """`texts`: {name: log}. A sanitizer's report, or a failed assertion, is a fault of ours."""
    faults = []
    for name, text in texts.items():
        for line in text.splitlines():
            if any(
                sign in line
                for sign in (
                    "ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                    "Assertion `", "SUMMARY: ",
                )
            ):
                faults.append(f"{name}: {line[:300]}")
    return faults

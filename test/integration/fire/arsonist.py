"""Sets fires: walks over every fault point, and does harm at random moments, all by one seed."""

import random
import signal
import threading
import time

from fire.ground import INSTANCES
from fire.load import FRESH
from fire.proxy import MODES

HIT_S = 6  # for a point to be reached before it is provoked again
PROVOKED_HOLD_S = 5.0
LAST_POINTS = 8  # so few left that holding daypassd for one keeps hardly any other from being reached
# Reached once only, when everything is set up; see Campaign.set_up.
AT_SET_UP = ("schema.half_made", "schema.made", "bootstrap.written", "enroll.stored", "enroll.answered")
# Reached when the program starts.
AT_START = ("keys.half_made",)
# Reached only where daypassd is away when an account expires.
WITHOUT_STORE = ("sweep.removing", "sweep.removed")
# What people have to do for a point to be reached, by the beginning of its name. The connector of the
# direct integration has nothing to do with the first two.
WISHES = {
    "hand_over.": "owner",
    "shared_role.": FRESH,
    "extend.": "extended",
    "extension.": "extended",
    "reset.": "reset",
    "cancellation.": "cancelled",
    "revocation.": "revoked",
}
NOT_DIRECT = ("hand_over.", "shared_role.")
# Reached only where an instance died after the commit of a grant and before its report.
AGAIN, COMMITTED = "grant.again", "grant.committed"


class Walk:
    """Points that are still to be reached. Each is armed in every program that can come to it."""

    def __init__(self, points, programs):
        self.lock = threading.Lock()
        self.armed = {program: set() for program in programs}
        for name, folder in sorted(points.items()):
            kind = "connector" if folder in ("connector", "driver") else "daypassd"
            for program in programs:
                direct = program.connector == "side" and name.startswith(NOT_DIRECT)
                if (program.connector is None) == (kind == "daypassd") and not direct:
                    self.armed[program].add(name)
                    program.arm(name, "kill")

    def reached(self, program):
        """Takes the points that the program has come to off everybody's list. Gives them."""
        with self.lock:
            hits = {name for name in self.armed[program] if program.was_hit(name)}
            for other, names in self.armed.items():
                for name in hits & names:
                    names.discard(name)
                    if other is not program:
                        other.disarm(name)
            return hits

    def missing(self):
        with self.lock:
            return sorted(set().union(*self.armed.values()))

    def end(self):
        """Disarms what is left."""
        for program, names in self.armed.items():
            for name in names:
                program.disarm(name)


class Arsonist:
    """Every harm it does is on the ground's timeline, and counted."""

    def __init__(self, ground, load, seed):
        self.ground = ground
        self.load = load
        self.chooser = random.Random(f"{seed}/arsonist")
        self.lock = threading.Lock()
        self.counts = {}
        self.hits = {}  # point: how often it was armed and reached
        self.going = threading.Event()

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def note_hit(self, point):
        with self.lock:
            self.hits[point] = self.hits.get(point, 0) + 1

    def draw(self, function, *arguments):
        """One choice of the seed's."""
        with self.lock:
            return getattr(self.chooser, function)(*arguments)

    # ---- Single harms -----------------------------------------------------------------------------

    def kill(self, program, away_s):
        with program.lock:
            began = time.time()
            program.signal(signal.SIGKILL)
            program.bury()
            self.rest(away_s)
            program.start()
            self.ground.note_fault(began, "kill", program.name)
        self.count(f"kill {program.name}")

    def hold(self, program, seconds):
        with program.lock:
            began = time.time()
            program.signal(signal.SIGSTOP)
            self.rest(seconds)
            program.signal(signal.SIGCONT)
            self.ground.note_fault(began, "hold", program.name)
        self.count(f"hold {program.name}")

    def kill_target(self):
        with self.ground.target.lock:
            began = time.time()
            self.ground.target.kill()
            self.rest(self.draw("random"))
            self.ground.target.start()
            self.ground.note_fault(began, "kill", "target")
        self.count("kill target")

    def kill_backend(self):
        with self.ground.target.lock:
            began = time.time()
            done = self.ground.target.kill_backend(self.chooser)
            self.ground.target.await_ready()
            self.ground.note_fault(began, "kill", "target")
        if done:
            self.count("kill a server process")

    def hold_target(self, seconds):
        with self.ground.target.lock:
            began = time.time()
            held = self.ground.target.hold()
            self.rest(seconds)
            self.ground.target.let_go(held)
            self.ground.note_fault(began, "hold", "target")
        self.count("hold target")

    def spoil(self, link, mode, seconds):
        began = time.time()
        self.ground.network.set(link, mode)
        self.rest(seconds)
        self.ground.network.set(link, "open")
        self.ground.note_fault(began, mode, link.name)
        self.count(f"network {mode}")

    @staticmethod
    def rest(seconds):
        """How long a harm lasts."""
        time.sleep(seconds)

    # ---- At a point ------------------------------------------------------------------------------

    def burn_at(self, point, program, order, held_s, wait_s):
        """Arms the point in the program and sees it through. Whether it was reached."""
        if point in AT_START:
            order = "kill"  # held there, it would not come up
        with program.lock:
            program.forget_hit(point)
            program.arm(point, order)
            if point in AT_START:
                program.signal(signal.SIGKILL)
                program.bury()
                program.start()
            end = time.monotonic() + wait_s
            while not program.was_hit(point) and time.monotonic() < end and program.is_running():
                time.sleep(0.02)
            if not program.was_hit(point) and program.is_running() and program.disarm(point):
                return False
            began = time.time()
            self.see_through(program, order, held_s)
            self.ground.note_fault(began - 0.1, order, program.name)
        self.note_hit(point)
        self.count(f"{order} {program.name}")
        return True

    def see_through(self, program, order, held_s):
        if order == "stop":
            self.rest(held_s)
            program.signal(signal.SIGCONT)
            return
        # The file is renamed a moment before the program dies, and AT_START it lives again by now.
        end = time.monotonic() + 2
        while program.is_running() and time.monotonic() < end:
            time.sleep(0.01)
        if not program.is_running():
            program.bury()
            program.start()

    # ---- Every point -----------------------------------------------------------------------------

    def walk(self, points, seconds):
        """Kills at every point once, in all programs at once. Gives those that nobody came to."""
        walk = Walk(points, self.ground.burning)
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._walk_in, args=(walk, program, end))
            for program in self.ground.burning
        ]
        for thread in threads:
            thread.start()
        self._provoke(walk, end)
        for thread in threads:
            thread.join()
        walk.end()
        return walk.missing()

    def _walk_in(self, walk, program, end):
        while time.monotonic() < end and walk.missing():
            if not program.is_running():
                with program.lock:
                    began = time.time()
                    program.bury()
                    program.start()
                    self.ground.note_fault(began - 0.1, "kill", program.name)
                self.count(f"kill {program.name}")
            for point in walk.reached(program):
                self.note_hit(point)
            time.sleep(0.02)

    def _provoke(self, walk, end):
        """Has done what somebody has to do for a point to be come to."""
        while time.monotonic() < end and (left := walk.missing()):
            self.load.wish(*{
                story for begin, story in WISHES.items() for point in left if point.startswith(begin)
            })
            if set(left) & set(WITHOUT_STORE) and len(left) <= LAST_POINTS:
                self.hold(self.ground.store, PROVOKED_HOLD_S)
            if AGAIN in left and COMMITTED not in left:
                self.chooser.choice(self.ground.connectors()).arm(COMMITTED, "kill")
            self.await_some(walk, left, end)

    @staticmethod
    def await_some(walk, left, end):
        """Until one more was reached, or for as long as is reasonable."""
        until = min(end, time.monotonic() + HIT_S)
        while time.monotonic() < until and walk.missing() == left:
            time.sleep(0.05)

    # ---- At random -------------------------------------------------------------------------------

    def rage(self, seconds, points, gentle=False):
        """Harm at random moments, a few at a time. `gentle`: to networks and the target only."""
        self.going.set()
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._rage_on, args=(end, points, gentle)) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _rage_on(self, end, points, gentle):
        while self.going.is_set() and time.monotonic() < end:
            self.one_harm(points, gentle)
            self.rest(self.draw("uniform", 0.2, 2.5 if gentle else 1.2))

    def one_harm(self, points, gentle):
        kinds = ["spoil"] * 5 + ["kill_target", "kill_backend", "kill_backend", "hold_target"]
        if not gentle:
            kinds += ["kill"] * 4 + ["hold"] * 2 + ["point"] * 6
        kind = self.draw("choice", kinds)
        program = self.draw("choice", self.ground.burning)
        if kind == "spoil":
            link = self.draw("choice", self.ground.network.links)
            self.spoil(link, self.draw("choice", MODES), self.draw("uniform", 0.3, 4.0))
        elif kind == "kill":
            self.kill(program, self.draw("uniform", 0.0, 1.5))
        elif kind == "hold":
            longest = 20.0 if program is not self.ground.store else 5.0
            self.hold(program, self.draw("uniform", 0.2, longest))
        elif kind == "hold_target":
            self.hold_target(self.draw("uniform", 0.2, 3.0))
        elif kind == "point":
            self.at_random_point(points, program)
        else:
            getattr(self, kind)()

    def at_random_point(self, points, program):
        ours = ("connector", "driver") if program is not self.ground.store else ("api", "server", "store")
        names = sorted(name for name, folder in points.items() if folder in ours)
        names = [name for name in names if name not in AT_SET_UP]
        point = self.draw("choice", names)
        order = self.draw("choice", ["kill", "kill", "stop"])
        held_s = self.draw("uniform", 0.5, 18.0 if program is not self.ground.store else 4.0)
        self.burn_at(point, program, order, held_s, wait_s=5)

    def stop(self, threads):
        self.going.clear()
        for thread in threads:
            thread.join()


def connector_of_address():
    return {address: connector for _, connector, address in INSTANCES}

"""Sets fires: walks over every fault point, and does harm at random moments, all by one seed."""

import random
import signal
import threading
import time

from fire.ground import INSTANCES
from fire.load import FRESH
from fire.proxy import MODES

HIT_S = 12  # for a point to be reached before another is tried
PROVOKED_HOLD_S = 5.0
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


class Walk:
    """Points that are still to be armed, taken by one thread for each program."""

    def __init__(self, points, chooser):
        self.lock = threading.Lock()
        self.left = {"daypassd": [], "connector": []}
        for name, folder in sorted(points.items()):
            kind = "connector" if folder in ("connector", "driver") else "daypassd"
            self.left[kind].append(name)
        for names in self.left.values():
            chooser.shuffle(names)
        self.taken = 0

    def take(self, kind, unreachable):
        """The next one for a program that reaches all but those that begin so."""
        with self.lock:
            for point in self.left[kind]:
                if not point.startswith(unreachable):
                    self.left[kind].remove(point)
                    self.taken += 1
                    return point
            return None

    def give_back(self, kind, point):
        with self.lock:
            self.taken -= 1
            self.left[kind].append(point)

    def settle(self):
        with self.lock:
            self.taken -= 1

    def is_over(self, kind):
        with self.lock:
            return not self.left[kind] and self.taken == 0

    def missing(self):
        with self.lock:
            return sorted(self.left["daypassd"] + self.left["connector"])


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

    def burn_at(self, point, program, order="kill", held_s=2.0, wait_s=HIT_S):
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
        """Arms every point once and has it reached, in all programs at once. Gives those missed."""
        walk = Walk(points, self.chooser)
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._walk_in, args=(walk, program, end))
            for program in self.ground.burning
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return walk.missing()

    def _walk_in(self, walk, program, end):
        kind = "daypassd" if program is self.ground.store else "connector"
        while time.monotonic() < end and not walk.is_over(kind):
            point = walk.take(kind, NOT_DIRECT if program.connector == "side" else ())
            if point is None:
                time.sleep(0.2)
                continue
            if self._provoked(point, program):
                walk.settle()
            else:
                walk.give_back(kind, point)

    def _provoked(self, point, program):
        helper = None
        if point in WITHOUT_STORE:
            helper = threading.Thread(target=self.hold, args=(self.ground.store, PROVOKED_HOLD_S))
            helper.start()
        self.load.wish(*[story for begin, story in WISHES.items() if point.startswith(begin)] * 2)
        try:
            return self.burn_at(point, program)
        finally:
            if helper:
                helper.join()

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

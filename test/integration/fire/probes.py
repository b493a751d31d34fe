"""Looks, all the time, whether access still works: sessions that stay open, and late logins."""

import random
import threading
import time

from fire.libpq import Denied, Lost, Refused, Session

SESSIONS_MAX = 40
LATE_LOGINS_KEPT = 200


class Probes:
    """What worked, and when; to be compared with the record."""

    def __init__(self, world, seed):
        self.world = world
        self.chooser = random.Random(f"{seed}/probes")
        self.lock = threading.Lock()
        self.open = []  # (case, session)
        self.worked = []  # (grant, at): a statement in an open session, begun at that time
        self.logins = []  # (grant, at, let in)
        self.waiting = []  # cases whose passwords are tried again and again
        self.going = threading.Event()
        self.threads = []

    def keep(self, case, session):
        with self.lock:
            self.waiting = [other for other in self.waiting if other is not case][-LATE_LOGINS_KEPT:]
            self.waiting.append(case)
            if len(self.open) < SESSIONS_MAX:
                self.open.append((case, session))
                return
        session.close()

    def note_login(self, case, at, let_in):
        with self.lock:
            self.logins.append((case.id, at, let_in))

    def start(self):
        self.going.set()
        self.threads = [
            threading.Thread(target=self._watch_sessions),
            threading.Thread(target=self._try_logins),
        ]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.going.clear()
        for thread in self.threads:
            thread.join()
        with self.lock:
            left, self.open = self.open, []
        for _, session in left:
            session.close()

    def _watch_sessions(self):
        while self.going.is_set():
            with self.lock:
                looked_at = list(self.open)
            for entry in looked_at:
                self._look(entry)
            time.sleep(0.2)

    def _look(self, entry):
        case, session = entry
        began = time.time()
        try:
            session.query("SELECT 1")
            with self.lock:
                self.worked.append((case.id, began))
        except (Lost, Denied):
            with self.lock:
                self.open.remove(entry)
            session.close()

    def _try_logins(self):
        while self.going.is_set():
            with self.lock:
                case = self.chooser.choice(self.waiting) if self.waiting else None
            if case and case.passwords:
                self.try_login(case, case.passwords[-1])
            time.sleep(0.15)

    def session(self, case, password):
        target = self.world.target
        return Session(case.account, password, target.port, "shop", target.ca_file, "fire-probe")

    def try_login(self, case, password):
        """Whether the server lets this in; None when it does not answer."""
        began = time.time()
        try:
            self.session(case, password).close()
        except Refused:
            self.note_login(case, began, False)
            return False
        except Lost:
            return None
        self.note_login(case, began, True)
        return True

"""What a test looks at beside the programs: every byte between them, and every command line."""

import glob
import os
import socket
import threading


class RecordingProxy:
    """A TCP proxy on loopback that keeps every byte, in both directions."""

    def __init__(self, url):
        host, port = url.split("//")[1].split(":")
        self.target = (host, int(port))
        self.sent = bytearray()
        self.answered = bytearray()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            for ends in ((client, server, self.sent), (server, client, self.answered)):
                threading.Thread(target=self.pump, args=ends, daemon=True).start()

    def pump(self, source, sink, record):
        try:
            while data := source.recv(65536):
                with self.lock:
                    record += data
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def recorded(self):
        """(what was sent, what was answered)."""
        with self.lock:
            return bytes(self.sent), bytes(self.answered)

    def close(self):
        self.listener.close()


class CommandLineSampler:
    """Reads the command line of every process, over and over, until it is stopped."""

    def __init__(self):
        self.seen = set()
        self.rounds = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        while not self.stopping.is_set():
            for path in glob.glob("/proc/[0-9]*/cmdline"):
                try:
                    with open(path, "rb") as file:
                        self.seen.add(file.read())
                except OSError:
                    pass  # it has ended
            self.rounds += 1
            self.stopping.wait(0.002)


def tree_bytes(folder, leave_out=()):
    """{path: bytes} of every file below a folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if path in leave_out:
                continue
            try:
                with open(path, "rb") as file:
                    found[path] = file.read()
            except FileNotFoundError:
                pass  # the store's log comes and goes
    return found

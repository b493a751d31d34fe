"""A network that can be cut: TCP proxies on loopback, each link of which can be spoilt.

open      bytes pass
slow      bytes pass late
stalled   nothing passes, and nobody is told; what waits passes when it is open again
deaf      what is asked passes, what is answered is lost; connections end when it is open again
cut       connections end, new ones are refused
"""

import asyncio
import os
import random
import socket
import struct
import threading

MODES = ("slow", "stalled", "deaf", "cut")


class Link:
    """One way through a proxy, between two programs. `source`: the address it comes from."""

    def __init__(self, name, port, source="127.0.0.1"):
        self.name = name
        self.port = port
        self.source = source
        self.mode = "open"
        self.gate = None  # an asyncio.Event of the network's loop
        self.writers = set()

    async def pass_on(self, reader, writer, answers):
        try:
            while chunk := await reader.read(65536):
                if self.mode == "slow":
                    await asyncio.sleep(random.random() * 0.3)
                await self.gate.wait()
                if answers and self.mode == "deaf":
                    continue
                writer.write(chunk)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def carry(self, reader, writer):
        if self.mode == "cut":
            writer.transport.abort()
            return
        await self.gate.wait()
        try:
            there_reader, there = await asyncio.open_connection(
                "127.0.0.1", self.port, local_addr=(self.source, 0)
            )
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, there}
        try:
            await asyncio.gather(
                self.pass_on(reader, there, False), self.pass_on(there_reader, writer, True)
            )
        finally:
            self.writers -= {writer, there}

    def set(self, mode):
        """In the network's loop."""
        if mode == "cut" or self.mode == "deaf":
            for writer in list(self.writers):
                writer.transport.abort()
        self.mode = mode
        if mode == "stalled":
            self.gate.clear()
        else:
            self.gate.set()


SOCK_DIAG_BY_FAMILY, NETLINK_SOCK_DIAG, NO_COOKIE = 20, 4, 0xFFFFFFFF
REQUEST = struct.Struct("=IHHII BBBBI HH16s16sIII")  # nlmsghdr, inet_diag_req_v2 (linux/inet_diag.h)
INODE_AT = 16 + 68  # of the answer: nlmsghdr, then idiag_inode at the end of inet_diag_msg


def inode_of(port, peer_port):
    """The socket that loopback has for this connection, as the kernel numbers it."""
    ports = (socket.htons(port), socket.htons(peer_port))
    here = socket.inet_aton("127.0.0.1").ljust(16, b"\0")
    request = REQUEST.pack(
        REQUEST.size, SOCK_DIAG_BY_FAMILY, 1, 0, 0,
        socket.AF_INET, socket.IPPROTO_TCP, 0, 0, NO_COOKIE, *ports, here, here, 0, NO_COOKIE, NO_COOKIE,
    )  # fmt: skip
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(5)
        kernel.send(request)
        answer = kernel.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] != SOCK_DIAG_BY_FAMILY:
        return None
    return struct.unpack_from("=I", answer, INODE_AT)[0]


def program_of(port, peer_port, pids):
    """Which of the processes has the TCP connection from this port of loopback to that one."""
    inode = inode_of(port, peer_port)
    for pid in pids:
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                if inode and os.readlink(f"/proc/{pid}/fd/{name}") == f"socket:[{inode}]":
                    return pid
        except OSError:
            continue
    return None


class Network:
    """All proxies, served by one thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.links = []

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def link(self, name, port, source="127.0.0.1"):
        async def make():
            made = Link(name, port, source)
            made.gate = asyncio.Event()
            made.gate.set()
            return made

        made = self._call(make())
        self.links.append(made)
        return made

    def listen(self, choose):
        """A port; choose(peer's port, port) gives the link of a connection, or None to refuse it."""

        async def accept(reader, writer):
            peer = writer.get_extra_info("peername")
            link = choose(peer[1], writer.get_extra_info("sockname")[1]) if peer else None
            if link is None:
                writer.transport.abort()
                return
            await link.carry(reader, writer)

        async def serve():
            server = await asyncio.start_server(accept, "127.0.0.1", 0, family=socket.AF_INET)
            return server.sockets[0].getsockname()[1]

        return self._call(serve())

    def set(self, link, mode):
        async def change():
            link.set(mode)

        self._call(change())

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

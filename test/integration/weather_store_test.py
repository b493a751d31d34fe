"""What is under daypassd and the connector fails: disks, files, threads. See docs/failures.md."""

import os
import resource
import socket
import subprocess
import time

from weather import SOON_S, Disk, WeatherWorld, fill_last_page, no_sanitizer_report, own_mounts
from weather import starve_of_files
from world import CONNECTOR, DAYPASSD, check, check_equal, main, read_text, test, wait_until
from world import write_text


class StoreWorld(WeatherWorld):
    """daypassd's state folder is a disk of its own."""

    def __init__(self, megabytes=12):
        super().__init__(shimmed=("daypassd",))
        self.disk = Disk(self.path("daypassd"), megabytes)

    def __exit__(self, *failure):
        super().__exit__(*failure)
        self.disk.gone()

    def await_refusal(self, code):
        """Goes on asking for what changes nothing else until the store is refused to it."""
        return wait_until(
            f"refused with {code}",
            lambda: self.call("admin", "POST", "/v1/principals", {"name": f"p{time.time_ns()}@x.org"})
            == (503, code),
        )

    def settled(self, undone, ended):
        """After bad weather: nothing is half done, all goes on, the trail is whole."""
        wait_until("ready again", lambda: self.ready() == 200, SOON_S)
        self.await_state(ended["id"], "ended", seconds=SOON_S)
        view = self.show(undone)
        check_equal((view["state"], view["decisions"]), ("pending", []), "what was refused")
        self.cli("dba", "approve", undone)
        self.await_state(undone, "active", seconds=SOON_S)
        self.end(undone)
        self.cli("admin", "audit", "verify")
        no_sanitizer_report(self.daypassd)


def is_full(world, held):
    """Takes a place that somebody else may have left meanwhile, and then asks for one more."""
    host, port = world.url.split("://")[1].rsplit(":", 1)
    held.append(socket.create_connection((host, int(port)), 5))
    return world.curl("GET", "/healthz")[0] == 0


def live_through(world, begin, end, code, ending):
    """One spell of bad weather under the store. `ending`: a grant that ends in its midst."""
    undone = world.request()
    begin()
    world.await_refusal(code)
    # Which looks at the store once a second at most.
    wait_until("readyz says so", lambda: world.ready() == 503, SOON_S)
    check(world.daypassd.has_logged(f"event=store.unavailable code={code}"), f"{code} is logged")
    refusal = world.cli("dba", "approve", undone, "--json", expect=None)
    check_equal(refusal.error["code"], code, "what an approver sees")
    check_equal(world.curl("GET", "/healthz")[0], 200, "healthz: a restart would not help")
    check_equal(world.show(undone)["state"], "pending", "what is there can be read")
    wait_until("the connector ends access alone", lambda: not world.server.accounts(), SOON_S)
    end()
    world.settled(undone, ending)


@test
def bad_weather_under_the_store_refuses_work_and_passes():
    with StoreWorld().set_up() as world:
        ending = world.active(duration="8s")
        live_through(world, world.disk.fill, world.disk.empty, "store_full", ending)
        for name, error in (("sync", "EIO"), ("pwrite", "EIO"), ("pwrite", "EROFS")):
            live_through(
                world, lambda n=name, e=error: world.order(n, e), lambda n=name: world.calm(n),
                "store_failed", ending,
            )  # fmt: skip


def run_to_its_end(command, seconds=60, stdin=subprocess.DEVNULL, **options):
    """(exit code, standard error) of a program that has to give up by itself."""
    done = subprocess.run(
        command, stdin=stdin, capture_output=True, text=True, timeout=seconds, check=False, **options
    )
    check("Sanitizer" not in done.stderr, done.stderr)
    return done.returncode, done.stderr


@test
def a_state_folder_that_cannot_be_written_is_said_at_start():
    with WeatherWorld() as world:
        disk = Disk(world.path("daypassd"), 4)
        world.start_daypassd()
        world.daypassd.stop()
        command = [DAYPASSD, "--config", world.path("daypassd.yaml")]
        disk.set_read_only(True)
        code, said = run_to_its_end(command)
        check(code > 1 and "Read-only file system" in said, f"read-only: {code} {said}")
        disk.set_read_only(False)
        for name in os.listdir(disk.path):
            os.unlink(os.path.join(disk.path, name))
        disk.fill()
        code, said = run_to_its_end(command)
        check(code > 1 and "No space left" in said, f"full: {code} {said}")
        disk.empty()
        world.restart_daypassd()
        disk.gone()


@test
def a_join_token_is_not_spent_where_its_key_cannot_be_kept():
    with WeatherWorld() as world:
        world.start_daypassd()
        world.sign_in_admin()
        token = world.cli("admin", "connector", "create", "main", "--json").json["join_token"]
        disk = Disk(world.path("connector"), 1)
        config = world.connector_config("connector")
        write_text(world.path("token"), token)
        command = [CONNECTOR, "enroll", "--config", config, "--join-token-file", world.path("token")]
        disk.fill()
        code, said = run_to_its_end(command)
        check(code > 1 and "No space left" in said, f"full: {code} {said}")
        disk.empty()
        code, said = run_to_its_end(command)
        check_equal(code, 0, f"the same token, with room: {said}")
        disk.fill()  # what runs writes nothing there
        world.run("connector", [CONNECTOR, "run", "--config", config])
        healthy = 'daypass_connectors{health="ok"} 1'
        wait_until("it is seen", lambda: healthy in world.curl("GET", "/metrics")[1])
        disk.gone()


@test
def a_full_disk_under_the_logs_stops_nobody():
    with WeatherWorld() as world:
        disk = Disk(world.path("logs"), 1)
        path, world.path = world.path, lambda *names: (
            path("logs", *names) if names[0].endswith(".log") else path(*names)
        )
        world.begin()
        for program in (world.daypassd, world.connector):
            fill_last_page(program.log)
        disk.fill()
        grant = world.active()["id"]
        world.end(grant)
        check(not world.connector.has_logged(grant), "the disk was full")
        disk.empty()
        world.end(world.active()["id"])
        for program in (world.daypassd, world.connector):
            wait_until(
                f"{program.name} says that lines were lost",
                lambda p=program: p.has_logged("event=log.lost lines="),
            )
        disk.gone()


@test
def files_that_run_out_are_said_and_come_back():
    with WeatherWorld().set_up() as world:
        grant = world.active()["id"]
        feed = starve_of_files(world.connector)
        wait_until("the connector says so", lambda: world.connector.has_logged("LimitNOFILE"))
        waiting = world.request()
        world.cli("dba", "approve", waiting)
        world.cli("engineer", "revoke", grant)
        view = wait_until("the reason shows", lambda: world.show(waiting).get("trouble"), SOON_S)
        check("LimitNOFILE" in view, f"what the person reads: {view}")
        feed()
        world.await_state(waiting, "active", seconds=SOON_S)
        world.await_state(grant, "ended", seconds=SOON_S)

        feed = starve_of_files(world.daypassd)
        held = []
        wait_until("nobody new gets in", lambda: is_full(world, held), SOON_S)
        feed()
        for connection in held:
            connection.close()
        wait_until("they do again", lambda: world.ready() == 200, SOON_S)
        world.end(waiting)
        for program in (world.daypassd, world.connector):
            no_sanitizer_report(program)


@test
def threads_that_cannot_be_had_end_the_start_with_a_reason():
    user = 64000 + os.getpid() % 1000
    with WeatherWorld() as world:
        world.begin()
        world.connector.stop()
        world.daypassd.stop()
        os.chmod(world.folder, 0o711)
        config = read_text(world.path("connector.yaml"))
        password = world.path("admin-password")
        write_text(password, read_text(world.admin_password_file))
        write_text(world.path("connector.yaml"), config.replace(world.admin_password_file, password))
        for path in ("daypassd", "connector", "daypassd.yaml", "connector.yaml", "admin-password"):
            subprocess.run(["chown", "-R", str(user), world.path(path)], check=True)
        for name, command in (
            ("daypassd", [DAYPASSD, "--config", world.path("daypassd.yaml")]),
            ("connector", [CONNECTOR, "run", "--config", world.path("connector.yaml")]),
        ):
            for tasks in range(1, 8):
                code, said = run_to_its_end(
                    command,
                    user=user,
                    extra_groups=[],
                    preexec_fn=lambda n=tasks: resource.setrlimit(resource.RLIMIT_NPROC, (n, n)),
                    # The leak checker needs a task of its own at the end.
                    env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
                )
                check(code > 1 and "thread" in said, f"{name}, {tasks} tasks: {code} {said}")


if __name__ == "__main__":
    own_mounts()
    main()

"""Whatever is sent gets a clear error with a stable code, and nothing half done."""

import json
import subprocess

import raw_http
from raw_http import check_alive, check_problem, request, send
from world import (
    CONNECTOR,
    DAYPASSD,
    World,
    check,
    check_equal,
    main,
    read_text,
    test,
    wait_until,
    write_text,
)

GRANTS = "/v1/grants"
HUGE = "9" * 30
STRANGE_NAMES = [
    "quo'te", 'quo"te', "semi;colon", "back\\slash", "sp ace", "x" * 200, "tab\tname", "new\nline",
    "", " ", "-dash", "../up", "%00", "ümlaut", "\u202egnp", "$(id)", "`id`", "{}", "*", "a/b",
]  # fmt: skip


def record_of(world):
    """What must not have changed: the version of the configuration and the events that change it."""
    result = world.cli("admin", "audit", "--format", "jsonl").out
    events = [json.loads(line)["event"] for line in result.splitlines()]
    return [event for event in events if event.split(".")[0] in ("configuration", "grant", "token",
            "connector", "principal")]  # fmt: skip


def with_daypassd(function):
    """A world with daypassd and its administrator alone."""

    def run():
        with World() as world:
            world.start_daypassd()
            world.sign_in_admin()
            function(world, world.token_of("admin"))
            check_alive(world)
            sound(world)
            world.daypassd.stop()

    run.__name__ = function.__name__
    return test(run)


def sound(world):
    """No sanitizer complained in any program's log."""
    for program in world.programs:
        text = read_text(program.log)
        for word in ("runtime error", "AddressSanitizer", "LeakSanitizer"):
            check(word not in text, f"{program.name}: {word}: {text[-2000:]}")


# ---- HTTP ----------------------------------------------------------------------------------------

BODIES = [
    ("half a document", b'{"flow":', "malformed_json"),
    ("a list", b"[]", "bad_value"),
    ("a string", b'""', "bad_value"),
    ("null", b"null", "bad_value"),
    ("deep lists", b"[" * 100_000, "malformed_json"),
    ("deep objects", b'{"a":' * 5000 + b"1" + b"}" * 5000, "malformed_json"),
    ("wrong types", b'{"flow":1,"public_key":"x"}', "bad_value"),
    ("null for text", b'{"flow":null,"public_key":"x"}', "bad_value"),
    ("an unknown key", b'{"flow":"x","public_key":"x","surprise":1}', "unknown_field"),
    ("a key twice", b'{"flow":"x","flow":"y","public_key":"x"}', "malformed_json"),
    ("invalid UTF-8", b'{"flow":"\xff\xfe","public_key":"x"}', "malformed_json"),
    ("overlong UTF-8", b'{"flow":"\xc0\xaf","public_key":"x"}', "malformed_json"),
    ("an escaped NUL", b'{"flow":"a\\u0000b","public_key":"x"}', "malformed_json"),
    ("a NUL", b'{"flow":"a\x00b","public_key":"x"}', "malformed_json"),
    ("half a surrogate", b'{"flow":"\\ud800","public_key":"x"}', "malformed_json"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "malformed_json"),
    ("two documents", b"{} {}", "malformed_json"),
    ("not a number", b'{"duration":NaN}', "malformed_json"),
    ("nothing required", b"{}", "missing_field"),
    ("text too long", b'{"flow":"' + b"x" * 200 + b'","public_key":"x"}', "bad_value"),
    ("a key that is none", b'{"flow":"x","public_key":"x"}', "bad_public_key"),
]


@with_daypassd
def what_is_wrong_with_a_body_is_said(world, token):
    before = record_of(world)
    for what, body, code in BODIES:
        answer = send(world.url, request("POST", GRANTS, body, token))
        problem = check_problem(answer, 400, code, what)
        check(token not in str(problem), f"{what}: no token in {problem}")
    check_equal(record_of(world), before, "the record")


CHUNKED = b"Transfer-Encoding: chunked"
REQUESTS = [
    ("unknown path", 404, "no_such_path", request("GET", "/v1/nothing")),
    ("path that goes up", 404, "no_such_path", request("GET", "/v1/../v1/whoami")),
    ("other method", 405, "method_not_allowed", request("PUT", "/v1/whoami")),
    ("made-up method", 405, "method_not_allowed", request("BREW", "/healthz")),
    ("method with a strange letter", 400, "malformed_header", request("G@T", "/healthz")),
    ("target that is no path", 400, "malformed_target", request("OPTIONS", "*")),
    ("target with a host", 400, "malformed_target", request("GET", "http://x/healthz")),
    ("tunnel", 400, "malformed_target", request("CONNECT", "localhost:5432")),
    ("half an escape", 400, "malformed_target", request("GET", GRANTS + "/%z")),
    ("escaped NUL", 400, "malformed_target", request("GET", GRANTS + "/a%00b")),
    ("escaped bytes", 400, "malformed_target", request("GET", GRANTS + "/%ff")),
    ("escaped slash", 400, "malformed_target", request("GET", GRANTS + "/a%2Fb")),
    ("parameter twice", 400, "duplicate_parameter", request("GET", GRANTS + "?limit=1&limit=2")),
    ("header twice", 400, "duplicate_header",
     request("GET", "/v1/whoami", headers=["Authorization: Bearer a", "Authorization: Bearer b"])),
    ("other scheme", 401, "bad_token",
     request("GET", "/v1/whoami", headers=["Authorization: Basic YTpi"])),
    ("token with a quote", 401, "bad_token",
     request("GET", "/v1/whoami", headers=["Authorization: Bearer x' OR '1'='1"])),
    ("header with a control character", 400, "malformed_header",
     request("GET", "/healthz", headers=[b"X: a\x01b"])),
    ("header with a NUL", 400, "malformed_header",
     request("GET", "/healthz", headers=[b"X: a\x00b"])),
    ("header that is not UTF-8", 400, "malformed_header",
     request("GET", "/healthz", headers=[b"X: \xff"])),
    ("header on two lines", 400, "malformed_header",
     request("GET", "/healthz", headers=[b"X: a\r\n b"])),
    ("bare line feeds", 400, "malformed_header", b"GET /healthz HTTP/1.1\nHost: x\n\n"),
    ("two lengths", 400, "duplicate_header",
     request("POST", GRANTS, headers=["Content-Length: 2", "Content-Length: 3"]) + b"{}"),
    ("length and chunks", 400, "malformed_header",
     request("POST", GRANTS, headers=["Content-Length: 2", CHUNKED]) + b"0\r\n\r\n"),
    ("body announced too large", 413, "body_too_large",
     request("POST", GRANTS, headers=["Content-Length: 99999999999"])),
    ("body too large", 413, "body_too_large", request("POST", GRANTS, b"x" * 5_000_000)),
    ("chunks too large", 413, "body_too_large",
     request("POST", GRANTS, headers=[CHUNKED]) + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 70
     + b"0\r\n\r\n"),
    ("body where none belongs", 401, "not_signed_in", request("GET", "/v1/whoami", b"{}")),
]  # fmt: skip


@with_daypassd
def what_is_wrong_with_a_request_is_said(world, token):
    for what, status, code, data in REQUESTS:
        check_problem(send(world.url, data), status, code, what)
    for query, code in (
        ("limit=-1", "bad_parameter"), ("limit=0", "bad_parameter"), ("limit=" + HUGE, "bad_parameter"),
        ("limit=1.5", "bad_parameter"), ("cursor=%27%3B--", "bad_cursor"), ("state=a", "bad_parameter"),
        ("view=theirs", "bad_parameter"), ("surprise=1", "unknown_parameter"),
        ("flow=" + "x" * 200, "bad_parameter"),
    ):  # fmt: skip
        answer = send(world.url, request("GET", f"{GRANTS}?{query}", token=token))
        check_problem(answer, 400, code, query)
    check_problem(
        send(world.url, request("GET", "/v1/whoami", b"{}", token)), 400, "unexpected_body", "body"
    )


@with_daypassd
def what_is_hardly_http_is_refused_and_the_connection_closed(world, _token):
    cases = [
        ("HTTP of the future", 505, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
        ("no version", 400, b"GET /healthz\r\n\r\n"),
        ("no host", 400, b"GET /healthz HTTP/1.1\r\n\r\n"),
        ("negative length", 400, request("POST", GRANTS, headers=["Content-Length: -1"])),
        ("immense length", 413, request("POST", GRANTS, headers=["Content-Length: " + HUGE])),
        ("chunks that are none", 400, request("POST", GRANTS, headers=[CHUNKED]) + b"ZZ\r\nabc\r\n"),
        ("large header", 431, request("GET", "/healthz", headers=["X: " + "a" * 40_000])),
        ("many headers", 431, request("GET", "/healthz", headers=[f"X{i}: a" for i in range(4000)])),
        ("long target", 414, request("GET", "/" + "a" * 40_000)),
        ("long method", 414, request("A" * 40_000, "/")),
        ("header without colon", 400, request("GET", "/healthz", headers=["nothing"])),
        ("TLS", 0, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 509 + b"\r\n\r\n"),
    ]
    for what, status, data in cases:
        with raw_http.connect(world.url) as connection:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = raw_http.read_answer(connection)
            check_equal(answer.status, status, f"{what}: {answer}")
            try:
                check_equal(connection.recv(1), b"", f"{what}: the connection is closed")
            except ConnectionResetError:
                pass
        check_alive(world)


def schema_of(document, schema):
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


@with_daypassd
def every_path_refuses_every_other_method(world, token):
    document = json.loads(world.curl("GET", "/openapi.json")[1])
    count = 0
    for path, methods in document["paths"].items():
        known = {method.upper() for method in methods}
        if "GET" in known:
            known.add("HEAD")
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - known:
            filled = path.replace("{id}", "grt_x").replace("{name}", "x")
            answer = send(world.url, request(method, filled, token=token))
            check_problem(answer, 405, "method_not_allowed", f"{method} {path}")
            check_equal(set(answer.headers["Allow"].split(", ")), known, f"Allow of {path}")
            count += 1
    check(count > 100, f"refused: {count}")


@with_daypassd
def no_value_of_any_field_or_name_in_a_path_is_an_internal_error(world, token):
    document = json.loads(world.curl("GET", "/openapi.json")[1])
    values = [None, True, -1, 0, 1.5, int(HUGE[:18]), [], {}, [None], [[]], {"a": {}}, "", "x" * 5000,
              "'; DROP TABLE grants; --", "\u202e", "1e9h", "-1h", "0s"]  # fmt: skip
    count = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "sessions" in path:
                continue  # tried so often, they are refused for that
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            fields = schema_of(document, content["schema"])["properties"] if content else {}
            filled = path.replace("{id}", "grt_x").replace("{name}", "x")
            for name in fields:
                for value in values:
                    body = json.dumps({name: value}).encode()
                    answer = send(world.url, request(method.upper(), filled, body, token))
                    what = f"{method} {path} {name}={str(value)[:40]}"
                    check(answer.status < 500, f"{what}: {answer}")
                    if answer.status >= 400:
                        check_problem(answer, answer.status, json.loads(answer.body)["code"], what)
                        count += 1
    for path in [path for path in document["paths"] if "{" in path]:
        for name in ("%27", "%22%3B--", "%5C", "%20", "x" * 5000, "%E2%80%AE", ".", "..%5C"):
            for method in document["paths"][path]:
                filled = path.replace("{id}", name).replace("{name}", name)
                answer = send(world.url, request(method.upper(), filled, token=token))
                what = f"{method} {filled[:60]}"
                check(400 <= answer.status < 500, f"{what}: {answer}")
                check_problem(answer, answer.status, json.loads(answer.body)["code"], what)
                count += 1
    check(count > 300, f"tried: {count}")


# ---- Names and durations ---------------------------------------------------------------------------


@with_daypassd
def no_strange_name_is_declared(world, token):
    before = record_of(world)
    declarations = [
        ("principals", lambda name: {"name": name}),
        ("groups", lambda name: {"name": name}),
        ("groups", lambda name: {"name": "good", "members": [name]}),
        ("integrations", lambda name: world.integration(name=name)),
        ("integrations", lambda name: world.integration(connector=name)),
        ("integrations", lambda name: world.integration(admin_secret=name)),
        ("integrations", lambda name: world.integration(account_prefix=name + "_")),
        ("flows", lambda name: world.flow(name=name)),
    ]
    for name in STRANGE_NAMES:
        for kind, make in declarations:
            body = {"configuration": {kind: [make(name)]}}
            answer = send(
                world.url, request("POST", "/v1/apply", json.dumps(body).encode(), token)
            )
            what = f"{kind} named {name!r}"
            check(answer.status in (400, 409), f"{what}: {answer}")
            problem = check_problem(answer, answer.status, json.loads(answer.body)["code"], what)
            check(problem["code"] in ("bad_value", "missing_field", "bad_flow"), f"{what}: {problem}")
        for path, body in (("/v1/principals", {"name": name}), ("/v1/connectors", {"name": name})):
            answer = send(world.url, request("POST", path, json.dumps(body).encode(), token))
            check_problem(answer, 400, "bad_value", f"{path} {name!r}")
        result = world.cli("admin", "principal", "create", "--", name, "--json", expect=None)
        check(result.code not in (0, 1), f"principal create {name!r}: {result.code} {result.err}")
    check_equal(record_of(world), before, "the record")


DURATIONS = ["-1h", "0s", "1e9h", "1h-", "h", "", " 1h", "1 h", "1.5h", "99999999999999999999h",
             "9223372036854775807s", "1h1h1h1h1h", "0", "+1h", "1H", "१h", "1h\u0000"]  # fmt: skip


@test
def no_strange_duration_is_asked_for_or_declared():
    with World().set_up() as world:
        before = record_of(world)
        token = world.token_of("engineer")
        admin = world.token_of("admin")
        for duration in DURATIONS:
            body = {"flow": "shop-read", "reason": "x", "duration": duration, "public_key": "x"}
            answer = send(world.url, request("POST", GRANTS, json.dumps(body).encode(), token))
            check(answer.status == 400, f"{duration!r}: {answer}")
            problem = json.loads(answer.body)
            check(problem["code"] in ("bad_value", "bad_duration", "malformed_json"), str(problem))
            for limits in ({"default": duration, "max": "8h"}, {"max": duration}):
                flow = {"configuration": {"flows": [world.flow(duration=limits)]}}
                answer = send(
                    world.url, request("POST", "/v1/apply", json.dumps(flow).encode(), admin)
                )
                check_equal(answer.status, 400, f"{limits}: {answer}")
            if "\u0000" not in duration:
                result = world.cli("engineer", "request", "shop-read", f"--for={duration}",
                                   "--reason", "x", "--json", expect=None)  # fmt: skip
                check(result.code not in (0, 1), f"request --for={duration!r}: {result.code}")
                check(result.error["code"], "a stable code")
        for number in (-1, 0, 3600, 1e300):
            body = {"flow": "shop-read", "reason": "x", "duration": number, "public_key": "x"}
            answer = send(world.url, request("POST", GRANTS, json.dumps(body).encode(), token))
            check_problem(answer, 400, "bad_value", f"duration {number}")
        check_equal(record_of(world), before, "the record")
        check_equal(world.cli("engineer", "requests", "--json").json["items"], [], "requests")
        sound(world)


@test
def reasons_and_notes_are_kept_as_they_were_said_or_refused():
    with World().set_up() as world:
        reason = "'; DROP TABLE grants; -- \"x\" \\ \u00fc \u65e5\u672c $(id) %s %n"
        grant = world.request(reason=reason)
        check_equal(world.show(grant)["reason"], reason, "the reason")
        check_equal(world.show(grant, "dba")["reason"], reason, "the reason, to the approver")
        shown = world.cli("dba", "show", grant).out
        check("\x1b" not in shown, "nothing moves the terminal's cursor")
        colours = "\x1b[2J\x1b[31mgone\x07"
        result = world.cli("engineer", "request", "shop-read", "--reason", colours, "--json",
                           expect=None)  # fmt: skip
        if result.code == 0:
            for who in ("engineer", "dba"):
                for command in (["show", result.json["id"]], ["requests", "--all"]):
                    check("\x1b" not in world.cli(who, *command).out, "escapes are not passed on")
        world.refuse("engineer", "bad_value", "request", "shop-read", "--reason", "x" * 1001)
        world.cli("engineer", "request", "shop-read", "--reason", "x" * 1000, "--json")
        sound(world)


# ---- Slow and silent clients -----------------------------------------------------------------------


@test
def slow_and_half_open_clients_do_not_stop_the_others():
    with World() as world:
        world.start_daypassd("limits: {idle_timeout: 2s, connections_per_address: 400}\n")
        world.sign_in_admin()
        silent = [raw_http.connect(world.url) for _ in range(200)]
        for index, connection in enumerate(silent):
            started = [b"", b"GET /heal", b"POST /v1/grants HTTP/1.1\r\nHost: x\r\n",
                       b"POST /v1/grants HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"]  # fmt: skip
            connection.sendall(started[index % len(started)])
        check_alive(world)
        world.cli("admin", "whoami")
        for connection in silent[:100]:  # half closed: they say nothing more, and listen still
            connection.shutdown(1)
        check_alive(world)
        # The server lets go of each by itself.
        for connection in silent:
            connection.settimeout(30)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            connection.close()
        check_alive(world)
        world.daypassd.stop()


@test
def a_body_that_drips_for_ever_is_cut_off():
    with World() as world:
        world.start_daypassd("limits: {idle_timeout: 1s}\n")
        connection = raw_http.connect(world.url)
        connection.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")

        def drip():
            try:
                connection.sendall(b" ")
                return False
            except (BrokenPipeError, ConnectionResetError):
                return True

        wait_until("the connection is cut off", drip, 25)
        check_alive(world)


@test
def more_connections_than_allowed_are_refused_and_service_comes_back():
    with World() as world:
        world.start_daypassd("limits: {connections: 64, connections_per_address: 32}\n")
        held = [raw_http.connect(world.url) for _ in range(100)]
        for connection in held:
            connection.close()

        def answers():
            try:
                return send(world.url, request("GET", "/healthz")).status == 200
            except OSError:
                return False

        wait_until("it answers again", answers)
        world.daypassd.stop()


def memory_mib(program):
    lines = read_text(f"/proc/{program.process.pid}/status").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


@with_daypassd
def bodies_that_never_end_do_not_take_all_the_memory(world, token):
    size = 4_000_000
    head = request("POST", "/v1/sessions", headers=[f"Content-Length: {size}"])
    before = memory_mib(world.daypassd)
    held = []
    for _ in range(120):
        connection = raw_http.connect(world.url)
        connection.sendall(head + b" " * (size - 1))
        held.append(connection)

    def is_refused():
        answer = send(world.url, request("POST", "/v1/apply", b" " * size, token))
        return answer.status == 503 and answer

    refused = wait_until("a large body is refused", is_refused)
    check_problem(refused, 503, "too_many_large_bodies", "one large body too many")
    grown = memory_mib(world.daypassd) - before
    check(grown < 500, f"memory has grown by {grown} MiB")  # 120 of them would be 840
    body = json.dumps({"configuration": {"groups": [{"name": "small"}]}}).encode()
    answer = send(world.url, request("POST", "/v1/apply", body, token))
    check_equal(answer.status, 200, f"a small body: {answer}")
    for connection in held:
        connection.close()
    wait_until("a large body is taken in again", lambda: not is_refused())


@with_daypassd
def small_values_in_great_number_do_not_take_all_the_memory(world, token):
    bombs = [b'{"configuration":[' + unit * (4_000_000 // len(unit)) + b"1]}"
             for unit in (b"{},", b"[],", b'{"a":1},', b'"",')]  # fmt: skip
    before = memory_mib(world.daypassd)
    for bomb in bombs:
        stranger = send(world.url, request("POST", "/v1/sessions", bomb))
        check_problem(stranger, 413, "body_too_large", "by somebody unknown")
        answer = send(world.url, request("POST", "/v1/apply", bomb, token))
        check_problem(answer, 413, "too_many_values", "by the administrator")
    grown = memory_mib(world.daypassd) - before
    check(grown < 200, f"memory has grown by {grown} MiB")


# ---- Files -----------------------------------------------------------------------------------------

FLOW = """flows:
  - name: a
    integration: b
    requesters: {groups: [c]}
    grants: [{schema: s, tables: [t], privileges: [SELECT]}]
    duration: {default: 1h, max: 8h}
    approval: [{any_of: {groups: [d]}}]
"""

DECLARATIONS = [
    ("unknown key", "groups:\n  - {name: a, colour: red}\n", 2, "colour"),
    ("unknown kind", "groups: []\nthings: []\n", 2, "things"),
    ("list for text", "groups:\n  - name: [a]\n", 2, "expected"),
    ("text for list", "groups:\n  - name: a\n    members: b\n", 3, "expected a list"),
    ("bad name", "groups:\n\n  - name: 'a b'\n", 3, "expected"),
    ("no name", "groups:\n  - {members: []}\n", 2, "name"),
    ("tab", "groups:\n\t- a\n", 2, "indentation"),
    ("end too early", "groups: [a\n", 2, ""),
    ("key twice", "groups: []\ngroups: []\n", 2, "twice"),
    ("alias", "groups: &a []\nflows: *a\n", 1, ""),
    ("tag", "groups: !!python/object:os.system []\n", 1, ""),
    ("two documents", "groups: []\n---\ngroups: []\n", 2, ""),
    ("invalid UTF-8", b"groups:\n  - name: \xff\n", 2, "UTF-8"),
    ("NUL", b"groups:\n  - name: a\x00b\n", 2, ""),
    ("deep", "groups: " + "[" * 1000 + "]" * 1000 + "\n", 1, "deep"),
    ("scalar", "just text\n", 1, "expected"),
    ("bad duration", FLOW.replace("8h", "-1h"), 6, "expected"),
    ("no duration", FLOW.replace("    duration: {default: 1h, max: 8h}\n", ""), 2, "duration"),
    ("bad privilege", FLOW.replace("SELECT", "EVERYTHING"), 5, "expected one of"),
    ("bad count", FLOW.replace("[d]}}", "[d]}, count: 0}"), 7, "count"),
]  # fmt: skip


@with_daypassd
def a_bad_declaration_is_refused_with_file_line_and_what_was_expected(world, _token):
    before = record_of(world)
    path = world.path("declaration.yaml")
    for what, text, line, phrase in DECLARATIONS:
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        result = world.cli("admin", "apply", "-f", path, expect=None)
        check(result.code not in (0, 1), f"{what}: exit {result.code}")
        check(f"{path}:{line}:" in result.err, f"{what}: expected line {line} in: {result.err}")
        check(phrase in result.err, f"{what}: expected {phrase!r} in: {result.err}")
        refused = world.cli("admin", "apply", "-f", path, "--json", expect=None)
        check(refused.error["code"], f"{what}: a stable code")
    check_equal(record_of(world), before, "the record")


OPTIONS_OF_BOTH = [
    ("unknown key", "log: {level: info}\nsurprise: 1\n", 2, "surprise"),
    ("bad level", "log:\n  level: loud\n", 2, "expected one of"),
    ("text for object", "log: loud\n", 1, "expected"),
    ("malformed", "log: {level\n", 2, ""),
    ("nothing but a list", "- a\n", 1, "expected"),
    ("key twice", "log: {}\nlog: {}\n", 2, "twice"),
]
OPTIONS_OF_DAYPASSD = [
    ("bad port", "listen:\n  port: 99999\n", 2, "65535"),
    ("port as text", "listen:\n  port: eighty\n", 2, "expected"),
    ("half of TLS", "tls:\n  certificate_file: a\n", 1, "key_file"),
    ("zero threads", "limits:\n  threads: 0\n", 2, "4"),
    ("bad duration", "limits:\n  idle_timeout: 1e9h\n", 2, "expected"),
    ("open without TLS", "log: {}\nlisten:\n  address: 0.0.0.0\n", 3, "TLS is needed"),
]
SOURCE = "target: {kind: postgresql, host: h, database: d}"
OPTIONS_OF_CONNECTOR = [
    ("no control plane", "workers: 1\n", 1, "control_plane"),
    ("bad privilege", "control_plane: http://localhost\nceiling:\n  privileges: [ALL]\n", 3, "expected"),
    ("bad duration", "control_plane: http://localhost\nsweep_every: 0s\n", 2, "sweep_every"),
    ("two sources", "control_plane: http://localhost\nsecrets:\n"
     "  - {name: a, user: u, file: f, env: E, " + SOURCE + "}\n", 3, "exactly one"),
    ("no source", "control_plane: http://localhost\nsecrets:\n  - {name: a, user: u, " + SOURCE + "}\n",
     3, "expected one of"),
    ("twice", "control_plane: http://localhost\nsecrets:\n  - {name: a, user: u, file: f, " + SOURCE
     + "}\n  - {name: a, user: u, file: f, " + SOURCE + "}\n", 4, "twice"),
    ("no target", "control_plane: http://localhost\nsecrets:\n  - {name: a, user: u, file: f}\n",
     3, "target"),
    ("bad name", "control_plane: http://localhost\nsecrets:\n  - {name: A B, user: u, file: f, "
     + SOURCE + "}\n", 3, "expected"),
    ("secret itself", "control_plane: http://localhost\nsecrets:\n  - {name: a, user: u, password: p, "
     + SOURCE + "}\n", 3, "password"),
]  # fmt: skip


@test
def a_bad_configuration_is_refused_with_file_line_and_what_was_expected():
    with World() as world:
        path = world.path("options.yaml")
        daypassd = [DAYPASSD, "--check-config", "--config", path]
        connector = [CONNECTOR, "print-config", "--config", path]
        cases = [(daypassd, *case) for case in OPTIONS_OF_BOTH + OPTIONS_OF_DAYPASSD]
        for what, text, line, phrase in OPTIONS_OF_BOTH:
            whole = text + "control_plane: http://localhost\n" if text[0] == "l" else text
            cases.append((connector, what, whole, line, phrase))
        cases += [(connector, *case) for case in OPTIONS_OF_CONNECTOR]
        for command, what, text, line, phrase in cases:
            write_text(path, text)
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            what = f"{command[0].rsplit('/', 1)[1]}: {what}"
            check(done.returncode not in (0, 1) and done.returncode > 0, f"{what}: {done.returncode}")
            check(f"{path}:{line}:" in done.stderr, f"{what}: expected line {line} in {done.stderr}")
            check(phrase in done.stderr, f"{what}: expected {phrase!r} in {done.stderr}")
        for command in (daypassd, connector):
            done = subprocess.run(command[:-1] + [world.path("absent")], capture_output=True, text=True)
            check(done.returncode > 1 and "absent" in done.stderr, f"absent file: {done.stderr}")


if __name__ == "__main__":
    main()

// What becomes of the record when the machine is unkind to it: killed processes, full disks,
// damaged and strange files. For stores that are files.
#include "contract/store_shop.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 6 };

// ---- Killed processes ---------------------------------------------------------------------------

// A life from request to end, again and again; a byte into the pipe after each step. In a process
// of its own: nothing here may be an assertion.
static void live(Shop *shop, int pipe_end) {
    StoreOptions options = {.url = shop->url, .clock = &shop->clock.clock, .audit_key = shop->key};
    Error error = {0};
    if (store_open(&options, &shop->store, &error) != STATUS_OK)
        _exit(2);
    for (int step = 0;; step++) {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        RequestForm form = shop_form(&ANN, "shop-auto");
        Grant grant;
        StoredActions actions;
        Status status = STATUS_OK;
        if (step % 4 == 0)
            status = store_request_grant(shop->store, arena, &ANN, &form, NULL, &grant, &error);
        if (step % 4 == 1 || step % 4 == 3)
            status = store_lease_actions(shop->store, arena, &shop->main, 10, LEASE_MS, &actions,
                                         &error);
        for (size_t i = 0; step % 2 == 1 && status == STATUS_OK && i < actions.count; i++) {
            StoreReport report = done_report(&actions.items[i], "box");
            if (step % 8 != 7) // some are never reported
                status = store_report_action(shop->store, arena, &shop->main, &report, &error);
        }
        if (step % 4 == 2) {
            Grants grants;
            GrantFilter filter = {.live_only = true, .limit = 1};
            status = store_list_grants(shop->store, arena, &filter, &grants, &error);
            if (status == STATUS_OK && grants.count > 0)
                status = store_revoke_grant(shop->store, arena, &ANN, grants.items[0].id, NULL,
                                            &grant, &error);
        }
        if (status != STATUS_OK || write(pipe_end, ".", 1) != 1)
            _exit(3);
    }
}

// Lets it live for this many steps, then kills it wherever it is.
static void live_and_be_killed(Shop *shop, int steps) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        live(shop, ends[1]);
    }
    close(ends[1]);
    char byte;
    for (int i = 0; i < steps; i++) {
        if (read(ends[0], &byte, 1) != 1)
            break;
    }
    kill(child, SIGKILL);
    close(ends[0]);
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL); // it did not fail by itself
}

// The newest event of a change of state is the state that the grant is in.
static void expect_record_and_trail_agree(Shop *shop, const Grant *grant) {
    AuditFilter filter = {.grant = grant->id, .limit = 1000};
    AuditEvents events;
    Error error = {0};
    expect_ok(store_list_audit(shop->store, shop->arena, &filter, &events, &error), &error);
    const char *last = NULL;
    for (size_t i = 0; i < events.count; i++) {
        int state = 0;
        const char *name = events.items[i].event + strlen("grant.");
        if (enum_find(&GRANT_STATES, name, &state))
            last = name;
    }
    assert_string_equal(last, enum_name(&GRANT_STATES, grant->state));
}

static void a_killed_process_loses_nothing_and_leaves_nothing(void **state) {
    Shop *shop = *state;
    for (int i = 0; i < KILLS; i++) {
        shop_close(shop);
        live_and_be_killed(shop, 10 + 7 * i);
        shop_reopen(shop);
        shop_verify_audit(shop);
    }
    GrantFilter filter = {.limit = 500};
    Grants grants;
    Error error = {0};
    expect_ok(store_list_grants(shop->store, shop->arena, &filter, &grants, &error), &error);
    assert_true(grants.count > 5);
    assert_int_equal(shop_count_events(shop, "grant.requested", NULL), grants.count);
    for (size_t i = 0; i < grants.count; i++)
        expect_record_and_trail_agree(shop, &grants.items[i]);
    // It converges: time goes on, a connector does what it is told, and everything is over.
    for (int i = 0; i < 10; i++) {
        shop_advance(shop, HOUR_MS);
        shop_run_due(shop);
        StoredActions actions = shop_lease(shop, &shop->main, 100);
        for (size_t j = 0; j < actions.count; j++)
            shop_report(shop, done_report(&actions.items[j], "box"));
    }
    expect_ok(store_list_grants(shop->store, shop->arena, &filter, &grants, &error), &error);
    for (size_t i = 0; i < grants.count; i++)
        assert_true(grant_is_over(&grants.items[i]));
    expect_no_work(shop);
}

// ---- Full disks ---------------------------------------------------------------------------------

static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_said_and_nothing_is_half_done(void **state) {
    Shop *shop = *state;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGXFSZ, &ignore, NULL);
    shop_reopen(shop); // the log is new and small
    int64_t done = 0;
    Error error = {0};
    limit_files(600 * 1024);
    Status status;
    do {
        Grant grant;
        RequestForm form = shop_form(&ANN, "shop-auto");
        status = store_request_grant(shop->store, shop->arena, &ANN, &form, NULL, &grant, &error);
        done += status == STATUS_OK;
    } while (status == STATUS_OK && done < 1000);
    Error ping_error = {0};
    Status ping = STATUS_OK;
    for (int i = 0; i < 100 && ping == STATUS_OK; i++) // smaller, so there may be room for a few
        ping = store_ping(shop->store, &ping_error);
    limit_files(RLIM_INFINITY);
    expect_fault(status, &error, STATUS_UNAVAILABLE, "store_full");
    expect_fault(ping, &ping_error, STATUS_UNAVAILABLE, "store_full");
    assert_true(done > 0);
    expect_ok(store_ping(shop->store, &error), &error);
    assert_int_equal(shop_count_events(shop, "grant.requested", NULL), done);
    assert_int_equal(shop_count_events(shop, "grant.approved", NULL), done);
    size_t leased = 0;
    for (StoredActions actions; (actions = shop_lease(shop, &shop->main, 100)).count > 0;)
        leased += actions.count;
    assert_int_equal(leased, done);
    shop_reopen(shop);
    shop_verify_audit(shop);
}

// ---- What is left in the file -------------------------------------------------------------------

static void checkpoint(Shop *shop) {
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(shop->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(handle);
}

static void the_sealed_credential_is_gone_from_the_file(void **state) {
    Shop *shop = *state;
    static const char BOX[] = "c2VhbGVkLWJveC1vZi10aGlzLXRlc3Q=";
    Grant grant = shop_request(shop, &ANN, "shop-auto");
    StoredAction action = shop_lease_one(shop, "grant");
    shop_report(shop, done_report(&action, BOX));
    assert_true(shop_file_has(shop, BOX));
    shop_advance(shop, HOUR_MS);
    shop_run_due(shop);
    checkpoint(shop);
    assert_false(shop_file_has(shop, BOX));
    shop_finish(shop, grant.id);
    shop_close(shop);
    assert_false(shop_file_has(shop, BOX));
}

static void the_files_are_the_owners_alone(void **state) {
    Shop *shop = *state;
    static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(SUFFIXES); i++) {
        struct stat found;
        assert_int_equal(stat(arena_printf(shop->arena, "%s%s", shop->path, SUFFIXES[i]), &found),
                         0);
        assert_int_equal(found.st_mode & 07777, 0600);
    }
}

// ---- Strange files ------------------------------------------------------------------------------

static void expect_open_fault(Shop *shop, const char *url, Status status, const char *code) {
    StoreOptions options = {.url = url, .clock = &shop->clock.clock, .audit_key = shop->key};
    Store *store = NULL;
    Error error = {0};
    Status found = store_open(&options, &store, &error);
    assert_null(store);
    expect_fault(found, &error, status, code);
}

// In words: people read no numbers of the system.
static void expect_said_in_one_line(Shop *shop, const char *url) {
    StoreOptions options = {.url = url, .clock = &shop->clock.clock, .audit_key = shop->key};
    Store *store = NULL;
    Error error = {0};
    assert_int_not_equal(store_open(&options, &store, &error), STATUS_OK);
    assert_string_equal(error.detail, "");
    if (strstr(error.message, "No such file or directory") == NULL &&
        strstr(error.message, "Not a directory") == NULL)
        fail_msg("it does not say why: %s", error.message);
}

static void change_file(Shop *shop, const char *sql) {
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(shop->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static void refuses_a_newer_schema(void **state) {
    Shop *shop = *state;
    shop_close(shop);
    change_file(shop, "UPDATE schema_version SET version = version + 1");
    expect_open_fault(shop, shop->url, STATUS_UNSUPPORTED, "store_newer");
    change_file(shop, "UPDATE schema_version SET version = version - 1");
    shop_reopen(shop);
}

static void refuses_a_trail_whose_end_was_cut_off(void **state) {
    Shop *shop = *state;
    shop_close(shop);
    change_file(shop, "CREATE TABLE kept AS SELECT * FROM audit"
                      " WHERE sequence = (SELECT MAX(sequence) FROM audit);"
                      "DELETE FROM audit WHERE sequence = (SELECT MAX(sequence) FROM audit)");
    expect_open_fault(shop, shop->url, STATUS_INTERNAL, "store_damaged");
    change_file(shop, "INSERT INTO audit SELECT * FROM kept; DROP TABLE kept");
    shop_reopen(shop);
}

// Overwrites bytes of the file in place.
static void scribble(Shop *shop, off_t at, size_t length) {
    int descriptor = open(shop->path, O_WRONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    CLEANUP(mem_freep) char *bytes = mem_alloc(length);
    memset(bytes, 0xa5, length);
    assert_int_equal(pwrite(descriptor, bytes, length, at), length);
    close(descriptor);
}

static void refuses_a_damaged_file(void **state) {
    Shop *shop = *state;
    shop_close(shop);
    scribble(shop, 5 * 4096, 3 * 4096); // pages in the middle
    expect_open_fault(shop, shop->url, STATUS_INTERNAL, "store_damaged");
    scribble(shop, 0, 4096);
    expect_open_fault(shop, shop->url, STATUS_INTERNAL, "store_damaged");
}

static void a_record_that_cannot_be_read_keeps_only_itself_back(void **state) {
    Shop *shop = *state;
    Grant damaged = shop_active(shop, "shop-auto");
    Grant sound = shop_active(shop, "shop-auto");
    change_file(shop, arena_printf(shop->arena,
                                   "UPDATE grants SET document = '{\"id\": 1}' WHERE id = '%s'",
                                   damaged.id));
    Grant grant;
    Error error = {0};
    expect_fault(store_grant(shop->store, shop->arena, damaged.id, &grant, &error), &error,
                 STATUS_INTERNAL, "store_damaged");
    shop_advance(shop, HOUR_MS);
    DueResult result = {0};
    expect_fault(store_run_due(shop->store, 100, &result, &error), &error, STATUS_INTERNAL,
                 "store_damaged");
    assert_int_equal(shop_run_due(shop).changed, 0); // looked at again, but not at once
    shop_finish(shop, sound.id);
    expect_state(shop, sound.id, GRANT_ENDED);
}

static void damaged_work_does_not_block_the_connector(void **state) {
    Shop *shop = *state;
    Grant damaged = shop_request(shop, &ANN, "shop-auto");
    shop_advance(shop, 1);
    Grant sound = shop_request(shop, &ANN, "shop-auto");
    change_file(shop, arena_printf(shop->arena,
                                   "UPDATE grants SET document = '{\"id\": 1}' WHERE id = '%s'",
                                   damaged.id));
    StoredActions actions = shop_lease(shop, &shop->main, 1);
    assert_int_equal(actions.count, 1);
    assert_string_equal(actions.items[0].grant_id, sound.id);
    expect_no_work(shop);
    Error error = {0};
    StoreSweptAccount account = {.account = "temp_x", .grant_id = damaged.id};
    expect_fault(shop_sweep(shop->store, shop->arena, shop, &account, 0, &error), &error,
                 STATUS_INTERNAL, "store_damaged");
}

static void refuses_files_that_are_not_its_own(void **state) {
    Shop *shop = *state;
    const char *other = arena_printf(shop->arena, "%s/other.db", shop->folder);
    const char *url = arena_printf(shop->arena, "sqlite:%s", other);
    mode_t before = umask(077);
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(other, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "CREATE TABLE theirs (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
    umask(before);
    expect_open_fault(shop, url, STATUS_INVALID, "store_foreign");
    assert_int_equal(chmod(other, 0640), 0);
    expect_open_fault(shop, url, STATUS_FORBIDDEN, "store_unsafe");
    assert_int_equal(unlink(other), 0);
    assert_int_equal(symlink(shop->path, other), 0);
    expect_open_fault(shop, url, STATUS_FORBIDDEN, "store_unsafe");
    expect_open_fault(shop, "sqlite:/nowhere/at/all.db", STATUS_UNAVAILABLE, "store_denied");
    expect_said_in_one_line(shop, "sqlite:/nowhere/at/all.db");
    expect_said_in_one_line(shop, arena_printf(shop->arena, "sqlite:%s/x/y.db", shop->path));
    expect_open_fault(shop, "sqlite:", STATUS_INVALID, "bad_store_url");
    expect_open_fault(shop, "mysql://x", STATUS_INVALID, "bad_store_url");
    expect_open_fault(shop, "", STATUS_INVALID, "bad_store_url");
}

static void an_empty_file_becomes_a_store(void **state) {
    Shop *shop = *state;
    const char *other = arena_printf(shop->arena, "%s/other.db", shop->folder);
    int descriptor = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    close(descriptor);
    StoreOptions options = {.url = arena_printf(shop->arena, "sqlite:%s", other),
                            .clock = &shop->clock.clock,
                            .audit_key = shop->key};
    CLEANUP(store_closep) Store *store = NULL;
    Error error = {0};
    expect_ok(store_open(&options, &store, &error), &error);
    assert_string_not_equal(store_deployment(store), store_deployment(shop->store));
    AuditEvent head = {.sequence = 7};
    expect_ok(store_audit_head(store, shop->arena, &head, &error), &error);
    assert_int_equal(head.sequence, 0);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        SHOP_CASE(a_killed_process_loses_nothing_and_leaves_nothing),
        SHOP_CASE(a_full_disk_is_said_and_nothing_is_half_done),
        SHOP_CASE(the_sealed_credential_is_gone_from_the_file),
        SHOP_CASE(the_files_are_the_owners_alone),
        SHOP_CASE(refuses_a_newer_schema),
        SHOP_CASE(refuses_a_trail_whose_end_was_cut_off),
        SHOP_CASE(refuses_a_damaged_file),
        SHOP_CASE(a_record_that_cannot_be_read_keeps_only_itself_back),
        SHOP_CASE(damaged_work_does_not_block_the_connector),
        SHOP_CASE(refuses_files_that_are_not_its_own),
        SHOP_CASE(an_empty_file_becomes_a_store),
    };
    return RUN_CASES(cases);
}

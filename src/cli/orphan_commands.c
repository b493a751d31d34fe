#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/remote.h"
#include "domain/target_report.h"
#include "wire/api_messages.h"

enum {
    ORPHANS_LIMIT = 500,
    ORPHANS_LIMIT_MAX = 100000,
    OBSTACLES_OF_MAX = 20,
    POLL_WAIT_S = 25,
    PATIENCE_S = 90, // for the connector to look, and to remove
};

// ---- orphans ----------------------------------------------------------------------------------

static const char *remark(Cli *cli, const OrphanView *orphan) {
    if (orphan->trouble != NULL)
        return arena_printf(cli->arena, "%s: %s",
                            text_equal(orphan->state, "removing") ? "not removed yet"
                                                                  : "was not removed",
                            orphan->trouble);
    return text_equal(orphan->state, "removing")
               ? arena_printf(cli->arena, "is being removed; %s", orphan->why)
               : orphan->why;
}

// What was in the way of the last attempt at its removal, and the SQL that solves it.
static Status print_obstacles(Cli *cli, const OrphanView *orphan, Error *reterr) {
    RemoteCall call = {.target = remote_path(cli->arena, "/v1/orphans/", orphan->id, NULL)};
    OrphanView whole;
    Error error = {0};
    Status status = remote_read(cli, &call, &ORPHAN_VIEW_SHAPE, &whole, NULL, &error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK; // it has gone meanwhile
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    for (size_t i = 0; i < json_array_size(whole.obstacles); i++) {
        const json_t *obstacle = json_array_get(whole.obstacles, i);
        const char *what = json_string_value(json_object_get(obstacle, "what"));
        const char *repair = json_string_value(json_object_get(obstacle, "repair"));
        if (i == 0)
            say(cli, "\nIn the way of removing %s:", whole.account);
        say(cli, "    obstacle: %s", or_dash(what));
        if (repair != NULL)
            say(cli, "      repair: %s", repair);
    }
    return STATUS_OK;
}

// Of the first ones: each is asked for by itself.
static Status print_all_obstacles(Cli *cli, const RemoteList *list, Error *reterr) {
    size_t told = 0;
    for (size_t i = 0; i < json_array_size(list->items) && told < OBSTACLES_OF_MAX; i++) {
        OrphanView orphan;
        TRY(remote_parse(cli->arena, &ORPHAN_VIEW_SHAPE, json_array_get(list->items, i), &orphan,
                         reterr));
        if (orphan.trouble == NULL)
            continue;
        TRY(print_obstacles(cli, &orphan, reterr));
        told++;
    }
    return STATUS_OK;
}

static Status print_orphans(Cli *cli, const RemoteList *list, Error *reterr) {
    static const char *const TITLES[] = {"ACCOUNT",  "KIND",         "INTEGRATION",
                                         "GRANT",    "INSTALLATION", "EXPIRES",
                                         "SESSIONS", "REMARK",       NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(list->items); i++) {
        OrphanView orphan;
        TRY(remote_parse(cli->arena, &ORPHAN_VIEW_SHAPE, json_array_get(list->items, i), &orphan,
                         reterr));
        bool leftover = text_equal(orphan.kind, "leftover");
        const char *cells[] = {
            orphan.account,
            orphan.kind,
            orphan.integration != NULL ? orphan.integration : orphan.target,
            orphan.grant_id,
            orphan.deployment,
            orphan.expires_at != 0
                ? time_relative(cli->arena, orphan.expires_at, clock_now_ms(cli->clock))
                : "never",
            arena_printf(cli->arena, "%lld", (long long)orphan.sessions),
            remark(cli, &orphan),
        };
        table_row(table, cells);
        table_colour(table, 1, leftover ? COLOUR_FAINT : COLOUR_BAD);
        // Another tool's are listed, and nobody need look at them because of Daypass.
        cli->attention = cli->attention || !leftover;
    }
    table_print(table, "No orphans.");
    TRY(print_all_obstacles(cli, list, reterr));
    if (list->more)
        note(cli, "There are more: see them with --limit, or narrow the list with --integration or "
                  "--kind");
    return STATUS_OK;
}

static void note_attention(Cli *cli, const json_t *items) {
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *kind = json_string_value(json_object_get(json_array_get(items, i), "kind"));
        cli->attention = cli->attention || !text_equal(kind, "leftover");
    }
}

Status command_orphans(Cli *cli, const Invocation *invocation, Error *reterr) {
    int64_t limit;
    TRY(invocation_number(invocation, "limit", 1, ORPHANS_LIMIT_MAX, ORPHANS_LIMIT, &limit,
                          reterr));
    const Parameter parameters[] = {
        {"integration", invocation_option(invocation, "integration")},
        {"kind", invocation_option(invocation, "kind")},
        {0},
    };
    RemoteList list;
    TRY(remote_list(cli, remote_target(cli->arena, "/v1/orphans", parameters), (size_t)limit, &list,
                    reterr));
    if (!cli->json)
        return print_orphans(cli, &list, reterr);
    note_attention(cli, list.items);
    say_json_list(cli, list.items);
    return STATUS_OK;
}

// ---- orphans remove ---------------------------------------------------------------------------

static Status find_orphan(Cli *cli, const char *integration, const char *account,
                          OrphanView *ret_orphan, Error *reterr) {
    const Parameter parameters[] = {{"integration", integration}, {"account", account}, {0}};
    RemoteList list;
    TRY(remote_list(cli, remote_target(cli->arena, "/v1/orphans", parameters), 1, &list, reterr));
    if (json_array_size(list.items) == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "unknown_orphan",
                         "%s on %s is no orphan: a grant explains it, or it is not there; see: "
                         "daypass orphans",
                         account, integration);
    return remote_parse(cli->arena, &ORPHAN_VIEW_SHAPE, json_array_get(list.items, 0), ret_orphan,
                        reterr);
}

static const char *orphan_path(Cli *cli, const OrphanView *orphan, const char *suffix) {
    return remote_path(cli->arena, "/v1/orphans/", orphan->id, suffix);
}

// Holds until it has changed, or the server answers that it still has not.
static Status await_change(Cli *cli, OrphanView *orphan, Error *reterr) {
    char version[24], wait[24];
    snprintf(version, sizeof(version), "%lld", (long long)orphan->version);
    snprintf(wait, sizeof(wait), "%d", POLL_WAIT_S);
    RemoteCall call = {
        .target = remote_target(cli->arena, orphan_path(cli, orphan, NULL),
                                (Parameter[]){{"version", version}, {"wait_s", wait}, {0}}),
        .wait_s = POLL_WAIT_S};
    return remote_read(cli, &call, &ORPHAN_VIEW_SHAPE, orphan, NULL, reterr);
}

// What the connector reads now, not what a sweep saw some time ago.
static Status inspect(Cli *cli, OrphanView *orphan, AccountInspection *ret_inspection,
                      Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(cli->clock) + (int64_t)PATIENCE_S * SECOND_MS;
    RemoteCall call = {.method = "POST", .target = orphan_path(cli, orphan, "/inspect")};
    TRY(remote_read(cli, &call, &ORPHAN_VIEW_SHAPE, orphan, NULL, reterr));
    int64_t before = orphan->inspected_at;
    while (orphan->inspected_at == before) {
        if (clock_monotonic_ms(cli->clock) > until_ms)
            return error_set(reterr, STATUS_UNAVAILABLE, "not_inspected",
                             "connector %s has not looked at %s; is it running? See: daypass "
                             "connectors",
                             orphan->connector, orphan->account);
        TRY(await_change(cli, orphan, reterr));
    }
    if (orphan->inspection == NULL)
        return error_set(reterr, STATUS_UNAVAILABLE, "not_inspected",
                         "connector %s could not look at %s: %s", orphan->connector,
                         orphan->account, or_dash(orphan->trouble));
    return remote_parse(cli->arena, &ACCOUNT_INSPECTION_SHAPE, orphan->inspection, ret_inspection,
                        reterr);
}

static void say_lines(Cli *cli, const char *what, int64_t count, const StringList *lines) {
    if (count == 0)
        return;
    note(cli, "  %s: %lld", what, (long long)count);
    for (size_t i = 0; i < lines->count; i++)
        note(cli, "    %s", lines->items[i]);
    if ((int64_t)lines->count < count)
        note(cli, "    and %lld more", (long long)(count - (int64_t)lines->count));
}

static void show_plan(Cli *cli, const OrphanView *orphan, const AccountInspection *found) {
    note(cli, "Account %s on %s (%s)", orphan->account, or_dash(orphan->target),
         or_dash(orphan->integration));
    note(cli, "  %s", or_dash(orphan->why));
    if (!found->present) {
        note(cli, "  it is gone already");
        return;
    }
    note(cli, "  ends by itself: %s",
         found->expires_at != 0 ? time_text(cli, found->expires_at) : "never");
    note(cli, "  new logins: %s", found->can_login ? "are refused from then on" : "are refused");
    say_lines(cli, "sessions that are ended", found->session_count, &found->sessions);
    say_lines(cli,
              found->custodian != NULL
                  ? arena_printf(cli->arena, "objects that are handed over to %s", found->custodian)
                  : "objects that nobody can be given",
              found->owned_count, &found->owned);
    say_lines(cli, "memberships that end", (int64_t)found->roles.count, &found->roles);
    say_lines(cli, "privileges that are taken back", found->privilege_count, &found->privileges);
    say_lines(cli, "in the way", (int64_t)found->obstacles.count, &found->obstacles);
    note(cli, "  %s",
         found->obstacles.count == 0
             ? "then the account is removed"
             : "until that is solved the account stays, locked and without sessions; "
               "its removal is tried again and again");
}

static Status check_plan(const OrphanView *orphan, const AccountInspection *found, Error *reterr) {
    if (found->refusal != NULL)
        return error_set(reterr, STATUS_FORBIDDEN, "not_adopted", "%s", found->refusal);
    if (found->present && !found->marked)
        return error_set(reterr, STATUS_CONFLICT, "orphan_changed",
                         "%s has another mark than it had, or none any more: it is not touched",
                         orphan->account);
    return STATUS_OK;
}

static Status ask(Cli *cli, size_t count, Error *reterr) {
    const char *answer = NULL;
    TRY(prompt_text(cli,
                    count == 1
                        ? "Remove it? Type yes to go on"
                        : arena_printf(cli->arena, "Remove these %zu? Type yes to go on", count),
                    NULL, "confirm with --yes", &answer, reterr));
    if (text_equal(answer, "yes"))
        return STATUS_OK;
    return error_set(reterr, STATUS_CONFLICT, "not_confirmed", "nothing was removed");
}

// Gone, refused, or the time is up: then it is tried on, and the list says so.
static Status await_removal(Cli *cli, OrphanView *orphan, Error *reterr) {
    int64_t until_ms = clock_monotonic_ms(cli->clock) + (int64_t)PATIENCE_S * SECOND_MS;
    int64_t failures = orphan->failures;
    while (clock_monotonic_ms(cli->clock) <= until_ms) {
        Error error = {0};
        Status status = await_change(cli, orphan, &error);
        if (status == STATUS_NOT_FOUND)
            return STATUS_OK;
        if (status != STATUS_OK) {
            *reterr = error;
            return status;
        }
        if (!text_equal(orphan->state, "removing"))
            return error_set(reterr, STATUS_FORBIDDEN, "removal_refused", "%s was not removed: %s",
                             orphan->account, or_dash(orphan->trouble));
        if (orphan->failures > failures)
            break;
    }
    return error_set(reterr, STATUS_UNAVAILABLE, "not_removed_yet",
                     "%s is not removed yet, and is tried on: %s; see: daypass orphans",
                     orphan->account, or_dash(orphan->trouble));
}

static Status ask_removal(Cli *cli, OrphanView *orphan, Error *reterr) {
    OrphanRemovalRequest body = {.grant_id = orphan->grant_id, .deployment = orphan->deployment};
    RemoteCall call = {.method = "POST",
                       .target = orphan_path(cli, orphan, "/remove"),
                       .body_shape = &ORPHAN_REMOVAL_REQUEST_SHAPE,
                       .body = &body};
    return remote_read(cli, &call, &ORPHAN_VIEW_SHAPE, orphan, NULL, reterr);
}

// All are asked for before one is waited for, and one that fails keeps nobody else's back. The last
// failure is returned, and those before it are told.
static Status remove_all(Cli *cli, OrphanView *orphans, size_t count, json_t *removed,
                         Error *reterr) {
    Error failure = {0};
    bool *asked = arena_alloc(cli->arena, count * sizeof(bool));
    for (size_t i = 0; i < 2 * count; i++) {
        OrphanView *orphan = &orphans[i % count];
        Error error = {0};
        if (i < count) {
            asked[i] = ask_removal(cli, orphan, &error) == STATUS_OK;
        } else if (asked[i % count] && await_removal(cli, orphan, &error) == STATUS_OK) {
            json_array_append_new(removed, json_string(orphan->account));
            if (!cli->json)
                say(cli, "Removed %s", orphan->account);
        }
        if (error.status == STATUS_OK)
            continue;
        if (failure.status != STATUS_OK)
            note(cli, "%s", failure.message);
        failure = error;
    }
    *reterr = failure;
    return failure.status;
}

Status command_orphans_remove(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *integration = invocation_argument(invocation, "INTEGRATION");
    StringList accounts = invocation->more;
    size_t count = accounts.count + 1;
    OrphanView *orphans = arena_alloc(cli->arena, count * sizeof(OrphanView));
    json_t *plans = json_keep(cli->arena, json_array());
    for (size_t i = 0; i < count; i++) {
        AccountInspection found;
        const char *account =
            i == 0 ? invocation_argument(invocation, "ACCOUNT") : accounts.items[i - 1];
        TRY(find_orphan(cli, integration, account, &orphans[i], reterr));
        TRY(inspect(cli, &orphans[i], &found, reterr));
        show_plan(cli, &orphans[i], &found);
        TRY(check_plan(&orphans[i], &found, reterr));
        json_array_append(plans, (json_t *)(uintptr_t)orphans[i].inspection);
    }
    if (!invocation_switch(invocation, "yes"))
        TRY(ask(cli, count, reterr));
    json_t *removed = json_keep(cli->arena, json_array());
    TRY(remove_all(cli, orphans, count, removed, reterr));
    if (cli->json)
        say_json(cli, json_keep(cli->arena,
                                json_pack("{s:O, s:O}", "removed", removed, "plans", plans)));
    return STATUS_OK;
}

#include "cli/grants.h"

#include "cli/credential_engine.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/spinner.h"
#include "domain/grant.h"

#include <string.h>

enum { POLL_WAIT_S = 25, POLL_FAILURES_MAX = 20 };

const char *grant_extension(Arena *arena, const GrantView *grant) {
    if (text_equal(grant->extension_state, "approved"))
        return arena_printf(arena, "%s more once the connector has moved its end",
                            duration_text(arena, grant->extension_s));
    if (!text_equal(grant->extension_state, "pending"))
        return NULL;
    return arena_printf(arena, "%s more needs %s", duration_text(arena, grant->extension_s),
                        grant->needs != NULL ? grant->needs : "a decision");
}

const char *grant_full_id(Arena *arena, const char *text) {
    return strchr(text, '_') != NULL ? text : arena_printf(arena, "grt_%s", text);
}

const char *grant_path(Arena *arena, const char *id, const char *suffix) {
    return remote_path(arena, "/v1/grants/", grant_full_id(arena, id), suffix);
}

Status grant_fetch(Cli *cli, const char *id, GrantView *ret_grant, json_t **ret_value,
                   Error *reterr) {
    RemoteCall call = {.target = grant_path(cli->arena, id, NULL)};
    TRY(remote_read(cli, &call, &GRANT_VIEW_SHAPE, ret_grant, ret_value, reterr));
    grant_forget_key(cli, ret_grant);
    return STATUS_OK;
}

// The view carries the state's name; one that a newer server invented is not over.
static int view_state(const GrantView *grant) {
    int state;
    return enum_find(&GRANT_STATES, grant->state, &state) ? state : -1;
}

bool grant_view_is_over(const GrantView *grant) {
    switch (view_state(grant)) {
    case GRANT_ENDED:
    case GRANT_REJECTED:
    case GRANT_CANCELLED:
    case GRANT_LAPSED:
    case GRANT_FAILED:
        return true;
    default:
        return false;
    }
}

void grant_forget_key(Cli *cli, const GrantView *grant) {
    if (grant_view_is_over(grant) && grant->public_key != NULL)
        key_store_remove(cli->arena, grant->public_key);
}

// ---- Waiting ----------------------------------------------------------------------------------

static bool goal_reached(const GrantView *grant, GrantGoal goal) {
    int state = view_state(grant);
    if (goal == GOAL_OVER)
        return grant_view_is_over(grant);
    if (goal == GOAL_ACTIVE)
        return state == GRANT_ACTIVE;
    return state != GRANT_PENDING && state != GRANT_REJECTED && state != GRANT_CANCELLED &&
           state != GRANT_LAPSED;
}

static bool waiting_is_over(const GrantView *grant, GrantGoal goal) {
    int state = view_state(grant);
    return goal_reached(grant, goal) || grant_view_is_over(grant) ||
           (goal == GOAL_ACTIVE && state == GRANT_REVOKING);
}

static Status poll_grant(Cli *cli, GrantView *grant, int wait_s, json_t **value, Error *reterr) {
    char version[24], wait[24];
    snprintf(version, sizeof(version), "%lld", (long long)grant->version);
    snprintf(wait, sizeof(wait), "%d", wait_s);
    RemoteCall call = {
        .target = remote_target(cli->arena, grant_path(cli->arena, grant->id, NULL),
                                (Parameter[]){{"version", version}, {"wait_s", wait}, {0}}),
        .wait_s = wait_s};
    GrantView fresh;
    TRY(remote_read(cli, &call, &GRANT_VIEW_SHAPE, &fresh, value, reterr));
    *grant = fresh;
    return STATUS_OK;
}

// How long the next poll may hold; 0 when the time is up.
static int remaining_s(const Cli *cli, int64_t start_ms, int64_t timeout_s) {
    if (timeout_s == 0)
        return POLL_WAIT_S;
    int64_t used_s = (clock_monotonic_ms(cli->clock) - start_ms) / SECOND_MS;
    int64_t left_s = timeout_s - used_s;
    return left_s <= 0 ? 0 : left_s < POLL_WAIT_S ? (int)left_s : POLL_WAIT_S;
}

Status grant_await_change(Cli *cli, GrantView *grant, Error *reterr) {
    Spinner *spinner = spinner_start(cli, grant->state);
    Status status = poll_grant(cli, grant, POLL_WAIT_S, NULL, reterr);
    spinner_stop(spinner);
    return status;
}

// One poll. The server may be away for a while, as when it is upgraded: that ends the waiting only
// when it lasts.
static Status poll_patiently(Cli *cli, GrantView *grant, int wait_s, json_t **value, int *failures,
                             Error *reterr) {
    Spinner *spinner = spinner_start(cli, grant->state);
    Error error = {0};
    Status status = poll_grant(cli, grant, wait_s, value, &error);
    spinner_stop(spinner);
    if (status == STATUS_OK) {
        *failures = 0;
        return STATUS_OK;
    }
    if (status == STATUS_UNAVAILABLE && ++*failures < POLL_FAILURES_MAX) {
        note(cli, "%s; trying again", error.message);
        return STATUS_OK;
    }
    if (reterr != NULL)
        *reterr = error;
    return status;
}

Status grant_wait(Cli *cli, GrantGoal goal, int64_t timeout_s, GrantView *grant, json_t **value,
                  Error *reterr) {
    int64_t start_ms = clock_monotonic_ms(cli->clock);
    const char *told = NULL;
    int failures = 0;
    while (!waiting_is_over(grant, goal)) {
        int wait_s = remaining_s(cli, start_ms, timeout_s);
        if (wait_s == 0)
            return error_set(reterr, STATUS_UNAVAILABLE, "wait_timed_out",
                             "%s is still %s; go on waiting with: daypass wait %s", grant->id,
                             grant->state, grant->id);
        // The situation tells times too, which always change: one line a state, or a trouble.
        const char *state =
            arena_printf(cli->arena, "%s %s", grant->state, or_dash(grant->trouble));
        if (!text_equal(state, told))
            note(cli, "%s", grant_situation(cli, grant));
        told = state;
        TRY(poll_patiently(cli, grant, wait_s, value, &failures, reterr));
    }
    grant_forget_key(cli, grant);
    return STATUS_OK;
}

static Status not_given(const GrantView *grant, Error *reterr) {
    const char *why = grant->trouble != NULL ? grant->trouble : grant->note;
    return error_set(reterr, STATUS_UNAVAILABLE, "grant_failed",
                     "%s could not be given%s%s; see: daypass show %s", grant->id,
                     why != NULL ? ": " : "", why != NULL ? why : "", grant->id);
}

Status grant_goal_status(const GrantView *grant, GrantGoal goal, Error *reterr) {
    if (goal_reached(grant, goal))
        return STATUS_OK;
    const char *note_text = grant->note != NULL ? grant->note : "no reason given";
    switch (view_state(grant)) {
    case GRANT_REJECTED:
        return error_set(reterr, STATUS_FORBIDDEN, "rejected", "%s was denied: %s", grant->id,
                         note_text);
    case GRANT_CANCELLED:
        return error_set(reterr, STATUS_CONFLICT, "cancelled", "%s was cancelled", grant->id);
    case GRANT_LAPSED:
        return error_set(reterr, STATUS_EXPIRED, "lapsed",
                         "%s lapsed: nobody decided, or used, it in time", grant->id);
    case GRANT_FAILED:
        return not_given(grant, reterr);
    default:
        if (text_equal(grant->cause, "failed")) // what is half made is being removed
            return not_given(grant, reterr);
        return error_set(reterr, STATUS_EXPIRED, "ended", "%s is over (%s)", grant->id,
                         grant->cause != NULL ? grant->cause : grant->state);
    }
}

// ---- Telling ----------------------------------------------------------------------------------

static const char *pending_text(Cli *cli, const GrantView *grant) {
    Arena *arena = cli->arena;
    const char *needs = grant->needs != NULL ? grant->needs : "a decision";
    if (grant->waiting.count == 0)
        return arena_printf(arena, "%s is pending: needs %s; lapses %s", grant->id, needs,
                            time_text(cli, grant->lapses_at));
    StringList first = grant->waiting;
    const char *more = first.count > 5 ? ", ..." : "";
    first.count = first.count > 5 ? 5 : first.count;
    return arena_printf(arena, "%s is pending: needs %s (%s%s); lapses %s", grant->id, needs,
                        string_list_join(arena, &first, ", "), more,
                        time_text(cli, grant->lapses_at));
}

static const char *active_text(Cli *cli, const GrantView *grant) {
    const char *extension = grant_extension(cli->arena, grant);
    return arena_printf(cli->arena, "%s is active: %s on %s until %s%s%s%s", grant->id,
                        or_dash(grant->account), or_dash(grant->target),
                        time_text(cli, grant->expires_at), extension != NULL ? "; " : "",
                        extension != NULL ? extension : "",
                        grant->widened   ? "; the account was WIDENED on the target"
                        : grant->drifted ? "; the account was changed or removed on the target"
                                         : "");
}

static const char *over_text(Cli *cli, const GrantView *grant) {
    Arena *arena = cli->arena;
    bool has_cause = grant->cause != NULL && !text_equal(grant->cause, "none") &&
                     !text_equal(grant->cause, grant->state);
    return arena_printf(
        arena, "%s is %s%s%s%s%s%s%s%s%s", grant->id, grant->state, has_cause ? ", " : "",
        has_cause ? grant->cause : "", grant->ended_by != NULL ? " by " : "",
        grant->ended_by != NULL ? grant->ended_by : "", grant->ended_at != 0 ? " " : "",
        grant->ended_at != 0 ? time_text(cli, grant->ended_at) : "",
        grant->note != NULL ? ": " : "", grant->note != NULL ? grant->note : "");
}

const char *grant_situation(Cli *cli, const GrantView *grant) {
    Arena *arena = cli->arena;
    const char *trouble =
        grant->trouble != NULL ? arena_printf(arena, "; so far: %s", grant->trouble) : "";
    switch (view_state(grant)) {
    case GRANT_PENDING:
        return pending_text(cli, grant);
    case GRANT_APPROVED:
        return arena_printf(arena, "%s is approved: waits for the connector of %s%s", grant->id,
                            or_dash(grant->integration), trouble);
    case GRANT_GRANTING:
        return arena_printf(arena, "%s is being given on %s%s", grant->id, or_dash(grant->target),
                            trouble);
    case GRANT_ACTIVE:
        return active_text(cli, grant);
    case GRANT_REVOKING:
        return arena_printf(arena, "%s is being taken back from %s%s%s", grant->id,
                            or_dash(grant->target), grant->overdue ? ", overdue" : "", trouble);
    default:
        return over_text(cli, grant);
    }
}

const char *grant_next_step(Cli *cli, const GrantView *grant) {
    Arena *arena = cli->arena;
    if (string_list_has(&grant->may, "approve"))
        return arena_printf(arena,
                            "decide with: daypass approve %s, or: daypass deny %s --note WHY",
                            grant->id, grant->id);
    if (view_state(grant) == GRANT_ACTIVE && string_list_has(&grant->may, "credentials"))
        return arena_printf(arena,
                            "use it with: daypass connect %s%s, or in another program by: daypass "
                            "credentials %s --format %s",
                            grant->id, credential_clients(arena, grant->kind), grant->id,
                            credential_forms(arena, grant->kind));
    if (string_list_has(&grant->may, "connect"))
        return arena_printf(arena,
                            "use it with your own AWS credentials: daypass connect %s, or in "
                            "another program by: daypass credentials %s",
                            grant->id, grant->id);
    if (view_state(grant) == GRANT_REVOKING)
        return arena_printf(arena, "follow it with: daypass wait %s --until over", grant->id);
    if (!grant_view_is_over(grant) && view_state(grant) != GRANT_ACTIVE)
        return arena_printf(arena, "follow it with: daypass wait %s", grant->id);
    return NULL;
}

void grant_tell(Cli *cli, const GrantView *grant, json_t *value) {
    if (cli->json) {
        say_json(cli, value);
        return;
    }
    say_coloured(cli, state_colour(grant->state), "%s", grant_situation(cli, grant));
    const char *next = grant_next_step(cli, grant);
    if (next != NULL)
        say(cli, "%s", next);
}

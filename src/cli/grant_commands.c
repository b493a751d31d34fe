#include "cli/aws_use.h"
#include "cli/grants.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "domain/grant.h"
#include "domain/outcome.h"
#include "wire/api_messages.h"

#include <string.h>

enum { REQUESTS_LIMIT = 100, REQUESTS_LIMIT_MAX = 100000 };

// ---- requests ---------------------------------------------------------------------------------

// When it ends, or until when it can be decided.
static const char *requests_time(Cli *cli, const GrantView *grant) {
    int64_t now = clock_now_ms(cli->clock);
    if (grant->ended_at != 0)
        return arena_printf(cli->arena, "ended %s",
                            time_relative(cli->arena, grant->ended_at, now));
    if (text_equal(grant->state, "revoking"))
        return "ending"; // when it would have ended by itself says nothing any more
    if (grant->granted_at != 0 && grant->expires_at != 0)
        return arena_printf(cli->arena, "ends %s",
                            time_relative(cli->arena, grant->expires_at, now));
    return arena_printf(cli->arena, "for %s", duration_text(cli->arena, grant->duration_s));
}

static const char *drift_remark(Cli *cli, const GrantView *grant) {
    StringList fields = {0};
    for (size_t i = 0; i < json_array_size(grant->drift); i++) {
        const char *field =
            json_string_value(json_object_get(json_array_get(grant->drift, i), "field"));
        string_list_add(cli->arena, &fields, or_dash(field));
    }
    return arena_printf(cli->arena, "%s on the target%s%s", grant->widened ? "WIDENED" : "changed",
                        fields.count > 0 ? ": " : "", string_list_join(cli->arena, &fields, ", "));
}

static const char *requests_remark(Cli *cli, const GrantView *grant) {
    if (grant->overdue)
        return arena_printf(
            cli->arena, "OVERDUE: had to be over %s%s%s",
            time_relative(cli->arena, grant->overdue_since, clock_now_ms(cli->clock)),
            grant->trouble != NULL ? "; " : "", grant->trouble != NULL ? grant->trouble : "");
    if (grant->trouble != NULL && text_equal(grant->state, "revoking"))
        return grant->trouble; // what keeps it from ending comes before what was changed
    if (grant->drifted)
        return drift_remark(cli, grant);
    if (grant->trouble != NULL)
        return grant->trouble;
    if (grant_extension(cli->arena, grant) != NULL)
        return grant_extension(cli->arena, grant);
    if (grant->needs != NULL && !grant_view_is_over(grant))
        return arena_printf(cli->arena, "needs %s", grant->needs);
    if (grant->note != NULL &&
        (text_equal(grant->state, "failed") || text_equal(grant->state, "rejected")))
        return grant->note;
    return grant->reason;
}

static Status print_requests(Cli *cli, const RemoteList *list, Error *reterr) {
    static const char *const TITLES[] = {"ID", "STATE", "WHO", "FLOW", "TIME", "REMARK", NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(list->items); i++) {
        GrantView grant;
        TRY(remote_parse(cli->arena, &GRANT_VIEW_SHAPE, json_array_get(list->items, i), &grant,
                         reterr));
        const char *cells[] = {grant.id,
                               grant.state,
                               grant.requester,
                               grant.flow,
                               requests_time(cli, &grant),
                               requests_remark(cli, &grant)};
        table_row(table, cells);
        table_colour(table, 1, state_colour(grant.state));
        if (grant.overdue || grant.drifted)
            table_colour(table, 5, COLOUR_BAD);
    }
    table_print(table, "No requests.");
    if (list->more)
        note(cli, "There are more: see them with --limit, or narrow the list with --state, --flow, "
                  "--integration or --requester");
    return STATUS_OK;
}

Status command_requests(Cli *cli, const Invocation *invocation, Error *reterr) {
    bool to_decide = invocation_switch(invocation, "to-decide");
    bool all = invocation_switch(invocation, "all") ||
               (!to_decide && invocation_option(invocation, "requester") != NULL);
    if (to_decide && all)
        return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                         "--to-decide and --all exclude each other");
    int64_t limit;
    TRY(invocation_number(invocation, "limit", 1, REQUESTS_LIMIT_MAX, REQUESTS_LIMIT, &limit,
                          reterr));
    const Parameter parameters[] = {
        {"view", to_decide ? "to_decide"
                 : all     ? "all"
                           : "mine"},
        {"state", invocation_option(invocation, "state")},
        {"flow", invocation_option(invocation, "flow")},
        {"integration", invocation_option(invocation, "integration")},
        {"requester", invocation_option(invocation, "requester")},
        {0},
    };
    RemoteList list;
    TRY(remote_list(cli, remote_target(cli->arena, "/v1/grants", parameters), (size_t)limit, &list,
                    reterr));
    for (size_t i = 0; i < json_array_size(list.items); i++) {
        GrantView grant;
        TRY(remote_parse(cli->arena, &GRANT_VIEW_SHAPE, json_array_get(list.items, i), &grant,
                         reterr));
        grant_forget_key(cli, &grant);
    }
    if (!cli->json)
        return print_requests(cli, &list, reterr);
    say_json_list(cli, list.items);
    return STATUS_OK;
}

// ---- show -------------------------------------------------------------------------------------

static void print_lines(Cli *cli, const char *title, const StringList *lines) {
    for (size_t i = 0; i < lines->count; i++)
        say(cli, "%-12s %s", i == 0 ? title : "", lines->items[i]);
}

static void print_field(Cli *cli, const char *title, const char *text) {
    if (text != NULL)
        say(cli, "%-12s %s", title, text);
}

static void print_time(Cli *cli, const char *title, int64_t at_ms) {
    if (at_ms != 0)
        print_field(cli, title, time_text(cli, at_ms));
}

static void print_extension(Cli *cli, const GrantView *grant) {
    if (grant->extension_s != 0)
        say(cli, "%-12s %s more (%s)%s%s", "extension",
            duration_text(cli->arena, grant->extension_s), or_dash(grant->extension_state),
            grant->extension_reason != NULL ? ": " : "",
            grant->extension_reason != NULL ? grant->extension_reason : "");
}

static void print_grant(Cli *cli, const GrantView *grant) {
    say_coloured(cli, state_colour(grant->state), "%s", grant_situation(cli, grant));
    say(cli, "%s", "");
    print_field(cli, "requester", grant->requester);
    print_field(cli, "reason", grant->reason);
    print_field(cli, "flow", grant->flow);
    print_field(cli, "integration", grant->integration);
    print_field(cli, "target", grant->target);
    print_lines(cli, "access", &grant->access);
    print_field(cli, "duration", duration_text(cli->arena, grant->duration_s));
    print_field(cli, "account", grant->account);
    print_field(cli, "identity", grant->identity);
    print_time(cli, "requested", grant->requested_at);
    print_time(cli, "approved", grant->approved_at);
    print_time(cli, "given", grant->granted_at);
    bool ending = grant->ended_at != 0 || text_equal(grant->state, "revoking");
    if (!text_equal(grant->cause, "expired"))
        print_time(cli, ending ? "would expire" : "expires", grant->expires_at);
    print_time(cli, "ended", grant->ended_at);
    print_field(cli, "ended by", grant->ended_by);
    print_field(cli, "note", grant->note);
    print_extension(cli, grant);
    print_time(cli, "overdue since", grant->overdue_since);
    print_field(cli, "trouble", grant->trouble);
    print_time(cli, "next attempt", grant->next_attempt_at);
    if (grant->waiting.count > 0)
        print_field(cli, "may decide", string_list_join(cli->arena, &grant->waiting, ", "));
}

static Status print_drift(Cli *cli, const GrantView *grant, Error *reterr) {
    if (!grant->drifted || json_array_size(grant->drift) == 0)
        return STATUS_OK;
    say(cli, "\nChanged on the target, found %s", time_text(cli, grant->drifted_at));
    for (size_t i = 0; i < json_array_size(grant->drift); i++) {
        Drift drift;
        TRY(remote_parse(cli->arena, &DRIFT_SHAPE, json_array_get(grant->drift, i), &drift,
                         reterr));
        say_coloured(
            cli, drift.widens ? COLOUR_BAD : COLOUR_ATTENTION, "  %s: given %s; found %s%s",
            or_dash(drift.field), or_dash(drift.given), or_dash(drift.found),
            !drift.widens                            ? ""
            : text_equal(drift.field, "valid until") ? " (later; the connector sets it back)"
                                                     : " (more than was given)");
    }
    return STATUS_OK;
}

static Status print_decisions(Cli *cli, const GrantView *grant, Error *reterr) {
    if (json_array_size(grant->decisions) == 0)
        return STATUS_OK;
    say(cli, "\nDecisions");
    for (size_t i = 0; i < json_array_size(grant->decisions); i++) {
        Decision decision;
        TRY(remote_parse(cli->arena, &DECISION_SHAPE, json_array_get(grant->decisions, i),
                         &decision, reterr));
        say(cli, "  %s  %s %s%s%s%s", time_text(cli, decision.decided_at),
            or_dash(decision.principal), decision.approved ? "approved" : "denied",
            decision.round > 0 ? " an extension" : "", decision.note != NULL ? ": " : "",
            decision.note != NULL ? decision.note : "");
    }
    return STATUS_OK;
}

static void print_found(Cli *cli, const Outcome *outcome) {
    say(cli, "    found: account %s%s%s; sessions ended: %lld, left: %lld%s%s",
        outcome->account_present ? "present" : "absent", outcome->account != NULL ? " " : "",
        outcome->account != NULL ? outcome->account : "", (long long)outcome->sessions_ended,
        (long long)outcome->sessions_left, outcome->login_refused ? "; logins refused" : "",
        outcome->server_version != NULL
            ? arena_printf(cli->arena, "; server %s", outcome->server_version)
            : "");
    for (size_t i = 0; i < outcome->handed_over.count; i++)
        say(cli, "    handed over: %s", outcome->handed_over.items[i]);
    for (size_t i = 0; i < outcome->warnings.count; i++)
        say(cli, "    warning: %s", outcome->warnings.items[i]);
    for (size_t i = 0; i < outcome->obstacles.count; i++) {
        const Obstacle *obstacle = &outcome->obstacles.items[i];
        say(cli, "    obstacle: %s", or_dash(obstacle->what));
        if (obstacle->repair != NULL)
            say(cli, "      repair: %s", obstacle->repair);
    }
    for (size_t i = 0; i < outcome->statements.count; i++) {
        const Statement *statement = &outcome->statements.items[i];
        say(cli, "    ran%s%s: %s", statement->database != NULL ? " in " : "",
            statement->database != NULL ? statement->database : "", or_dash(statement->sql));
    }
}

static Status print_evidence(Cli *cli, const GrantView *grant, Error *reterr) {
    if (json_array_size(grant->evidence) == 0)
        return STATUS_OK;
    say(cli, "\nWhat was done on the target");
    for (size_t i = 0; i < json_array_size(grant->evidence); i++) {
        Evidence evidence;
        TRY(remote_parse(cli->arena, &EVIDENCE_SHAPE, json_array_get(grant->evidence, i), &evidence,
                         reterr));
        bool done = evidence.failure == NULL || text_equal(evidence.failure, "none");
        say_coloured(cli, done ? COLOUR_NONE : COLOUR_BAD, "  %s  %s: %s%s%s (by %s)",
                     time_text(cli, evidence.reported_at), or_dash(evidence.kind),
                     done ? "done" : evidence.failure, evidence.message != NULL ? ": " : "",
                     evidence.message != NULL ? evidence.message : "", or_dash(evidence.instance));
        if (!json_is_object(evidence.outcome))
            continue;
        Outcome outcome;
        TRY(remote_parse(cli->arena, &OUTCOME_SHAPE, evidence.outcome, &outcome, reterr));
        print_found(cli, &outcome);
    }
    return STATUS_OK;
}

Status command_show(Cli *cli, const Invocation *invocation, Error *reterr) {
    GrantView grant;
    json_t *value;
    TRY(grant_fetch(cli, invocation_argument(invocation, "ID"), &grant, &value, reterr));
    if (cli->json) {
        say_json(cli, value);
        return STATUS_OK;
    }
    print_grant(cli, &grant);
    TRY(aws_grant_print(cli, &grant, reterr));
    TRY(print_drift(cli, &grant, reterr));
    TRY(print_decisions(cli, &grant, reterr));
    TRY(print_evidence(cli, &grant, reterr));
    if (grant.may.count > 0)
        say(cli, "\nYou may: %s", string_list_join(cli->arena, &grant.may, ", "));
    const char *next = grant_next_step(cli, &grant);
    if (next != NULL)
        say(cli, "%s", next);
    return STATUS_OK;
}

// ---- wait -------------------------------------------------------------------------------------

Status command_wait(Cli *cli, const Invocation *invocation, Error *reterr) {
    const char *until = invocation_option(invocation, "until");
    GrantGoal goal = text_equal(until, "decided") ? GOAL_DECIDED
                     : text_equal(until, "over")  ? GOAL_OVER
                                                  : GOAL_ACTIVE;
    int64_t timeout_s;
    TRY(invocation_duration(invocation, "timeout", &timeout_s, reterr));
    GrantView grant;
    json_t *value;
    TRY(grant_fetch(cli, invocation_argument(invocation, "ID"), &grant, &value, reterr));
    TRY(grant_wait(cli, goal, timeout_s, &grant, &value, reterr));
    TRY(grant_goal_status(&grant, goal, reterr));
    grant_tell(cli, &grant, value);
    return STATUS_OK;
}

#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "wire/api_messages.h"

enum { OVERDUE_LIMIT = 100, OVERDUE_LIMIT_MAX = 100000 };

static const char *next_text(Cli *cli, const OverdueView *overdue) {
    const char *when =
        time_relative(cli->arena, overdue->next_attempt_at, clock_now_ms(cli->clock));
    if (text_equal(overdue->waits_for, "pause"))
        return when;
    if (text_equal(overdue->waits_for, "report"))
        return "under way";
    return "when its connector asks";
}

static const char *trouble_text(const OverdueView *overdue) {
    if (overdue->trouble != NULL)
        return overdue->trouble;
    return overdue->attempts == 0 ? "no instance of the connector has asked for it"
                                  : "the connector has not reported";
}

static Status print_overdue(Cli *cli, const RemoteList *list, Error *reterr) {
    static const char *const TITLES[] = {"GRANT",      "ACCOUNT", "INTEGRATION", "CONNECTOR",
                                         "HAD TO END", "NEXT",    "TROUBLE",     NULL};
    CLEANUP(table_freep) Table *table = table_new(cli, TITLES);
    for (size_t i = 0; i < json_array_size(list->items); i++) {
        OverdueView overdue;
        TRY(remote_parse(cli->arena, &OVERDUE_VIEW_SHAPE, json_array_get(list->items, i), &overdue,
                         reterr));
        const char *cells[] = {
            overdue.grant,
            overdue.account,
            overdue.integration,
            overdue.connector,
            time_relative(cli->arena, overdue.since, clock_now_ms(cli->clock)),
            next_text(cli, &overdue),
            trouble_text(&overdue),
        };
        table_row(table, cells);
        table_colour(table, 4, COLOUR_BAD);
    }
    table_print(table, "Nothing is overdue.");
    if (list->more)
        note(cli, "There are more: see them with --limit");
    return STATUS_OK;
}

Status command_overdue(Cli *cli, const Invocation *invocation, Error *reterr) {
    int64_t limit;
    TRY(invocation_number(invocation, "limit", 1, OVERDUE_LIMIT_MAX, OVERDUE_LIMIT, &limit,
                          reterr));
    int64_t checked_s; // before it is sent, so that a slip is said by the option's name
    TRY(invocation_duration(invocation, "older-than", &checked_s, reterr));
    const Parameter parameters[] = {
        {"older_than", invocation_option(invocation, "older-than")},
        {0},
    };
    RemoteList list;
    TRY(remote_list(cli, remote_target(cli->arena, "/v1/overdue", parameters), (size_t)limit, &list,
                    reterr));
    cli->attention = json_array_size(list.items) > 0;
    if (!cli->json)
        return print_overdue(cli, &list, reterr);
    say_json_list(cli, list.items);
    return STATUS_OK;
}

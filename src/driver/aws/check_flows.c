#include "driver/aws/check_flows.h"

#include <string.h>

#include "driver/aws/ceiling.h"
#include "driver/aws/resolve.h"

static const char OF_FLOW[] = "correct the flow";
static const char OF_FILE[] = "correct the flow, or this connector's file";
static const char OF_RIGHTS[] = "allow that in the connector's own IAM policy";
static const char LACKING[] = "the connector lacks a right that is told of above";
static const char OF_DATABASE[] =
    "aws rds modify-db-instance --enable-iam-database-authentication (of a cluster: "
    "modify-db-cluster; of a proxy: modify-db-proxy), or correct the flow";

typedef struct FlowCheck {
    CheckList *list;
    Operation *operation;
    Outcome outcome; // of the entry at hand
    const char *name;
} FlowCheck;

static void add(const FlowCheck *check, int result, const char *repair, const AccessItem *item,
                const char *what) {
    check_list_add(check->list, result, check->name, repair, "%s: %s",
                   access_item_describe(check->list->arena, item), what);
}

// What AWS said of a right that is missing was told once, with the right.
static void add_warning(const FlowCheck *check, const AccessItem *item, const char *warning) {
    static const char UNKNOWN[] = " is not known";
    const char *unknown = strstr(warning, UNKNOWN);
    if (unknown != NULL)
        add(check, CHECK_WARNING, OF_RIGHTS, item,
            arena_printf(check->list->arena, "%.*s%s; %s", (int)(unknown - warning), warning,
                         UNKNOWN, LACKING));
    else
        add(check, CHECK_WARNING,
            strstr(warning, "authentication is off") != NULL ? OF_DATABASE : OF_FLOW, item,
            warning);
}

static void check_one(const FlowCheck *check, const AccessItem *item, StringList actions,
                      StringList resources) {
    PolicyItem one = {.actions = actions, .resources = resources};
    Error error = {0};
    if (aws_ceiling_check_items(check->operation->session->ceiling, &(PolicyItems){&one, 1},
                                &error) != STATUS_OK)
        add(check, CHECK_FAILED, OF_FILE, item, error.message);
}

static void check_ceiling(const FlowCheck *check, const AccessItem *item,
                          const PolicyItem *resolved) {
    static const StringList NONE = {0};
    for (size_t i = 0; i < resolved->actions.count; i++)
        check_one(check, item, (StringList){&resolved->actions.items[i], 1}, NONE);
    for (size_t i = 0; i < resolved->resources.count; i++)
        check_one(check, item, NONE, (StringList){&resolved->resources.items[i], 1});
}

// An AwsResolveTold.
static void take_item(void *context, const AccessItem *item, const PolicyItem *resolved,
                      const Error *error) {
    FlowCheck *check = context;
    FailureClass failure = check->operation->evidence.failure;
    if (resolved != NULL)
        check_ceiling(check, item, resolved);
    else if (failure == FAILURE_DENIED)
        add(check, CHECK_FAILED, OF_RIGHTS, item,
            arena_printf(check->list->arena, "it cannot be looked up; %s", LACKING));
    else
        add(check, CHECK_FAILED, failure == FAILURE_RETRY ? "try again" : OF_FLOW, item,
            error->message);
    const StringList *warnings = &check->outcome.warnings;
    for (size_t i = 0; i < warnings->count; i++)
        add_warning(check, item, warnings->items[i]);
    check->outcome = (Outcome){0};
    check->operation->evidence.failure = FAILURE_NONE;
}

void aws_check_flows(CheckList *list, Operation *operation, const Plan *const *plans,
                     size_t plan_count) {
    size_t before = list->report.count;
    FlowCheck check = {.list = list, .operation = operation};
    operation->evidence.outcome = &check.outcome;
    operation->evidence.failure = FAILURE_NONE;
    for (size_t i = 0; i < plan_count; i++) {
        check.name = arena_printf(list->arena, "flows on %s", plans[i]->integration);
        aws_resolve_each(operation, &plans[i]->access, take_item, &check);
    }
    operation->evidence.outcome = NULL;
    if (plan_count > 0 && list->report.count == before)
        check_list_add(list, CHECK_OK, "rights: what flows grant", NULL,
                       "everything is there and can be granted");
}

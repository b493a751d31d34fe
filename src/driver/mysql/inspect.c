#include "driver/mysql/inspect.h"

#include "driver/mysql/account_sessions.h"
#include "driver/mysql/account_state.h"
#include "driver/mysql/definers.h"

static void add(Arena *arena, StringList *list, const char *line) {
    if (list->count < INSPECTION_LINES_MAX)
        string_list_add(arena, list, my_account_text(arena, line));
}

static Status read_sessions(Operation *operation, const Plan *plan, AccountInspection *inspection,
                            Error *reterr) {
    UserSessions sessions;
    TRY(my_account_sessions_read(operation, plan->account, &sessions, reterr));
    inspection->session_count = (int64_t)sessions.ids.count;
    for (size_t i = 0; i < sessions.lines.count; i++)
        add(operation->arena, &inspection->sessions, sessions.lines.items[i]);
    if (!my_account_sessions_seen(operation))
        add(operation->arena, &inspection->obstacles,
            "the admin account lacks PROCESS and is not shown the sessions of others");
    return STATUS_OK;
}

static Status judge_custodian(Operation *operation, const Plan *plan, AccountInspection *inspection,
                              Error *reterr) {
    if (inspection->owned_count == 0)
        return STATUS_OK;
    if (plan->custodian == NULL) {
        add(operation->arena, &inspection->obstacles,
            "it is the definer of objects, and no custodian may receive them");
        return STATUS_OK;
    }
    bool found;
    MyName name;
    const char *reason;
    TRY(my_custodian_read(operation, plan->custodian, &found, &name, &reason, reterr));
    if (found && reason == NULL)
        inspection->custodian = plan->custodian;
    else
        add(operation->arena, &inspection->obstacles,
            arena_printf(operation->arena,
                         "custodian %s may not receive what it defined because of %s",
                         plan->custodian, found ? reason : "being absent"));
    return STATUS_OK;
}

static Status read_defined(Operation *operation, const Account *own, const Plan *plan,
                           AccountInspection *inspection, Error *reterr) {
    Definers definers;
    TRY(my_definers_read(operation, own->name, &definers, reterr));
    inspection->owned_count = (int64_t)definers.count;
    for (size_t i = 0; i < definers.count; i++)
        add(operation->arena, &inspection->owned,
            my_defined_describe(operation->arena, &definers.items[i]));
    if (definers.unseen)
        add(operation->arena, &inspection->obstacles,
            "it may be the definer of objects that the admin account is not shown");
    return judge_custodian(operation, plan, inspection, reterr);
}

static Status read_state(Operation *operation, const Account *own, AccountInspection *inspection,
                         Error *reterr) {
    Account copy = *own;
    const Accounts one = {.items = &copy, .count = 1};
    AccountState *state;
    TRY(my_account_states_read(operation, &one, &state, reterr));
    inspection->roles = state->roles;
    inspection->privilege_count = state->privilege_count;
    inspection->privileges = state->privileges;
    return STATUS_OK;
}

Status my_account_inspect(Operation *operation, const Plan *plan, AccountInspection *ret_inspection,
                          Error *reterr) {
    AccountInspection inspection = {.account = plan->account};
    Accounts accounts;
    size_t strangers;
    TRY(my_accounts_read(operation, plan->account, &accounts, reterr));
    const Account *own = my_accounts_own(&accounts, plan, &strangers);
    inspection.present = accounts.count > 0;
    inspection.marked = own != NULL;
    if (inspection.present)
        inspection.can_login = own != NULL ? own->can_login : accounts.items[0].can_login;
    if (own != NULL) {
        inspection.expires_at = own->event_at;
        TRY(read_sessions(operation, plan, &inspection, reterr));
        TRY(read_defined(operation, own, plan, &inspection, reterr));
        TRY(read_state(operation, own, &inspection, reterr));
    }
    *ret_inspection = inspection;
    return STATUS_OK;
}

// What connectors say and ask: enrolling, polling for actions, reporting outcomes and accounts.
#include "api/call.h"
#include "api/handlers.h"
#include "api/view.h"

#include "base/fault_point.h"
#include "base/id.h"
#include "base/log.h"
#include "domain/integration_plan.h"
#include "domain/target_report.h"
#include "wire/messages.h"

#include <string.h>

enum { CAPACITY_MAX = 100 };

// ---- Enrolling --------------------------------------------------------------------------------

// Whatever it serves is looked at, now that somebody can.
static void queue_checks(Call *call, const char *connector) {
    const Configuration *configuration = NULL;
    Error error = {0};
    if (call_configuration(call, &configuration, &error) != STATUS_OK)
        return;
    for (size_t i = 0; i < configuration->integrations.count; i++) {
        const Integration *integration = &configuration->integrations.items[i];
        if (!text_equal(integration->connector, connector))
            continue;
        if (store_queue_check(call->api->options.store, &ACTOR_SYSTEM, integration->name, "check",
                              &error) != STATUS_OK ||
            store_queue_check(call->api->options.store, &ACTOR_SYSTEM, integration->name,
                              "discover", &error) != STATUS_OK)
            log_event(LOG_WARNING, "check.not_queued", "integration", integration->name, "code",
                      error.code, "message", error.message, NULL);
    }
}

static Status public_key_check(const char *text, Error *reterr) {
    // Any signature will do: only whether the text is a key is asked.
    static const unsigned char NO_SIGNATURE[SIGNATURE_BYTES];
    Error error = {0};
    if (signature_verify(text, "", 0, NO_SIGNATURE, &error) != STATUS_OK &&
        text_equal(error.code, "bad_signature"))
        return STATUS_OK;
    error_set(reterr, STATUS_INVALID, "bad_value",
              "public_key: expected an Ed25519 public key in base64");
    snprintf(reterr->pointer, sizeof(reterr->pointer), "/public_key");
    return STATUS_INVALID;
}

Status connector_enroll(Call *call, Error *reterr) {
    const EnrollRequest *body = call->body;
    const ApiOptions *options = &call->api->options;
    TRY(public_key_check(body->public_key, reterr));
    ConnectorInstance instance = {
        .id = id_new(call->arena, "con"),
        .public_key = body->public_key,
        .host = body->host,
        .version = body->version,
        .enrolled_at = call_now_ms(call),
        .last_seen_at = call_now_ms(call),
    };
    call->caller.actor.name = instance.id;
    call->caller.actor.kind = "connector";
    Error error = {0};
    Status status = store_enroll(options->store, call->arena, &call->caller.actor,
                                 call->caller.token.hash, &instance, &error);
    if (status == STATUS_NOT_FOUND || status == STATUS_EXPIRED)
        return error_set(reterr, STATUS_UNAUTHENTICATED, "bad_join_token",
                         "the join token was used meanwhile, or has ended; make another with "
                         "\"daypass connector create\"");
    if (status != STATUS_OK) {
        *reterr = error;
        return status;
    }
    FAULT_POINT("enroll.stored");
    call->caller.kind = CALLER_CONNECTOR; // for the log
    queue_checks(call, instance.connector);
    return call_reply(call,
                      &(EnrollReply){
                          .instance = instance.id,
                          .connector = instance.connector,
                          .deployment = store_deployment(options->store),
                          .action_key = signing_key_public_text(call->arena, options->action_key),
                      });
}

// ---- Polling ----------------------------------------------------------------------------------

// What it says of integrations that it serves; of others it has nothing to say. Once per news.
static Status save_health(Call *call, const PollRequest *body, Error *reterr) {
    Store *store = call->api->options.store;
    const Configuration *configuration = NULL;
    if (body->health.count > 0)
        TRY(call_configuration(call, &configuration, reterr));
    for (size_t i = 0; i < body->health.count; i++) {
        const IntegrationHealth *health = &body->health.items[i];
        const Integration *integration =
            configuration_integration(configuration, health->integration);
        if (integration == NULL || health->checked_at == 0 ||
            !text_equal(integration->connector, call->caller.instance.connector))
            continue;
        // By our clock, like everything that is stored.
        int64_t checked_at = health->checked_at - call->caller.instance.clock_difference_ms;
        IntegrationReport known = {0};
        Error error = {0};
        if (store_integration_report(store, call->arena, health->integration, &known, &error) ==
                STATUS_OK &&
            known.checked_at >= checked_at)
            continue;
        const IntegrationReport report = {
            .integration = health->integration,
            .ok = health->ok,
            .message = health->message,
            .checked_at = checked_at,
        };
        TRY(store_save_integration_report(store, &report, reterr));
    }
    return STATUS_OK;
}

static Status note_seen(Call *call, const PollRequest *body, Error *reterr) {
    ConnectorInstance *instance = &call->caller.instance;
    int64_t now_ms = call_now_ms(call);
    instance->last_seen_at = now_ms;
    if (body->version != NULL)
        instance->version = body->version;
    if (body->clock_at != 0)
        instance->clock_difference_ms = body->clock_at - now_ms;
    TRY(store_seen_instance(call->api->options.store, instance, reterr));
    return save_health(call, body, reterr);
}

static Status sign_action(Call *call, const StoredAction *stored, int64_t held_ms,
                          SignedAction *ret_action, Error *reterr) {
    const PollRequest *body = call->body;
    Action action = {
        .id = stored->id,
        .deployment = store_deployment(call->api->options.store),
        .connector = call->caller.instance.connector,
        .instance = call->caller.instance.id,
        .poll = body->nonce,
        .held_ms = held_ms,
        .attempt = stored->attempt,
        .grant_id = stored->grant_id,
        .integration = stored->integration,
        .issued_at = stored->issued_at,
        .deadline_at = stored->deadline_at,
        .expires_at = stored->expires_at,
        .seal_to = stored->seal_to,
        .plan = stored->plan,
    };
    if (!enum_find(&ACTION_KINDS, stored->kind, &action.kind))
        return error_set(reterr, STATUS_INTERNAL, "store_damaged",
                         "the store holds an action of an unknown kind");
    *ret_action = action_sign(call->arena, call->api->options.action_key, &action);
    log_event(LOG_INFO, "action.leased", "action", stored->id, "kind", stored->kind, "grant",
              stored->grant_id, "integration", stored->integration, "instance",
              call->caller.instance.id, NULL);
    return STATUS_OK;
}

static Status lease(Call *call, int64_t capacity, SignedActions *ret_actions, Error *reterr) {
    StoredActions stored = {0};
    // Looked at before anything is leased, so that it is too short rather than too long.
    int64_t held_ms =
        clock_monotonic_ms(call->api->options.clock) - http_request_started_ms(call->request);
    if (capacity > CAPACITY_MAX)
        capacity = CAPACITY_MAX;
    TRY(store_lease_actions(call->api->options.store, call->arena, &call->caller.instance, capacity,
                            call->api->options.lease_s * SECOND_MS, &stored, reterr));
    if (stored.count > 0)
        FAULT_POINT("actions.leased");
    SignedActions actions = {
        .items = arena_alloc(call->arena, (stored.count + 1) * sizeof(SignedAction)),
        .count = stored.count,
    };
    for (size_t i = 0; i < stored.count; i++)
        TRY(sign_action(call, &stored.items[i], held_ms, &actions.items[i], reterr));
    *ret_actions = actions;
    return STATUS_OK;
}

Status connector_poll(Call *call, Error *reterr) {
    const PollRequest *body = call->body;
    CallState *state = call_state(call);
    if (!state->was_noted)
        TRY(note_seen(call, body, reterr));
    state->was_noted = true;
    uint64_t sequence = call_sequence(call);
    PollReply reply = {0};
    // Without capacity it only says that it lives. What were leased to one that has left would wait
    // for the end of its lease, while another instance could have it now.
    if (body->capacity > 0 && !http_request_peer_is_gone(call->request)) {
        TRY(lease(call, body->capacity, &reply.actions, reterr));
        const char *key =
            arena_printf(call->arena, "connector:%s", call->caller.instance.connector);
        bool waits = false;
        if (reply.actions.count == 0 && body->wait_s > 0)
            TRY(call_wait(call, key, body->wait_s * SECOND_MS, sequence, &waits, reterr));
        if (waits)
            return STATUS_OK;
    }
    reply.clock_at = call_now_ms(call);
    return call_reply(call, &reply);
}

// ---- Reporting --------------------------------------------------------------------------------

// Somebody with a connector's key speaks of what is another's. Noted a few times a minute for each
// instance at most, or whoever has one key could fill the trail.
static Status refuse_foreign(Call *call, const Error *error, const char *what, Error *reterr) {
    int64_t unused;
    if (text_equal(error->code, "not_yours") &&
        rate_limiter_take(call->api->foreign_limiter, call->caller.instance.id, &unused)) {
        const json_t *detail =
            json_keep(call->arena, json_pack("{s:s, s:s}", "code", error->code, "about", what));
        call_note(call, &(AuditNote){.event = "connector.refused", .detail = detail});
    }
    *reterr = *error;
    return error->status;
}

static Status read_checks(Call *call, const json_t *checks, Error *reterr) {
    if (!json_is_array(checks))
        return error_set(reterr, STATUS_INVALID, "bad_value", "checks: expected a list");
    for (size_t i = 0; i < json_array_size(checks); i++) {
        CheckItem item = {0};
        TRY(shape_read(call->arena, &CHECK_ITEM_SHAPE, json_array_get(checks, i), &item, reterr));
    }
    return STATUS_OK;
}

// The integration may have been deleted, or moved to another connector, since it was looked at.
static Status is_served(Call *call, const char *name, bool *ret_served, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    const Integration *integration = configuration_integration(configuration, name);
    *ret_served =
        integration != NULL && text_equal(integration->connector, call->caller.instance.connector);
    return STATUS_OK;
}

// What was read on a target, for people who choose and administrators who repair. A discovery says
// nothing about health unless it failed: without the time of a check the store keeps what it knows.
static Status save_findings(Call *call, const ActionReport *body, const StoredAction *action,
                            Error *reterr) {
    bool served = false;
    TRY(is_served(call, action->integration, &served, reterr));
    if (!served)
        return STATUS_OK;
    int64_t now_ms = call_now_ms(call);
    IntegrationReport report = {.integration = action->integration};
    if (!body->done) {
        report.message = body->message;
        report.checked_at = now_ms;
    }
    if (body->checks != NULL) {
        TRY(read_checks(call, body->checks, reterr));
        const char *wrong = failed_check_text(call->arena, body->checks);
        report.ok = wrong == NULL && body->done;
        report.message = wrong != NULL ? wrong : body->message;
        report.checks = body->checks;
        report.checked_at = now_ms;
    }
    if (body->discovery != NULL) {
        Discovery discovery = {0};
        TRY(shape_read(call->arena, &DISCOVERY_SHAPE, body->discovery, &discovery, reterr));
        report.discovery = body->discovery;
        report.discovered_at = now_ms;
    }
    return store_save_integration_report(call->api->options.store, &report, reterr);
}

Status connector_report(Call *call, Error *reterr) {
    const ActionReport *body = call->body;
    Store *store = call->api->options.store;
    StoredAction action = {0};
    Error error = {0};
    FAULT_POINT("report.received");
    Status status = store_find_action(store, call->arena, &call->caller.instance, body->action_id,
                                      &action, &error);
    if (status != STATUS_OK)
        return refuse_foreign(call, &error, body->action_id, reterr);
    call->grant_id = action.grant_id;
    // Before it is done: a crash in between repeats the action rather than losing what was found.
    if (action.grant_id == NULL && action.orphan_id == NULL &&
        (body->discovery != NULL || body->checks != NULL || !body->done))
        TRY(save_findings(call, body, &action, reterr));
    FAULT_POINT("report.before_stored");
    const StoreReport report = {
        .action_id = body->action_id,
        .attempt = body->attempt,
        .done = body->done,
        .failure = body->failure,
        .code = body->code,
        .message = body->message,
        .expires_at = body->expires_in_ms != 0 ? call_now_ms(call) + body->expires_in_ms : 0,
        .sealed = body->sealed,
        .outcome = body->outcome,
        .inspection = body->inspection,
    };
    status = store_report_action(store, call->arena, &call->caller.instance, &report, &error);
    if (status != STATUS_OK)
        return refuse_foreign(call, &error, body->action_id, reterr);
    FAULT_POINT("report.stored");
    log_event(body->done ? LOG_INFO : LOG_WARNING, "action.reported", "action", action.id, "kind",
              action.kind, "grant", action.grant_id, "integration", action.integration, "instance",
              call->caller.instance.id, "failure", body->failure, "code", body->code, "message",
              body->message, NULL);
    return call_reply_nothing(call);
}

// ---- Accounts ---------------------------------------------------------------------------------

// When a sweep's list was read, by our clock.
static int64_t sweep_time(const Call *call, const SweepReport *sweep) {
    return sweep->swept_at != 0 ? sweep->swept_at - call->caller.instance.clock_difference_ms : 0;
}

// What is not of the state's shape, as from a connector of another version, tells nothing of drift.
static const AccountState *swept_state(Call *call, const SweptAccount *swept) {
    if (swept->state == NULL)
        return NULL;
    AccountState *state = arena_alloc(call->arena, sizeof(*state));
    Error error = {0};
    if (shape_read(call->arena, &ACCOUNT_STATE_SHAPE, swept->state, state, &error) == STATUS_OK)
        return state;
    log_event(LOG_WARNING, "sweep.state_unreadable", "account", swept->account, "message",
              error.message, "pointer", error.pointer, NULL);
    return NULL;
}

static StoreSweptAccount swept_account(Call *call, const SweptAccount *swept) {
    return (StoreSweptAccount){
        .account = swept->account,
        .grant_id = swept->grant_id,
        .deployment = swept->deployment,
        .connector = swept->connector,
        .custodian = swept->custodian,
        .database = swept->database,
        .leftover = swept->leftover,
        .expires_at = swept->expires_at,
        .sessions = swept->sessions,
        .removed = swept->removed,
        .can_login = swept->can_login,
        .message = swept->message,
        .outcome = swept->outcome,
        .state = swept_state(call, swept),
    };
}

Status connector_report_accounts(Call *call, Error *reterr) {
    const SweepReport *sweep = call->body;
    StoreSweep page = {
        .admin_secret = sweep->admin_secret,
        .host = sweep->host,
        .port = sweep->port,
        .swept_at = sweep_time(call, sweep),
        .after = sweep->after,
        .until = sweep->until,
    };
    if (!enum_find(&TARGET_KINDS, sweep->target_kind, &page.target_kind))
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "this daypassd knows no target of kind %.64s", sweep->target_kind);
    page.accounts.items =
        arena_alloc(call->arena, (sweep->accounts.count + 1) * sizeof(StoreSweptAccount));
    for (size_t i = 0; i < sweep->accounts.count; i++)
        page.accounts.items[page.accounts.count++] = swept_account(call, &sweep->accounts.items[i]);
    Error error = {0};
    Status status = store_reconcile(call->api->options.store, call->arena, &call->caller.instance,
                                    &page, &error);
    return status == STATUS_OK ? call_reply_nothing(call)
                               : refuse_foreign(call, &error, sweep->admin_secret, reterr);
}

// ---- Plans ------------------------------------------------------------------------------------

Status connector_list_plans(Call *call, Error *reterr) {
    const Configuration *configuration = NULL;
    TRY(call_configuration(call, &configuration, reterr));
    json_t *items = json_keep(call->arena, json_array());
    for (size_t i = 0; i < configuration->integrations.count; i++) {
        const Integration *integration = &configuration->integrations.items[i];
        if (!text_equal(integration->connector, call->caller.instance.connector))
            continue;
        const Plan plan = integration_plan_of_flows(call->arena, configuration, integration,
                                                    store_deployment(call->api->options.store));
        json_array_append(items, shape_write(call->arena, &PLAN_SHAPE, &plan));
    }
    return call_reply_list(call, items, NULL);
}

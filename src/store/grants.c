#include "store/store_internal.h"

#include <string.h>

enum {
    REASON_MAX_BYTES = 1000,
    PUBLIC_KEY_MAX_BYTES = 64, // in base64; as GRANT_SHAPE has it
};
// So long a revocation has to have been tried before it is given up by hand: a target that is only
// being repaired comes back, and its connector ends what is over.
static const int64_t WRITE_OFF_AFTER_MS = 3600 * SECOND_MS;

// What the operations here share: one grant, and what was said about it.
typedef struct GrantWork {
    const char *id;
    const char *text; // note, reason or public key
    int64_t duration_s;
    Grant grant;
} GrantWork;

static Status run(Store *store, Arena *arena, const Actor *actor, OperationBody *body,
                  GrantWork *work, Grant *ret_grant, Error *reterr) {
    TRY(store_write(store, arena, actor, body, work, reterr));
    *ret_grant = work->grant;
    return STATUS_OK;
}

static Status check_requester(Operation *operation, const Grant *grant, Error *reterr) {
    if (!text_equal(operation->actor->name, grant->requester))
        return error_set(reterr, STATUS_FORBIDDEN, "not_the_requester",
                         "only who asked for %s may do that", grant->id);
    return STATUS_OK;
}

Status grant_check_unexpired(Operation *operation, const Grant *grant, Error *reterr) {
    if (grant->expires_at > operation->now_ms)
        return STATUS_OK;
    return error_set(reterr, STATUS_CONFLICT, "wrong_state", "%s has expired; ask for access again",
                     grant->id);
}

static Status check_active(Operation *operation, const Grant *grant, Error *reterr) {
    if (grant->state != GRANT_ACTIVE)
        return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                         "%s is %s; it would have to be active", grant->id,
                         enum_name(&GRANT_STATES, grant->state));
    return grant_check_unexpired(operation, grant, reterr);
}

// ---- Ending -------------------------------------------------------------------------------------

// Before any connector had it, nothing is to be taken back.
static Status end_unused(Operation *operation, Grant *grant, const GrantChange *change,
                         Error *reterr) {
    TRY(grant_move(operation, grant, change, NULL, reterr));
    TRY(actions_drop(operation, grant->id, NULL, reterr));
    return grant_save(operation, grant, 0, reterr);
}

static Status end(Operation *operation, GrantWork *work, GrantEvent event, GrantCause cause,
                  Error *reterr) {
    GrantChange change = {
        .event = event,
        .now_ms = operation->now_ms,
        .cause = cause,
        .by = operation->actor->name,
        .note = work->text,
    };
    if (grant_may_have_account(&work->grant))
        return grant_begin_revoking(operation, &work->grant, &change, NULL, reterr);
    return end_unused(operation, &work->grant, &change, reterr);
}

static Status cancel(Operation *operation, void *work_, Error *reterr) {
    GrantWork *work = work_;
    TRY(grant_load(operation, work->id, &work->grant, reterr));
    TRY(check_requester(operation, &work->grant, reterr));
    return end(operation, work, GRANT_EVENT_CANCEL, CAUSE_CANCELLED, reterr);
}

Status store_cancel_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                          const char *note, Grant *ret_grant, Error *reterr) {
    GrantWork work = {.id = id, .text = note};
    return run(store, arena, actor, cancel, &work, ret_grant, reterr);
}

// Somebody has removed what stood in the way, and wants to see it end.
static Status hurry(Operation *operation, const GrantWork *work, Error *reterr) {
    bool hurried;
    TRY(action_hurry(operation, &work->grant, &hurried, reterr));
    if (!hurried)
        return STATUS_OK;
    json_t *detail = json_keep(operation->arena, json_object());
    if (work->text != NULL)
        json_object_set_new(detail, "note", json_string(work->text));
    return grant_note(operation, &work->grant, "grant.hurried", detail, reterr);
}

static Status revoke_early(Operation *operation, void *work_, Error *reterr) {
    GrantWork *work = work_;
    TRY(grant_load(operation, work->id, &work->grant, reterr));
    if (work->grant.state == GRANT_REVOKING)
        return hurry(operation, work, reterr);
    if (grant_is_over(&work->grant))
        return STATUS_OK;
    return end(operation, work, GRANT_EVENT_REVOKE, CAUSE_REVOKED, reterr);
}

Status store_revoke_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                          const char *note, Grant *ret_grant, Error *reterr) {
    GrantWork work = {.id = id, .text = note};
    return run(store, arena, actor, revoke_early, &work, ret_grant, reterr);
}

static Status check_tried(Operation *operation, const Grant *grant, Error *reterr) {
    int64_t since_at = 0;
    TRY(action_tried_since(operation, grant, &since_at, reterr));
    // The clock may have been set back meanwhile: then it is early, and not late.
    if (since_at != 0 && operation->now_ms - since_at < WRITE_OFF_AFTER_MS)
        return error_set(reterr, STATUS_CONFLICT, "too_early",
                         "the revocation of %s is being tried for %lld minutes; it can be written "
                         "off after %lld, when the target is gone for good",
                         grant->id, (long long)((operation->now_ms - since_at) / (60 * SECOND_MS)),
                         (long long)(WRITE_OFF_AFTER_MS / (60 * SECOND_MS)));
    return STATUS_OK;
}

static Status write_off(Operation *operation, void *work_, Error *reterr) {
    GrantWork *work = work_;
    Grant *grant = &work->grant;
    TRY(grant_load(operation, work->id, grant, reterr));
    const GrantChange change = {
        .event = GRANT_EVENT_WRITE_OFF,
        .now_ms = operation->now_ms,
        .by = operation->actor->name,
        .note = work->text,
    };
    json_t *detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "earlier_cause",
                        json_string(enum_name(&GRANT_CAUSES, grant->cause)));
    if (grant->trouble != NULL)
        json_object_set_new(detail, "message", json_string(grant->trouble));
    if (grant_event_allowed(grant, GRANT_EVENT_WRITE_OFF, operation->now_ms))
        TRY(check_tried(operation, grant, reterr));
    TRY(grant_move(operation, grant, &change, detail, reterr));
    TRY(actions_write_off(operation, grant, reterr));
    return grant_save(operation, grant, 0, reterr);
}

Status store_write_off_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                             const char *reason, Grant *ret_grant, Error *reterr) {
    if (reason == NULL || reason[0] == '\0' || strlen(reason) > REASON_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "reason_missing",
                         "say why nobody will see this account gone, in at most %d bytes",
                         REASON_MAX_BYTES);
    GrantWork work = {.id = id, .text = reason};
    return run(store, arena, actor, write_off, &work, ret_grant, reterr);
}

// ---- More time ----------------------------------------------------------------------------------

Status extension_approve(Operation *operation, Grant *grant, json_t *detail, Error *reterr) {
    grant->extension_state = EXTENSION_APPROVED;
    TRY(grant_note(operation, grant, "grant.extension_approved", detail, reterr));
    ActionForm action = {
        .kind = "extend",
        .expires_at = grant->expires_at + grant->extension_s * SECOND_MS,
    };
    return action_queue(operation, grant, &action, reterr);
}

static Status check_extension(Operation *operation, const Configuration *configuration,
                              const GrantWork *work, Error *reterr) {
    const Grant *grant = &work->grant;
    TRY(check_requester(operation, grant, reterr));
    TRY(grant_extension_check(grant, work->duration_s, reterr));
    TRY(grant_check_unexpired(operation, grant, reterr));
    if (grant->flow->reason == REASON_REQUIRED && (work->text == NULL || work->text[0] == '\0'))
        return error_set(reterr, STATUS_INVALID, "reason_missing",
                         "flow %s wants a reason; say why you need the access longer",
                         grant->flow->name);
    if (work->text != NULL && strlen(work->text) > REASON_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "reason_too_long",
                         "the reason is too long; expected at most %d bytes", REASON_MAX_BYTES);
    // More time is a new decision: it is not made by rules that are no longer there.
    return grant_check_current(operation->arena, configuration, grant, reterr);
}

static Status extend(Operation *operation, void *work_, Error *reterr) {
    GrantWork *work = work_;
    Grant *grant = &work->grant;
    Configuration configuration;
    TRY(configuration_load(operation, &configuration, reterr));
    TRY(grant_load(operation, work->id, grant, reterr));
    TRY(check_extension(operation, &configuration, work, reterr));
    grant->extension_s = work->duration_s;
    grant->extension_state = EXTENSION_PENDING;
    grant->extension_round++;
    grant->extension_reason = work->text;
    json_t *detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "extension_s", json_integer(work->duration_s));
    if (work->text != NULL)
        json_object_set_new(detail, "reason", json_string(work->text));
    TRY(grant_note(operation, grant, "grant.extension_requested", detail, reterr));
    ApprovalProgress progress = approval_progress(operation->arena, &configuration, grant);
    if (grant->flow->extension == EXTENSION_AUTO || progress.result == APPROVAL_GRANTED) {
        json_t *automatic = json_keep(operation->arena, json_object());
        json_object_set_new(automatic, "extension_s", json_integer(work->duration_s));
        json_object_set_new(automatic, "automatic", json_true());
        operation->actor = &ACTOR_SYSTEM; // nobody decided: the flow did
        TRY(extension_approve(operation, grant, automatic, reterr));
    }
    return grant_save(operation, grant, 0, reterr);
}

Status store_extend_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                          int64_t duration_s, const char *reason, Grant *ret_grant, Error *reterr) {
    GrantWork work = {.id = id, .text = reason, .duration_s = duration_s};
    return run(store, arena, actor, extend, &work, ret_grant, reterr);
}

// ---- A new credential ---------------------------------------------------------------------------

static Status reset(Operation *operation, void *work_, Error *reterr) {
    GrantWork *work = work_;
    Grant *grant = &work->grant;
    TRY(grant_load(operation, work->id, grant, reterr));
    // Whoever could name the key would have the access: nobody but the requester.
    TRY(check_requester(operation, grant, reterr));
    TRY(grant_delivery_check(grant, reterr));
    TRY(check_active(operation, grant, reterr));
    TRY(actions_drop(operation, grant->id, "reset", reterr)); // for a key that is lost too
    ActionForm action = {.kind = "reset", .seal_to = work->text};
    TRY(action_queue(operation, grant, &action, reterr));
    json_t *detail = json_keep(operation->arena, json_object());
    json_object_set_new(detail, "public_key", json_string(work->text));
    TRY(grant_note(operation, grant, "grant.reset_requested", detail, reterr));
    return grant_save(operation, grant, 0, reterr);
}

Status store_reset_grant(Store *store, Arena *arena, const Actor *actor, const char *id,
                         const char *public_key, Grant *ret_grant, Error *reterr) {
    if (public_key == NULL || public_key[0] == '\0' || strlen(public_key) > PUBLIC_KEY_MAX_BYTES)
        return error_set(reterr, STATUS_INVALID, "bad_key",
                         "expected a public key to seal to, of at most %d characters",
                         PUBLIC_KEY_MAX_BYTES);
    GrantWork work = {.id = id, .text = public_key};
    return run(store, arena, actor, reset, &work, ret_grant, reterr);
}

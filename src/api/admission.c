#include "api/admission.h"

#include "api/call.h"
#include "base/tally.h"

enum { TURN_WAIT_MS = SECOND_MS };

// Whoever waits for a turn; nobody wakes it, only time does.
static const char TURN_KEY[] = "turn";

struct Admission {
    RateLimiter *tokens;
    RateLimiter *principals;
    RateLimiter *changes;
    RateLimiter *instances;
    RateLimiter *addresses;
    Tally *waiting;
    int64_t waiting_max;
};

Admission *admission_new(const Clock *clock, const CallLimits *limits) {
    Admission *admission = mem_alloc(sizeof(*admission));
    admission->tokens = rate_limiter_new(clock, limits->calls_per_token);
    admission->principals = rate_limiter_new(clock, limits->calls_per_principal);
    admission->changes = rate_limiter_new(clock, limits->changes_per_principal);
    admission->instances = rate_limiter_new(clock, limits->calls_per_instance);
    admission->addresses = rate_limiter_new(clock, limits->calls_per_address);
    admission->waiting = tally_new();
    admission->waiting_max = limits->waiting_per_caller;
    return admission;
}

Admission *admission_free(Admission *admission) {
    if (admission == NULL)
        return NULL;
    rate_limiter_free(admission->tokens);
    rate_limiter_free(admission->principals);
    rate_limiter_free(admission->changes);
    rate_limiter_free(admission->instances);
    rate_limiter_free(admission->addresses);
    tally_free(admission->waiting);
    return mem_free(admission);
}

// ---- Calls a minute -----------------------------------------------------------------------------

// What a call takes one of each from.
typedef struct Share {
    RateLimiter *limiter;
    const char *name;
} Share;
enum { SHARES_MAX = 3 };

static size_t shares_of(const Call *call, Share shares[SHARES_MAX]) {
    const Admission *admission = call->api->admission;
    const Caller *caller = &call->caller;
    size_t count = 0;
    if (caller->kind == CALLER_CONNECTOR) {
        shares[count++] = (Share){admission->instances, caller->instance.id};
        return count;
    }
    if (caller->token.id == NULL) {
        // Probes have a share of their own: no stranger on the same host makes us look dead.
        const char *kind = call->route->is_probe ? "probe" : "call";
        shares[count++] =
            (Share){admission->addresses, arena_printf(call->arena, "%s %s", kind,
                                                       http_request_peer_group(call->request))};
        return count;
    }
    shares[count++] = (Share){admission->tokens, caller->token.id};
    if (caller->kind != CALLER_PRINCIPAL)
        return count;
    shares[count++] = (Share){admission->principals, caller->principal.name};
    if (!text_equal(call->route->method, "GET"))
        shares[count++] = (Share){admission->changes, caller->principal.name};
    return count;
}

// From all or from none.
static bool shares_take(const Share *shares, size_t count, int64_t *ret_retry_after_s) {
    for (size_t i = 0; i < count; i++) {
        if (rate_limiter_take(shares[i].limiter, shares[i].name, ret_retry_after_s))
            continue;
        while (i-- > 0)
            rate_limiter_give(shares[i].limiter, shares[i].name);
        return false;
    }
    return true;
}

Status call_admit(Call *call, bool *ret_waits, Error *reterr) {
    CallState *state = call_state(call);
    *ret_waits = false;
    if (state->admitted)
        return STATUS_OK;
    Share shares[SHARES_MAX];
    size_t count = shares_of(call, shares);
    int64_t retry_after_s = 1;
    state->admitted = shares_take(shares, count, &retry_after_s);
    if (state->admitted)
        return STATUS_OK;
    if (!state->had_turn && call_park(call, TURN_KEY, TURN_WAIT_MS, call_sequence(call))) {
        state->had_turn = true;
        *ret_waits = true;
        return STATUS_OK;
    }
    call_add_header(call, "Retry-After",
                    arena_printf(call->arena, "%lld", (long long)retry_after_s));
    return error_set(reterr, STATUS_LIMITED, "too_many_calls",
                     "more calls than are allowed in a minute; try again in %lld s, and send fewer",
                     (long long)retry_after_s);
}

// ---- Calls that wait ----------------------------------------------------------------------------

struct Waiting {
    Tally *tally;
    const char *name; // NULL: it does not wait now
};

static void waiting_end(void *thing) {
    Waiting *waiting = thing;
    if (waiting->name != NULL)
        tally_add(waiting->tally, waiting->name, -1);
    waiting->name = NULL;
}

static const char *caller_name(const Call *call) {
    const Caller *caller = &call->caller;
    return caller->kind == CALLER_CONNECTOR ? caller->instance.id
                                            : arena_printf(call->arena, "@%s", caller->actor.name);
}

static Waiting *waiting_of(Call *call) {
    CallState *state = call_state(call);
    if (state->waiting == NULL) {
        state->waiting = arena_alloc(call->arena, sizeof(*state->waiting));
        state->waiting->tally = call->api->admission->waiting;
        arena_on_free(call->arena, waiting_end, state->waiting);
    }
    return state->waiting;
}

Status call_wait(Call *call, const char *key, int64_t wait_ms, uint64_t sequence, bool *ret_waits,
                 Error *reterr) {
    Admission *admission = call->api->admission;
    Waiting *waiting = waiting_of(call);
    *ret_waits = call_park(call, key, wait_ms, sequence);
    if (!*ret_waits)
        return STATUS_OK;
    waiting->name = caller_name(call);
    if (tally_add(admission->waiting, waiting->name, 1) <= admission->waiting_max)
        return STATUS_OK;
    waiting_end(waiting);
    call_add_header(call, "Retry-After", "1");
    return error_set(reterr, STATUS_LIMITED, "too_many_waiting",
                     "%lld calls of yours wait already, which is the most; let one of them end",
                     (long long)admission->waiting_max);
}

void call_waited(Call *call) {
    const CallState *state = http_request_state(call->request);
    if (state != NULL && state->waiting != NULL)
        waiting_end(state->waiting);
}

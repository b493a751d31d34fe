#include "domain/account_state.h"

#include "base/clock.h"

#include <string.h>

enum {
    TEXT_MAX_BYTES = 2000, // of what was given, and of what was found
    CONNECTION_LIMIT_MAX = INT32_MAX,
};

static const Field ACCOUNT_STATE_FIELDS[] = {
    {FIELD(AccountState, key, STRING), .max = 64, .help = "The engine's own id of the account"},
    {FIELD(AccountState, expires_at, TIME),
     .help = "When the target itself refuses logins, by its clock; absent: never"},
    {FIELD(AccountState, mark_expires_at, TIME), .help = "When it ends, as its mark says"},
    {FIELD(AccountState, can_login, BOOL), .help = "Whether it may open sessions"},
    {FIELD(AccountState, connection_limit, INT), .min = -1, .max = CONNECTION_LIMIT_MAX,
     .default_text = "-1", .help = "Sessions it may have at once; -1: no limit"},
    {FIELD(AccountState, attributes, STRINGS), .max = ACCOUNT_STATE_LINES_MAX,
     .help = "Attributes beyond LOGIN, such as SUPERUSER"},
    {FIELD(AccountState, roles, STRINGS), .max = ACCOUNT_STATE_LINES_MAX,
     .help = "Roles it is a direct member of"},
    {FIELD(AccountState, members, STRINGS), .max = ACCOUNT_STATE_LINES_MAX,
     .help = "Roles that are members of it, other than the connector's account"},
    {FIELD(AccountState, privilege_count, INT), .max = -1,
     .help = "Objects on which it holds privileges of its own, in all databases"},
    {FIELD(AccountState, privilege_hash, STRING), .max = 64, .help = "Which objects these are"},
    {FIELD(AccountState, database, STRING), .help = "Database where the privileges were read"},
    {FIELD(AccountState, privileges, STRINGS), .max = ACCOUNT_STATE_LINES_MAX,
     .help = "Privileges of its own in that database; some of many"},
};
const Shape ACCOUNT_STATE_SHAPE =
    SHAPE("AccountState", AccountState, ACCOUNT_STATE_FIELDS, "What is to be seen of an account");

static const Field DRIFT_FIELDS[] = {
    {FIELD(Drift, field, STRING), .required = true, .max = 64,
     .help = "What is not as it was given"},
    {FIELD(Drift, given, STRING), .max = 4096, .help = "What was given"},
    {FIELD(Drift, found, STRING), .max = 4096, .help = "What was found"},
    {FIELD(Drift, widens, BOOL), .default_text = "false",
     .help = "Whether it is more access than was given, or for longer"},
};
const Shape DRIFT_SHAPE = SHAPE("Drift", Drift, DRIFT_FIELDS,
                                "One thing about an account that somebody changed on the target");

// ---- Lists of differences -----------------------------------------------------------------------

static const char *bounded(Arena *arena, const char *text) {
    size_t length = strlen(text);
    size_t cut = text_cut(text, length, TEXT_MAX_BYTES);
    return cut < length ? arena_printf(arena, "%.*s …", (int)cut, text) : arena_strdup(arena, text);
}

void drift_add(Arena *arena, Drifts *drifts, Drift drift) {
    if (drifts->items == NULL)
        drifts->items = arena_alloc(arena, DRIFTS_MAX * sizeof(Drift));
    if (drifts->count == DRIFTS_MAX)
        return;
    drift.given = bounded(arena, drift.given);
    drift.found = bounded(arena, drift.found);
    drifts->items[drifts->count++] = drift;
}

bool drifts_widen(const Drifts *drifts) {
    for (size_t i = 0; i < drifts->count; i++)
        if (drifts->items[i].widens)
            return true;
    return false;
}

bool drifts_equal(const Drifts *one, const Drifts *other) {
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++) {
        const Drift *a = &one->items[i];
        const Drift *b = &other->items[i];
        if (!text_equal(a->field, b->field) || !text_equal(a->given, b->given) ||
            !text_equal(a->found, b->found) || a->widens != b->widens)
            return false;
    }
    return true;
}

const char *drifts_describe(Arena *arena, const Drifts *drifts) {
    StringList fields = {0};
    for (size_t i = 0; i < drifts->count; i++)
        string_list_add(arena, &fields, drifts->items[i].field);
    return string_list_join(arena, &fields, ", ");
}

// ---- Comparing ----------------------------------------------------------------------------------

static const char *time_words(Arena *arena, int64_t at_ms) {
    char text[TIMESTAMP_SIZE];
    return at_ms == 0 ? "never" : arena_strdup(arena, timestamp_format(at_ms, text));
}

static const char *list_words(Arena *arena, const StringList *list) {
    return list->count == 0 ? "none" : string_list_join(arena, list, ", ");
}

static bool has_all(const StringList *list, const StringList *of) {
    for (size_t i = 0; i < of->count; i++)
        if (!string_list_has(list, of->items[i]))
            return false;
    return true;
}

static void compare_lists(Arena *arena, const char *field, const StringList *given,
                          const StringList *found, Drifts *drifts) {
    bool more = !has_all(given, found);
    if (more || !has_all(found, given))
        drift_add(arena, drifts,
                  (Drift){.field = field,
                          .given = list_words(arena, given),
                          .found = list_words(arena, found),
                          .widens = more});
}

static void compare_times(Arena *arena, const char *field, int64_t given_at, int64_t found_at,
                          Drifts *drifts) {
    if (given_at != found_at)
        drift_add(arena, drifts,
                  (Drift){.field = field,
                          .given = time_words(arena, given_at),
                          .found = time_words(arena, found_at),
                          .widens = found_at == 0 || found_at > given_at});
}

// The account's own end goes by its mark; whether the mark is the one that was made goes by what
// was noted then.
static void compare_ends(Arena *arena, const AccountState *given, const AccountState *found,
                         DriftRules rules, Drifts *drifts) {
    if (found->mark_expires_at != 0)
        compare_times(arena, "valid until", found->mark_expires_at, found->expires_at, drifts);
    if (given != NULL && given->mark_expires_at != 0 && !rules.end_is_moving)
        compare_times(arena, "mark", given->mark_expires_at, found->mark_expires_at, drifts);
}

static void compare_limits(Arena *arena, const AccountState *given, const AccountState *found,
                           Drifts *drifts) {
    int64_t before = given->connection_limit;
    int64_t now = found->connection_limit;
    if (before != now)
        drift_add(arena, drifts,
                  (Drift){.field = "connection limit",
                          .given = arena_printf(arena, "%lld", (long long)before),
                          .found = arena_printf(arena, "%lld", (long long)now),
                          .widens = before >= 0 && (now < 0 || now > before)});
}

static const char *privileges_words(Arena *arena, const AccountState *state) {
    if (state->privilege_count == 0)
        return "none of its own";
    return arena_printf(arena, "on %lld object%s%s%s", (long long)state->privilege_count,
                        state->privilege_count == 1 ? "" : "s",
                        state->privileges.count > 0 ? ": " : "",
                        string_list_join(arena, &state->privileges, "; "));
}

// Whether the lines of both say all there is, and can be held against each other.
static bool lines_are_whole(const AccountState *given, const AccountState *found) {
    return text_equal(given->database, found->database) &&
           (int64_t)given->privileges.count == given->privilege_count &&
           (int64_t)found->privileges.count == found->privilege_count;
}

static void compare_privileges(Arena *arena, const AccountState *given, const AccountState *found,
                               Drifts *drifts) {
    bool whole = lines_are_whole(given, found);
    bool same = text_equal(given->privilege_hash, found->privilege_hash);
    bool more = found->privilege_count > given->privilege_count ||
                (!same && found->privilege_count == given->privilege_count);
    if (whole) {
        more = !has_all(&given->privileges, &found->privileges);
        same = !more && has_all(&found->privileges, &given->privileges);
    }
    if (!same)
        drift_add(arena, drifts,
                  (Drift){.field = "privileges",
                          .given = privileges_words(arena, given),
                          .found = privileges_words(arena, found),
                          .widens = more});
}

Drifts account_drift(Arena *arena, const AccountState *given, const AccountState *found,
                     DriftRules rules) {
    Drifts drifts = {0};
    const StringList none = {0};
    if (given != NULL && given->key != NULL && !text_equal(given->key, found->key))
        drift_add(arena, &drifts,
                  (Drift){.field = "account",
                          .given = arena_printf(arena, "number %s", given->key),
                          .found = arena_printf(arena, "another of that name, number %s",
                                                found->key != NULL ? found->key : "unknown"),
                          .widens = true});
    if (!found->can_login)
        drift_add(arena, &drifts, (Drift){"login", "allowed", "refused", false});
    compare_ends(arena, given, found, rules, &drifts);
    compare_lists(arena, "attributes", given != NULL ? &given->attributes : &none,
                  &found->attributes, &drifts);
    if (given == NULL)
        return drifts;
    compare_limits(arena, given, found, &drifts);
    compare_lists(arena, "roles", &given->roles, &found->roles, &drifts);
    compare_lists(arena, "members", &given->members, &found->members, &drifts);
    if (!rules.privileges_may_grow)
        compare_privileges(arena, given, found, &drifts);
    return drifts;
}

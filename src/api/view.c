#include "api/view.h"

#include "base/buffer.h"
#include "domain/target_report.h"

#include <string.h>

enum {
    LINE_MAX_BYTES = 1000, // a client reads lines of at most 1024
    LATE_AFTER_MS = 60 * SECOND_MS,
    LOST_AFTER_MS = 600 * SECOND_MS,
};

static const char *const HEALTH_NAMES[] = {
    [HEALTH_OK] = "ok",
    [HEALTH_LATE] = "late",
    [HEALTH_LOST] = "lost",
    [HEALTH_NEVER] = "never",
};
const EnumTable HEALTHS = {"health", HEALTH_NAMES, COUNT_OF(HEALTH_NAMES)};

const char *target_text(Arena *arena, const TargetAddress *target) {
    if (target->aws != NULL)
        return arena_printf(arena, "%s account %s, %s", enum_name(&TARGET_KINDS, target->kind),
                            target->aws->account, target->aws->region);
    int64_t port = target->port != 0 ? target->port : target_default_port((TargetKind)target->kind);
    bool is_ipv6 = strchr(target->host, ':') != NULL;
    return arena_printf(arena, "%s %s%s%s:%lld/%s", enum_name(&TARGET_KINDS, target->kind),
                        is_ipv6 ? "[" : "", target->host, is_ipv6 ? "]" : "", (long long)port,
                        target->database);
}

static void add_line(Arena *arena, StringList *lines, const char *line) {
    size_t length = strlen(line);
    size_t cut = text_cut(line, length, LINE_MAX_BYTES);
    string_list_add(arena, lines,
                    cut < length ? arena_printf(arena, "%.*s …", (int)cut, line) : line);
}

StringList access_lines(Arena *arena, const AccessItems *access) {
    StringList lines = {0};
    for (size_t i = 0; i < access->count; i++)
        add_line(arena, &lines, access_item_describe(arena, &access->items[i]));
    return lines;
}

static const char *subjects_text(Arena *arena, const Subjects *subjects, int64_t count,
                                 const char *separator, bool count_each) {
    StringList words = {0};
    for (size_t i = 0; i < subjects->groups.count; i++)
        string_list_add(arena, &words,
                        count_each ? arena_printf(arena, "%lld of group %s", (long long)count,
                                                  subjects->groups.items[i])
                                   : arena_printf(arena, "group %s", subjects->groups.items[i]));
    for (size_t i = 0; i < subjects->principals.count; i++)
        string_list_add(arena, &words, subjects->principals.items[i]);
    return string_list_join(arena, &words, separator);
}

StringList approval_lines(Arena *arena, const ApprovalSteps *steps) {
    StringList lines = {0};
    for (size_t i = 0; i < steps->count; i++) {
        const ApprovalStep *step = &steps->items[i];
        if (step->automatic)
            add_line(arena, &lines, "automatic");
        else if (step->any_of != NULL)
            add_line(arena, &lines,
                     arena_printf(arena, "%lld of %s", (long long)step->count,
                                  subjects_text(arena, step->any_of, step->count, " or ", false)));
        else if (step->all_of != NULL)
            add_line(arena, &lines, subjects_text(arena, step->all_of, step->count, " and ", true));
    }
    return lines;
}

// ---- Health -----------------------------------------------------------------------------------

Health instance_health(const ConnectorInstance *instance, int64_t now_ms) {
    int64_t unseen_ms = now_ms - instance->last_seen_at;
    if (instance->last_seen_at == 0 || unseen_ms >= LOST_AFTER_MS)
        return HEALTH_LOST;
    return unseen_ms >= LATE_AFTER_MS ? HEALTH_LATE : HEALTH_OK;
}

Health connector_health(const Connector *connector, int64_t now_ms) {
    Health best = HEALTH_NEVER;
    for (size_t i = 0; i < connector->instances.count; i++) {
        Health health = instance_health(&connector->instances.items[i], now_ms);
        best = health < best ? health : best;
    }
    return best;
}

static bool is_of_getting_in(const char *name) {
    static const char *const NAMES[] = {"name resolution", "route", "tls", "login", "version"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        if (text_equal(name, NAMES[i]))
            return true;
    }
    return false;
}

static const char *first_failure(Arena *arena, const json_t *checks, bool lasting) {
    for (size_t i = 0; i < json_array_size(checks); i++) {
        CheckItem item = {0};
        Error ignored = {0};
        if (shape_read(arena, &CHECK_ITEM_SHAPE, json_array_get(checks, i), &item, &ignored) ==
                STATUS_OK &&
            item.result == CHECK_FAILED && !(lasting && is_of_getting_in(item.name)))
            return arena_printf(arena, "%s: %s", item.name,
                                item.found != NULL ? item.found : "failed");
    }
    return NULL;
}

const char *failed_check_text(Arena *arena, const json_t *checks) {
    return first_failure(arena, checks, false);
}

const char *lasting_failure_text(Arena *arena, const json_t *checks) {
    return first_failure(arena, checks, true);
}

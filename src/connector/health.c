#include "connector/health.h"

#include "base/monitor.h"
#include "base/text.h"

// An integration that is not heard of any more is forgotten when so many others came.
enum { HEALTH_CEILING = 1000 };

typedef struct Entry {
    char *integration;
    char *message;
    bool ok;
    int64_t checked_at;
} Entry;

struct Health {
    Monitor monitor;
    Entry entries[HEALTH_CEILING];
    size_t count;
};

Health *health_new(void) {
    Health *health = mem_alloc(sizeof(*health));
    monitor_init(&health->monitor);
    return health;
}

Health *health_free(Health *health) {
    if (!health)
        return NULL;
    for (size_t i = 0; i < health->count; i++) {
        mem_free(health->entries[i].integration);
        mem_free(health->entries[i].message);
    }
    monitor_done(&health->monitor);
    return mem_free(health);
}

// The integration's entry, a new one, or the one that was noted longest ago.
static Entry *entry_for(Health *health, const char *integration) {
    Entry *oldest = &health->entries[0];
    for (size_t i = 0; i < health->count; i++) {
        Entry *entry = &health->entries[i];
        if (text_equal(entry->integration, integration))
            return entry;
        if (entry->checked_at < oldest->checked_at)
            oldest = entry;
    }
    return health->count < HEALTH_CEILING ? &health->entries[health->count++] : oldest;
}

void health_note(Health *health, const char *integration, bool ok, const char *message,
                 int64_t checked_at) {
    monitor_lock(&health->monitor);
    Entry *entry = entry_for(health, integration);
    mem_free(entry->integration);
    mem_free(entry->message);
    *entry = (Entry){.integration = mem_strdup(integration),
                     .message = mem_strdup(message),
                     .ok = ok,
                     .checked_at = checked_at};
    monitor_unlock(&health->monitor);
}

IntegrationHealthList health_list(Health *health, Arena *arena) {
    monitor_lock(&health->monitor);
    IntegrationHealthList list = {
        .items = arena_alloc(arena, (health->count + 1) * sizeof(IntegrationHealth)),
        .count = health->count,
    };
    for (size_t i = 0; i < health->count; i++) {
        const Entry *entry = &health->entries[i];
        list.items[i] = (IntegrationHealth){.integration = arena_strdup(arena, entry->integration),
                                            .ok = entry->ok,
                                            .message = arena_strdup(arena, entry->message),
                                            .checked_at = entry->checked_at};
    }
    monitor_unlock(&health->monitor);
    return list;
}

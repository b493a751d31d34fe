#include "driver/aws/provider_cache.h"

#include <pthread.h>

#include "base/memory.h"
#include "base/text.h"

typedef struct Entry {
    Arena *arena;
    AwsProviderOptions options;
    AwsProvider *provider;
    struct Entry *next;
} Entry;

// One for each profile and region of the connector's file: never many, and never less.
static struct {
    pthread_mutex_t lock;
    Entry *first;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static Entry *entry_new(const AwsProviderOptions *options) {
    Arena *arena = arena_new();
    Entry *entry = arena_alloc(arena, sizeof *entry);
    StringList *withheld = arena_alloc(arena, sizeof *withheld);
    for (size_t i = 0; options->withheld != NULL && i < options->withheld->count; i++)
        string_list_add(arena, withheld, arena_strdup(arena, options->withheld->items[i]));
    *entry = (Entry){
        .arena = arena,
        .options = {.profile = arena_strdup(arena, options->profile),
                    .region = arena_strdup(arena, options->region),
                    .sts_endpoint = arena_strdup(arena, options->sts_endpoint),
                    .ca_file = arena_strdup(arena, options->ca_file),
                    .programs = options->programs,
                    .withheld = withheld},
    };
    entry->provider = aws_provider_new(&entry->options);
    return entry;
}

static bool is_of(const Entry *entry, const AwsProviderOptions *options) {
    return text_equal(entry->options.profile, options->profile) &&
           text_equal(entry->options.region, options->region) &&
           text_equal(entry->options.sts_endpoint, options->sts_endpoint) &&
           text_equal(entry->options.ca_file, options->ca_file) &&
           entry->options.programs == options->programs;
}

AwsProvider *aws_provider_shared(const AwsProviderOptions *options) {
    pthread_mutex_lock(&shared.lock);
    Entry *entry = shared.first;
    while (entry != NULL && !is_of(entry, options))
        entry = entry->next;
    if (entry == NULL) {
        entry = entry_new(options);
        entry->next = shared.first;
        shared.first = entry;
    }
    pthread_mutex_unlock(&shared.lock);
    return entry->provider;
}

#include "driver/aws/provider_cache.h"

#include <pthread.h>

#include "base/memory.h"
#include "base/text.h"

typedef struct Entry {
    char *profile;
    char *region;
    char *sts_endpoint;
    char *ca_file;
    AwsProvider *provider;
    struct Entry *next;
} Entry;

// One for each profile and region of the connector's file: never many, and never less.
static struct {
    pthread_mutex_t lock;
    Entry *first;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static Entry *entry_new(const char *profile, const char *region, const char *sts_endpoint,
                        const char *ca_file) {
    Entry *entry = mem_alloc(sizeof *entry);
    *entry = (Entry){
        .profile = mem_strdup(profile),
        .region = mem_strdup(region),
        .sts_endpoint = mem_strdup(sts_endpoint),
        .ca_file = mem_strdup(ca_file),
    };
    const AwsProviderOptions options = {
        .profile = entry->profile,
        .region = entry->region,
        .sts_endpoint = entry->sts_endpoint,
        .ca_file = entry->ca_file,
    };
    entry->provider = aws_provider_new(&options);
    return entry;
}

AwsProvider *aws_provider_shared(const char *profile, const char *region, const char *sts_endpoint,
                                 const char *ca_file) {
    pthread_mutex_lock(&shared.lock);
    Entry *entry = shared.first;
    while (entry != NULL &&
           (!text_equal(entry->profile, profile) || !text_equal(entry->region, region) ||
            !text_equal(entry->sts_endpoint, sts_endpoint) || !text_equal(entry->ca_file, ca_file)))
        entry = entry->next;
    if (entry == NULL) {
        entry = entry_new(profile, region, sts_endpoint, ca_file);
        entry->next = shared.first;
        shared.first = entry;
    }
    pthread_mutex_unlock(&shared.lock);
    return entry->provider;
}

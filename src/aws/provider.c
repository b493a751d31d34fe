#include "aws/provider.h"

#include "aws/source.h"
#include "base/crypto.h"

#include <pthread.h>

enum {
    REFRESH_BEFORE_MS = 5 * 60 * SECOND_MS,
    LEAST_LIFE_MS =
        60 * SECOND_MS, // with less, credentials are not served while there may be others
    NEXT_TRY_MS = 10 * SECOND_MS,
    DEFAULT_DEADLINE_MS = 30 * SECOND_MS,
    LOOK_MS = 50,
};

struct AwsProvider {
    AwsProviderOptions options;
    SourceFetch *fetch;
    AwsProvider *base; // of an assumed role
    AwsAssumption assumption;
    bool fixed;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool fetching; // one thread does
    AwsCredentials *kept;
    bool refused;           // AWS did not take what is kept
    int64_t next_try_at_ms; // monotonic; while what is kept is still good
};

static AwsProvider *provider_make(const AwsProviderOptions *options) {
    crypto_start();
    AwsProvider *provider = mem_alloc(sizeof(*provider));
    if (options != NULL)
        provider->options = *options;
    if (provider->options.clock == NULL)
        provider->options.clock = &SYSTEM_CLOCK;
    pthread_mutex_init(&provider->mutex, NULL);
    pthread_cond_init(&provider->changed, NULL);
    return provider;
}

AwsProvider *aws_provider_new(const AwsProviderOptions *options) {
    AwsProvider *provider = provider_make(options);
    // A profile that was asked for by name is not to be answered with anybody else's credentials.
    provider->fetch = provider->options.profile != NULL ? source_profile : source_chain;
    return provider;
}

AwsProvider *aws_provider_new_fixed(AwsCredentials *take_credentials) {
    AwsProvider *provider = provider_make(NULL);
    provider->kept = take_credentials;
    provider->fixed = true;
    return provider;
}

AwsProvider *aws_provider_new_assumed(AwsProvider *base, const AwsAssumption *assumption,
                                      const AwsProviderOptions *options) {
    AwsProvider *provider = provider_make(options);
    provider->base = base;
    provider->assumption = *assumption;
    return provider;
}

AwsProvider *aws_provider_free(AwsProvider *provider) {
    if (provider == NULL)
        return NULL;
    aws_credentials_free(provider->kept);
    pthread_cond_destroy(&provider->changed);
    pthread_mutex_destroy(&provider->mutex);
    return mem_free(provider);
}

// Milliseconds that what is kept is still good for; 0: it is not.
static int64_t life_left(const AwsProvider *provider) {
    if (provider->kept == NULL || provider->refused)
        return 0;
    if (provider->kept->expires_at == 0)
        return INT64_MAX;
    int64_t left_ms = provider->kept->expires_at - clock_now_ms(provider->options.clock);
    return left_ms > 0 ? left_ms : 0;
}

static int64_t monotonic(const AwsProvider *provider) {
    return clock_monotonic_ms(provider->options.clock);
}

static bool is_stopped(const AwsProvider *provider) {
    return provider->options.stop != NULL && atomic_load(provider->options.stop);
}

static Status fetch(const AwsProvider *provider, int64_t deadline_ms, AwsCredentials **ret_fresh,
                    Error *reterr) {
    SourceCall call = {.options = &provider->options,
                       .profile = provider->options.profile,
                       .deadline_ms = deadline_ms};
    CLEANUP(aws_credentials_freep) AwsCredentials *fresh = NULL;
    if (provider->base != NULL)
        TRY(source_assume(&call, provider->base, &provider->assumption, &fresh, reterr));
    else
        TRY(provider->fetch(&call, &fresh, reterr));
    if (fresh->expires_at > 0 && fresh->expires_at <= clock_now_ms(provider->options.clock))
        return error_set(reterr, STATUS_UNAVAILABLE, "credentials_ended",
                         "%s: the credentials that it has have ended already", fresh->source);
    *ret_fresh = fresh;
    fresh = NULL;
    return STATUS_OK;
}

// Locked. Goes for new ones with the lock open; a failure is one only when nothing is left to
// serve.
static Status refresh(AwsProvider *provider, int64_t deadline_ms, Error *reterr) {
    CLEANUP(aws_credentials_freep) AwsCredentials *fresh = NULL;
    provider->fetching = true;
    pthread_mutex_unlock(&provider->mutex);
    Error error = {0};
    Status status = fetch(provider, deadline_ms, &fresh, &error);
    pthread_mutex_lock(&provider->mutex);
    provider->fetching = false;
    provider->next_try_at_ms = monotonic(provider) + NEXT_TRY_MS;
    pthread_cond_broadcast(&provider->changed);
    if (status == STATUS_OK) {
        aws_credentials_free(provider->kept);
        provider->kept = fresh;
        provider->refused = false;
        fresh = NULL;
        return STATUS_OK;
    }
    if (life_left(provider) > 0)
        return STATUS_OK;
    if (reterr != NULL)
        *reterr = error;
    return status;
}

// Locked. Until the thread that is at it is done, or a short time is over.
static void wait_for_change(AwsProvider *provider) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&provider->changed, &provider->mutex, &until);
}

static Status no_time(Error *reterr) {
    return error_set(reterr, STATUS_UNAVAILABLE, "timed_out",
                     "no AWS credentials came within the time there was");
}

// Locked. Leaves something good in `kept`.
static Status provide(AwsProvider *provider, int64_t deadline_ms, Error *reterr) {
    for (;;) {
        int64_t left_ms = life_left(provider);
        if (left_ms > REFRESH_BEFORE_MS || (provider->fixed && left_ms > 0))
            return STATUS_OK;
        if (provider->fixed)
            return error_set(reterr, STATUS_EXPIRED, "credentials_ended",
                             "these AWS credentials have ended");
        bool waits = provider->fetching || monotonic(provider) < provider->next_try_at_ms;
        if (left_ms > LEAST_LIFE_MS && waits)
            return STATUS_OK;
        if (is_stopped(provider))
            return error_set(reterr, STATUS_UNAVAILABLE, "stopped", "stopped");
        if (monotonic(provider) >= deadline_ms)
            return left_ms > 0 ? STATUS_OK : no_time(reterr);
        if (!provider->fetching)
            return refresh(provider, deadline_ms, reterr);
        wait_for_change(provider);
    }
}

Status aws_provider_get(AwsProvider *provider, int64_t deadline_ms,
                        AwsCredentials **ret_credentials, Error *reterr) {
    if (deadline_ms == 0)
        deadline_ms = monotonic(provider) + DEFAULT_DEADLINE_MS;
    pthread_mutex_lock(&provider->mutex);
    Status status = provide(provider, deadline_ms, reterr);
    if (status == STATUS_OK)
        *ret_credentials = aws_credentials_copy(provider->kept);
    pthread_mutex_unlock(&provider->mutex);
    return status;
}

static bool same_key(const AwsCredentials *a, const AwsCredentials *b) {
    if ((a->session_token == NULL) != (b->session_token == NULL))
        return false;
    return secret_equal(a->secret_key, b->secret_key) &&
           (a->session_token == NULL || secret_equal(a->session_token, b->session_token));
}

bool aws_provider_refuse(AwsProvider *provider, const AwsCredentials *credentials) {
    if (provider->fixed)
        return false;
    pthread_mutex_lock(&provider->mutex);
    if (provider->kept != NULL && same_key(provider->kept, credentials))
        provider->refused = true;
    pthread_mutex_unlock(&provider->mutex);
    return true;
}

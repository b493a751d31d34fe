#include "server/host_watch.h"

#include <stdlib.h>

enum {
    STEP_LEAST_MS = 2 * SECOND_MS,
    ENDS_WITHIN_S = 14 * 24 * 3600,
    SAID_AGAIN_AFTER_S = 24 * 3600,
    NOTHING_SAID = -1,
};

static int64_t ahead_ms(const HostWatch *watch) {
    return clock_now_ms(watch->clock) - clock_monotonic_ms(watch->clock);
}

void host_watch_init(HostWatch *watch, const Clock *clock) {
    *watch = (HostWatch){.clock = clock, .said = NOTHING_SAID};
    watch->ahead_ms = ahead_ms(watch);
}

int64_t host_watch_clock_step(HostWatch *watch) {
    int64_t now_ahead_ms = ahead_ms(watch);
    int64_t step_ms = now_ahead_ms - watch->ahead_ms;
    watch->ahead_ms = now_ahead_ms;
    return llabs(step_ms) > STEP_LEAST_MS ? step_ms : 0;
}

void host_watch_certificate(HostWatch *watch, const CertificateTerm *term) {
    watch->has_certificate = true;
    watch->term = *term;
    watch->said = NOTHING_SAID;
}

CertificateState host_watch_state(const HostWatch *watch) {
    const CertificateTerm *term = &watch->term;
    int64_t now_ms = clock_now_ms(watch->clock);
    int64_t ends_within_ms = (int64_t)ENDS_WITHIN_S * SECOND_MS;
    int64_t third_ms = (term->ends_at - term->begins_at) / 3;
    if (now_ms >= term->ends_at)
        return CERTIFICATE_OVER;
    if (now_ms < term->begins_at)
        return CERTIFICATE_EARLY;
    return term->ends_at - now_ms < (third_ms < ends_within_ms ? third_ms : ends_within_ms)
               ? CERTIFICATE_ENDS
               : CERTIFICATE_GOOD;
}

bool host_watch_take_news(HostWatch *watch) {
    if (!watch->has_certificate)
        return false;
    CertificateState state = host_watch_state(watch);
    int64_t now_ms = clock_monotonic_ms(watch->clock);
    bool again = state != CERTIFICATE_GOOD &&
                 now_ms - watch->said_at_ms >= (int64_t)SAID_AGAIN_AFTER_S * SECOND_MS;
    if ((int)state == watch->said && !again)
        return false;
    watch->said = (int)state;
    watch->said_at_ms = now_ms;
    return true;
}

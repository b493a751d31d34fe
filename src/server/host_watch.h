// What the host of daypassd does to it in the course of time: its clock is set, the certificate of
// its listener comes to an end. Looked at every few seconds, by one thread.
#pragma once

#include "base/clock.h"
#include "http/server_certificate.h"

typedef struct HostWatch {
    const Clock *clock;
    int64_t ahead_ms; // of the wall clock against the monotonic one, when last looked at
    bool has_certificate;
    CertificateTerm term;
    int said;           // CertificateState that was said last
    int64_t said_at_ms; // monotonic
} HostWatch;

void host_watch_init(HostWatch *watch, const Clock *clock);

// By how much the clock was set since the last look: 0 unless by more than two seconds. What a
// time server corrects little by little is no step, nor is a machine that wakes from sleep.
int64_t host_watch_clock_step(HostWatch *watch);

typedef enum CertificateState {
    CERTIFICATE_GOOD,
    CERTIFICATE_ENDS, // within 14 days, or within the last third of its life if that is shorter
    CERTIFICATE_OVER,
    CERTIFICATE_EARLY,
} CertificateState;

// Takes note of another certificate. Its state is to be said next.
void host_watch_certificate(HostWatch *watch, const CertificateTerm *term);
CertificateState host_watch_state(const HostWatch *watch);
// Whether there is something to say of it: a certificate is new, its state is another, or a day has
// passed since something was wrong with it. True once each time.
bool host_watch_take_news(HostWatch *watch);

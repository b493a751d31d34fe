// The certificate of a TLS listener, looked at before anything is served with it.
#pragma once

#include "base/error.h"

#include <stdint.h>

// When the whole chain holds: from its last beginning to its first end, ms since 1970.
typedef struct CertificateTerm {
    int64_t begins_at;
    int64_t ends_at;
} CertificateTerm;

// "bad_tls_certificate" when one of the two is not PEM, or the key belongs to another certificate.
MUST_USE Status server_certificate_read(const char *certificate_pem, const char *key_pem,
                                        CertificateTerm *ret_term, Error *reterr);

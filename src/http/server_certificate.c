#include "http/server_certificate.h"

#include "base/clock.h"

#include <gnutls/x509.h>
#include <string.h>

// SHA-256 of the public key, which certificate and key have in common.
enum { KEY_ID_SIZE = 32 };

typedef struct Chain {
    gnutls_x509_crt_t *certificates; // the server's own first
    unsigned count;
} Chain;

static void chain_done(Chain *chain) {
    for (unsigned i = 0; i < chain->count; i++)
        gnutls_x509_crt_deinit(chain->certificates[i]);
    gnutls_free(chain->certificates);
}

static void key_done(gnutls_x509_privkey_t *key) {
    if (*key != NULL)
        gnutls_x509_privkey_deinit(*key);
}

// gnutls takes its input as unsigned char * and does not write to it.
static gnutls_datum_t datum_of(const char *text) {
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text,
                            .size = (unsigned)strlen(text)};
}

static Status refuse(const char *message, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_tls_certificate", "TLS: %s", message);
}

static Status chain_read(const char *pem, Chain *ret_chain, Error *reterr) {
    gnutls_datum_t text = datum_of(pem);
    int result = gnutls_x509_crt_list_import2(&ret_chain->certificates, &ret_chain->count, &text,
                                              GNUTLS_X509_FMT_PEM, 0);
    if (result >= 0 && ret_chain->count > 0)
        return STATUS_OK;
    ret_chain->count = 0;
    return refuse("the certificate cannot be read; expected one in PEM form, and after it those "
                  "that signed it",
                  reterr);
}

static Status key_read(const char *pem, gnutls_x509_privkey_t *ret_key, Error *reterr) {
    gnutls_datum_t text = datum_of(pem);
    if (gnutls_x509_privkey_init(ret_key) >= 0 &&
        gnutls_x509_privkey_import2(*ret_key, &text, GNUTLS_X509_FMT_PEM, NULL, 0) >= 0)
        return STATUS_OK;
    return refuse("the key cannot be read; expected a private key in PEM form, without a password",
                  reterr);
}

static Status check_pair(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, Error *reterr) {
    unsigned char ids[2][KEY_ID_SIZE];
    size_t sizes[2] = {KEY_ID_SIZE, KEY_ID_SIZE};
    if (gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, ids[0], &sizes[0]) >= 0 &&
        gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, ids[1], &sizes[1]) >= 0 &&
        sizes[0] == sizes[1] && memcmp(ids[0], ids[1], sizes[0]) == 0)
        return STATUS_OK;
    return refuse("the key does not belong to the certificate; were both files replaced?", reterr);
}

Status server_certificate_read(const char *certificate_pem, const char *key_pem,
                               CertificateTerm *ret_term, Error *reterr) {
    CLEANUP(chain_done) Chain chain = {0};
    CLEANUP(key_done) gnutls_x509_privkey_t key = NULL;
    TRY(chain_read(certificate_pem, &chain, reterr));
    TRY(key_read(key_pem, &key, reterr));
    TRY(check_pair(chain.certificates[0], key, reterr));
    CertificateTerm term = {.begins_at = 0, .ends_at = INT64_MAX};
    for (unsigned i = 0; i < chain.count; i++) {
        int64_t begins_at =
            (int64_t)gnutls_x509_crt_get_activation_time(chain.certificates[i]) * SECOND_MS;
        int64_t ends_at =
            (int64_t)gnutls_x509_crt_get_expiration_time(chain.certificates[i]) * SECOND_MS;
        term.begins_at = begins_at > term.begins_at ? begins_at : term.begins_at;
        term.ends_at = ends_at < term.ends_at ? ends_at : term.ends_at;
    }
    *ret_term = term;
    return STATUS_OK;
}

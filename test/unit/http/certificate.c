#include "certificate.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { VALIDITY_S = 3600 };

static void check(int result) {
    if (result < 0)
        fail_msg("%s", gnutls_strerror(result));
}

static const char *text_of(Arena *arena, gnutls_datum_t *take_datum) {
    const char *text = arena_copy(arena, take_datum->data, take_datum->size);
    gnutls_free(take_datum->data);
    return text;
}

static void describe(gnutls_x509_crt_t certificate, const char *name, int with_address) {
    uint8_t serial[] = {1};
    uint32_t address = htonl(INADDR_LOOPBACK);
    check(gnutls_x509_crt_set_version(certificate, 3));
    check(gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial)));
    check(gnutls_x509_crt_set_activation_time(certificate, time(NULL) - VALIDITY_S));
    check(gnutls_x509_crt_set_expiration_time(certificate, time(NULL) + VALIDITY_S));
    check(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                        (unsigned)strlen(name)));
    check(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name,
                                               (unsigned)strlen(name), GNUTLS_FSAN_SET));
    if (with_address)
        check(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, &address,
                                                   sizeof(address), GNUTLS_FSAN_APPEND));
    check(gnutls_x509_crt_set_basic_constraints(certificate, 1, -1));
}

static const char *write_file(Arena *arena, const char *text) {
    char *path = arena_strdup(arena, "/tmp/daypass-certificate-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    return path;
}

Certificate certificate_make(Arena *arena, const char *name, int with_address) {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t key_pem, certificate_pem;
    check(gnutls_x509_privkey_init(&key));
    check(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                       GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    check(gnutls_x509_crt_init(&certificate));
    describe(certificate, name, with_address);
    check(gnutls_x509_crt_set_key(certificate, key));
    check(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0));
    check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem));
    check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &certificate_pem));
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
    Certificate made = {.certificate_pem = text_of(arena, &certificate_pem),
                        .key_pem = text_of(arena, &key_pem)};
    made.path = write_file(arena, made.certificate_pem);
    return made;
}

void certificate_remove(const Certificate *certificate) {
    unlink(certificate->path);
}

#include "server/check_files.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/signing_key.h"
#include "http/server_certificate.h"
#include "store/store.h"

enum { MAX_PEM_BYTES = 256 * 1024 };

static Status check_key(Arena *arena, const char *folder, const char *name, Error *reterr) {
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    CLEANUP(signing_key_freep) SigningKey *key = NULL;
    return file_exists(path) ? signing_key_load(path, &key, reterr) : STATUS_OK;
}

static Status check_state(Arena *arena, const char *folder, Error *reterr) {
    if (!file_exists(folder))
        return STATUS_OK; // made at the first start
    TRY(folder_ensure(folder, 0700, reterr));
    TRY(check_key(arena, folder, "action.key", reterr));
    return check_key(arena, folder, "audit.key", reterr);
}

static Status check_term(const char *path, const CertificateTerm *term, Error *reterr) {
    int64_t now_ms = clock_now_ms(&SYSTEM_CLOCK);
    char time[TIMESTAMP_SIZE];
    if (now_ms >= term->ends_at)
        return error_set(reterr, STATUS_EXPIRED, "certificate_over",
                         "%s: it ended at %s; no client will trust it: renew it", path,
                         timestamp_format(term->ends_at, time));
    if (now_ms < term->begins_at)
        return error_set(reterr, STATUS_INVALID, "certificate_early",
                         "%s: it begins at %s only; is the clock of this host right?", path,
                         timestamp_format(term->begins_at, time));
    return STATUS_OK;
}

static Status check_tls(const TlsOptions *tls, Error *reterr) {
    CLEANUP(buffer_done) Buffer certificate = {.ceiling = MAX_PEM_BYTES};
    CLEANUP(secret_freep) Secret *key = NULL;
    TRY(file_read(tls->certificate_file, &certificate, reterr));
    TRY(secret_read_file(tls->key_file, true, &key, reterr));
    CertificateTerm term;
    TRY(server_certificate_read(buffer_text(&certificate), secret_text(key), &term, reterr));
    return check_term(tls->certificate_file, &term, reterr);
}

Status check_files(Arena *arena, const ServerOptions *options, Error *reterr) {
    TRY(check_state(arena, options->state_folder, reterr));
    TRY(store_url_check(server_options_store_url(arena, options), reterr));
    return options->tls != NULL ? check_tls(options->tls, reterr) : STATUS_OK;
}

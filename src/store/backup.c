#include "store/store_internal.h"

#include "base/crypto.h"
#include "base/file.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 1000 };

// ---- What a copy has to say ---------------------------------------------------------------------

static Status read_summary(Operation *operation, void *work, Error *reterr) {
    StoreBackup *backup = work;
    TRY(audit_check_head(operation, NULL, reterr));
    Rows rows;
    TRY(operation_run(operation,
                      "SELECT (SELECT value FROM meta WHERE name = 'deployment'),"
                      " (SELECT version FROM schema_version)",
                      NULL, 0, &rows, reterr));
    *backup =
        (StoreBackup){.deployment = rows.items[0].text[0], .schema = rows.items[0].integer[1]};
    if (backup->deployment != NULL && backup->schema > 0)
        return STATUS_OK;
    return error_set(reterr, STATUS_INTERNAL, "store_damaged",
                     "the store has lost its own id; restore it from a backup");
}

// Every link and every signature. The audit key may have been replaced: whose it is, is a question
// for those who verify exports with the keys they know.
static Status verify_trail(Store *copy, Arena *keep, StoreBackup *backup, Error *reterr) {
    AuditVerifier verifier = {0};
    size_t found = 0;
    do {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        AuditFilter filter = {.after_sequence = verifier.sequence, .limit = EVENTS_AT_ONCE};
        AuditEvents events;
        TRY(store_list_audit(copy, arena, &filter, &events, reterr));
        found = events.count;
        for (size_t i = 0; i < events.count; i++) {
            verifier.public_key = events.items[i].key;
            TRY(audit_verify_next(arena, &verifier, &events.items[i], reterr));
        }
    } while (found == EVENTS_AT_ONCE);
    backup->events = verifier.verified;
    backup->head = arena_strdup(keep, verifier.hash);
    return STATUS_OK;
}

static Status verify_copy(const BackendDriver *driver, const char *url, Arena *arena,
                          StoreBackup *ret_backup, Error *reterr) {
    CLEANUP(store_closep) Store *copy = mem_alloc(sizeof(*copy));
    pthread_mutex_init(&copy->lock, NULL);
    copy->driver = driver;
    copy->clock = &SYSTEM_CLOCK;
    StoreBackup backup = {0};
    // As it is: bringing it up to date is for whoever starts from it.
    TRY(driver->open(url, &copy->backend, reterr));
    TRY(store_read(copy, arena, read_summary, &backup, reterr));
    TRY(verify_trail(copy, arena, &backup, reterr));
    *ret_backup = backup;
    return STATUS_OK;
}

// ---- The copy -----------------------------------------------------------------------------------

Status store_backup(const char *url, Arena *arena, const char *path, StoreBackup *ret_backup,
                    Error *reterr) {
    TRY(store_url_check(url, reterr));
    const BackendDriver *driver = backend_find(url);
    // Looked at first, so that nobody waits for a copy that has no place; file_name decides.
    if (file_exists(path))
        return error_set(reterr, STATUS_CONFLICT, "file_exists",
                         "%s: there is one already; name a file that is not there", path);
    crypto_start();
    const char *beside = arena_printf(arena, "%s.%08x.new", path, randombytes_random());
    const char *copy_url = arena_printf(arena, "%s:%s", driver->scheme, beside);
    TRY(driver->copy(url, copy_url, reterr));
    Status status = verify_copy(driver, copy_url, arena, ret_backup, reterr);
    if (status == STATUS_OK)
        status = file_name(beside, path, reterr);
    if (status != STATUS_OK)
        (void)unlink(beside);
    return status;
}

#include "server/bootstrap.h"

#include "base/fault_point.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BOOTSTRAP_S = 7 * 24 * 3600 };

// Of the file: whether the store still takes what it holds.
static bool token_works(Store *store, Arena *arena, const char *path) {
    CLEANUP(secret_freep) Secret *text = NULL;
    Error error = {0};
    if (secret_read_file(path, true, &text, &error) != STATUS_OK)
        return false;
    Token token = {0};
    return store_find_token(store, arena, token_hash(arena, secret_text(text)), &token, &error) ==
               STATUS_OK &&
           token.kind == TOKEN_INVITATION && token.subject[0] == '\0';
}

static Status remove_older(Store *store, Arena *arena, Error *reterr) {
    Tokens tokens = {0};
    TRY(store_list_tokens(store, arena, "", &tokens, reterr));
    for (size_t i = 0; i < tokens.count; i++)
        TRY(store_remove_token(store, &ACTOR_SYSTEM, tokens.items[i].id, reterr));
    return STATUS_OK;
}

// The file first: a token that works and that nobody has would be worse than one that does not.
static Status make_token(Store *store, Arena *arena, const Clock *clock, const char *path,
                         Error *reterr) {
    TRY(remove_older(store, arena, reterr));
    const char *text = token_new(arena, "dpi");
    const char *line = arena_printf(arena, "%s\n", text);
    TRY(file_write(path, 0600, line, strlen(line), reterr));
    FAULT_POINT("bootstrap.written");
    int64_t now_ms = clock_now_ms(clock);
    const Token token = {
        .id = id_new(arena, "tok"),
        .hash = token_hash(arena, text),
        .kind = TOKEN_INVITATION,
        .subject = "",
        .label = "bootstrap",
        .created_at = now_ms,
        .expires_at = now_ms + (int64_t)BOOTSTRAP_S * SECOND_MS,
    };
    return store_add_token(store, &ACTOR_SYSTEM, &token, reterr);
}

Status bootstrap_prepare(Store *store, const Clock *clock, const char *path, Error *reterr) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    bool bootstrapped = false;
    TRY(store_is_bootstrapped(store, &bootstrapped, reterr));
    if (bootstrapped) {
        if (file_exists(path))
            bootstrap_finish(path);
        return STATUS_OK;
    }
    if (!token_works(store, arena, path))
        TRY(make_token(store, arena, clock, path, reterr));
    log_event(LOG_WARNING, "bootstrap.waiting", "token_file", path, "hint",
              "nobody can administer yet: daypass login URL --invitation-file FILE", NULL);
    return STATUS_OK;
}

void bootstrap_finish(const char *path) {
    if (unlink(path) == 0)
        log_event(LOG_INFO, "bootstrap.finished", "token_file", path, NULL);
    else if (errno != ENOENT)
        log_event(LOG_ERROR, "bootstrap.not_removed", "token_file", path, "error", strerror(errno),
                  NULL);
}

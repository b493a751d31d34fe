#include "cli/session.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/id.h"
#include "base/shape.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700, FILE_MODE = 0600 };

static const Field SESSION_FIELDS[] = {
    {FIELD(Session, url, STRING), .required = true, .min = 1},
    {FIELD(Session, token, STRING), .required = true, .min = 1, .secret = true},
    {FIELD(Session, principal, STRING)},
    {FIELD(Session, ca_file, STRING), .max = 4096},
    {FIELD(Session, expires_at, TIME)},
};
static const Shape SESSION_SHAPE = SHAPE("Session", Session, SESSION_FIELDS, NULL);

// NULL when unset or empty, as the XDG specification wants it.
static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *home_folder(void) {
    const char *home = environment("HOME");
    if (home != NULL)
        return home;
    const struct passwd *entry = getpwuid(getuid());
    return entry != NULL ? entry->pw_dir : NULL;
}

Status state_folder(Arena *arena, const char **ret_path, Error *reterr) {
    const char *base = environment("XDG_STATE_HOME");
    const char *path = NULL;
    if (base != NULL && base[0] == '/') { // a relative one is to be ignored
        path = arena_printf(arena, "%s/daypass", base);
    } else if (home_folder() != NULL) {
        path = arena_printf(arena, "%s/.local/state/daypass", home_folder());
    } else {
        return error_set(reterr, STATUS_INVALID, "no_state_folder",
                         "there is no folder to keep the session in: set HOME or XDG_STATE_HOME");
    }
    TRY(folder_ensure(path, FOLDER_MODE, reterr));
    *ret_path = path;
    return STATUS_OK;
}

const char *session_url(Arena *arena, const char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '/')
        length--;
    const char *plain = arena_copy(arena, text, length);
    return strstr(plain, "://") != NULL ? plain : arena_printf(arena, "https://%s", plain);
}

static Status session_path(Arena *arena, const char **ret_path, Error *reterr) {
    const char *folder;
    TRY(state_folder(arena, &folder, reterr));
    *ret_path = arena_printf(arena, "%s/session.json", folder);
    return STATUS_OK;
}

static Status read_saved(Arena *arena, Session *ret_session, Error *reterr) {
    const char *path;
    TRY(session_path(arena, &path, reterr));
    if (!file_exists(path))
        return error_set(reterr, STATUS_UNAUTHENTICATED, "not_signed_in",
                         "you are not signed in: daypass login URL");
    CLEANUP(secret_freep) Secret *content = NULL;
    TRY(secret_read_file(path, true, &content, reterr));
    Error error = {0};
    if (shape_parse(arena, &SESSION_SHAPE, secret_text(content), secret_length(content),
                    ret_session, &error) == STATUS_OK)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_session",
                     "%s: %s: sign in again with: daypass login URL", path, error.message);
}

// The token given by the environment, or NULL.
static Status read_environment_token(Arena *arena, const char **ret_token, Error *reterr) {
    *ret_token = arena_strdup(arena, environment("DAYPASS_TOKEN"));
    const char *file = environment("DAYPASS_TOKEN_FILE");
    if (*ret_token != NULL || file == NULL)
        return STATUS_OK;
    CLEANUP(secret_freep) Secret *token = NULL;
    Error error = {0};
    if (secret_read_file(file, true, &token, &error) != STATUS_OK) {
        error_prefix(&error, "DAYPASS_TOKEN_FILE");
        *reterr = error;
        return error.status;
    }
    *ret_token = arena_strdup(arena, secret_text(token));
    return STATUS_OK;
}

Status session_load(Arena *arena, Session *ret_session, Error *reterr) {
    const char *url = environment("DAYPASS_URL");
    if (url != NULL)
        url = session_url(arena, url);
    const char *token = NULL;
    Error error = {0};
    Session session = {0};
    if (read_environment_token(arena, &token, &error) != STATUS_OK) {
        if (reterr != NULL)
            *reterr = error;
        return error.status;
    }
    if (url == NULL || token == NULL) {
        TRY(read_saved(arena, &session, reterr));
        if (token == NULL && url != NULL && !text_equal(url, session.url))
            return error_set(reterr, STATUS_UNAUTHENTICATED, "not_signed_in",
                             "DAYPASS_URL names another server than the one you are signed in to "
                             "(%s): sign in there, or set DAYPASS_TOKEN_FILE",
                             session.url);
    }
    if (url != NULL)
        session.url = url;
    if (token != NULL) {
        session.token = token;
        session.principal = NULL;
        session.expires_at = 0;
    }
    if (environment("DAYPASS_CA_FILE") != NULL)
        session.ca_file = arena_strdup(arena, environment("DAYPASS_CA_FILE"));
    *ret_session = session;
    return STATUS_OK;
}

Status session_save(Arena *arena, const Session *session, Error *reterr) {
    const char *path;
    TRY(session_path(arena, &path, reterr));
    const char *text = shape_format(arena, &SESSION_SHAPE, session);
    return file_write(path, FILE_MODE, text, strlen(text), reterr);
}

Status session_forget(Arena *arena, Error *reterr) {
    const char *path;
    TRY(session_path(arena, &path, reterr));
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set(reterr, STATUS_UNAVAILABLE, "file_failed", "%s: cannot remove: %s", path,
                         strerror(errno));
    return STATUS_OK;
}

// Named for a hash, because base64 has slashes.
static Status key_path(Arena *arena, const char *public_key, const char **ret_path, Error *reterr) {
    const char *folder;
    TRY(state_folder(arena, &folder, reterr));
    const char *keys = arena_printf(arena, "%s/keys", folder);
    TRY(folder_ensure(keys, FOLDER_MODE, reterr));
    *ret_path = arena_printf(arena, "%s/%s.key", keys, token_hash(arena, public_key));
    return STATUS_OK;
}

Status key_store_add(Arena *arena, const SealKey *key, Error *reterr) {
    const char *path;
    TRY(key_path(arena, seal_key_public_text(arena, key), &path, reterr));
    return seal_key_save(key, path, reterr);
}

Status key_store_find(Arena *arena, const char *public_key, SealKey **ret_key, Error *reterr) {
    const char *path;
    TRY(key_path(arena, public_key, &path, reterr));
    if (!file_exists(path))
        return error_set(reterr, STATUS_NOT_FOUND, "key_missing",
                         "the key that opens this credential is not on this machine");
    return seal_key_load(path, ret_key, reterr);
}

void key_store_remove(Arena *arena, const char *public_key) {
    const char *path;
    if (key_path(arena, public_key, &path, NULL) == STATUS_OK)
        (void)unlink(path);
}

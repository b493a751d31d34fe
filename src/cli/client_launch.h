// How a database client is started with a secret: arguments, environment, and texts that it reads
// from descriptors. This process becomes the client, so that nobody is left to clean up after it,
// signals and the terminal are the client's own, and nothing of the secret stays behind.
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

typedef struct ClientSetting {
    const char *name;
    const char *value; // NULL: unset
} ClientSetting;

enum { CLIENT_SETTINGS_MAX = 24 };

typedef struct ClientLaunch {
    Arena *arena;
    const char *program;  // its path
    StringList arguments; // without the program's name
    ClientSetting settings[CLIENT_SETTINGS_MAX];
    size_t setting_count;
    const char *folder; // private, with a link in it; NULL: none
    const char *link;
    Buffer typed;     // what is given to its standard input before the person's; "": nothing
    const char *note; // what the person should know; NULL: nothing
} ClientLaunch;

// The path of an executable in PATH; NULL where there is none.
const char *client_find(Arena *arena, const char *program);
// Whether `PROGRAM --version` says `word`.
bool client_says(Arena *arena, const char *path, const char *word);

// Closes and wipes what was prepared and never run.
void client_launch_done(ClientLaunch *launch);

void client_argument(ClientLaunch *launch, const char *format, ...) PRINTF_LIKE(2, 3);
void client_arguments(ClientLaunch *launch, const StringList *arguments);
// Environment of the client. A NULL value unsets.
void client_setting(ClientLaunch *launch, const char *name, const char *value);
void client_unset(ClientLaunch *launch, const char *const *names, size_t count);

// A text that can be read once: what was read is nowhere any more. Gives a path to open it by.
// At most CLIENT_ONCE_MAX bytes, which every system's pipe takes without a reader.
enum { CLIENT_ONCE_MAX = 4096 };
MUST_USE Status client_text_once(ClientLaunch *launch, const Buffer *text, const char **ret_path,
                                 Error *reterr);
// One that can be read again and again, and sought in: in memory where the system can, otherwise in
// a file that has no name any more. The client's user can read it for as long as the client runs.
MUST_USE Status client_text(ClientLaunch *launch, const Buffer *text, const char **ret_path,
                            Error *reterr);
// The same under a path that ends in `name`, for clients that insist on how a file is called: a
// link in a private folder, which is removed as soon as the client has ended, however it did. At
// most one.
MUST_USE Status client_text_named(ClientLaunch *launch, const Buffer *text, const char *name,
                                  const char **ret_path, Error *reterr);

// Becomes the client; returns only with an error. Where something is typed for it (launch->typed)
// this process stays and passes the person's input on; then it ends as the client did.
MUST_USE Status client_run(ClientLaunch *launch, Error *reterr);

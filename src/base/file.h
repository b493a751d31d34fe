// Whole small files, read with a ceiling and written so that a crash leaves the old or the new.
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

// Appends the file; above the buffer's ceiling "file_too_large". On failure the buffer holds what
// it held. Other codes of this header: "file_missing", "file_denied", "file_failed".
MUST_USE Status file_read(const char *path, Buffer *into, Error *reterr);
// Writes beside it, syncs, renames, syncs the folder. The file has exactly this mode.
MUST_USE Status file_write(const char *path, mode_t mode, const void *bytes, size_t length,
                           Error *reterr);
// The same, but STATUS_CONFLICT ("file_exists") where there is one: of several at once, one wins.
MUST_USE Status file_create(const char *path, mode_t mode, const void *bytes, size_t length,
                            Error *reterr);
// Gives a file that is whole a name that none has yet ("file_exists"), for good: syncs it and the
// folder, which is the same one.
MUST_USE Status file_name(const char *from, const char *to, Error *reterr);
// Makes a folder (and its parents with 0755, less the umask) with exactly this mode; refuses one
// that is there but owned by somebody else, open to others than the mode says, or replaceable by
// everybody because of a folder above it ("unsafe_folder").
MUST_USE Status folder_ensure(const char *path, mode_t mode, Error *reterr);
// Nobody but this user and root can have written the file, or can replace it: "unsafe_file".
// Otherwise what is in it may be somebody else's wish.
MUST_USE Status file_check_writers(const char *path, Error *reterr);
bool file_exists(const char *path);

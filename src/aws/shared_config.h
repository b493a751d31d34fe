// AWS's shared config and credentials files: profiles of keys and values. Inside src/aws alone.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
#pragma once

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>

enum { SHARED_CONFIG_MAX_BYTES = 1024 * 1024 };

typedef struct SharedConfig SharedConfig;

// AWS_CONFIG_FILE, else ~/.aws/config, then AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials,
// whose values count more. A file that is not there is an empty one; the message about one that
// cannot be read names it. The config lives in the arena, which is wiped with the secrets in it.
MUST_USE Status shared_config_read(Arena *arena, const SharedConfig **ret_config, Error *reterr);

typedef enum SharedFile {
    SHARED_FILE_CONFIG,      // sections are "[profile NAME]" and "[default]"
    SHARED_FILE_CREDENTIALS, // sections are "[NAME]"
} SharedFile;
SharedConfig *shared_config_new(Arena *arena);
// Adds what a file says. "bad_aws_config": line and what is wrong, nothing of its content.
MUST_USE Status shared_config_parse(SharedConfig *config, SharedFile file, const char *text,
                                    size_t length, Error *reterr);

bool shared_config_has(const SharedConfig *config, const char *profile);
// NULL: there is no such profile, or it does not say. Keys of sub-sections are not told.
const char *shared_config_get(const SharedConfig *config, const char *profile, const char *key);

// AWS_PROFILE, or "default".
const char *shared_config_profile_name(void);

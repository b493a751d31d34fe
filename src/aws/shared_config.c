#include "aws/shared_config.h"

#include "aws/source.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"

#include <string.h>

enum { MAX_PROFILES = 2000, MAX_VALUES = 20000 };

static const char BLANKS[] = " \t\r";

typedef struct ConfigValue {
    const char *key;
    const char *value;
    struct ConfigValue *next; // newest first: it counts
} ConfigValue;

typedef struct ConfigProfile {
    const char *name;
    ConfigValue *values;
    struct ConfigProfile *next;
} ConfigProfile;

struct SharedConfig {
    Arena *arena;
    ConfigProfile *profiles;
    size_t profile_count;
    size_t value_count;
};

SharedConfig *shared_config_new(Arena *arena) {
    SharedConfig *config = arena_alloc(arena, sizeof(*config));
    config->arena = arena;
    return config;
}

static ConfigProfile *find_profile(const SharedConfig *config, const char *name) {
    for (ConfigProfile *profile = config->profiles; profile != NULL; profile = profile->next)
        if (text_equal(profile->name, name))
            return profile;
    return NULL;
}

bool shared_config_has(const SharedConfig *config, const char *profile) {
    return find_profile(config, profile) != NULL;
}

const char *shared_config_get(const SharedConfig *config, const char *profile, const char *key) {
    const ConfigProfile *found = find_profile(config, profile);
    for (const ConfigValue *value = found != NULL ? found->values : NULL; value != NULL;
         value = value->next)
        if (text_equal(value->key, key))
            return *value->value != '\0' ? value->value : NULL;
    return NULL;
}

// Parsing

typedef struct ConfigParsing {
    SharedConfig *config;
    SharedFile file;
    ConfigProfile *profile; // NULL: in a section that is not a profile
    int line;
} ConfigParsing;

static Status fault(const ConfigParsing *parsing, const char *what, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "bad_aws_config", "line %d: %s", parsing->line, what);
}

// Cuts the blanks off both ends.
static char *trim(char *text) {
    text += strspn(text, BLANKS);
    size_t length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text;
}

// "profile dev" is dev in the config file, "dev" in the other. NULL: it is no profile.
static const char *profile_of_section(SharedFile file, char *section) {
    static const char WORD[] = "profile";
    size_t length = strlen(WORD);
    bool has_word = text_starts_with(section, WORD) && section[length] != '\0' &&
                    strchr(BLANKS, section[length]) != NULL;
    if (file == SHARED_FILE_CREDENTIALS)
        return has_word ? NULL : section;
    if (text_equal(section, "default"))
        return section;
    if (!has_word)
        return NULL;
    char *name = trim(section + length);
    size_t name_length = strlen(name);
    bool quoted =
        name_length >= 2 && (*name == '"' || *name == '\'') && name[name_length - 1] == *name;
    if (!quoted)
        return name;
    name[name_length - 1] = '\0';
    return name + 1;
}

static Status take_section(ConfigParsing *parsing, char *line, Error *reterr) {
    SharedConfig *config = parsing->config;
    char *end = strchr(line, ']');
    if (end == NULL)
        return fault(parsing, "a section's name ends with ]", reterr);
    *end = '\0';
    const char *name = profile_of_section(parsing->file, trim(line + 1));
    parsing->profile = name != NULL ? find_profile(config, name) : NULL;
    if (name == NULL || parsing->profile != NULL)
        return STATUS_OK;
    if (++config->profile_count > MAX_PROFILES)
        return fault(parsing, "there are too many profiles", reterr);
    ConfigProfile *profile = arena_alloc(config->arena, sizeof(*profile));
    *profile = (ConfigProfile){.name = arena_strdup(config->arena, name), .next = config->profiles};
    config->profiles = profile;
    parsing->profile = profile;
    return STATUS_OK;
}

// " #" and " ;" begin a comment within a line; without the blank they belong to the value.
static void cut_comment(char *value) {
    for (char *at = value; *at != '\0'; at++)
        if ((*at == '#' || *at == ';') && (at == value || strchr(BLANKS, at[-1]) != NULL)) {
            *at = '\0';
            return;
        }
}

static void to_lower(char *text) {
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

static bool has_controls(const char *text) {
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7F)
            return true;
    return false;
}

static Status take_value(ConfigParsing *parsing, char *line, Error *reterr) {
    SharedConfig *config = parsing->config;
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return fault(parsing, "expected KEY = VALUE or [SECTION]", reterr);
    if (parsing->profile == NULL)
        return STATUS_OK;
    *equals = '\0';
    char *key = trim(line);
    to_lower(key);
    cut_comment(equals + 1);
    const char *given = trim(equals + 1);
    if (has_controls(key) || has_controls(given))
        return fault(parsing, "it holds a control character", reterr);
    if (++config->value_count > MAX_VALUES)
        return fault(parsing, "there are too many values", reterr);
    ConfigValue *value = arena_alloc(config->arena, sizeof(*value));
    *value = (ConfigValue){.key = arena_strdup(config->arena, key),
                           .value = arena_strdup(config->arena, given),
                           .next = parsing->profile->values};
    parsing->profile->values = value;
    return STATUS_OK;
}

static Status take_line(ConfigParsing *parsing, char *line, Error *reterr) {
    parsing->line++;
    // What is indented belongs to the value before it: none of those that are read has parts.
    if (*line == '\0' || strchr("#; \t\r", *line) != NULL)
        return STATUS_OK;
    return *line == '[' ? take_section(parsing, line, reterr) : take_value(parsing, line, reterr);
}

Status shared_config_parse(SharedConfig *config, SharedFile file, const char *text, size_t length,
                           Error *reterr) {
    ConfigParsing parsing = {.config = config, .file = file};
    if (memchr(text, '\0', length) != NULL || !text_is_utf8(text, length))
        return error_set(reterr, STATUS_INVALID, "bad_aws_config",
                         "it is not UTF-8 text, or holds a NUL");
    char *line = arena_copy(config->arena, text, length);
    if (text_starts_with(line, "\xEF\xBB\xBF"))
        line += 3;
    while (line != NULL) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        TRY(take_line(&parsing, line, reterr));
        line = end != NULL ? end + 1 : NULL;
    }
    return STATUS_OK;
}

// Files

static const char *home_path(Arena *arena, const char *rest) {
    const char *home = source_variable("HOME");
    return home != NULL ? arena_printf(arena, "%s/%s", home, rest) : NULL;
}

static const char *file_path(Arena *arena, const char *variable, const char *otherwise) {
    const char *set = source_variable(variable);
    if (set == NULL)
        return home_path(arena, otherwise);
    return text_starts_with(set, "~/") ? home_path(arena, set + 2) : set;
}

static Status add_file(SharedConfig *config, SharedFile file, const char *path, Error *reterr) {
    if (path == NULL || !file_exists(path))
        return STATUS_OK;
    Buffer text = {.ceiling = SHARED_CONFIG_MAX_BYTES, .wipe = true};
    Error error = {0};
    Status status = file_read(path, &text, &error);
    if (status == STATUS_OK) {
        status = shared_config_parse(config, file, buffer_text(&text), text.length, &error);
        if (status != STATUS_OK)
            error_prefix(&error, "AWS's shared config, %.300s", path);
    }
    buffer_done(&text);
    if (status != STATUS_OK && reterr != NULL)
        *reterr = error;
    return status;
}

Status shared_config_read(Arena *arena, const SharedConfig **ret_config, Error *reterr) {
    SharedConfig *config = shared_config_new(arena);
    TRY(add_file(config, SHARED_FILE_CONFIG, file_path(arena, "AWS_CONFIG_FILE", ".aws/config"),
                 reterr));
    TRY(add_file(config, SHARED_FILE_CREDENTIALS,
                 file_path(arena, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), reterr));
    *ret_config = config;
    return STATUS_OK;
}

const char *shared_config_profile_name(void) {
    const char *name = source_variable("AWS_PROFILE");
    return name != NULL ? name : "default";
}

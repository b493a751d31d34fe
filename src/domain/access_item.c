#include "domain/access_item.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

enum {
    IDENTIFIER_MAX_BYTES = 512, // 128 characters, the most of any engine
    FUNCTION_MAX_BYTES = 512,   // a name and the types of its arguments
    PATTERN_MAX_BYTES = 512,
    COMMAND_MAX_BYTES = 64,
};

// Where an item names objects of a kind.
static const struct {
    size_t list_offset, all_offset; // in AccessItem
} OBJECT_FIELDS[] = {
    [OBJECT_TABLES] = {offsetof(AccessItem, tables), offsetof(AccessItem, all_tables)},
    [OBJECT_SEQUENCES] = {offsetof(AccessItem, sequences), offsetof(AccessItem, all_sequences)},
    [OBJECT_FUNCTIONS] = {offsetof(AccessItem, functions), offsetof(AccessItem, all_functions)},
};
_Static_assert(COUNT_OF(OBJECT_FIELDS) == OBJECT_SCHEMA, "a row for each kind but the schema");

static Status function_check(const char *name, Error *reterr) {
    size_t length = strlen(name);
    if (length == 0 || length > FUNCTION_MAX_BYTES || !text_is_printable(name))
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected a function as \"name\" or \"name(integer, text)\" of 1 to %d "
                         "bytes without control characters",
                         FUNCTION_MAX_BYTES);
    return STATUS_OK;
}

static Status pattern_check(const char *pattern, Error *reterr) {
    size_t length = strlen(pattern);
    // Rules are words with a space between them.
    if (length == 0 || length > PATTERN_MAX_BYTES || !text_is_printable(pattern) ||
        strchr(pattern, ' ') != NULL)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected a pattern of 1 to %d bytes without spaces and control "
                         "characters",
                         PATTERN_MAX_BYTES);
    return STATUS_OK;
}

static Status command_check(const char *command, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyz0123456789_.|-";
    const char *name = command + (command[0] == '-');
    name += name[0] == '@';
    size_t length = strlen(name);
    if (length == 0 || length > COMMAND_MAX_BYTES || name[0] == '-' ||
        name[strspn(name, ALLOWED)] != '\0')
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected a command (\"get\", \"client|id\") or a category of them "
                         "(\"@read\") in lower case; with \"-\" before it to leave it out");
    return STATUS_OK;
}

static const Field ACCESS_ITEM_FIELDS[] = {
    {FIELD(AccessItem, database, STRING), .check = identifier_check,
     .help = "Another database of the server, where an account reaches several (SQL Server)"},
    {FIELD(AccessItem, schema, STRING), .check = identifier_check,
     .help = "Schema of the objects; in the words of MySQL and MariaDB their database"},
    {FIELD(AccessItem, tables, STRINGS), .check = identifier_check,
     .help = "Tables, views and other relations of the schema, by name"},
    {FIELD(AccessItem, all_tables, BOOL), .default_text = "false",
     .help = "Every table of the schema instead of named ones"},
    {FIELD(AccessItem, future_tables, BOOL), .default_text = "false",
     .help = "With all_tables: tables made while the grant lives too"},
    {FIELD(AccessItem, columns, STRINGS), .check = identifier_check,
     .help = "Columns of the tables named, to which the privileges are held"},
    {FIELD(AccessItem, sequences, STRINGS), .check = identifier_check,
     .help = "Sequences of the schema, by name"},
    {FIELD(AccessItem, all_sequences, BOOL), .default_text = "false",
     .help = "Every sequence of the schema instead of named ones"},
    {FIELD(AccessItem, functions, STRINGS), .check = function_check,
     .help = "Functions of the schema: a name means every overload, name(integer, text) one"},
    {FIELD(AccessItem, all_functions, BOOL), .default_text = "false",
     .help = "Every function of the schema instead of named ones"},
    {FIELD(AccessItem, role, STRING), .check = identifier_check,
     .help = "An existing role to be made a member of; alone in its entry"},
    {FIELD(AccessItem, privileges, STRINGS), .max = PRIVILEGES_MAX, .names = &PRIVILEGES,
     .help = "What may be done with the objects, in SQL's words"},
    {FIELD(AccessItem, preset, ENUM), .names = &PRESETS, .default_text = "none",
     .help = "A usual set of privileges on tables and sequences, instead of privileges; or of "
             "commands"},
    {FIELD(AccessItem, keys, STRINGS), .check = pattern_check,
     .help = "Patterns of the keys (Redis)"},
    {FIELD(AccessItem, channels, STRINGS), .check = pattern_check,
     .help = "Patterns of the channels (Redis)"},
    {FIELD(AccessItem, commands, STRINGS), .check = command_check,
     .help = "Commands and categories of them that may be used (Redis): get, @read, -@blocking"},
    {FIELD(AccessItem, rds_connect, OBJECT), .shape = &RDS_CONNECT_SHAPE,
     .help = "Connecting to databases with IAM authentication (AWS); alone in its entry"},
    {FIELD(AccessItem, ssm_session, OBJECT), .shape = &SSM_SESSION_SHAPE,
     .help = "Sessions on instances (AWS); alone in its entry"},
    {FIELD(AccessItem, allow, OBJECT), .shape = &AWS_ALLOW_SHAPE,
     .help = "Other actions (AWS), which the connector's ceiling has to name; alone in its entry"},
};
const Shape ACCESS_ITEM_SHAPE =
    SHAPE("AccessItem", AccessItem, ACCESS_ITEM_FIELDS,
          "Privileges on some objects of one schema, or membership of one role; Redis: commands "
          "on keys; AWS: actions on resources");

Status identifier_check(const char *name, Error *reterr) {
    size_t length = strlen(name);
    if (length == 0 || length > IDENTIFIER_MAX_BYTES || !text_is_printable(name))
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected a name of 1 to %d bytes without control characters",
                         IDENTIFIER_MAX_BYTES);
    return STATUS_OK;
}

static size_t name_length(const TargetFacts *facts, const char *name) {
    size_t length = 0;
    for (; *name != '\0'; name++)
        length += facts->name_in_bytes || ((unsigned char)*name & 0xC0) != 0x80;
    return length;
}

Status identifier_check_of(TargetKind kind, const char *what, const char *name, Error *reterr) {
    const TargetFacts *facts = target_facts(kind);
    if (name_length(facts, name) <= facts->name_max)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, "bad_value",
                     "the name of the %s is too long; %s has names of at most %zu %s", what,
                     facts->title, facts->name_max, facts->name_in_bytes ? "bytes" : "characters");
}

static const StringList *item_list(const AccessItem *item, size_t object) {
    return (const StringList *)((const char *)item + OBJECT_FIELDS[object].list_offset);
}

static bool item_takes_all(const AccessItem *item, size_t object) {
    return *(const bool *)((const char *)item + OBJECT_FIELDS[object].all_offset);
}

static bool item_names(const AccessItem *item, size_t object) {
    return item_takes_all(item, object) || item_list(item, object)->count > 0;
}

static bool item_names_objects(const AccessItem *item) {
    for (size_t object = 0; object < OBJECT_SCHEMA; object++)
        if (item_names(item, object))
            return true;
    return false;
}

// Whether the item grants on objects of this kind: on the schema itself where it names none.
static bool item_concerns(const AccessItem *item, size_t object) {
    return object == OBJECT_SCHEMA ? !item_names_objects(item) : item_names(item, object);
}

static bool item_uses_commands(const AccessItem *item) {
    return item->keys.count > 0 || item->channels.count > 0 || item->commands.count > 0;
}

static bool words_have(const EnumTable *words, const char *word) {
    int value;
    return enum_find(words, word, &value);
}

static Status bad_item(Error *reterr, const char *format, ...) PRINTF_LIKE(2, 3);
static Status bad_item(Error *reterr, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(reterr, STATUS_INVALID, "bad_access_item", "%s", message);
}

static Status role_item_check(const AccessItem *item, Error *reterr) {
    if (item->schema != NULL || item_names_objects(item) || item->future_tables ||
        item->columns.count > 0 || item->privileges.count > 0 || item->preset != PRESET_NONE)
        return bad_item(reterr, "a role stands alone in its entry; expected {role: NAME}, and an "
                                "entry of its own for privileges on objects");
    return STATUS_OK;
}

// What the engine has no such thing of.
static Status item_fits_kind(TargetKind kind, const AccessItem *item, Error *reterr) {
    const TargetFacts *facts = target_facts(kind);
    if (item->database != NULL && !facts->other_databases)
        return bad_item(reterr,
                        "access on %s is in the integration's database alone; leave out database",
                        facts->title);
    if (item->columns.count > 0 && !facts->columns)
        return bad_item(reterr, "columns are not offered on %s; make a view of them, and name that",
                        facts->title);
    if (item->future_tables && !facts->future_tables)
        return bad_item(reterr,
                        "%s has no privileges on tables yet to come; leave out "
                        "future_tables",
                        facts->title);
    for (size_t object = 0; object < OBJECT_SCHEMA; object++)
        if (item_names(item, object) && target_privileges(kind, (ObjectKind)object).count == 0)
            return bad_item(reterr, "%s has no %s", facts->title,
                            object_kind_name((ObjectKind)object));
    return STATUS_OK;
}

static Status names_check(TargetKind kind, const char *what, const StringList *names,
                          Error *reterr) {
    for (size_t i = 0; i < names->count; i++)
        TRY(identifier_check_of(kind, what, names->items[i], reterr));
    return STATUS_OK;
}

// Functions stand with the types of their arguments; the driver looks their names up.
static Status item_names_check(TargetKind kind, const AccessItem *item, Error *reterr) {
    if (item->database != NULL)
        TRY(identifier_check_of(kind, "database", item->database, reterr));
    if (item->schema != NULL)
        TRY(identifier_check_of(kind, "schema", item->schema, reterr));
    if (item->role != NULL)
        TRY(identifier_check_of(kind, "role", item->role, reterr));
    TRY(names_check(kind, "table", &item->tables, reterr));
    TRY(names_check(kind, "column", &item->columns, reterr));
    return names_check(kind, "sequence", &item->sequences, reterr);
}

static Status item_columns_check(const AccessItem *item, Error *reterr) {
    static const char *const WORDS[] = {"SELECT", "INSERT", "UPDATE", "REFERENCES"};
    static const EnumTable OF_COLUMNS = {"privilege", WORDS, COUNT_OF(WORDS)};
    if (item->columns.count == 0)
        return STATUS_OK;
    if (item->tables.count == 0 || item->sequences.count > 0 || item->all_sequences ||
        item->functions.count > 0 || item->all_functions)
        return bad_item(reterr, "columns belong to tables; expected tables by name, and nothing "
                                "else, in an entry with columns");
    if (item->preset != PRESET_NONE)
        return bad_item(reterr,
                        "columns want privileges by name; expected privileges: [SELECT, …]");
    for (size_t i = 0; i < item->privileges.count; i++)
        if (!words_have(&OF_COLUMNS, item->privileges.items[i]))
            return bad_item(reterr,
                            "%.30s is no privilege of a column; expected SELECT, INSERT, UPDATE or "
                            "REFERENCES",
                            item->privileges.items[i]);
    return STATUS_OK;
}

static Status item_objects_check(const AccessItem *item, Error *reterr) {
    for (size_t i = 0; i < OBJECT_SCHEMA; i++)
        if (item_takes_all(item, i) && item_list(item, i)->count > 0)
            return bad_item(reterr, "%s and all_%s exclude each other; expected one of them",
                            object_kind_name((ObjectKind)i), object_kind_name((ObjectKind)i));
    if (item->future_tables && !item->all_tables)
        return bad_item(reterr, "future_tables needs all_tables: true");
    return item_columns_check(item, reterr);
}

static Status item_preset_check(TargetKind kind, const AccessItem *item, Error *reterr) {
    const char *preset = enum_name(&PRESETS, item->preset);
    if (item->privileges.count > 0)
        return bad_item(reterr, "privileges and preset exclude each other; expected one of them");
    if (!item_names_objects(item))
        return bad_item(reterr,
                        "preset %s needs objects; expected tables, all_tables: true, "
                        "sequences or all_sequences: true",
                        preset);
    for (size_t i = 0; i < OBJECT_SCHEMA; i++)
        if (item_concerns(item, i) &&
            target_preset(kind, (ObjectKind)i, (Preset)item->preset).count == 0)
            return bad_item(reterr,
                            "preset %s does not cover %s; give them an entry of their own "
                            "with privileges: [%s]",
                            preset, object_kind_name((ObjectKind)i),
                            target_privileges(kind, (ObjectKind)i).names[0]);
    return STATUS_OK;
}

static Status refuse_privilege(TargetKind kind, ObjectKind object, const char *privilege,
                               Error *reterr) {
    const EnumTable offered = target_privileges(kind, object);
    char accepted[256];
    enum_list(&offered, accepted, sizeof accepted);
    if (object != OBJECT_SCHEMA)
        return bad_item(reterr,
                        "%.30s is no privilege of a %s; expected %s. Objects that need "
                        "other privileges get an entry of their own",
                        privilege, object_kind_one(object), accepted);
    if (offered.count == 0)
        return bad_item(reterr,
                        "%s has no privileges on a schema itself; name the objects (tables, "
                        "all_tables: true, …)",
                        target_facts(kind)->title);
    return bad_item(reterr,
                    "%.30s is no privilege of a schema; name the objects "
                    "(tables, all_tables: true, …), or expect %s",
                    privilege, accepted);
}

// Every privilege fits every kind named: otherwise part of what is written would mean nothing.
static Status item_privileges_check(TargetKind kind, const AccessItem *item, Error *reterr) {
    if (item->privileges.count == 0)
        return bad_item(reterr, "privileges are missing; expected privileges: [SELECT, …] or "
                                "preset: read-only or read-write");
    for (size_t i = 0; i < OBJECT_KIND_COUNT_; i++) {
        if (!item_concerns(item, i))
            continue;
        const EnumTable offered = target_privileges(kind, (ObjectKind)i);
        for (size_t p = 0; p < item->privileges.count; p++)
            if (!words_have(&offered, item->privileges.items[p]))
                return refuse_privilege(kind, (ObjectKind)i, item->privileges.items[p], reterr);
    }
    return STATUS_OK;
}

// With these an account could make another one, or change the server, and so outlive its grant.
static bool command_outlives(const char *command) {
    static const char *const WORDS[] = {
        "@all",      "@admin",   "@dangerous",   "acl",  "config", "module",   "debug",
        "replicaof", "slaveof",  "failover",     "sync", "psync",  "replconf", "restore-asking",
        "cluster",   "shutdown", "bgrewriteaof", "save", "migrate"};
    for (size_t i = 0; i < COUNT_OF(WORDS); i++) {
        size_t length = strlen(WORDS[i]);
        if (strncmp(command, WORDS[i], length) == 0 &&
            (command[length] == '\0' || command[length] == '|'))
            return true;
    }
    return false;
}

// These look at no key, so patterns of keys hold them to nothing.
static bool command_reaches_all(const char *command) {
    static const char *const WORDS[] = {"flushall", "flushdb", "swapdb"};
    static const EnumTable REACH_ALL = {"command", WORDS, COUNT_OF(WORDS)};
    return words_have(&REACH_ALL, command);
}

// What is said in the words of SQL.
static bool item_uses_objects(const AccessItem *item) {
    return item->schema != NULL || item->database != NULL || item->role != NULL ||
           item_names_objects(item) || item->future_tables || item->columns.count > 0 ||
           item->privileges.count > 0;
}

// Where access is to keys, by commands.
static Status commands_item_check(const TargetFacts *facts, const AccessItem *item, Error *reterr) {
    if (item_uses_objects(item))
        return bad_item(reterr,
                        "%s has no schemas and roles; expected keys or channels, and commands or a "
                        "preset",
                        facts->title);
    if (item->keys.count == 0 && item->channels.count == 0)
        return bad_item(reterr, "keys and channels are missing; expected keys: [\"cache:*\", …] or "
                                "channels");
    if ((item->preset != PRESET_NONE) == (item->commands.count > 0))
        return bad_item(reterr, "expected either commands: [get, @read, …] or preset: read-only or "
                                "read-write");
    bool any = item->preset != PRESET_NONE;
    for (size_t i = 0; i < item->commands.count; i++) {
        const char *command = item->commands.items[i];
        any = any || command[0] != '-';
        if (command_outlives(command))
            return bad_item(reterr,
                            "%.64s would let an account outlive its grant; expected other commands "
                            "or categories",
                            command);
        if (command_reaches_all(command) && !string_list_has(&item->keys, "*"))
            return bad_item(reterr,
                            "%.64s reaches every key, whatever keys says; expected keys: [\"*\"] "
                            "beside it",
                            command);
    }
    return any ? STATUS_OK
               : bad_item(reterr, "commands only leaves some out; expected one to be used");
}

static int item_actions(const AccessItem *item) {
    return (item->rds_connect != NULL) + (item->ssm_session != NULL) + (item->allow != NULL);
}

// Where access is to resources, by actions.
static Status actions_item_check(const AccessItem *item, Error *reterr) {
    if (item_actions(item) != 1 || item_uses_objects(item) || item_uses_commands(item) ||
        item->preset != PRESET_NONE)
        return bad_item(reterr, "expected exactly one of rds_connect, ssm_session and allow, and "
                                "nothing beside it");
    if (item->rds_connect != NULL)
        return rds_connect_check(item->rds_connect, reterr);
    return item->ssm_session != NULL ? ssm_session_check(item->ssm_session, reterr) : STATUS_OK;
}

Status access_item_check(TargetKind kind, const AccessItem *item, Error *reterr) {
    const TargetFacts *facts = target_facts(kind);
    if (facts->access == ACCESS_TO_ACTIONS)
        return actions_item_check(item, reterr);
    if (item_actions(item) > 0)
        return bad_item(reterr, "rds_connect, ssm_session and allow are not for %s", facts->title);
    if (facts->access == ACCESS_TO_KEYS)
        return commands_item_check(facts, item, reterr);
    if (item_uses_commands(item))
        return bad_item(reterr, "keys, channels and commands are not for %s", facts->title);
    TRY(item_fits_kind(kind, item, reterr));
    TRY(item_names_check(kind, item, reterr));
    if (item->role != NULL)
        return role_item_check(item, reterr);
    if (item->schema == NULL)
        return bad_item(reterr, "the schema is missing; expected schema: NAME, or role: NAME");
    TRY(item_objects_check(item, reterr));
    if (item->preset != PRESET_NONE)
        return item_preset_check(kind, item, reterr);
    return item_privileges_check(kind, item, reterr);
}

// As SQL would show it: names that need quotes have them.
static void add_name(Buffer *text, const char *name) {
    static const char DIGITS[] = "0123456789"; // begin no name
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    bool plain = name[strspn(name, PLAIN)] == '\0' && strspn(name, DIGITS) == 0;
    if (plain) {
        buffer_add(text, name);
        return;
    }
    buffer_add(text, "\"");
    for (; *name != '\0'; name++)
        buffer_addf(text, *name == '"' ? "\"%c" : "%c", *name);
    buffer_add(text, "\"");
}

static void add_names(Buffer *text, const StringList *names) {
    for (size_t i = 0; i < names->count; i++) {
        buffer_add(text, i > 0 ? ", " : "");
        add_name(text, names->items[i]);
    }
}

static void add_schema(Buffer *text, const AccessItem *item) {
    if (item->database != NULL) {
        add_name(text, item->database);
        buffer_add(text, ".");
    }
    add_name(text, item->schema);
}

static void describe_objects(Buffer *text, const AccessItem *item, size_t object,
                             const char **separator) {
    const StringList *list = item_list(item, object);
    if (item_takes_all(item, object)) {
        buffer_addf(text, "%sall %s in ", *separator, object_kind_name((ObjectKind)object));
        add_schema(text, item);
        if (item->future_tables && object == OBJECT_TABLES)
            buffer_add(text, " (also those made during the grant)");
        *separator = ", ";
    }
    for (size_t i = 0; i < list->count; i++) {
        buffer_add(text, *separator);
        if (object != OBJECT_TABLES)
            buffer_addf(text, "%s ", object_kind_one((ObjectKind)object));
        add_schema(text, item);
        buffer_add(text, ".");
        // A function's argument types are not part of its name, so it is shown as written.
        if (object == OBJECT_FUNCTIONS)
            buffer_add(text, list->items[i]);
        else
            add_name(text, list->items[i]);
        *separator = ", ";
    }
}

// "get, @read on keys cache:*, channels news"
static void describe_commands(Arena *arena, Buffer *text, const AccessItem *item) {
    buffer_add(text, item->preset != PRESET_NONE ? enum_name(&PRESETS, item->preset)
                                                 : string_list_join(arena, &item->commands, ", "));
    buffer_add(text, " on ");
    if (item->keys.count > 0)
        buffer_addf(text, "keys %s", string_list_join(arena, &item->keys, ", "));
    if (item->channels.count > 0)
        buffer_addf(text, "%schannels %s", item->keys.count > 0 ? "; " : "",
                    string_list_join(arena, &item->channels, ", "));
}

static void describe_role(Buffer *text, const AccessItem *item) {
    buffer_add(text, "member of role ");
    add_name(text, item->role);
    if (item->database != NULL) {
        buffer_add(text, " in ");
        add_name(text, item->database);
    }
}

static void describe_privileges(Arena *arena, Buffer *text, const AccessItem *item) {
    buffer_add(text, item->preset != PRESET_NONE
                         ? enum_name(&PRESETS, item->preset)
                         : string_list_join(arena, &item->privileges, ", "));
    if (item->columns.count > 0) {
        buffer_add(text, " of columns ");
        add_names(text, &item->columns);
    }
    buffer_add(text, " on ");
    const char *separator = "";
    for (size_t object = 0; object < OBJECT_SCHEMA; object++)
        describe_objects(text, item, object, &separator);
    if (!item_names_objects(item)) {
        buffer_add(text, "schema ");
        add_schema(text, item);
    }
}

const char *access_item_describe(Arena *arena, const AccessItem *item) {
    CLEANUP(buffer_done) Buffer text = {0};
    if (item->rds_connect != NULL)
        buffer_add(&text, rds_connect_describe(arena, item->rds_connect));
    else if (item->ssm_session != NULL)
        buffer_add(&text, ssm_session_describe(arena, item->ssm_session));
    else if (item->allow != NULL)
        buffer_add(&text, aws_allow_describe(arena, item->allow));
    else if (item->role != NULL)
        describe_role(&text, item);
    else if (item->schema == NULL)
        describe_commands(arena, &text, item);
    else
        describe_privileges(arena, &text, item);
    return arena_strdup(arena, buffer_text(&text));
}

StringList access_item_privileges(Arena *arena, TargetKind kind, const AccessItem *item,
                                  ObjectKind object) {
    StringList privileges = {0};
    if (item->role != NULL || (object == OBJECT_SCHEMA && item_names_objects(item)))
        return privileges;
    const EnumTable offered = target_privileges(kind, object);
    const EnumTable preset = target_preset(kind, object, (Preset)item->preset);
    for (size_t i = 0; i < PRIVILEGES.count; i++) {
        const char *name = PRIVILEGES.names[i];
        bool meant = item->preset == PRESET_NONE
                         ? string_list_has(&item->privileges, name) && words_have(&offered, name)
                         : words_have(&preset, name);
        if (meant)
            string_list_add(arena, &privileges, name);
    }
    return privileges;
}

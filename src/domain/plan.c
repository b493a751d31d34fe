#include "domain/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "domain/principal.h"

enum {
    IDENTIFIER_MAX_BYTES = 63, // NAMEDATALEN - 1 of PostgreSQL
    FUNCTION_MAX_BYTES = 512,  // a name and the types of its arguments
    HOST_MAX_BYTES = 253,
};

static const char *const TARGET_KIND_NAMES[] = {[TARGET_POSTGRESQL] = "postgresql"};
const EnumTable TARGET_KINDS = {"kind of target", TARGET_KIND_NAMES, COUNT_OF(TARGET_KIND_NAMES)};

static const char *const TLS_MODE_NAMES[] = {
    [TLS_VERIFY_FULL] = "verify-full",
    [TLS_VERIFY_CA] = "verify-ca",
    [TLS_REQUIRE] = "require",
    [TLS_DISABLE] = "disable",
};
const EnumTable TLS_MODES = {"TLS mode", TLS_MODE_NAMES, COUNT_OF(TLS_MODE_NAMES)};

static const char *const PRIVILEGE_MODE_NAMES[] = {
    [PRIVILEGE_SHARED_ROLE] = "shared-role",
    [PRIVILEGE_DIRECT] = "direct",
};
const EnumTable PRIVILEGE_MODES = {"privilege mode", PRIVILEGE_MODE_NAMES,
                                   COUNT_OF(PRIVILEGE_MODE_NAMES)};

static const char *const PRESET_NAMES[] = {
    [PRESET_NONE] = "none",
    [PRESET_READ_ONLY] = "read-only",
    [PRESET_READ_WRITE] = "read-write",
};
const EnumTable PRESETS = {"preset", PRESET_NAMES, COUNT_OF(PRESET_NAMES)};

// In alphabetical order, which is the order privileges are given back in.
static const char *const PRIVILEGE_NAMES[] = {
    "CREATE", "DELETE",  "EXECUTE",  "INSERT", "MAINTAIN", "REFERENCES",
    "SELECT", "TRIGGER", "TRUNCATE", "UPDATE", "USAGE",
};
const EnumTable PRIVILEGES = {"privilege", PRIVILEGE_NAMES, COUNT_OF(PRIVILEGE_NAMES)};

static const char *const TABLE_WORDS[] = {"SELECT",   "INSERT",     "UPDATE",  "DELETE",
                                          "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"};
static const char *const SEQUENCE_WORDS[] = {"USAGE", "SELECT", "UPDATE"};
static const char *const FUNCTION_WORDS[] = {"EXECUTE"};
static const char *const SCHEMA_WORDS[] = {"USAGE", "CREATE"};

// A preset's privileges of a kind are the first ones of its list above.
static const EnumTable READ_ONLY = {"privilege", TABLE_WORDS, 1}; // SELECT, of both kinds
static const EnumTable READ_WRITE_TABLES = {"privilege", TABLE_WORDS, 4};
static const EnumTable READ_WRITE_SEQUENCES = {"privilege", SEQUENCE_WORDS, 2};

// One kind of object that an item may name, and what may be done with it.
typedef struct ObjectKind {
    const char *name;
    const char *one;                // for messages
    size_t list_offset, all_offset; // in AccessItem; of the schema itself: none
    EnumTable privileges;
    const EnumTable *presets[PRESET_READ_WRITE + 1]; // NULL: the preset does not cover this kind
} ObjectKind;

static const ObjectKind OBJECT_KINDS[] = {
    {"tables",
     "table",
     offsetof(AccessItem, tables),
     offsetof(AccessItem, all_tables),
     {"privilege", TABLE_WORDS, COUNT_OF(TABLE_WORDS)},
     {[PRESET_READ_ONLY] = &READ_ONLY, [PRESET_READ_WRITE] = &READ_WRITE_TABLES}},
    {"sequences",
     "sequence",
     offsetof(AccessItem, sequences),
     offsetof(AccessItem, all_sequences),
     {"privilege", SEQUENCE_WORDS, COUNT_OF(SEQUENCE_WORDS)},
     {[PRESET_READ_ONLY] = &READ_ONLY, [PRESET_READ_WRITE] = &READ_WRITE_SEQUENCES}},
    {"functions",
     "function",
     offsetof(AccessItem, functions),
     offsetof(AccessItem, all_functions),
     {"privilege", FUNCTION_WORDS, COUNT_OF(FUNCTION_WORDS)},
     {NULL}},
    {"schema", "schema", 0, 0, {"privilege", SCHEMA_WORDS, COUNT_OF(SCHEMA_WORDS)}, {NULL}},
};
enum { TABLES_KIND, SEQUENCES_KIND, FUNCTIONS_KIND, SCHEMA_KIND, OBJECT_KIND_COUNT };
_Static_assert(COUNT_OF(OBJECT_KINDS) == OBJECT_KIND_COUNT, "a row for each kind");

static Status function_check(const char *name, Error *reterr) {
    size_t length = strlen(name);
    if (length == 0 || length > FUNCTION_MAX_BYTES || !text_is_printable(name))
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected a function as \"name\" or \"name(integer, text)\" of 1 to %d "
                         "bytes without control characters",
                         FUNCTION_MAX_BYTES);
    return STATUS_OK;
}

Status target_host_check(const char *host, Error *reterr) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._:/%-";
    if (host[0] == '\0' || host[0] == '-' || host[strspn(host, ALLOWED)] != '\0')
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected one host name, one IP address, or the folder of a Unix socket");
    return STATUS_OK;
}

static const Field TARGET_ADDRESS_FIELDS[] = {
    {FIELD(TargetAddress, kind, ENUM), .required = true, .names = &TARGET_KINDS,
     .help = "Kind of target"},
    {FIELD(TargetAddress, host, STRING), .required = true, .max = HOST_MAX_BYTES,
     .check = target_host_check,
     .help = "Host name or address of the target, as its connector sees it"},
    {FIELD(TargetAddress, port, INT), .min = 0, .max = 65535, .default_text = "0",
     .help = "TCP port; 0 means the usual one of the kind"},
    {FIELD(TargetAddress, database, STRING), .required = true, .check = identifier_check,
     .help = "Database on the server"},
    {FIELD(TargetAddress, tls, ENUM), .names = &TLS_MODES, .default_text = "verify-full",
     .help = "How the connection is protected and the server's certificate checked"},
};
const Shape TARGET_ADDRESS_SHAPE = SHAPE("TargetAddress", TargetAddress, TARGET_ADDRESS_FIELDS,
                                         "Where a target is and how it is reached");

static const Field ACCESS_ITEM_FIELDS[] = {
    {FIELD(AccessItem, schema, STRING), .check = identifier_check, .help = "Schema of the objects"},
    {FIELD(AccessItem, tables, STRINGS), .check = identifier_check,
     .help = "Tables, views and other relations of the schema, by name"},
    {FIELD(AccessItem, all_tables, BOOL), .default_text = "false",
     .help = "Every table of the schema instead of named ones"},
    {FIELD(AccessItem, future_tables, BOOL), .default_text = "false",
     .help = "With all_tables: tables made while the grant lives too"},
    {FIELD(AccessItem, sequences, STRINGS), .check = identifier_check,
     .help = "Sequences of the schema, by name"},
    {FIELD(AccessItem, all_sequences, BOOL), .default_text = "false",
     .help = "Every sequence of the schema instead of named ones"},
    {FIELD(AccessItem, functions, STRINGS), .check = function_check,
     .help = "Functions of the schema: a name means every overload, name(integer, text) one"},
    {FIELD(AccessItem, all_functions, BOOL), .default_text = "false",
     .help = "Every function of the schema instead of named ones"},
    {FIELD(AccessItem, role, STRING), .check = identifier_check,
     .help = "An existing role of the database to be made a member of; alone in its entry"},
    {FIELD(AccessItem, privileges, STRINGS), .max = COUNT_OF(PRIVILEGE_NAMES), .names = &PRIVILEGES,
     .help = "What may be done with the objects, in SQL's words"},
    {FIELD(AccessItem, preset, ENUM), .names = &PRESETS, .default_text = "none",
     .help = "A usual set of privileges on tables and sequences, instead of privileges"},
};
const Shape ACCESS_ITEM_SHAPE =
    SHAPE("AccessItem", AccessItem, ACCESS_ITEM_FIELDS,
          "Privileges on some objects of one schema, or membership of one role");

static const Field PLAN_FIELDS[] = {
    {FIELD(Plan, grant_id, STRING), .max = 64, .help = "Id of the grant"},
    {FIELD(Plan, deployment, STRING), .required = true, .max = 64,
     .help = "Id of the Daypass installation, because two may share one server"},
    {FIELD(Plan, connector, STRING), .required = true, .check = object_name_check,
     .help = "Connector that carries the plan out"},
    {FIELD(Plan, integration, STRING), .required = true, .check = object_name_check,
     .help = "Name the integration had when the plan was made"},
    {FIELD(Plan, target, OBJECT), .required = true, .shape = &TARGET_ADDRESS_SHAPE,
     .help = "Where the access is given"},
    {FIELD(Plan, admin_secret, STRING), .required = true, .check = object_name_check,
     .help = "Name of the connector's secret to log in with"},
    {FIELD(Plan, account, STRING), .check = identifier_check,
     .help = "Name of the temporary account on the target"},
    {FIELD(Plan, custodian, STRING), .check = identifier_check,
     .help = "Role that receives what the account owns when it ends"},
    {FIELD(Plan, privilege_mode, ENUM), .names = &PRIVILEGE_MODES, .default_text = "shared-role",
     .help = "How the privileges are given"},
    {FIELD(Plan, connection_limit, INT), .min = 0, .max = 10000, .default_text = "10",
     .help = "Sessions the account may have at once; 0 means no limit"},
    {FIELD_NAMED("duration", Plan, duration_s, DURATION), .help = "How long the access lasts"},
    {FIELD(Plan, access, OBJECTS), .shape = &ACCESS_ITEM_SHAPE, .max = ACCESS_ITEMS_MAX,
     .help = "What the account may do"},
};
const Shape PLAN_SHAPE =
    SHAPE("Plan", Plan, PLAN_FIELDS,
          "Everything a connector must know to give one grant, change it and take it back");

int64_t target_default_port(TargetKind kind) {
    static const int64_t PORTS[] = {[TARGET_POSTGRESQL] = 5432};
    assert((size_t)kind < COUNT_OF(PORTS));
    return PORTS[kind];
}

Status identifier_check(const char *name, Error *reterr) {
    size_t length = strlen(name);
    if (length == 0 || length > IDENTIFIER_MAX_BYTES || !text_is_printable(name))
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected a name of 1 to %d bytes without control characters",
                         IDENTIFIER_MAX_BYTES);
    return STATUS_OK;
}

static const StringList *item_list(const AccessItem *item, const ObjectKind *kind) {
    return (const StringList *)((const char *)item + kind->list_offset);
}

static bool item_takes_all(const AccessItem *item, const ObjectKind *kind) {
    return *(const bool *)((const char *)item + kind->all_offset);
}

static bool item_names_objects(const AccessItem *item) {
    for (size_t i = 0; i < SCHEMA_KIND; i++)
        if (item_takes_all(item, &OBJECT_KINDS[i]) || item_list(item, &OBJECT_KINDS[i])->count > 0)
            return true;
    return false;
}

// Whether the item grants on objects of this kind: on the schema itself where it names none.
static bool item_concerns(const AccessItem *item, size_t kind) {
    if (kind == SCHEMA_KIND)
        return !item_names_objects(item);
    return item_takes_all(item, &OBJECT_KINDS[kind]) ||
           item_list(item, &OBJECT_KINDS[kind])->count > 0;
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
        item->privileges.count > 0 || item->preset != PRESET_NONE)
        return bad_item(reterr, "a role stands alone in its entry; expected {role: NAME}, and an "
                                "entry of its own for privileges on objects");
    return STATUS_OK;
}

static Status item_objects_check(const AccessItem *item, Error *reterr) {
    for (size_t i = 0; i < SCHEMA_KIND; i++)
        if (item_takes_all(item, &OBJECT_KINDS[i]) && item_list(item, &OBJECT_KINDS[i])->count > 0)
            return bad_item(reterr, "%s and all_%s exclude each other; expected one of them",
                            OBJECT_KINDS[i].name, OBJECT_KINDS[i].name);
    if (item->future_tables && !item->all_tables)
        return bad_item(reterr, "future_tables needs all_tables: true");
    return STATUS_OK;
}

static Status item_preset_check(const AccessItem *item, Error *reterr) {
    const char *preset = enum_name(&PRESETS, item->preset);
    if (item->privileges.count > 0)
        return bad_item(reterr, "privileges and preset exclude each other; expected one of them");
    if (!item_names_objects(item))
        return bad_item(reterr,
                        "preset %s needs objects; expected tables, all_tables: true, "
                        "sequences or all_sequences: true",
                        preset);
    for (size_t i = 0; i < SCHEMA_KIND; i++)
        if (item_concerns(item, i) && OBJECT_KINDS[i].presets[item->preset] == NULL)
            return bad_item(reterr,
                            "preset %s does not cover %s; give them an entry of their own "
                            "with privileges: [%s]",
                            preset, OBJECT_KINDS[i].name, OBJECT_KINDS[i].privileges.names[0]);
    return STATUS_OK;
}

// Every privilege fits every kind named: otherwise part of what is written would mean nothing.
static Status item_privileges_check(const AccessItem *item, Error *reterr) {
    if (item->privileges.count == 0)
        return bad_item(reterr, "privileges are missing; expected privileges: [SELECT, …] or "
                                "preset: read-only or read-write");
    for (size_t i = 0; i < OBJECT_KIND_COUNT; i++) {
        const ObjectKind *kind = &OBJECT_KINDS[i];
        if (!item_concerns(item, i))
            continue;
        for (size_t p = 0; p < item->privileges.count; p++) {
            const char *privilege = item->privileges.items[p];
            if (words_have(&kind->privileges, privilege))
                continue;
            if (i == SCHEMA_KIND)
                return bad_item(reterr,
                                "%.20s is no privilege of a schema; name the objects "
                                "(tables, all_tables: true, …), or expect USAGE or CREATE",
                                privilege);
            char accepted[256];
            enum_list(&kind->privileges, accepted, sizeof accepted);
            return bad_item(reterr,
                            "%.20s is no privilege of a %s; expected %s. Objects that need "
                            "other privileges get an entry of their own",
                            privilege, kind->one, accepted);
        }
    }
    return STATUS_OK;
}

Status access_item_check(const AccessItem *item, Error *reterr) {
    if (item->role != NULL)
        return role_item_check(item, reterr);
    if (item->schema == NULL)
        return bad_item(reterr, "the schema is missing; expected schema: NAME, or role: NAME");
    TRY(item_objects_check(item, reterr));
    if (item->preset != PRESET_NONE)
        return item_preset_check(item, reterr);
    return item_privileges_check(item, reterr);
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

static void describe_objects(Buffer *text, const AccessItem *item, size_t index,
                             const char **separator) {
    const ObjectKind *kind = &OBJECT_KINDS[index];
    const StringList *list = item_list(item, kind);
    if (item_takes_all(item, kind)) {
        buffer_addf(text, "%sall %s in ", *separator, kind->name);
        add_name(text, item->schema);
        if (item->future_tables && index == TABLES_KIND)
            buffer_add(text, " (also those made during the grant)");
        *separator = ", ";
    }
    for (size_t i = 0; i < list->count; i++) {
        buffer_add(text, *separator);
        if (index != TABLES_KIND)
            buffer_addf(text, "%s ", kind->one);
        add_name(text, item->schema);
        buffer_add(text, ".");
        // A function's argument types are not part of its name, so it is shown as written.
        if (index == FUNCTIONS_KIND)
            buffer_add(text, list->items[i]);
        else
            add_name(text, list->items[i]);
        *separator = ", ";
    }
}

const char *access_item_describe(Arena *arena, const AccessItem *item) {
    CLEANUP(buffer_done) Buffer text = {0};
    if (item->role != NULL) {
        buffer_add(&text, "member of role ");
        add_name(&text, item->role);
        return arena_strdup(arena, buffer_text(&text));
    }
    buffer_add(&text, item->preset != PRESET_NONE
                          ? enum_name(&PRESETS, item->preset)
                          : string_list_join(arena, &item->privileges, ", "));
    buffer_add(&text, " on ");
    const char *separator = "";
    for (size_t i = 0; i < SCHEMA_KIND; i++)
        describe_objects(&text, item, i, &separator);
    if (!item_names_objects(item)) {
        buffer_add(&text, "schema ");
        add_name(&text, item->schema);
    }
    return arena_strdup(arena, buffer_text(&text));
}

StringList access_item_privileges(Arena *arena, const AccessItem *item, const char *object_kind) {
    StringList privileges = {0};
    size_t index = 0;
    while (index < SCHEMA_KIND && strcmp(OBJECT_KINDS[index].name, object_kind) != 0)
        index++;
    assert(strcmp(OBJECT_KINDS[index].name, object_kind) == 0);
    const ObjectKind *kind = &OBJECT_KINDS[index];
    if (item->role != NULL || (index == SCHEMA_KIND && item_names_objects(item)))
        return privileges;
    const EnumTable *preset = kind->presets[item->preset];
    for (size_t i = 0; i < PRIVILEGES.count; i++) {
        const char *name = PRIVILEGES.names[i];
        bool meant = item->preset == PRESET_NONE ? string_list_has(&item->privileges, name) &&
                                                       words_have(&kind->privileges, name)
                                                 : preset != NULL && words_have(preset, name);
        if (meant)
            string_list_add(arena, &privileges, name);
    }
    return privileges;
}

#include "driver/postgresql/privilege_set.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"

enum {
    FIRST_CAPACITY = 16,
    OBJECTS_PER_STATEMENT = 100,
    DESCRIBED_ENTRIES = 5,
    NAME_HASH_BYTES = 8,
};

void pg_privilege_set_add(Arena *arena, PrivilegeSet *set, const SqlObject *object,
                          uint32_t privileges) {
    if (privileges == 0)
        return;
    if (set->count == set->capacity) {
        size_t capacity = set->capacity == 0 ? FIRST_CAPACITY : set->capacity * 2;
        PrivilegeEntry *items = arena_alloc(arena, capacity * sizeof items[0]);
        if (set->count > 0)
            memcpy(items, set->items, set->count * sizeof items[0]);
        set->items = items;
        set->capacity = capacity;
    }
    set->items[set->count++] = (PrivilegeEntry){.object = *object, .privileges = privileges};
}

static int compare_entries(const void *a, const void *b) {
    const PrivilegeEntry *left = a;
    const PrivilegeEntry *right = b;
    return pg_sql_object_compare(&left->object, &right->object);
}

void pg_privilege_set_normalise(PrivilegeSet *set) {
    if (set->count < 2)
        return;
    qsort(set->items, set->count, sizeof set->items[0], compare_entries);
    size_t kept = 0;
    for (size_t i = 1; i < set->count; i++) {
        if (compare_entries(&set->items[kept], &set->items[i]) == 0)
            set->items[kept].privileges |= set->items[i].privileges;
        else
            set->items[++kept] = set->items[i];
    }
    set->count = kept + 1;
}

PrivilegeSet pg_privilege_set_minus(Arena *arena, const PrivilegeSet *a, const PrivilegeSet *b) {
    PrivilegeSet rest = {0};
    for (size_t i = 0, j = 0; i < a->count; i++) {
        while (j < b->count && compare_entries(&b->items[j], &a->items[i]) < 0)
            j++;
        bool both = j < b->count && compare_entries(&b->items[j], &a->items[i]) == 0;
        uint32_t other = both ? b->items[j].privileges : 0;
        pg_privilege_set_add(arena, &rest, &a->items[i].object, a->items[i].privileges & ~other);
    }
    return rest;
}

bool pg_privilege_set_equal(const PrivilegeSet *a, const PrivilegeSet *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (compare_entries(&a->items[i], &b->items[i]) != 0 ||
            a->items[i].privileges != b->items[i].privileges)
            return false;
    return true;
}

// Every text goes in with its end, and an absent one as such: no two sets give the same bytes.
static void hash_text(crypto_hash_sha256_state *state, const char *text) {
    if (text == NULL)
        crypto_hash_sha256_update(state, (const unsigned char *)"\x01", 1);
    else
        crypto_hash_sha256_update(state, (const unsigned char *)text, strlen(text) + 1);
}

const char *pg_privilege_set_role_name(Arena *arena, const PrivilegeSet *set,
                                       const char *deployment, const char *database,
                                       const char **ret_hash) {
    crypto_start();
    crypto_hash_sha256_state state;
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_init(&state);
    hash_text(&state, "daypass shared role 1");
    hash_text(&state, deployment);
    hash_text(&state, database);
    for (size_t i = 0; i < set->count; i++) {
        const SqlObject *object = &set->items[i].object;
        hash_text(&state, arena_printf(arena, "%d", object->kind));
        hash_text(&state, object->owner);
        hash_text(&state, object->schema);
        hash_text(&state, object->name);
        hash_text(&state, object->arguments);
        hash_text(&state, pg_sql_privileges_format(arena, set->items[i].privileges));
    }
    crypto_hash_sha256_final(&state, hash);
    *ret_hash = hex_encode(arena, hash, sizeof hash);
    return arena_printf(arena, "daypass_%s", hex_encode(arena, hash, NAME_HASH_BYTES));
}

// Entries that share a statement stand beside each other: by kind, then privileges.
static int compare_for_statements(const void *a, const void *b) {
    const PrivilegeEntry *left = a;
    const PrivilegeEntry *right = b;
    if (left->object.kind != right->object.kind)
        return left->object.kind - right->object.kind;
    if (left->privileges != right->privileges)
        return left->privileges < right->privileges ? -1 : 1;
    return compare_entries(a, b);
}

typedef struct StatementOrder {
    const char *grantee;
    bool revoke;
    bool grant_option;
} StatementOrder;

static const char *one_statement(Arena *arena, const PrivilegeEntry *entry,
                                 const SqlObject *objects, size_t count,
                                 const StatementOrder *order) {
    if (order->revoke)
        return pg_sql_revoke(arena, entry->privileges, objects, count, order->grantee);
    return pg_sql_grant(arena, entry->privileges, objects, count, order->grantee,
                        order->grant_option);
}

static StringList statements(Arena *arena, const PrivilegeSet *set, const StatementOrder *order) {
    StringList list = {0};
    if (set->count == 0)
        return list;
    PrivilegeEntry *items = arena_copy(arena, set->items, set->count * sizeof items[0]);
    qsort(items, set->count, sizeof items[0], compare_for_statements);
    SqlObject *objects = arena_alloc(arena, OBJECTS_PER_STATEMENT * sizeof objects[0]);
    for (size_t i = 0; i < set->count;) {
        const PrivilegeEntry *first = &items[i];
        size_t most = pg_sql_object_is_future(&first->object) ? 1 : OBJECTS_PER_STATEMENT;
        size_t count = 0;
        while (i < set->count && count < most && items[i].object.kind == first->object.kind &&
               items[i].privileges == first->privileges)
            objects[count++] = items[i++].object;
        string_list_add(arena, &list, one_statement(arena, first, objects, count, order));
    }
    return list;
}

StringList pg_privilege_set_grants(Arena *arena, const PrivilegeSet *set, const char *grantee,
                                   bool grant_option) {
    return statements(arena, set,
                      &(StatementOrder){.grantee = grantee, .grant_option = grant_option});
}

StringList pg_privilege_set_revokes(Arena *arena, const PrivilegeSet *set, const char *grantee) {
    return statements(arena, set, &(StatementOrder){.grantee = grantee, .revoke = true});
}

static const char *describe_privileges(Arena *arena, uint32_t privileges) {
    if ((privileges & SQL_OTHER) != 0)
        return "privileges";
    return pg_sql_privileges_format(arena, privileges);
}

const char *pg_privilege_set_describe(Arena *arena, const PrivilegeSet *set) {
    CLEANUP(buffer_done) Buffer text = {0};
    for (size_t i = 0; i < set->count && i < DESCRIBED_ENTRIES; i++)
        buffer_addf(&text, "%s%s on %s", i == 0 ? "" : "; ",
                    describe_privileges(arena, set->items[i].privileges),
                    pg_sql_object_describe(arena, &set->items[i].object));
    if (set->count > DESCRIBED_ENTRIES)
        buffer_addf(&text, "; and %zu more", set->count - DESCRIBED_ENTRIES);
    return arena_strdup(arena, buffer_text(&text));
}

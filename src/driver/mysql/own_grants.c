#include "driver/mysql/own_grants.h"

#include <string.h>

#include "base/macros.h"

static const char EVERYTHING[] = "ALL PRIVILEGES";

// ---- Reading a line -----------------------------------------------------------------------------

// `name` with its backticks off, from the beginning of the text. NULL: there is none.
static const char *read_name(Arena *arena, const char **text) {
    const char *at = *text;
    if (*at++ != '`')
        return NULL;
    char *name = arena_alloc(arena, strlen(at) + 1);
    size_t length = 0;
    for (; *at != '\0'; at++) {
        if (*at == '`' && *++at != '`')
            break;
        name[length++] = *at;
    }
    if (at[-1] != '`')
        return NULL;
    *text = at;
    return name;
}

static bool skip(const char **text, const char *prefix) {
    if (!text_starts_with(*text, prefix))
        return false;
    *text += strlen(prefix);
    return true;
}

// "SELECT (`a`, `b`), UPDATE": up to " ON ", commas within parentheses or names apart.
static bool read_words(Arena *arena, const char **text, StringList *words) {
    const char *start = *text;
    int depth = 0;
    bool in_name = false;
    for (const char *at = start; *at != '\0'; at++) {
        if (*at == '`')
            in_name = !in_name;
        if (in_name)
            continue;
        depth += (*at == '(') - (*at == ')');
        bool ends = depth == 0 && text_starts_with(at, " ON ");
        if (!ends && !(depth == 0 && *at == ','))
            continue;
        string_list_add(arena, words, arena_copy(arena, start, (size_t)(at - start)));
        start = at + 1 + strspn(at + 1, " ");
        *text = at + strlen(" ON ");
        if (ends)
            return true;
    }
    return false;
}

static bool read_object(Arena *arena, const char **text, OwnGrant *grant) {
    if (skip(text, "*.*")) {
        grant->kind = MY_SERVER;
        return true;
    }
    grant->kind = skip(text, "FUNCTION ")    ? MY_FUNCTION
                  : skip(text, "PROCEDURE ") ? MY_PROCEDURE
                                             : MY_TABLE;
    skip(text, "TABLE ");
    grant->schema = read_name(arena, text);
    if (grant->schema == NULL || !skip(text, "."))
        return false;
    if (skip(text, "*")) {
        grant->kind = MY_SCHEMA;
        return true;
    }
    grant->name = read_name(arena, text);
    return grant->name != NULL;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), ending = strlen(end);
    return length >= ending && strcmp(text + length - ending, end) == 0;
}

static void keep(Arena *arena, OwnGrants *grants, const OwnGrant *grant) {
    if (grants->count == grants->capacity) {
        grants->capacity = grants->capacity == 0 ? 16 : grants->capacity * 2;
        OwnGrant *more = arena_alloc(arena, grants->capacity * sizeof more[0]);
        if (grants->count > 0)
            memcpy(more, grants->items, grants->count * sizeof more[0]);
        grants->items = more;
    }
    grants->items[grants->count++] = *grant;
}

// GRANT `role`@`%`,`other`@`%` TO …, which has no ON.
static void read_roles(Arena *arena, const char *text, OwnGrants *grants, bool grantable) {
    do {
        OwnGrant role = {.is_role = true, .grantable = grantable};
        role.name = read_name(arena, &text);
        if (role.name == NULL)
            return;
        if (skip(&text, "@"))
            read_name(arena, &text);
        keep(arena, grants, &role);
    } while (skip(&text, ","));
}

void my_own_grants_add(Arena *arena, OwnGrants *grants, const char *line) {
    OwnGrant grant = {0};
    const char *at = line;
    if (!skip(&at, "GRANT "))
        return;
    if (*at == '`') {
        read_roles(arena, at, grants, ends_with(line, " WITH ADMIN OPTION"));
        return;
    }
    if (!read_words(arena, &at, &grant.words) || !read_object(arena, &at, &grant) ||
        !skip(&at, " TO "))
        return;
    grant.grantable = strstr(at, " WITH GRANT OPTION") != NULL;
    keep(arena, grants, &grant);
}

// ---- Asking -------------------------------------------------------------------------------------

static bool letters_equal(const OwnGrants *grants, char a, char b) {
    return grants->names_fold ? strncasecmp(&a, &b, 1) == 0 : a == b;
}

// As LIKE does.
static bool like(const OwnGrants *grants, const char *pattern, const char *name) {
    for (; *pattern != '\0'; pattern++, name++) {
        if (*pattern == '%' && !grants->patterns_are_names) {
            for (const char *rest = name;; rest++) {
                if (like(grants, pattern + 1, rest))
                    return true;
                if (*rest == '\0')
                    return false;
            }
        }
        if (*name == '\0')
            return false;
        if (*pattern == '_' && !grants->patterns_are_names)
            continue;
        if (*pattern == '\\' && pattern[1] != '\0')
            pattern++;
        if (!letters_equal(grants, *pattern, *name))
            return false;
    }
    return *name == '\0';
}

static bool names_equal(const OwnGrants *grants, const char *a, const char *b) {
    return grants->names_fold ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

static bool covers(const OwnGrants *grants, const OwnGrant *own, const MyGrant *wanted) {
    if (own->is_role)
        return false;
    if (own->kind == MY_SERVER)
        return true;
    if (wanted->kind == MY_SERVER)
        return false;
    if (own->kind == MY_SCHEMA)
        return like(grants, own->schema, wanted->schema);
    return own->kind == wanted->kind && names_equal(grants, own->schema, wanted->schema) &&
           names_equal(grants, own->name, wanted->name);
}

bool my_own_grants_has(const OwnGrants *grants, const char *word) {
    for (size_t i = 0; i < grants->count; i++) {
        const OwnGrant *own = &grants->items[i];
        if (!own->is_role && own->kind == MY_SERVER &&
            (string_list_has(&own->words, word) || string_list_has(&own->words, EVERYTHING)))
            return true;
    }
    return false;
}

bool my_own_grants_has_role(const OwnGrants *grants, const char *role, bool to_hand_on) {
    for (size_t i = 0; i < grants->count; i++) {
        const OwnGrant *own = &grants->items[i];
        if (own->is_role && strcmp(own->name, role) == 0 && (own->grantable || !to_hand_on))
            return true;
    }
    return false;
}

MyGrant my_own_grants_lacks_use(Arena *arena, const OwnGrants *grants, const MyGrant *wanted) {
    MyGrant lacks = *wanted;
    lacks.words = (StringList){0};
    for (size_t w = 0; w < wanted->words.count; w++) {
        bool held = false;
        for (size_t i = 0; i < grants->count && !held; i++) {
            const OwnGrant *own = &grants->items[i];
            held = covers(grants, own, wanted) &&
                   (string_list_has(&own->words, wanted->words.items[w]) ||
                    string_list_has(&own->words, EVERYTHING));
        }
        if (!held)
            string_list_add(arena, &lacks.words, wanted->words.items[w]);
    }
    return lacks;
}

// The server puts together what the levels say: a privilege may come from one, and the option to
// hand it on from another.
MyGrant my_own_grants_lacks(Arena *arena, const OwnGrants *grants, const MyGrant *wanted) {
    bool grantable = false;
    for (size_t i = 0; i < grants->count; i++)
        grantable |= grants->items[i].grantable && covers(grants, &grants->items[i], wanted);
    return grantable ? my_own_grants_lacks_use(arena, grants, wanted) : *wanted;
}

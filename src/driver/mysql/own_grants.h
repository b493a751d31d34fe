// What an account holds, as the lines of SHOW GRANTS say it. Pure.
#pragma once

#include "driver/mysql/statement.h"

typedef struct OwnGrant {
    bool is_role;       // a role of that name, and nothing else
    int kind;           // MyObjectKind
    const char *schema; // of MY_SCHEMA as written: a pattern, in which \ makes _ and % themselves
    const char *name;   // or the role's
    StringList words;   // "SELECT", "SELECT (`a`, `b`)", "ALL PRIVILEGES"
    bool grantable;     // WITH GRANT OPTION, WITH ADMIN OPTION
} OwnGrant;
typedef struct OwnGrants {
    OwnGrant *items;
    size_t count;
    size_t capacity;
    bool names_fold;         // letters of schemas and tables do not differ by case
    bool patterns_are_names; // _ and % in schemas stand for themselves
} OwnGrants;

// One line more. Lines of another form (REVOKE of partial revokes, PROXY) are left out.
void my_own_grants_add(Arena *arena, OwnGrants *grants, const char *line);
// Whether it has that privilege on the whole server: "PROCESS", "CONNECTION_ADMIN".
bool my_own_grants_has(const OwnGrants *grants, const char *word);
bool my_own_grants_has_role(const OwnGrants *grants, const char *role, bool to_hand_on);
// What of `wanted` it cannot hand on: words that it has not, or all where it has no grant option
// there. Without words: nothing.
MyGrant my_own_grants_lacks(Arena *arena, const OwnGrants *grants, const MyGrant *wanted);
// The same of what it wants for itself.
MyGrant my_own_grants_lacks_use(Arena *arena, const OwnGrants *grants, const MyGrant *wanted);

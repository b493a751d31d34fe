// What an account is the definer of: views, functions, procedures, triggers and events, which run
// with its rights, and stop to work when it is gone.
#pragma once

#include "driver/mysql/account.h"

typedef enum DefinedKind {
    DEFINED_VIEW,
    DEFINED_FUNCTION,
    DEFINED_PROCEDURE,
    DEFINED_TRIGGER,
    DEFINED_EVENT,
} DefinedKind;
typedef struct Defined {
    int kind; // DefinedKind
    const char *schema;
    const char *name;
} Defined;
typedef struct Definers {
    Defined *items;
    size_t count;
    // The admin is not shown all there may be: the account has a right to make such things.
    bool unseen;
} Definers;
MUST_USE Status my_definers_read(Operation *operation, MyName name, Definers *ret_definers,
                                 Error *reterr);
// "view app.names"
const char *my_defined_describe(Arena *arena, const Defined *defined);

// Gives them to the custodian, each in one statement or not at all. What cannot be becomes an
// obstacle with its repair; only failures worth repeating are returned.
MUST_USE Status my_definers_hand_over(Operation *operation, MyName name, const char *custodian,
                                      Error *reterr);

// The account that a custodian's name means, and why it may not be given anything (NULL: it may).
MUST_USE Status my_custodian_read(Operation *operation, const char *custodian, bool *ret_found,
                                  MyName *ret_name, const char **ret_reason, Error *reterr);
// GRANT … of what the admin needs to be shown them all.
const char *my_definers_rights(Operation *operation);
StringList my_definers_seen_by(const Operation *operation); // these: "SHOW VIEW", …
bool my_definers_seen(const Operation *operation);

// What an account has set for itself and nobody else could own: default privileges, logins at
// foreign servers, policies of its tables that name it. And acting for the account meanwhile.
#pragma once

#include "driver/postgresql/operation.h"
#include "driver/postgresql/role.h"

// An admin who is not superuser acts on the account's objects as its member, for a transaction.
MUST_USE Status pg_membership_begin(Operation *operation, const Role *account, Error *reterr);
MUST_USE Status pg_membership_end(Operation *operation, const Role *account, Error *reterr);

// Statements that take its default privileges back to what is built in.
MUST_USE Status pg_own_settings_read(Operation *operation, const Role *account,
                                     StringList *ret_statements, Error *reterr);
// They could not be carried out.
void pg_own_settings_add_obstacle(Operation *operation, const Role *account,
                                  const StringList *statements, const char *why);
// Statements that put the custodian in the account's place in policies of its own tables.
MUST_USE Status pg_own_policies_read(Operation *operation, const Role *account,
                                     const char *custodian, StringList *ret_statements,
                                     Error *reterr);
// Takes away the account's logins at foreign servers, as its password goes. What cannot be is an
// obstacle; only failures worth repeating are returned.
MUST_USE Status pg_own_mappings_remove(Operation *operation, const Role *account, Error *reterr);

// What a plan's access means in this database now: the exact objects and privileges, what of it is
// not there, and what the admin may not give. Reads only; grant and check stand on the same answer.
#pragma once

#include "domain/plan.h"
#include "driver/oracle/operation.h"

typedef struct OracleGrant {
    OracleObject object;
    StringList privileges;
} OracleGrant;

typedef struct OracleResolution {
    OracleGrant *grants; // each object once, in order
    size_t grant_count;
    StringList roles;
    StringList absent;  // "table "APP"."ORDERS""
    StringList lacking; // GRANT …, which the admin account needs
    StringList refused; // why: nobody is given these
} OracleResolution;

// Fails only where the server does.
MUST_USE Status oracle_resolve(Operation *operation, const AccessItems *access,
                               OracleResolution *ret_resolution, Error *reterr);
// FAILURE_NOT_FOUND, FAILURE_REFUSED or FAILURE_DENIED, naming what; or STATUS_OK.
MUST_USE Status oracle_resolution_require(Operation *operation, const OracleResolution *resolution,
                                          Error *reterr);

// SQL: system privileges p.PRIVILEGE with which an account could outlast its grant, or reach what
// is not in it: it makes or changes users, grants to others, runs without a session, or writes
// anywhere.
#define ORACLE_POWERFUL                                                                            \
    "((p.PRIVILEGE LIKE '% ANY %' AND p.PRIVILEGE NOT IN ('SELECT ANY TABLE', 'READ ANY TABLE',"   \
    " 'SELECT ANY SEQUENCE')) OR p.ADMIN_OPTION = 'YES' OR p.PRIVILEGE LIKE 'SYS%'"                \
    " OR p.PRIVILEGE LIKE 'EXEMPT %' OR p.PRIVILEGE LIKE '% PROFILE' OR p.PRIVILEGE IN"            \
    " ('CREATE USER', 'ALTER USER', 'DROP USER', 'BECOME USER', 'CREATE ROLE', 'ALTER SYSTEM',"    \
    " 'ALTER DATABASE', 'ADMINISTER DATABASE TRIGGER', 'ADMINISTER KEY MANAGEMENT',"               \
    " 'CREATE JOB', 'CREATE EXTERNAL JOB', 'MANAGE SCHEDULER', 'CREATE CREDENTIAL',"               \
    " 'CREATE LIBRARY', 'CREATE PUBLIC DATABASE LINK', 'UNLIMITED TABLESPACE',"                    \
    " 'EXPORT FULL DATABASE', 'IMPORT FULL DATABASE', 'AUDIT SYSTEM', 'CREATE PLUGGABLE "          \
    "DATABASE'))"

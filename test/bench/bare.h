// The floor: an engine's client library alone, sending what a driver sends, on so many connections
// that stay open. An engine brings three functions.
#pragma once

#include "script.h"

typedef struct BareTarget {
    const char *host;
    const char *port;
    const char *user;
    const char *database;
    const char *ca_file;
    char password[256];
} BareTarget;

typedef struct BareEngine {
    // A connection, or the program ends.
    void *(*connect)(const BareTarget *target);
    void (*disconnect)(void *connection);
    // Sends the statement and reads its answer whole. `account` learns its oid where one is told.
    void (*run)(void *connection, const Statement *statement, Account *account);
} BareEngine;

int bare_main(int argc, char **argv, const BareEngine *engine);

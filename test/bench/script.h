// What a driver was seen to send to its server, to be sent again: recording.py writes the file.
// {account}, {oid} and {key} stand for what differs from one account to the next.
#pragma once

#include <stddef.h>

typedef struct Statement {
    char *sql;
    char **parameters; // NULL for a null
    size_t parameter_count;
} Statement;

typedef struct StatementList {
    Statement *items;
    size_t count;
} StatementList;

typedef struct Script {
    StatementList setup; // once for each connection
    StatementList grant;
    StatementList revoke;
} Script;

Script script_read(const char *path);

// `oid` is known once the server has told it; `key` is the account's own.
typedef struct Account {
    char name[64];
    char oid[24];
    char key[16];
} Account;

// Writes the text with the account's values into *buffer, which grows; gives *buffer.
char *script_fill(const char *text, const Account *account, char **buffer, size_t *capacity);

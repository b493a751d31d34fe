#include "driver/odbc/diagnostics.h"

#include <string.h>

#include "driver/odbc/wide_text.h"

enum { TEXT_UNITS = 1024, CODE_LENGTH = SQLSTATE_SIZE - 1 };

static void add(Arena *arena, OdbcAnswer *answer, const OdbcDiagnostic *diagnostic) {
    if (answer->diagnostics == NULL)
        answer->diagnostics = arena_alloc(arena, ODBC_DIAGNOSTICS_MAX * sizeof *diagnostic);
    answer->diagnostics[answer->diagnostic_count++] = *diagnostic;
}

void odbc_diagnostics_read(SQLSMALLINT kind, SQLHANDLE handle, Arena *arena, OdbcAnswer *answer) {
    for (SQLSMALLINT number = 1; answer->diagnostic_count < ODBC_DIAGNOSTICS_MAX; number++) {
        SQLWCHAR code[SQLSTATE_SIZE] = {0}, text[TEXT_UNITS] = {0};
        SQLINTEGER native = 0;
        SQLSMALLINT length = 0;
        SQLRETURN result =
            SQLGetDiagRecW(kind, handle, number, code, &native, text, TEXT_UNITS, &length);
        if (!SQL_SUCCEEDED(result))
            return;
        size_t units = length < 0 ? 0 : (size_t)length;
        OdbcDiagnostic diagnostic = {
            .native = native,
            .text = wide_text_read(arena, text, units < TEXT_UNITS ? units : TEXT_UNITS - 1),
        };
        for (size_t i = 0; i < CODE_LENGTH; i++)
            diagnostic.sqlstate[i] = code[i] > ' ' && code[i] < 0x7F ? (char)code[i] : '?';
        add(arena, answer, &diagnostic);
    }
}

bool odbc_diagnostics_have(const OdbcAnswer *answer, const char *prefix) {
    for (size_t i = 0; i < answer->diagnostic_count; i++)
        if (strncmp(answer->diagnostics[i].sqlstate, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

const OdbcDiagnostic *odbc_answer_find(const OdbcAnswer *answer, int native) {
    for (size_t i = 0; i < answer->diagnostic_count; i++)
        if (answer->diagnostics[i].native == native)
            return &answer->diagnostics[i];
    return NULL;
}

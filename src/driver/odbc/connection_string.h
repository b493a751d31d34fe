// The text that SQLDriverConnect takes: KEYWORD={value};… with every value in braces that has more
// than letters, digits and ._/:,- in it, so that nothing in one can begin another.
#pragma once

#include "base/buffer.h"

typedef struct OdbcSetting {
    const char *keyword; // a literal of ours
    const char *value;   // NULL: the setting is left out
    bool bare; // goes without braces, which the driver would take for a part of it, unless it has
               // a semicolon or a brace itself
} OdbcSetting;

// How a driver reads a brace inside braces.
typedef enum OdbcBraces {
    ODBC_BRACES_DOUBLED, // as documented for ODBC: } is written twice
    ODBC_BRACES_REFUSED, // it ends the value, whatever is done (FreeTDS before 1.5)
} OdbcBraces;

// Adds to `string`, whose `wipe` is to be set where a value is a secret. "bad_connection_value"
// names the keyword, never the value: text that is not UTF-8, has control characters, or a brace
// the driver would misread.
MUST_USE Status odbc_connection_string_add(Buffer *string, const OdbcSetting *settings,
                                           size_t count, OdbcBraces braces, Error *reterr);

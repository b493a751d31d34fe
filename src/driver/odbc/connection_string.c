#include "driver/odbc/connection_string.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

// Some drivers take braces for a part of the value where they expect a number or a word of theirs.
// What cannot end a value or begin another needs none.
static bool is_plain(const char *value) {
    for (const char *at = value; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr("._/:,-", *at) == NULL)
            return false;
    return value[0] != '\0';
}

static bool has_control(const char *value) {
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < ' ' || *value == 0x7F)
            return true;
    return false;
}

static Status check(const OdbcSetting *setting, OdbcBraces braces, Error *reterr) {
    if (!text_is_utf8(setting->value, strlen(setting->value)))
        return error_set(reterr, STATUS_INVALID, "bad_connection_value",
                         "the value for %s of the connection is not UTF-8", setting->keyword);
    if (has_control(setting->value))
        return error_set(reterr, STATUS_INVALID, "bad_connection_value",
                         "the value for %s of the connection has a control character, such as a "
                         "line break or a tab; expected one line of text",
                         setting->keyword);
    if (braces == ODBC_BRACES_REFUSED && strchr(setting->value, '}') != NULL)
        return error_set(reterr, STATUS_INVALID, "bad_connection_value",
                         "the value for %s of the connection has a }, which this ODBC driver "
                         "cannot read; use one without it, or the vendor's own driver",
                         setting->keyword);
    return STATUS_OK;
}

static void add_value(Buffer *string, const char *value, bool bare) {
    if (is_plain(value) || (bare && strpbrk(value, ";{} ") == NULL)) {
        buffer_add(string, value);
        return;
    }
    buffer_add(string, "{");
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '}')
            buffer_add_bytes(string, at, 1);
        buffer_add_bytes(string, at, 1);
    }
    buffer_add(string, "}");
}

Status odbc_connection_string_add(Buffer *string, const OdbcSetting *settings, size_t count,
                                  OdbcBraces braces, Error *reterr) {
    for (size_t i = 0; i < count; i++)
        if (settings[i].value != NULL)
            TRY(check(&settings[i], braces, reterr));
    for (size_t i = 0; i < count; i++) {
        if (settings[i].value == NULL)
            continue;
        buffer_add(string, settings[i].keyword);
        buffer_add(string, "=");
        add_value(string, settings[i].value, settings[i].bare);
        buffer_add(string, ";");
    }
    return STATUS_OK;
}

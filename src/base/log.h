// Log of a program, one line an event, to standard error: key=value, or JSON. Called only by api,
// server, connector and cli.
#pragma once

#include "base/enum_table.h"

#include <stdbool.h>

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR } LogLevel;
extern const EnumTable LOG_LEVELS; // "debug", "info", "warning", "error"

typedef struct LogOptions {
    LogLevel level;
    bool json;
} LogOptions;

// Once, before threads start.
void log_setup(LogOptions options);

// Never waits: lines that cannot be written at once (a full disk, a reader that is stuck) are lost,
// and event=log.lost says how many, once there is room again.
//
// log_event(LOG_INFO, "grant.active", "grant", id, "account", name, NULL); values that are NULL
// are left out, unprintable characters are escaped, values above 4096 bytes are cut.
void log_event(LogLevel level, const char *event, ...) __attribute__((sentinel));

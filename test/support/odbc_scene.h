// A scene for drivers that stand on ODBC: the real driver manager with the scripted driver and no
// other, and a script that says which statements must come, in which order, and what they give.
#pragma once

#include "base/memory.h"
#include "base/text.h"
#include "support/scripted_odbc.h"

// Lists `driver_name` alone in an odbcinst.ini of the test's own, and serves. Once a process: the
// driver manager remembers. The environment has DAYPASS_TEST_SCRIPTED_ODBC, the library's path.
void odbc_scene_install(const char *driver_name);
void odbc_scene_serve(const ScriptedServer *server);
void odbc_scene_let_go(void);
const char *odbc_scene_folder(void);

// One step: a statement that must come next, and what it gives.
typedef struct ScriptStep {
    const char *sql; // the whole statement, or with a * at the end how it begins
    ScriptedAnswer answer;
} ScriptStep;

typedef struct OdbcScript {
    Arena *arena;
    const ScriptStep *steps;
    size_t step_count;
    size_t at;
    ScriptedAnswer connecting;     // the answer to each connection
    StringList connection_strings; // as they came
    StringList statements;
    StringList attributes; // "connection 103 = 10", "statement 0 = 30"
    StringList parameters; // of all statements; "(null)" for a null
    int cancels;
    int disconnects;
    const char *complaint; // about a statement that was not in the script
} OdbcScript;

// Serves the steps from now on.
void odbc_script_start(OdbcScript *script, const ScriptStep *steps, size_t count);
// Fails the test where another statement came, or not all of them did.
void odbc_script_end(OdbcScript *script);

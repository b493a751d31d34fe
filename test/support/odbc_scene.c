#include "support/odbc_scene.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static ScriptedServe *serve;
static ScriptedLetGo *let_go;

static void remove_folder(void) {
    char path[128];
    static const char *const FILES[] = {"odbcinst.ini", "trace.log"};
    for (size_t i = 0; i < COUNT_OF(FILES); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, FILES[i]);
        unlink(path);
    }
    rmdir(folder);
}

void odbc_scene_install(const char *driver_name) {
    const char *library = getenv("DAYPASS_TEST_SCRIPTED_ODBC");
    assert_non_null(library);
    snprintf(folder, sizeof folder, "/tmp/daypass-odbc-XXXXXX");
    assert_non_null(mkdtemp(folder));
    atexit(remove_folder);
    char path[128];
    snprintf(path, sizeof path, "%s/odbcinst.ini", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    // Tracing is on, as an administrator may have left it: nothing of ours may get there.
    fprintf(file,
            "[ODBC]\nTrace=Yes\nTraceFile=%s/trace.log\n\n"
            "[%s]\nDescription=for tests\nDriver=%s\nUsageCount=1\n\n"
            "[Broken]\nDescription=without a library\nDriver=%s/absent.so\nUsageCount=1\n",
            folder, driver_name, library, folder);
    fclose(file);
    setenv("ODBCSYSINI", folder, 1);
    setenv("ODBCINI", "/dev/null", 1);
    unsetenv("ODBCINSTINI");
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        fail_msg("%s", dlerror());
    serve = (ScriptedServe *)(uintptr_t)dlsym(handle, "scripted_odbc_serve");
    let_go = (ScriptedLetGo *)(uintptr_t)dlsym(handle, "scripted_odbc_let_go");
    assert_true(serve != NULL && let_go != NULL);
}

void odbc_scene_serve(const ScriptedServer *server) {
    serve(server);
}

void odbc_scene_let_go(void) {
    let_go();
}

const char *odbc_scene_folder(void) {
    return folder;
}

// ---- Scripts ------------------------------------------------------------------------------------

static void on_connect(void *context, int connection, const char *connection_string,
                       ScriptedAnswer *answer) {
    OdbcScript *script = context;
    (void)connection;
    string_list_add(script->arena, &script->connection_strings, connection_string);
    *answer = script->connecting;
}

static bool matches(const char *expected, const char *sql) {
    size_t length = strlen(expected);
    if (length > 0 && expected[length - 1] == '*')
        return strncmp(expected, sql, length - 1) == 0;
    return strcmp(expected, sql) == 0;
}

static void on_statement(void *context, const ScriptedStatement *statement,
                         ScriptedAnswer *answer) {
    static const ScriptedRecord UNEXPECTED = {
        .sqlstate = "HY000", .native = 0, .text = "[Scripted] not in the script"};
    OdbcScript *script = context;
    string_list_add(script->arena, &script->statements, statement->sql);
    for (size_t i = 0; i < statement->parameter_count; i++)
        string_list_add(script->arena, &script->parameters,
                        statement->parameters[i] == NULL ? "(null)" : statement->parameters[i]);
    const ScriptStep *step = script->at < script->step_count ? &script->steps[script->at] : NULL;
    if (step != NULL && matches(step->sql, statement->sql)) {
        script->at++;
        *answer = step->answer;
        return;
    }
    if (script->complaint == NULL)
        script->complaint =
            arena_printf(script->arena, "step %zu: expected \"%s\", got \"%s\"", script->at + 1,
                         step == NULL ? "no more statements" : step->sql, statement->sql);
    *answer = (ScriptedAnswer){.fails = true, .records = &UNEXPECTED, .record_count = 1};
}

static void on_attribute(void *context, int connection, bool of_statement, int attribute,
                         intptr_t value) {
    OdbcScript *script = context;
    (void)connection;
    string_list_add(script->arena, &script->attributes,
                    arena_printf(script->arena, "%s %d = %ld",
                                 of_statement ? "statement" : "connection", attribute,
                                 (long)value));
}

static void on_cancel(void *context, int connection) {
    (void)connection;
    ((OdbcScript *)context)->cancels++;
}

static void on_disconnect(void *context, int connection) {
    (void)connection;
    ((OdbcScript *)context)->disconnects++;
}

void odbc_script_start(OdbcScript *script, const ScriptStep *steps, size_t count) {
    script->steps = steps;
    script->step_count = count;
    script->at = 0;
    serve(&(ScriptedServer){.context = script,
                            .on_connect = on_connect,
                            .on_statement = on_statement,
                            .on_attribute = on_attribute,
                            .on_cancel = on_cancel,
                            .on_disconnect = on_disconnect});
}

void odbc_script_end(OdbcScript *script) {
    serve(NULL);
    if (script->complaint != NULL)
        fail_msg("%s", script->complaint);
    if (script->at < script->step_count)
        fail_msg("step %zu never came: \"%s\"", script->at + 1, script->steps[script->at].sql);
}

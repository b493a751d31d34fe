// As much of an Oracle server as its driver sees, behind the scripted ODBC driver: one account and
// all that belongs to it change as the statements say. A test sets what is there, makes the n-th
// statement fail or the connection break before or after it, and looks at what is left.
#pragma once

#include "driver/oracle/driver.h"
#include "driver/oracle/session.h"
#include "support/odbc_scene.h"

#define SCENE_ACCOUNT "temp_ann_a1b2c3"
#define SCENE_USER "TEMP_ANN_A1B2C3"

enum { SCENE_OBJECTS_MAX = 8, SCENE_SESSIONS_MAX = 8, SCENE_LACKING_MAX = 8 };

typedef enum Trouble {
    TROUBLE_NONE,
    TROUBLE_REFUSES,    // the statement, with `trouble_native`
    TROUBLE_CUT_BEFORE, // the connection, and it is not carried out
    TROUBLE_CUT_AFTER,  // the connection, and it is
} Trouble;

typedef struct Lacking {
    const char *begins; // statements that begin so, or have it within a guarded block
    int native;         // are refused with that
} Lacking;

typedef struct OracleScene {
    Arena *arena;
    ManualClock clock;
    int64_t now_at; // the server's

    // What is on the server
    const char *container, *role, *version;
    bool hosted, any_object, marks_table, profile, runs_jobs;
    bool user, locked, without_password, creates_session, login_right;
    int64_t user_id, row_user_id; // 0: null
    bool row, row_is_old;
    const char *mark;
    const char *status; // instead of what follows from the rest
    char password[64];
    bool job, job_enabled;
    int64_t job_ends_at;
    StringList grants; // as they were said
    const char *owned[SCENE_OBJECTS_MAX];
    size_t owned_count;
    int sessions;     // of the account
    int kills_needed; // for each until it ends
    int kills, kills_of_process;
    bool lets_one_in; // a login under way shows itself when rights are taken back
    const char *reason_against_role;
    bool no_quota, no_admin_option, no_role, no_procedure;
    const char *owned_type; // NULL: tables
    Lacking lacking[SCENE_LACKING_MAX];
    size_t lacking_count;

    // What goes wrong
    Trouble trouble;
    int trouble_at; // the number of a statement of the operation, from 1; 0: none
    int trouble_native;
    void (*before_each)(struct OracleScene *scene, const char *sql);

    StringList statements; // as they came, since the session was opened
    StringList connection_strings;
    const char *unknown; // a statement nobody here understands
    ScriptedAnswer connecting;
    bool counting;
    int count;
} OracleScene;

int oracle_scene_setup(void **state);
int oracle_scene_teardown(void **state);
int oracle_scene_install(void **state); // of the group

const Plan *scene_plan(OracleScene *scene);
GrantOrder scene_order(OracleScene *scene, const Secret *password);
DriverLogin scene_login(OracleScene *scene);
// A session; the statements from now on are the operation's.
DriverSession *scene_open(OracleScene *scene);
// Whether somebody could log in as the account.
bool scene_is_usable(const OracleScene *scene);
// The statements that change something, without the guard, joined by line breaks.
const char *scene_changes(OracleScene *scene);

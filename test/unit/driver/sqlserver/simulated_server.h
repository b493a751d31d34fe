// A SQL Server as far as Daypass talks to it, small enough to be seen through: logins, databases,
// users, permissions, sessions, and transactions. It stands behind the scripted ODBC driver, keeps
// every statement, and can fail or cut the connection at any of them. A statement that it does not
// know is a complaint.
#pragma once

#include "base/memory.h"
#include "base/text.h"
#include "support/odbc_scene.h"

enum { SIM_LOGINS = 8, SIM_DATABASES = 4, SIM_USERS = 4, SIM_SESSIONS = 8, SIM_TEXT = 600 };

typedef struct SimLogin {
    char name[SIM_TEXT], sid[64], password[SIM_TEXT];
    bool disabled;
    int key;
    int lingers; // answers to DROP LOGIN that it is still connected
} SimLogin;

typedef struct SimUser {
    char name[SIM_TEXT], sid[64], mark[SIM_TEXT * 2];
    int id;
    StringList grants; // "SELECT ON OBJECT::[app].[orders]"
    StringList roles;
    char schema[SIM_TEXT]; // that it owns; "": none
} SimUser;

typedef struct SimDatabase {
    const char *name;
    const char *state; // "ONLINE"
    bool open;
    SimUser users[SIM_USERS];
    size_t user_count;
} SimDatabase;

typedef struct SimSession {
    int id;
    char login[SIM_TEXT];
    int kills_needed; // KILLs until it ends; -1: never
} SimSession;

typedef struct SimState {
    SimLogin logins[SIM_LOGINS];
    size_t login_count;
    SimDatabase databases[SIM_DATABASES];
    size_t database_count;
    SimSession sessions[SIM_SESSIONS];
    size_t session_count;
} SimState;

// What happens at the nth statement, counted over all connections from 1. 0: nothing.
typedef struct SimFault {
    int at;
    bool after; // the server carries it out first
    int native; // the error that it answers with; 0: the connection is cut
    const char *sqlstate;
} SimFault;

typedef struct Sim {
    Arena *arena;
    SimState now, before; // `before`: at the beginning of the transaction
    bool in_transaction;
    const char *current;     // database
    int64_t now_at, late_by; // the clock; and how much later it is when a commit arrives
    const char *edition, *version;
    StringList tables, sequences, procedures, schemas, roles; // of every database
    StringList lacking; // rights of the admin, and "GRANT" for the grant option
    const char *role_refusal;
    const char *custodian;
    bool custodian_rules; // the database
    bool has_module;      // that runs as whoever is asked about
    bool ignores_case;    // in names of objects
    bool draws;           // defaults of tables from the sequence app.ids
    const char *procedure_type;
    const char *server_roles;   // of every login
    const char *owned_database; // by every login
    int refuses_login;          // native number; 0: lets in
    const char *login_sqlstate;
    bool insists;        // DROP USER is refused while the user holds anything
    int refuses;         // native number that `refused` gets; 0: none
    const char *refused; // how the statement begins
    bool vanishes;       // somebody else did it just before
    SimFault fault;
    int count; // statements so far
    StringList statements, connection_strings;
    int next_id;
    const char *complaint;
} Sim;

void sim_init(Sim *sim, Arena *arena);
void sim_serve(Sim *sim);
SimLogin *sim_login(Sim *sim, const char *name);
SimDatabase *sim_database(Sim *sim, const char *name);
SimUser *sim_user(Sim *sim, const char *database, const char *name);
void sim_add_session(Sim *sim, const char *login, int kills_needed);
// Whether somebody could log in with a login whose password somebody knows, and that no user of any
// database has a mark for.
bool sim_has_unmarked_account(const Sim *sim);

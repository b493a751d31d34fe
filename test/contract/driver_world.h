// The world a driver is tested in: a server with a small shop, an admin account, and users who log
// in by themselves. The contract is written against this; an engine says how it is done there.
#pragma once

#include "driver/driver.h"

#include <stdbool.h>

typedef struct World World;

typedef enum Answer {
    ANSWER_DONE,
    ANSWER_REFUSED,  // the server refused the statement
    ANSWER_NO_LOGIN, // or the login
} Answer;

// One session of a user, held open.
typedef struct UserSession UserSession;

// How a connection is cut off: at the nth statement of the driver, before the server gets it or
// after it has carried it out and before the driver hears of it. Or how the nth statement, or
// connection, fails once.
typedef struct Cut {
    int at;
    bool after;
    const char *error;       // the engine's code of an error that is the answer; NULL: cut
    bool refuses;            // `at` counts connections
    int64_t *ret_statements; // how many went by, when the session is over
} Cut;

typedef struct Engine {
    const Driver *driver;
    World *(*world_new)(const void *server, bool limited_admin, int privilege_mode);
    void (*world_free)(World *world);
    // As the server's superuser. The number is the first column of the first row.
    void (*run)(World *world, const char *database, const char *sql);
    int64_t (*number)(World *world, const char *database, const char *sql);
    Answer (*answer)(World *world, const char *account, const char *password, const char *sql);
    UserSession *(*user_open)(World *world, const char *account, const char *password);
    bool (*user_run)(UserSession *user, const char *sql); // false: refused, or the session is gone
    void (*user_close)(UserSession *user);
    // A login through something that cuts; freed by cutter_free when no session uses it.
    void *(*cutter_new)(World *world, const Cut *cut, DriverLogin *ret_login);
    void (*cutter_free)(void *cutter);
    // Whether the server's log holds the text, from where it was when the world was made.
    bool (*log_has)(World *world, const char *text);
} Engine;

// What every engine's world offers. Texts live as long as it.
struct World {
    const Engine *engine;
    Arena *arena;
    DriverLogin login; // the admin's
    Secret *admin_password;
    TargetAddress target;
    bool limited_admin; // not superuser: has exactly what the documents say
    int privilege_mode;
    const char *schema;         // with tables customers, orders, secrets and some of strange names
    const char *other_database; // of the same server, where names may be any bytes
    const char *custodian;
    const char *role; // may read table secrets; nobody is its member
    int accounts;     // made so far, for their names
};

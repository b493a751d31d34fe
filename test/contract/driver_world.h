// The world a driver is tested in: a server with a small shop, an admin account, and users who log
// in by themselves. The contract says what happens in it; an engine's world file says how that is
// done there, and what the engine does not have.
#pragma once

#include "cutting_wire.h"
#include "driver/driver.h"

#include <stdbool.h>

typedef struct World World;

// What a test may need of an engine. The first four are Driver.features, and are read from there.
typedef enum Trait {
    TRAIT_VERIFIER_ONLY = 1 << 0,
    TRAIT_EXPIRY_ON_TARGET = 1 << 1,
    TRAIT_TRANSACTIONAL = 1 << 2,
    TRAIT_SHARED_ROLES = 1 << 3,
    TRAIT_NAMED_TABLES = 1 << 4,     // a table, or what it is in, that is not there is noticed
    TRAIT_ROLES = 1 << 5,            // existing roles can be granted
    TRAIT_TRANSACTIONS = 1 << 6,     // users open transactions
    TRAIT_CONNECTION_LIMIT = 1 << 7, // of one account
    TRAIT_SETTABLE_END = 1 << 8,     // an account has an end beside the one in its mark
    TRAIT_OWNED_OBJECTS = 1 << 9,    // what an account makes is its own
    TRAIT_DISCOVERY = 1 << 10,       // there are tables to be found
    TRAIT_STATEMENT_LOG = 1 << 11,   // the server writes down every statement
} Trait;
enum { TRAIT_COUNT = 12 };

typedef enum Answer {
    ANSWER_DONE,
    ANSWER_REFUSED,  // the server refused what was tried
    ANSWER_NO_LOGIN, // or the login
} Answer;

// What a user tries. The name is a table's of the shop, or of whatever the engine has for it.
typedef enum Deed {
    DEED_LOGIN, // and nothing that needs a right
    DEED_READ,  // all of a table
    DEED_WRITE, // one more row
    DEED_BEGIN, // opens a transaction; without a name
} Deed;

// What is asked for.
typedef enum Access {
    ACCESS_READ,       // one table
    ACCESS_READ_WRITE, // one table, by the preset
    ACCESS_READ_ALL,   // every table, by the preset
    ACCESS_ROLE,       // the world's role, which may read secrets
    ACCESS_MAKE,       // to make things of its own
} Access;

// One session of a user, held open.
typedef struct UserSession UserSession;

// How a connection is cut off: at the nth statement of the driver, before the server gets it or
// after it has carried it out and before the driver hears of it. Or how the nth statement, or
// connection, fails once.
typedef struct Cut {
    int at;
    bool after;
    const char *error; // the engine's code of an error that is the answer; NULL: cut
    bool refuses;      // `at` counts connections
} Cut;
#define CUT_ERROR_TEXT "made to fail" // is in every message of such an error

// What somebody does to an account by hand, and how that is read. Undone again by its opposite.
typedef enum Alteration {
    ALTERATION_ROLE,      // it is given the world's role, too
    ALTERATION_PRIVILEGE, // it may read secrets, too
    ALTERATION_POWER,     // it may do something that no plan gives
    ALTERATION_LOCK,      // it cannot log in
    ALTERATION_COUNT,
} Alteration;
typedef struct AlterationFacts {
    const char *drift; // the fields, as drifts_describe says them; NULL: there is no such thing
    const char *found; // part of the first one's; NULL: anything
    bool widens;
} AlterationFacts;

// What discovery must find in the shop, and what it must not. NULL: the engine has none of it.
typedef struct Discoverable {
    const char *view, *strange_table, *sequence, *function; // in the world's schema
    const char *hidden_schema;                              // the server's own
} Discoverable;

// What an account makes where it may, in each place it reaches: things with its name in theirs.
typedef struct MadeThings {
    // Also gives the account and the custodian what they need for it; the account is granted.
    void (*make)(World *world, const char *account, const char *password);
    // Fails the test when anything of it is lost; or is not the custodian's.
    void (*check)(World *world, const char *account);
    void (*check_handed_over)(World *world, const char *account);
    void (*remove)(World *world, const char *account);
    // The nth of them, as evidence and inspection call it; NULL after the last.
    const char *(*line)(World *world, const char *account, int n);
    int owned;                                 // objects, as an inspection counts them
    int fewest_statements, fewest_connections; // of taking it back
} MadeThings;

typedef struct Engine {
    const Driver *driver;
    int traits;                       // but for those of Driver.features
    int longest_name;                 // characters; 0: no limit
    const char *const *strange_names; // tables of the shop, ended by NULL
    // Errors a server answers with, ended by NULL, and what a driver makes of each.
    const char *const *errors;
    int fewest_statements; // of any operation, so that a loop over none is seen
    FailureClass (*error_class)(const char *error);
    AlterationFacts alterations[ALTERATION_COUNT];
    const char *const *later_ends; // for set_end, ended by NULL: later than any grant's; past
    const char *const *past_ends;
    const char *const *broken_marks; // for set_mark, ended by NULL
    const char *const *makes;        // privileges of ACCESS_MAKE, ended by NULL; for world_access
    Discoverable discoverable;
    const char *elided;          // what evidence has in place of a password
    const char *verifier_prefix; // of what the server is given instead; evidence never has it
    const MadeThings *made;
    const CuttingWire *wire; // to cut it

    World *(*world_new)(const void *server, bool limited_admin, int privilege_mode);
    void (*world_free)(World *world);
    AccessItem (*access)(const World *world, Arena *arena, Access access, const char *table);

    UserSession *(*user_open)(World *world, const char *account, const char *password);
    bool (*user_does)(UserSession *user, Deed deed, const char *name); // false: refused, or gone
    void (*user_close)(UserSession *user);

    // By hand, as the server's superuser.
    bool (*has_table)(World *world, const char *name);
    bool (*has_account)(World *world, const char *account);
    void (*stranger_make)(World *world, const char *account, const char *password);
    void (*stranger_remove)(World *world, const char *account);
    void (*alter)(World *world, const char *account, Alteration alteration, bool undo);
    void (*set_end)(World *world, const char *account, const char *end);
    // Whether the account, which has no mark, has no end either.
    bool (*has_no_end)(World *world, const char *account);
    void (*set_mark)(World *world, const char *account, const char *mark);
    void (*table_make)(World *world, const char *name);
    void (*table_remove)(World *world, const char *name);
    // Returns when the server's own clock has passed the account's end.
    void (*await_end)(World *world, const char *account);
    bool (*holds_verifier)(World *world, const char *account);
    // Whether the server's log holds the text, from where it was at the call of log_begin.
    void (*log_begin)(World *world);
    bool (*log_has)(World *world, const char *text);
    // Part of the statement that made the account, as the log has it.
    const char *(*making_statement)(World *world, const char *account);
} Engine;

// What every engine's world offers. Texts live as long as it.
struct World {
    const Engine *engine;
    Arena *arena;
    DriverLogin login; // the admin's
    const char *admin;
    Secret *admin_password;
    Secret *root_password; // the superuser's
    TargetAddress target;
    const char *suffix; // in the name of everything of this world, and of no other
    const char *log;    // the server's; NULL: it writes none
    long log_start;     // where it was at world_log_begin
    bool limited_admin; // not superuser: has exactly what the documents say
    int privilege_mode;
    int number;                      // among the worlds of all servers, for what takes turns
    int server_number, server_count; // of the engine's servers
    const char *name_part;           // in the name of each account of this world, and of no other
    const char *schema;         // with tables customers, orders, secrets, x and the strange names
    const char *other_database; // of the same server; NULL: there is none
    const char *custodian;
    const char *role; // may read table secrets; nobody is its member
    int accounts;     // made so far, for their names
};

// ---- What the engines' world files share --------------------------------------------------------

// Of the facts about the servers; ends the process, loudly, where it is missing.
const char *world_fact(const char *variable);
int world_port_fact(const char *variable);

typedef struct WorldStart {
    const Engine *engine;
    const char *host;
    int port;
    const char *database; // NULL: one with the name of the world
    const char *log;
    const char *admin; // the first part of its name
    bool limited_admin;
    int privilege_mode;
} WorldStart;
// Everything but what is on the server, and its names there.
void world_begin(World *world, const WorldStart *start);
// Frees it, and what has it as its first member.
void world_end(World *world);

// For Engine.access, of an engine with tables in schemas.
AccessItem world_access(const World *world, Arena *arena, Access access, const char *table);
// For Engine.broken_marks, where the mark is a text with "daypass" before it.
extern const char *const WORLD_BROKEN_MARKS[];
// For Engine.log_begin and log_has, of a server that writes World.log.
void world_log_begin(World *world);
bool world_log_has(World *world, const char *text);

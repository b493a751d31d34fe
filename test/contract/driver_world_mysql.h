// Worlds on MySQL and MariaDB, one server for each that scripts/test-servers started.
#pragma once

#include "driver_world.h"

#include <mysql.h>

extern const Engine MYSQL_ENGINE;
extern const Engine MARIADB_ENGINE;

typedef struct MysqlServer {
    const char *name; // "mysql-9.7"
    const Engine *engine;
    int number, count; // among its engine's
    const char *host;
    int port;
    const char *log;
    const char *defaults_file; // the superuser's, of the command-line client
} MysqlServer;

// False for a name of none. Ends the process, loudly, where the DAYPASS_TEST_… variables are
// missing.
bool mysql_server(const char *name, MysqlServer *ret_server);
const MysqlServer *mysql_server_of(const World *world);
bool is_mariadb(const World *world);

// What only these engines' own tests say: SQL, as superuser; several statements at once, too. The
// number and the text are the first column of the first row; it has to be there.
void my_run(World *world, const char *sql);
int64_t my_number(World *world, const char *sql);
const char *my_text(World *world, const char *sql);
// And as a user, in a session for this alone.
Answer my_answer(World *world, const char *account, const char *password, const char *sql);
bool my_user_run(UserSession *user, const char *sql);
unsigned my_user_error(const UserSession *user); // of what ran last; 0: it was done

// A login, which may fail; to be closed either way. NULL for a default.
typedef struct MyLogin {
    const char *host; // from which address: "127.0.0.2"
    const char *user;
    const char *password;
    bool tls;
    int port; // 0: the server's
} MyLogin;
MYSQL *my_connect(const World *world, const MyLogin *login);
bool my_execute(MYSQL *connection, const char *sql);

// Of the shop, quoted.
const char *my_table_of(const World *world, Arena *arena, const char *name);
// In the text of each statement: ~ is the world's schema, # the account. Lives as long as the
// world.
const char *my_fill(World *world, const char *format, const char *account);

extern const MadeThings MYSQL_MADE_THINGS;

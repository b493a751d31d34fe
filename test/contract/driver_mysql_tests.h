// What MySQL and MariaDB have that other engines do not, and what their tests share.
#pragma once

#include "driver_contract_run.h"
#include "driver_world_mysql.h"

extern const ContractSuite MYSQL_SUITE;          // accounts: where from, how, and for how long
extern const ContractSuite MYSQL_ACCESS_SUITE;   // kinds of privileges, and names
extern const ContractSuite MYSQL_RIGHTS_SUITE;   // an admin who lacks one
extern const ContractSuite MYSQL_SERVER_SUITE;   // servers that refuse, are full, or hang
extern const ContractSuite MYSQL_DEFINERS_SUITE; // what runs with an account's rights
extern const ContractSuite MYSQL_ALONE_SUITE;    // what MariaDB's packages do not have

// As superuser; ~ is the world's schema and # the plan's account.
void run_sql(Work *work, const char *format);
int64_t sql_number(Work *work, const char *format);
// As the plan's account, in a session for this alone.
Answer user_sql(Work *work, const char *format);
// The number of the error that the plan's account gets at its login; 0: it is let in.
unsigned login_error(Work *work, const char *from, const char *password, bool tls);
// Another session of the admin, who knows what rights they have by now.
void reopen(Work *work);
// Whether the login works, and how it failed otherwise.
Status tries_login(const DriverLogin *login, const World *world, FailureClass *ret_failure,
                   Error *reterr);

#include "driver_mysql_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

void run_sql(Work *work, const char *format) {
    my_run(work->world, my_fill(work->world, format, work->plan->account));
}

int64_t sql_number(Work *work, const char *format) {
    return my_number(work->world, my_fill(work->world, format, work->plan->account));
}

Answer user_sql(Work *work, const char *format) {
    return my_answer(work->world, work->plan->account, work_password(work),
                     my_fill(work->world, format, work->plan->account));
}

unsigned login_error(Work *work, const char *from, const char *password, bool tls) {
    MYSQL *connection = my_connect(
        work->world,
        &(MyLogin){.host = from, .user = work->plan->account, .password = password, .tls = tls});
    unsigned error = mysql_errno(connection);
    mysql_close(connection);
    return error;
}

Status tries_login(const DriverLogin *login, const World *world, FailureClass *ret_failure,
                   Error *reterr) {
    DriverSession *session = NULL;
    Status status = world->engine->driver->session_open(login, &session, ret_failure, reterr);
    world->engine->driver->session_close(session);
    return status;
}

void reopen(Work *work) {
    const Driver *driver = driver_of(work);
    FailureClass failure;
    driver->session_close(work->session);
    work->session = NULL;
    if (driver->session_open(&work->world->login, &work->session, &failure, &work->error) !=
        STATUS_OK)
        fail_msg("%s (%s)", work->error.message, work->error.detail);
}

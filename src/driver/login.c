#include "driver/login.h"

enum {
    LOGIN_CONNECT_MS = 10 * SECOND_MS,
    LOGIN_STATEMENT_MS = 30 * SECOND_MS,
};

int login_connect_ms(const DriverLogin *login) {
    return login->connect_timeout_ms > 0 ? login->connect_timeout_ms : LOGIN_CONNECT_MS;
}

int login_statement_ms(const DriverLogin *login) {
    return login->statement_timeout_ms > 0 ? login->statement_timeout_ms : LOGIN_STATEMENT_MS;
}

void login_copy(Arena *arena, const DriverLogin *login, TargetAddress *target,
                Secret **ret_password, DriverLogin *ret_copy) {
    *target = *login->target;
    target->host = arena_strdup(arena, login->target->host);
    target->database = arena_strdup(arena, login->target->database);
    *ret_password = login->password != NULL
                        ? secret_new(secret_text(login->password), secret_length(login->password))
                        : NULL;
    *ret_copy = (DriverLogin){
        .target = target,
        .user = arena_strdup(arena, login->user),
        .password = *ret_password,
        .ca_file = arena_strdup(arena, login->ca_file),
        .connect_timeout_ms = login_connect_ms(login),
        .statement_timeout_ms = login_statement_ms(login),
        .clock = login->clock,
    };
}

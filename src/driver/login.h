// Logins that outlive the call they came with, and the times to wait where nobody says.
#pragma once

#include "driver/driver.h"

// The usual ones where nobody says: 10 s and 30 s.
int login_connect_ms(const DriverLogin *login);
int login_statement_ms(const DriverLogin *login);

// Copies into what a session keeps: texts into the arena, the password into a Secret of the
// caller's (NULL: there is none). The copy points to `target` and the new password; it has no
// purpose, profile and ceiling. Times that are not said are the usual ones.
void login_copy(Arena *arena, const DriverLogin *login, TargetAddress *target,
                Secret **ret_password, DriverLogin *ret_copy);

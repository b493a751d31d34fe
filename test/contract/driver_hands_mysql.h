// What is done to a MySQL or MariaDB server by hand, as its superuser, and what is looked up there:
// the part of Engine with these names.
#pragma once

#include "driver_world.h"

bool my_has_table(World *world, const char *name);
bool my_has_account(World *world, const char *account);
bool my_has_no_end(World *world, const char *account);
bool my_holds_verifier(World *world, const char *account);
void my_stranger_make(World *world, const char *account, const char *password);
void my_stranger_remove(World *world, const char *account);
void my_alter(World *world, const char *account, Alteration alteration, bool undo);
void my_set_end(World *world, const char *account, const char *end);
void my_set_mark(World *world, const char *account, const char *mark);
void my_table_make(World *world, const char *name);
void my_table_remove(World *world, const char *name);
void my_await_end(World *world, const char *account);

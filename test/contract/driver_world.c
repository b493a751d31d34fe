#include "driver_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"

const char *const WORLD_BROKEN_MARKS[] = {
    "daypass {",
    "daypass {}",
    "daypass {\"v\":2}",
    "daypass",
    "about daypass {\"v\":1}",
    "daypass {\"connector\":\"c\",\"database\":\"d\",\"deployment\":\"x\",\"expires\":\"never\","
    "\"grant\":\"g\",\"v\":1}",
    NULL,
};

const char *world_fact(const char *variable) {
    const char *value = getenv(variable);
    if (value == NULL || value[0] == '\0') {
        printf("Bail out! %s is not set: start servers with scripts/test-servers start DIR, then "
               "set -a; . DIR/facts, or run ./check --only contract\n",
               variable);
        exit(1);
    }
    return value;
}

int world_port_fact(const char *variable) {
    return (int)strtol(world_fact(variable), NULL, 10);
}

void world_begin(World *world, const WorldStart *start) {
    static int worlds;
    Arena *arena = world->arena = arena_new();
    world->engine = start->engine;
    world->log = start->log;
    world->limited_admin = start->limited_admin;
    world->privilege_mode = start->privilege_mode;
    world->suffix = arena_printf(arena, "_%d_%d", (int)getpid(), worlds++);
    world->name_part = arena_printf(arena, "shop%s", world->suffix);
    world->admin = arena_printf(arena, "%s%s", start->admin, world->suffix);
    world->admin_password = secret_new_password(24);
    Error error = {0};
    if (secret_read_file(world_fact("DAYPASS_TEST_PASSWORD_FILE"), true, &world->root_password,
                         &error) != STATUS_OK)
        fail_msg("%s", error.message);
    world->target = (TargetAddress){
        .kind = start->engine->driver->kind,
        .host = start->host,
        .port = start->port,
        .database = start->database == NULL ? world->name_part : start->database,
        .tls = TLS_DISABLE,
    };
    world->login = (DriverLogin){
        .target = &world->target,
        .user = world->admin,
        .password = world->admin_password,
        .connect_timeout_ms = 10000,
        .statement_timeout_ms = 20000,
        .clock = &SYSTEM_CLOCK,
    };
}

void world_end(World *world) {
    secret_free(world->root_password);
    secret_free(world->admin_password);
    arena_free(world->arena);
    mem_free(world);
}

AccessItem world_access(const World *world, Arena *arena, Access access, const char *table) {
    AccessItem item = {.schema = world->schema};
    if (table != NULL)
        string_list_add(arena, &item.tables, table);
    switch (access) {
    case ACCESS_READ:
        string_list_add(arena, &item.privileges, "SELECT");
        break;
    case ACCESS_READ_WRITE:
        item.preset = PRESET_READ_WRITE;
        break;
    case ACCESS_READ_ALL:
        item.all_tables = true;
        item.preset = PRESET_READ_ONLY;
        break;
    case ACCESS_ROLE:
        item = (AccessItem){.role = world->role};
        break;
    case ACCESS_MAKE:
        for (const char *const *makes = world->engine->makes; *makes != NULL; makes++)
            string_list_add(arena, &item.privileges, *makes);
        break;
    }
    return item;
}

static FILE *log_open(const World *world) {
    FILE *log = fopen(world->log, "re");
    if (log == NULL)
        fail_msg("cannot read %s", world->log);
    return log;
}

void world_log_begin(World *world) {
    FILE *log = log_open(world);
    assert_int_equal(fseek(log, 0, SEEK_END), 0);
    world->log_start = ftell(log);
    fclose(log);
}

// It is many megabytes, so what came before is not read again.
bool world_log_has(World *world, const char *text) {
    CLEANUP(buffer_done) Buffer part = {0};
    char chunk[8192];
    FILE *log = log_open(world);
    assert_int_equal(fseek(log, world->log_start, SEEK_SET), 0);
    for (size_t length; (length = fread(chunk, 1, sizeof chunk, log)) > 0;)
        buffer_add_bytes(&part, chunk, length);
    fclose(log);
    return part.length > 0 && memmem(part.bytes, part.length, text, strlen(text)) != NULL;
}

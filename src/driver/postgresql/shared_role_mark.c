#include "driver/postgresql/shared_role_mark.h"

#include <string.h>

enum { MARK_VERSION = 1, MARK_TEXT_MAX = 64 };

static const char PREFIX[] = "daypass-role ";

static const Field SHARED_ROLE_MARK_FIELDS[] = {
    {FIELD(SharedRoleMark, v, INT), .required = true, .min = MARK_VERSION, .max = MARK_VERSION,
     .help = "Version of this form"},
    {FIELD(SharedRoleMark, deployment, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Daypass installation that made the role"},
    {FIELD(SharedRoleMark, database, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Database the privileges are in"},
    {FIELD(SharedRoleMark, privileges, STRING), .required = true, .max = MARK_TEXT_MAX,
     .help = "Hash of the privileges"},
    {FIELD(SharedRoleMark, made, TIME), .required = true,
     .help = "When it was made by the target's clock"},
};
const Shape PG_SHARED_ROLE_MARK_SHAPE =
    SHAPE("SharedRoleMark", SharedRoleMark, SHARED_ROLE_MARK_FIELDS,
          "What Daypass writes on a role that gives temporary accounts their privileges");

const char *pg_shared_role_mark_format(Arena *arena, const SharedRoleMark *mark) {
    SharedRoleMark written = *mark;
    written.v = MARK_VERSION;
    return arena_printf(arena, "%s%s", PREFIX,
                        shape_format(arena, &PG_SHARED_ROLE_MARK_SHAPE, &written));
}

bool pg_shared_role_mark_parse(Arena *arena, const char *comment, SharedRoleMark *ret_mark) {
    if (comment == NULL || !text_starts_with(comment, PREFIX))
        return false;
    const char *json = comment + strlen(PREFIX);
    SharedRoleMark mark;
    if (shape_parse(arena, &PG_SHARED_ROLE_MARK_SHAPE, json, strlen(json), &mark, NULL) !=
        STATUS_OK)
        return false;
    *ret_mark = mark;
    return true;
}

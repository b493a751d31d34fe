// What several resources show alike: targets, access, steps of approval, grants, health.
#pragma once

#include "api/call.h"
#include "wire/api_messages.h"

// "postgresql db.internal:5432/shop"
const char *target_text(Arena *arena, const TargetAddress *target);
// A line an item, each short enough for a client to read.
StringList access_lines(Arena *arena, const AccessItems *access);
// "1 of group dba, or boss@example.com", a line a step.
StringList approval_lines(Arena *arena, const ApprovalSteps *steps);

// As the caller sees it. `configuration` is what is configured now.
GrantView grant_view(Call *call, const Configuration *configuration, const Grant *grant);
// Adds how its revocation stands, if one is under way.
MUST_USE Status grant_view_add_revocation(Call *call, GrantView *view, Error *reterr);
// What the caller may do with it now.
StringList grant_permitted(Call *call, const Configuration *configuration, const Grant *grant);

typedef enum Health { HEALTH_OK, HEALTH_LATE, HEALTH_LOST, HEALTH_NEVER } Health;
extern const EnumTable HEALTHS; // "ok", "late", "lost", "never"
Health instance_health(const ConnectorInstance *instance, int64_t now_ms);
Health connector_health(const Connector *connector, int64_t now_ms); // of its best instance

// The first thing that failed of a check: "rights: no CREATEROLE". NULL: none. NULL as checks is
// fine.
const char *failed_check_text(Arena *arena, const json_t *checks);
// Likewise, of what an action that succeeds since does not disprove: a sweep needs to get in, but
// neither every right nor the rest of a ceiling.
const char *lasting_failure_text(Arena *arena, const json_t *checks);

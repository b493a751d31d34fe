// The configuration that tests of the rules share: a shop, who works there, and what they may ask.
#pragma once

#include "unit/base/cases.h"

#include "domain/configuration.h"
#include "domain/grant.h"

#include <string.h>

static const char SHOP_PRINCIPALS[] =
    "\"principals\": [{\"name\": \"ann\"}, {\"name\": \"bob\"}, {\"name\": \"cleo\"},"
    " {\"name\": \"dan\"}, {\"name\": \"eve\", \"disabled\": true},"
    " {\"name\": \"root\", \"role\": \"administrator\"}, {\"name\": \"ida\", \"role\": "
    "\"auditor\"}]";
static const char SHOP_GROUPS[] =
    "\"groups\": [{\"name\": \"backend\", \"members\": [\"ann\", \"bob\", \"eve\"]},"
    " {\"name\": \"dba\", \"members\": [\"bob\", \"cleo\", \"eve\", \"nobody-yet\"]},"
    " {\"name\": \"security\", \"members\": [\"cleo\", \"dan\"]}]";
static const char SHOP_INTEGRATIONS[] =
    "\"integrations\": [{\"name\": \"shop-prod\", \"kind\": \"postgresql\", \"connector\": "
    "\"main\","
    " \"host\": \"db.internal\", \"database\": \"shop\", \"admin_secret\": \"shop-admin\"}]";
static const char SHOP_FLOWS[] =
    "\"flows\": [{\"name\": \"shop-read\", \"integration\": \"shop-prod\","
    " \"requesters\": {\"groups\": [\"backend\"]},"
    " \"grants\": [{\"schema\": \"app\", \"tables\": [\"orders\"], \"privileges\": [\"SELECT\"]}],"
    " \"duration\": {\"max\": \"8h\"}, \"approval\": [{\"any_of\": {\"groups\": [\"dba\"]}}],"
    " \"reason\": \"required\"}]";

// Fails the test with the error's own words.
static inline void expect_ok(Status status, const Error *error) {
    if (status != STATUS_OK)
        fail_msg("%s: %s (%s)", error->code, error->message, error->pointer);
}

// Fails the test unless it failed so.
static inline void expect_fault(Status found, const Error *error, Status status, const char *code) {
    if (found == STATUS_OK)
        fail_msg("expected %s, and it succeeded", code);
    assert_string_equal(error->code, code);
    assert_int_equal(found, status);
    assert_int_equal(error->status, status);
    assert_true(error->message[0] != '\0' && text_is_printable(error->message));
}

static inline Configuration configuration_of(Arena *arena, const char *json) {
    Configuration configuration;
    Error error = {0};
    expect_ok(shape_parse(arena, &CONFIGURATION_SHAPE, json, strlen(json), &configuration, &error),
              &error);
    return configuration;
}

static inline Configuration shop(Arena *arena) {
    return configuration_of(arena, arena_printf(arena, "{%s, %s, %s, %s}", SHOP_PRINCIPALS,
                                                SHOP_GROUPS, SHOP_INTEGRATIONS, SHOP_FLOWS));
}

// The shop's flow with this list of approval steps.
static inline Flow *shop_flow_with(Arena *arena, Configuration *configuration,
                                   const char *approval) {
    const char *json = arena_printf(
        arena,
        "{\"name\": \"shop-read\", \"integration\": \"shop-prod\", \"requesters\": {\"groups\": "
        "[\"backend\"]}, \"grants\": [{\"role\": \"reporting\"}], \"duration\": {\"max\": \"8h\"},"
        " \"approval\": %s}",
        approval);
    Error error = {0};
    Flow *flow = arena_alloc(arena, sizeof(*flow));
    expect_ok(shape_parse(arena, &FLOW_SHAPE, json, strlen(json), flow, &error), &error);
    configuration->flows = (Flows){.items = flow, .count = 1};
    return flow;
}

enum { HOUR_MS = 3600 * 1000 };
static const int64_t NOON_MS = 1800000000000;

static inline Grant shop_request(Arena *arena, const Configuration *configuration) {
    const RequestForm form = {
        .id = "req_aaaabbbbccccdddd",
        .requester = "ann",
        .flow = "shop-read",
        .reason = "ticket 7",
        .public_key = "key",
        .deployment = "dep_1",
        .now_ms = NOON_MS,
    };
    Grant grant;
    Error error = {0};
    expect_ok(grant_draft(arena, configuration, &form, &grant, &error), &error);
    return grant;
}

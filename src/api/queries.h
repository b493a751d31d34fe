// Query parameters of the routes, described as shapes like bodies are.
#pragma once

#include "base/shape.h"

typedef struct PageQuery {
    const char *cursor;
    int64_t limit;
} PageQuery;
extern const Shape PAGE_QUERY_SHAPE;

typedef struct TokenQuery { // GET /v1/tokens
    const char *principal;
    bool all;
} TokenQuery;
extern const Shape TOKEN_QUERY_SHAPE;

typedef struct FlowQuery { // GET /v1/flows
    bool all;
    const char *cursor;
    int64_t limit;
} FlowQuery;
extern const Shape FLOW_QUERY_SHAPE;

typedef enum GrantListView { VIEW_MINE, VIEW_TO_DECIDE, VIEW_ALL } GrantListView;

typedef struct GrantQuery { // GET /v1/grants
    int view;
    StringList state;
    const char *flow;
    const char *integration;
    const char *requester;
    const char *cursor;
    int64_t limit;
} GrantQuery;
extern const Shape GRANT_QUERY_SHAPE;

typedef struct GrantWaitQuery { // GET /v1/grants/{id}
    int64_t version;
    int64_t wait_s;
} GrantWaitQuery;
extern const Shape GRANT_WAIT_QUERY_SHAPE;

typedef struct OverdueQuery { // GET /v1/overdue
    int64_t older_than_s;
    const char *cursor;
    int64_t limit;
} OverdueQuery;
extern const Shape OVERDUE_QUERY_SHAPE;

typedef struct OrphanQuery { // GET /v1/orphans
    const char *integration;
    const char *account;
    const char *kind;
    const char *cursor;
    int64_t limit;
} OrphanQuery;
extern const Shape ORPHAN_QUERY_SHAPE;

typedef struct AuditQuery { // GET /v1/audit
    int64_t since;
    int64_t until;
    const char *person;
    const char *grant;
    const char *integration;
    const char *flow;
    const char *event;
    int64_t cursor;
    int64_t limit;
} AuditQuery;
extern const Shape AUDIT_QUERY_SHAPE;

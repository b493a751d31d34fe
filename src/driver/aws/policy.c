// The elements of IAM's policy language stand as text or as a list of texts, so that documents are
// read here by hand and not by a Shape.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
#include "driver/aws/policy.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"

enum { LINE_MAX_BYTES = 300, LINE_CUT_BYTES = 270, SECOND_TEXT_BYTES = 19 };

static const char DATE_OPERATOR[] = "DateLessThan";
static const char DATE_KEY[] = "aws:CurrentTime";
static const char USER_ID_OPERATOR[] = "StringEquals";
static const char USER_ID_KEY[] = "aws:userid";
static const char ACCESS_CHECK_OPERATOR[] = "BoolIfExists";
static const char ACCESS_CHECK_KEY[] = "ssm:SessionDocumentAccessCheck";
static const char VERSION[] = "2012-10-17";
static const char CONNECT[] = "rds-db:connect";
static const char START_SESSION[] = "ssm:StartSession";
static const char RESUME_SESSION[] = "ssm:ResumeSession";
static const char TERMINATE_SESSION[] = "ssm:TerminateSession";

// ---- Building -----------------------------------------------------------------------------------

// "2026-05-04T10:00:00Z"
static const char *second_text(Arena *arena, int64_t at_ms) {
    char text[TIMESTAMP_SIZE];
    timestamp_format(at_ms, text);
    return arena_printf(arena, "%.*sZ", SECOND_TEXT_BYTES, text);
}

// One text stands for itself: each character counts.
static json_t *texts_json(const StringList *texts) {
    if (texts->count == 1)
        return json_string(texts->items[0]);
    json_t *list = json_array();
    for (size_t i = 0; i < texts->count; i++)
        json_array_append_new(list, json_string(texts->items[i]));
    return list;
}

static void condition_set(json_t *condition, const char *operator, const char * key,
                          const char *value) {
    json_t *pairs = json_object_get(condition, operator);
    if (!json_is_object(pairs)) {
        pairs = json_object();
        json_object_set_new(condition, operator, pairs);
    }
    json_object_set_new(pairs, key, json_string(value));
}

static void statement_add(Arena *arena, json_t *statements, const PolicyOrder *order, bool dated,
                          bool starts_sessions, const StringList *actions,
                          const StringList *resources) {
    json_t *statement = json_object();
    json_t *condition = json_object();
    json_object_set_new(statement, "Effect", json_string("Allow"));
    json_object_set_new(statement, "Action", texts_json(actions));
    json_object_set_new(statement, "Resource", texts_json(resources));
    if (dated)
        condition_set(condition, DATE_OPERATOR, DATE_KEY, second_text(arena, order->expires_at));
    if (starts_sessions)
        condition_set(condition, ACCESS_CHECK_OPERATOR, ACCESS_CHECK_KEY, "true");
    if (order->user_id != NULL)
        condition_set(condition, USER_ID_OPERATOR, USER_ID_KEY, order->user_id);
    if (json_object_size(condition) > 0)
        json_object_set(statement, "Condition", condition);
    json_decref(condition);
    json_array_append_new(statements, statement);
}

static StringList list_of(Arena *arena, const char *one, const char *other) {
    StringList list = {0};
    string_list_add(arena, &list, one);
    if (other != NULL)
        string_list_add(arena, &list, other);
    return list;
}

// Of one's own sessions, and nobody else's.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-examples.html
static void own_sessions_add(Arena *arena, json_t *statements, const PolicyOrder *order) {
    StringList actions = list_of(arena, RESUME_SESSION, TERMINATE_SESSION);
    StringList resources =
        list_of(arena,
                arena_printf(arena, "arn:%s:ssm:*:*:session/${aws:%s}-*", order->partition,
                             order->is_role ? "userid" : "username"),
                NULL);
    statement_add(arena, statements, order, true, false, &actions, &resources);
}

static size_t size_without_blanks(const char *document) {
    size_t size = 0;
    for (const char *at = document; *at != '\0'; at++)
        size += strchr(" \t\r\n", *at) == NULL;
    return size;
}

Status aws_policy_build(Arena *arena, const PolicyOrder *order, const char **ret_document,
                        Error *reterr) {
    json_t *root = json_keep(arena, json_object());
    json_t *statements = json_array();
    json_object_set_new(root, "Version", json_string(VERSION));
    json_object_set_new(root, "Statement", statements);
    const StringList connect = list_of(arena, CONNECT, NULL);
    const StringList start = list_of(arena, START_SESSION, NULL);
    bool sessions = false;
    for (size_t i = 0; i < order->items->count; i++) {
        const PolicyItem *item = &order->items->items[i];
        const StringList *actions = item->kind == POLICY_RDS_CONNECT   ? &connect
                                    : item->kind == POLICY_SSM_SESSION ? &start
                                                                       : &item->actions;
        statement_add(arena, statements, order, item->kind != POLICY_RDS_CONNECT,
                      item->kind == POLICY_SSM_SESSION, actions, &item->resources);
        sessions |= item->kind == POLICY_SSM_SESSION;
    }
    if (sessions)
        own_sessions_add(arena, statements, order);
    const char *document = json_text(arena, root);
    size_t most = order->is_role ? AWS_ROLE_POLICIES_MAX : AWS_USER_POLICIES_MAX;
    size_t size = size_without_blanks(document);
    if (size > most)
        return error_set(reterr, STATUS_TOO_LARGE, "policy_too_large",
                         "the policy of this grant would have %zu characters; AWS takes %zu for "
                         "all inline policies of a %s together. Ask for fewer databases, users or "
                         "instances in one grant",
                         size, most, order->is_role ? "role" : "user");
    *ret_document = document;
    return STATUS_OK;
}

bool aws_policy_ends_itself(const PolicyItems *items) {
    for (size_t i = 0; i < items->count; i++)
        if (items->items[i].kind == POLICY_RDS_CONNECT)
            return false;
    return items->count > 0;
}

// ---- Reading ------------------------------------------------------------------------------------

static json_t *document_parse(Arena *arena, const char *document) {
    json_t *root = NULL;
    if (json_read(arena, document, strlen(document), &root, NULL) != STATUS_OK ||
        !json_is_object(root))
        return NULL;
    return root;
}

// What stands as itself or in a list, as a list; false where anything else is in it.
static bool texts_of(Arena *arena, const json_t *value, StringList *ret_texts) {
    StringList texts = {0};
    if (json_is_string(value)) {
        string_list_add(arena, &texts, json_string_value(value));
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            const char *text = json_string_value(json_array_get(value, i));
            if (text == NULL)
                return false;
            string_list_add(arena, &texts, text);
        }
    }
    *ret_texts = texts;
    return texts.count > 0;
}

static const char *condition_of(const json_t *statement, const char *operator, const char * key) {
    const json_t *condition = json_object_get(statement, "Condition");
    return json_string_value(json_object_get(json_object_get(condition, operator), key));
}

// 0: it has none that can be read.
static int64_t date_of(const json_t *statement) {
    int64_t at_ms = 0;
    const char *text = condition_of(statement, DATE_OPERATOR, DATE_KEY);
    return text != NULL && timestamp_parse(text, &at_ms, NULL) == STATUS_OK ? at_ms : 0;
}

static bool has_only_action(const json_t *statement, const char *action) {
    return text_equal(json_string_value(json_object_get(statement, "Action")), action);
}

// AWS cannot be made to end it.
static bool counts_for_end(const json_t *statement) {
    return text_equal(json_string_value(json_object_get(statement, "Effect")), "Allow") &&
           !has_only_action(statement, CONNECT);
}

// The conditions but for the date, which is told as the end.
static const char *conditions_text(Arena *arena, const json_t *statement) {
    const json_t *condition = json_object_get(statement, "Condition");
    if (!json_is_object(condition))
        return condition == NULL ? "" : arena_printf(arena, " if %s", json_text(arena, condition));
    json_t *rest = json_keep(arena, json_deep_copy(condition));
    json_t *dates = json_object_get(rest, DATE_OPERATOR);
    if (json_is_string(json_object_get(dates, DATE_KEY)))
        json_object_del(dates, DATE_KEY);
    if (json_is_object(dates) && json_object_size(dates) == 0)
        json_object_del(rest, DATE_OPERATOR);
    return json_object_size(rest) == 0 ? "" : arena_printf(arena, " if %s", json_text(arena, rest));
}

// "arn:aws:ec2:…:instance/i-…" and "arn:aws:ssm:…:managed-instance/mi-…"
static void note_instances(Arena *arena, const StringList *resources, PolicyFacts *facts) {
    for (size_t i = 0; i < resources->count; i++) {
        const char *arn = resources->items[i];
        const char *id = strstr(arn, "instance/");
        if (id != NULL && strstr(arn, ":document/") == NULL &&
            !string_list_has(&facts->instances, id + strlen("instance/")))
            string_list_add(arena, &facts->instances, id + strlen("instance/"));
    }
}

static void note_end(const json_t *statement, PolicyFacts *facts) {
    if (!counts_for_end(statement))
        return;
    int64_t date = date_of(statement);
    bool never = date == 0 || (facts->ends && facts->ends_at == 0);
    facts->ends_at = never ? 0 : date > facts->ends_at ? date : facts->ends_at;
    facts->ends = true;
}

static void note_statement(Arena *arena, const json_t *statement, PolicyFacts *facts) {
    static const char *const KNOWN[] = {"Effect", "Action", "Resource", "Condition", "Sid"};
    size_t known = 0;
    for (size_t i = 0; i < COUNT_OF(KNOWN); i++)
        known += json_object_get(statement, KNOWN[i]) != NULL;
    const char *effect = json_string_value(json_object_get(statement, "Effect"));
    StringList actions, resources;
    bool plain = json_is_object(statement) && known == json_object_size(statement) &&
                 text_equal(effect, "Allow") &&
                 texts_of(arena, json_object_get(statement, "Action"), &actions) &&
                 texts_of(arena, json_object_get(statement, "Resource"), &resources);
    facts->allows |= !text_equal(effect, "Deny");
    note_end(statement, facts);
    if (!plain) { // whatever it is, it is none that we write
        string_list_add(arena, &facts->lines,
                        arena_printf(arena, "statement %s", json_text(arena, statement)));
        return;
    }
    facts->rds |= string_list_has(&actions, CONNECT);
    if (string_list_has(&actions, START_SESSION)) {
        facts->sessions = true;
        note_instances(arena, &resources, facts);
    }
    const char *user_id = condition_of(statement, USER_ID_OPERATOR, USER_ID_KEY);
    if (facts->user_id == NULL && user_id != NULL)
        facts->user_id = arena_strdup(arena, user_id);
    for (size_t r = 0; r < resources.count; r++)
        string_list_add(arena, &facts->resources, resources.items[r]);
    const char *conditions = conditions_text(arena, statement);
    for (size_t a = 0; a < actions.count; a++)
        for (size_t r = 0; r < resources.count; r++)
            string_list_add(arena, &facts->lines,
                            arena_printf(arena, "%s on %s%s", actions.items[a], resources.items[r],
                                         conditions));
}

PolicyFacts aws_policy_read(Arena *arena, const char *document) {
    PolicyFacts facts = {0};
    const json_t *root = document_parse(arena, document);
    const json_t *statements = json_object_get(root, "Statement");
    if (root == NULL || (!json_is_array(statements) && !json_is_object(statements))) {
        facts.allows = true; // IAM takes none that it cannot read: it is we who cannot
        facts.ends = true;
        string_list_add(arena, &facts.lines, arena_printf(arena, "document %s", document));
        return facts;
    }
    facts.readable = true;
    if (json_is_object(statements))
        note_statement(arena, statements, &facts);
    else
        for (size_t i = 0; i < json_array_size(statements); i++)
            note_statement(arena, json_array_get(statements, i), &facts);
    return facts;
}

bool aws_policy_equal(Arena *arena, const char *one, const char *other) {
    const json_t *first = document_parse(arena, one);
    const json_t *second = document_parse(arena, other);
    return first != NULL && second != NULL && json_equal(first, second) == 1;
}

// ---- An end that was put off --------------------------------------------------------------------

// The condition has nothing but what we write beside the date.
static bool conditions_are_ours(const json_t *statement, bool starts_sessions) {
    const json_t *condition = json_object_get(statement, "Condition");
    if (condition != NULL && !json_is_object(condition))
        return false;
    size_t known = 0;
    static const struct {
        const char *operator, * key;
    } PAIRS[] = {{DATE_OPERATOR, DATE_KEY},
                 {USER_ID_OPERATOR, USER_ID_KEY},
                 {ACCESS_CHECK_OPERATOR, ACCESS_CHECK_KEY}};
    for (size_t i = 0; i < COUNT_OF(PAIRS); i++) {
        const json_t *pairs = json_object_get(condition, PAIRS[i].operator);
        if (pairs == NULL)
            continue;
        if (json_object_size(pairs) != 1 || !json_is_string(json_object_get(pairs, PAIRS[i].key)))
            return false;
        known++;
    }
    const char *checked = condition_of(statement, ACCESS_CHECK_OPERATOR, ACCESS_CHECK_KEY);
    return known == json_object_size(condition) &&
           (starts_sessions ? text_equal(checked, "true") : checked == NULL);
}

static bool all_begin_with(const StringList *resources, const char *const *services, size_t count) {
    for (size_t i = 0; i < resources->count; i++) {
        const char *service = strchr(resources->items[i], ':'); // after "arn"
        service = service != NULL ? strchr(service + 1, ':') : NULL;
        bool begins = false;
        for (size_t k = 0; service != NULL && k < count; k++)
            begins |= text_starts_with(service + 1, services[k]);
        if (!begins)
            return false;
    }
    return true;
}

// IAM knows no case in actions, and wildcards.
static bool has_connect(const StringList *actions) {
    for (size_t i = 0; i < actions->count; i++)
        if (strchr(actions->items[i], '*') != NULL || strchr(actions->items[i], '?') != NULL ||
            strncasecmp(actions->items[i], CONNECT, strlen("rds-db:")) == 0)
            return true;
    return false;
}

static bool is_own_sessions(const StringList *actions, const StringList *resources) {
    return actions->count == 2 && string_list_has(actions, RESUME_SESSION) &&
           string_list_has(actions, TERMINATE_SESSION) && resources->count == 1 &&
           strstr(resources->items[0], ":ssm:*:*:session/${aws:user") != NULL;
}

static bool statement_is_ours(Arena *arena, const json_t *statement, const StringList *allowed) {
    static const char *const DATABASES[] = {"rds-db:"};
    static const char *const INSTANCES[] = {"ec2:", "ssm:"};
    StringList actions, resources;
    size_t keys = json_object_get(statement, "Condition") != NULL ? 4 : 3;
    if (!json_is_object(statement) || json_object_size(statement) != keys ||
        !text_equal(json_string_value(json_object_get(statement, "Effect")), "Allow") ||
        !texts_of(arena, json_object_get(statement, "Action"), &actions) ||
        !texts_of(arena, json_object_get(statement, "Resource"), &resources))
        return false;
    bool starts = has_only_action(statement, START_SESSION);
    if (!conditions_are_ours(statement, starts))
        return false;
    if (has_only_action(statement, CONNECT))
        return date_of(statement) == 0 && all_begin_with(&resources, DATABASES, 1);
    if (starts)
        return all_begin_with(&resources, INSTANCES, COUNT_OF(INSTANCES));
    if (is_own_sessions(&actions, &resources))
        return true;
    for (size_t i = 0; i < actions.count; i++)
        if (!string_list_has(allowed, actions.items[i]))
            return false;
    return !has_connect(&actions);
}

bool aws_policy_is_ours(Arena *arena, const char *document, const StringList *allowed) {
    const json_t *root = document_parse(arena, document);
    const json_t *statements = json_object_get(root, "Statement");
    if (json_object_size(root) != 2 || json_array_size(statements) == 0 ||
        !text_equal(json_string_value(json_object_get(root, "Version")), VERSION))
        return false;
    for (size_t i = 0; i < json_array_size(statements); i++)
        if (!statement_is_ours(arena, json_array_get(statements, i), allowed))
            return false;
    return true;
}

static void restrain_statement(Arena *arena, json_t *statement, int64_t expires_at) {
    if (!json_is_object(statement) || !counts_for_end(statement))
        return;
    int64_t date = date_of(statement);
    if (date != 0 && date <= expires_at)
        return;
    json_t *condition = json_object_get(statement, "Condition");
    if (!json_is_object(condition)) {
        condition = json_object();
        json_object_set_new(statement, "Condition", condition);
    }
    condition_set(condition, DATE_OPERATOR, DATE_KEY, second_text(arena, expires_at));
}

const char *aws_policy_restrained(Arena *arena, const char *document, int64_t expires_at) {
    json_t *root = document_parse(arena, document);
    if (root == NULL)
        return document;
    json_t *statements = json_object_get(root, "Statement");
    for (size_t i = 0; i < json_array_size(statements); i++)
        restrain_statement(arena, json_array_get(statements, i), expires_at);
    return json_text(arena, root);
}

// ---- As the record keeps it ---------------------------------------------------------------------

static const char *hash_of(Arena *arena, const char *text) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    return hex_encode(arena, hash, sizeof hash);
}

// Whole, or with something that tells it from others that begin alike: lines are compared.
static const char *line_of(Arena *arena, const char *text) {
    const char *shown = text_printable(arena, text);
    size_t length = strlen(shown);
    if (length <= LINE_MAX_BYTES && strcmp(shown, text) == 0)
        return shown;
    return arena_printf(arena, "%.*s … (%.16s)", (int)text_cut(shown, length, LINE_CUT_BYTES),
                        shown, hash_of(arena, text));
}

const AccountState *aws_policy_state(Arena *arena, const char *id, const AccountMark *mark,
                                     const PolicyFacts *facts) {
    AccountState *state = arena_alloc(arena, sizeof *state);
    *state = (AccountState){
        // Without the expiry, which an extension changes.
        .key = arena_printf(arena, "%s/%s.%s", id, mark->grant, mark->deployment),
        // Where AWS has no end of its own, what holds is the mark's.
        .expires_at = facts->ends ? facts->ends_at : mark->expires,
        .mark_expires_at = mark->expires,
        .can_login = facts->allows,
        .connection_limit = -1,
        .privilege_count = (int64_t)facts->lines.count,
        .privilege_hash = hash_of(arena, string_list_join(arena, &facts->lines, "\n")),
        .database = mark->database,
    };
    for (size_t i = 0; i < facts->lines.count && i < ACCOUNT_STATE_LINES_MAX; i++)
        string_list_add(arena, &state->privileges, line_of(arena, facts->lines.items[i]));
    return state;
}

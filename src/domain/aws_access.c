#include "domain/aws_access.h"

#include "domain/principal.h"

#include <string.h>

enum { ID_MAX_BYTES = 255, TAG_MAX_BYTES = 385, LIST_MAX = 50 };

const char SSM_SHELL_DOCUMENT[] = "SSM-SessionManagerRunShell";

static const char LETTERS_AND_DIGITS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789";

static bool consists_of(const char *text, const char *more) {
    size_t at = 0;
    while (text[at] != '\0' &&
           (strchr(LETTERS_AND_DIGITS, text[at]) != NULL || strchr(more, text[at]) != NULL))
        at++;
    return at > 0 && text[at] == '\0';
}

static bool is_id(const char *text, const char *prefix) {
    return text_starts_with(text, prefix) && consists_of(text + strlen(prefix), "-");
}

static Status bad_value(Error *reterr, const char *expected) {
    return error_set(reterr, STATUS_INVALID, "bad_value", "%s", expected);
}

// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
static Status resource_check(const char *resource, Error *reterr) {
    if (!text_equal(resource, "*") && !is_id(resource, "db-") && !is_id(resource, "cluster-") &&
        !is_id(resource, "prx-"))
        return bad_value(reterr, "expected the resource id of a database (db-…, cluster-…, prx-…), "
                                 "or * for any");
    return STATUS_OK;
}

static Status identifier_check_of_rds(const char *identifier, Error *reterr) {
    if (!consists_of(identifier, "-"))
        return bad_value(reterr, "expected the identifier of an instance, cluster or proxy: "
                                 "letters, digits and - (any database is resource: \"*\")");
    return STATUS_OK;
}

Status aws_tag_check(const char *tag, Error *reterr) {
    const char *value = strchr(tag, '=');
    if (value == NULL || value == tag || value[1] == '\0' || !text_is_printable(tag) ||
        strpbrk(tag, "*?") != NULL)
        return bad_value(reterr, "expected a tag as key=value, without wildcards");
    return STATUS_OK;
}

// Part of an ARN in a policy: what has a meaning there is only taken where it stands for itself.
static Status database_user_check(const char *user, Error *reterr) {
    if (text_equal(user, "*"))
        return STATUS_OK;
    if (user[0] == '\0' || !text_is_printable(user) || strpbrk(user, "*?$/ '\"\\") != NULL)
        return bad_value(reterr, "expected the name of a database user, without blanks, quotes and "
                                 "* ? $ / \\, or * alone for any");
    return STATUS_OK;
}

static Status instance_check(const char *instance, Error *reterr) {
    if (!is_id(instance, "i-") && !is_id(instance, "mi-"))
        return bad_value(reterr, "expected the id of an instance: i-… or mi-…");
    return STATUS_OK;
}

static Status document_check(const char *document, Error *reterr) {
    if (!consists_of(document, "_.-"))
        return bad_value(reterr, "expected the name of a session document: letters, digits and "
                                 "_ . -");
    return STATUS_OK;
}

Status aws_action_check(const char *action, Error *reterr) {
    const char *name = strchr(action, ':');
    if (name == NULL || name == action || !consists_of(name + 1, "") || !consists_of(action, ":-"))
        return bad_value(reterr, "expected an action as service:Action, without wildcards");
    return STATUS_OK;
}

// A $ would be the beginning of a variable, and IAM would put what nobody checked in its place.
Status aws_pattern_check(const char *pattern, Error *reterr) {
    if (!text_equal(pattern, "*") &&
        (!text_starts_with(pattern, "arn:") || !text_is_printable(pattern) ||
         strpbrk(pattern, " $\"\\") != NULL))
        return bad_value(reterr, "expected an ARN without blanks, quotes, $ and \\, in which * "
                                 "stands for anything");
    return STATUS_OK;
}

static const Field RDS_CONNECT_FIELDS[] = {
    {FIELD(RdsConnect, resource, STRING), .max = ID_MAX_BYTES, .check = resource_check,
     .help = "Resource id of the instance, cluster or proxy; *: any"},
    {FIELD(RdsConnect, identifier, STRING), .max = ID_MAX_BYTES, .check = identifier_check_of_rds,
     .help = "Its identifier, looked up when access is given"},
    {FIELD(RdsConnect, tag, STRING), .max = TAG_MAX_BYTES, .check = aws_tag_check,
     .help = "Every one with this tag, key=value, at the moment when access is given"},
    {FIELD(RdsConnect, users, STRINGS), .required = true, .min = 1, .max = LIST_MAX,
     .check = database_user_check, .help = "Users of the database to connect as; *: any"},
    {FIELD(RdsConnect, end_sessions, STRING), .check = object_name_check,
     .help = "Database integration through which sessions of these users are ended with the "
             "grant; absent: an open session lasts until it is closed"},
};
const Shape RDS_CONNECT_SHAPE = SHAPE("RdsConnect", RdsConnect, RDS_CONNECT_FIELDS,
                                      "Connecting to databases with IAM authentication");

static const Field SSM_SESSION_FIELDS[] = {
    {FIELD(SsmSession, instances, STRINGS), .max = LIST_MAX, .check = instance_check,
     .help = "Ids of the instances"},
    {FIELD(SsmSession, tag, STRING), .max = TAG_MAX_BYTES, .check = aws_tag_check,
     .help = "Every instance with this tag, key=value, at the moment when access is given"},
    {FIELD(SsmSession, documents, STRINGS), .max = LIST_MAX, .check = document_check,
     .help = "Session documents; absent: SSM-SessionManagerRunShell"},
};
const Shape SSM_SESSION_SHAPE =
    SHAPE("SsmSession", SsmSession, SSM_SESSION_FIELDS, "Session Manager sessions on instances");

static const Field AWS_ALLOW_FIELDS[] = {
    {FIELD(AwsAllow, actions, STRINGS), .required = true, .min = 1, .max = LIST_MAX,
     .check = aws_action_check, .help = "Actions, which the connector's ceiling has to name"},
    {FIELD(AwsAllow, resources, STRINGS), .required = true, .min = 1, .max = LIST_MAX,
     .check = aws_pattern_check, .help = "ARNs they are allowed on"},
};
const Shape AWS_ALLOW_SHAPE =
    SHAPE("AwsAllow", AwsAllow, AWS_ALLOW_FIELDS, "Any other actions on AWS");

static Status bad_item(Error *reterr, const char *expected) {
    return error_set(reterr, STATUS_INVALID, "bad_access_item", "%s", expected);
}

Status rds_connect_check(const RdsConnect *item, Error *reterr) {
    if ((item->resource != NULL) + (item->identifier != NULL) + (item->tag != NULL) != 1)
        return bad_item(reterr,
                        "rds_connect: expected exactly one of resource, identifier and tag");
    if (item->end_sessions != NULL && string_list_has(&item->users, "*"))
        return bad_item(reterr, "rds_connect: expected users by name beside end_sessions: all of a "
                                "database's sessions are not this access's to end");
    return STATUS_OK;
}

Status ssm_session_check(const SsmSession *item, Error *reterr) {
    if ((item->instances.count > 0) + (item->tag != NULL) != 1)
        return bad_item(reterr, "ssm_session: expected exactly one of instances and tag");
    return STATUS_OK;
}

const char *rds_connect_describe(Arena *arena, const RdsConnect *item) {
    const char *users = string_list_has(&item->users, "*")
                            ? "any user"
                            : string_list_join(arena, &item->users, ", ");
    if (item->tag != NULL)
        return arena_printf(arena, "connect to databases with tag %s as %s", item->tag, users);
    if (text_equal(item->resource, "*"))
        return arena_printf(arena, "connect to any database as %s", users);
    return arena_printf(arena, "connect to database %s as %s",
                        item->identifier != NULL ? item->identifier : item->resource, users);
}

const char *ssm_session_describe(Arena *arena, const SsmSession *item) {
    const char *documents =
        item->documents.count == 0
            ? ""
            : arena_printf(arena, " with %s", string_list_join(arena, &item->documents, ", "));
    if (item->tag != NULL)
        return arena_printf(arena, "sessions on instances with tag %s%s", item->tag, documents);
    return arena_printf(arena, "sessions on %s%s", string_list_join(arena, &item->instances, ", "),
                        documents);
}

const char *aws_allow_describe(Arena *arena, const AwsAllow *item) {
    return arena_printf(arena, "%s on %s", string_list_join(arena, &item->actions, ", "),
                        string_list_join(arena, &item->resources, ", "));
}

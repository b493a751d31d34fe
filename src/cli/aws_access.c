#include "cli/aws_access.h"

#include "base/buffer.h"
#include "cli/credential_text.h"
#include "cli/remote.h"
#include "domain/aws_access.h"
#include "domain/grant.h"
#include "domain/outcome.h"
#include "domain/target_kind.h"

#include <string.h>

enum { NAMES_SHOWN = 10, PORT_MAX = 65535 };

static const char INSTANCE_KIND[] = "instance"; // all others are databases
static const char ANY[] = "*";

// ---- What it gives ------------------------------------------------------------------------------

static void add_missing(Arena *arena, StringList *list, const StringList *more) {
    for (size_t i = 0; i < more->count; i++) {
        if (!string_list_has(list, more->items[i]))
            string_list_add(arena, list, more->items[i]);
    }
}

// Two entries of a flow may be about one database, each with users of its own.
static void add_resource(Arena *arena, AwsResources *resources, const AwsResource *added) {
    AwsResource *into = NULL;
    for (size_t i = 0; i < resources->count && into == NULL; i++) {
        if (text_equal(resources->items[i].id, added->id))
            into = &resources->items[i];
    }
    if (into == NULL) {
        into = &resources->items[resources->count++];
        *into = *added;
        into->users = into->documents = (StringList){0};
    }
    add_missing(arena, &into->users, &added->users);
    add_missing(arena, &into->documents, &added->documents);
}

static bool gives(const Evidence *evidence) {
    return (text_equal(evidence->kind, "grant") || text_equal(evidence->kind, "extend")) &&
           (evidence->failure == NULL || text_equal(evidence->failure, "none")) &&
           json_is_object(evidence->outcome);
}

Status aws_access_read(Arena *arena, const GrantView *grant, AwsResources *ret_resources,
                       Error *reterr) {
    AwsResources resources = {0};
    for (size_t i = json_array_size(grant->evidence); i-- > 0 && resources.count == 0;) {
        Evidence evidence;
        TRY(remote_parse(arena, &EVIDENCE_SHAPE, json_array_get(grant->evidence, i), &evidence,
                         reterr));
        if (!gives(&evidence))
            continue;
        Outcome outcome;
        TRY(remote_parse(arena, &OUTCOME_SHAPE, evidence.outcome, &outcome, reterr));
        resources.items = arena_alloc(arena, (outcome.resources.count + 1) * sizeof(AwsResource));
        for (size_t j = 0; j < outcome.resources.count; j++)
            add_resource(arena, &resources, &outcome.resources.items[j]);
    }
    *ret_resources = resources;
    return STATUS_OK;
}

bool aws_resource_is_database(const AwsResource *resource) {
    return !text_equal(resource->kind, INSTANCE_KIND);
}

const char *aws_resource_name(const AwsResource *resource) {
    return resource->identifier != NULL ? resource->identifier : resource->id;
}

const char *aws_resource_warning(Arena *arena, const AwsResource *resource) {
    if (!aws_resource_is_database(resource) || resource->host == NULL ||
        resource->iam_authentication)
        return NULL;
    return arena_printf(arena,
                        "IAM authentication was off on %s %s when the access was given: nobody "
                        "gets in with a token until somebody turns it on",
                        resource->kind, aws_resource_name(resource));
}

// ---- What somebody means ------------------------------------------------------------------------

static const char *const OPTIONS[] = {"resource", "user",     "host",     "port",
                                      "engine",   "database", "document", "profile"};

Status aws_options_refuse(const Invocation *invocation, Error *reterr) {
    for (size_t i = 0; i < COUNT_OF(OPTIONS); i++) {
        if (invocation_option(invocation, OPTIONS[i]) != NULL)
            return error_set(reterr, STATUS_INVALID, USAGE_CODE,
                             "--%s is for grants on AWS, and this is none", OPTIONS[i]);
    }
    return STATUS_OK;
}

Status aws_choice_read(const Invocation *invocation, AwsChoice *ret_choice, Error *reterr) {
    int64_t port;
    TRY(invocation_number(invocation, "port", 1, PORT_MAX, 0, &port, reterr));
    *ret_choice = (AwsChoice){
        .resource = invocation_option(invocation, "resource"),
        .user = invocation_option(invocation, "user"),
        .host = invocation_option(invocation, "host"),
        .port = port,
        .engine = invocation_option(invocation, "engine"),
        .database = invocation_option(invocation, "database"),
        .document = invocation_option(invocation, "document"),
        .profile = invocation_option(invocation, "profile"),
    };
    return STATUS_OK;
}

// "a, b, c or 3 more"
static const char *names_text(Arena *arena, const StringList *names) {
    StringList shown = *names;
    shown.count = shown.count > NAMES_SHOWN ? NAMES_SHOWN : shown.count;
    const char *text = string_list_join(arena, &shown, ", ");
    return names->count > shown.count
               ? arena_printf(arena, "%s or %zu more", text, names->count - shown.count)
               : text;
}

static const char *resource_names(Arena *arena, const AwsResources *resources) {
    StringList names = {0};
    for (size_t i = 0; i < resources->count; i++) {
        const AwsResource *resource = &resources->items[i];
        string_list_add(arena, &names,
                        resource->identifier == NULL
                            ? resource->id
                            : arena_printf(arena, "%s (%s)", resource->identifier, resource->id));
    }
    return names_text(arena, &names);
}

static Status find_named(Arena *arena, const AwsResources *resources, const char *name,
                         const AwsResource **ret_resource, Error *reterr) {
    const AwsResource *found = NULL, *any = NULL;
    size_t count = 0;
    for (size_t i = 0; i < resources->count; i++) {
        const AwsResource *resource = &resources->items[i];
        if (text_equal(resource->id, ANY))
            any = resource;
        if (text_equal(resource->id, name) || text_equal(resource->identifier, name)) {
            found = resource;
            count++;
        }
    }
    if (count > 1) // names of instances, and of an instance and a cluster, need not differ
        return error_set(reterr, STATUS_INVALID, "several_resources",
                         "several are called %s: choose by id with --resource: %s", name,
                         resource_names(arena, resources));
    if (found == NULL && any == NULL)
        return error_set(reterr, STATUS_NOT_FOUND, "no_such_resource",
                         "this grant is not for %s; --resource takes one of: %s", name,
                         resource_names(arena, resources));
    *ret_resource = found != NULL ? found : any;
    return STATUS_OK;
}

Status aws_resource_choose(Arena *arena, const GrantView *grant, const AwsResources *resources,
                           const AwsChoice *choice, const AwsResource **ret_resource,
                           Error *reterr) {
    if (resources->count == 0)
        return error_set(reterr, STATUS_CONFLICT, "nothing_to_connect_to",
                         "%s is neither for a database nor for sessions on instances: use your AWS "
                         "credentials as always, for its time they are allowed: %s",
                         grant->id, string_list_join(arena, &grant->access, "; "));
    if (choice->resource != NULL)
        return find_named(arena, resources, choice->resource, ret_resource, reterr);
    if (resources->count > 1)
        return error_set(reterr, STATUS_INVALID, "several_resources",
                         "this grant is for several: choose one with --resource: %s",
                         resource_names(arena, resources));
    *ret_resource = &resources->items[0];
    return STATUS_OK;
}

// The one of these names that is meant. `option`: how it is chosen. `any`: what stands for all.
static Status choose_name(Arena *arena, const StringList *names, const char *chosen,
                          const char *option, const char *what, const char **ret_name,
                          Error *reterr) {
    bool any = string_list_has(names, ANY);
    if (chosen != NULL && !any && !string_list_has(names, chosen))
        return error_set(reterr, STATUS_FORBIDDEN, arena_printf(arena, "no_such_%s", option),
                         "this grant is not for the %s %s; --%s takes one of: %s", what, chosen,
                         option, names_text(arena, names));
    if (chosen == NULL && any)
        return error_set(reterr, STATUS_INVALID, arena_printf(arena, "several_%ss", option),
                         "this grant is for any %s: name one with --%s", what, option);
    if (chosen == NULL && names->count != 1)
        return error_set(reterr, STATUS_INVALID, arena_printf(arena, "several_%ss", option),
                         "this grant is for several: choose a %s with --%s: %s", what, option,
                         names_text(arena, names));
    *ret_name = chosen != NULL ? chosen : names->items[0];
    return STATUS_OK;
}

// ---- Databases ----------------------------------------------------------------------------------

// An engine of which there are tokens.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
static bool takes_tokens(const char *engine, TargetKind *ret_kind) {
    int kind;
    if (engine == NULL || !enum_find(&TARGET_KINDS, engine, &kind))
        return false;
    *ret_kind = (TargetKind)kind;
    return kind == TARGET_POSTGRESQL || kind == TARGET_MYSQL || kind == TARGET_MARIADB;
}

// Every PostgreSQL of RDS has one of that name.
static const char *usual_database(TargetKind kind) {
    return kind == TARGET_POSTGRESQL ? "postgres" : NULL;
}

Status aws_login_choose(Arena *arena, const AwsResource *resource, const AwsChoice *choice,
                        AwsLogin *ret_login, Error *reterr) {
    AwsLogin login = {
        .resource = resource,
        .host = choice->host != NULL ? choice->host : resource->host,
        .port = choice->port != 0 ? choice->port : resource->port,
        .engine = resource->engine != NULL ? resource->engine : choice->engine,
        .database = choice->database != NULL ? choice->database : resource->database,
        .region = resource->region,
    };
    if (login.host == NULL)
        return error_set(reterr, STATUS_INVALID, "no_endpoint",
                         "the endpoint of %s is not known: name the host of the database with "
                         "--host, as in orders.abcdefghijkl.eu-central-1.rds.amazonaws.com",
                         text_equal(resource->id, ANY) ? "the database you mean"
                                                       : aws_resource_name(resource));
    TargetKind kind;
    if (login.engine == NULL)
        return error_set(reterr, STATUS_INVALID, "no_engine",
                         "what engine runs on %s is not known: say it with --engine", login.host);
    if (!takes_tokens(login.engine, &kind))
        return error_set(reterr, STATUS_UNSUPPORTED, "unsupported_engine",
                         "%s runs %s; tokens let people into PostgreSQL, MySQL and MariaDB alone",
                         aws_resource_name(resource), login.engine);
    login.port = login.port != 0 ? login.port : target_default_port(kind);
    login.database = login.database != NULL ? login.database : usual_database(kind);
    TRY(choose_name(arena, &resource->users, choice->user, "user", "database user", &login.user,
                    reterr));
    *ret_login = login;
    return STATUS_OK;
}

// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
const char *aws_authority_hint(Arena *arena, const char *region) {
    static const struct {
        const char *prefix, *url;
    } BUNDLES[] = {
        {"us-gov-", "https://truststore.pki.us-gov-west-1.rds.amazonaws.com"},
        {"cn-", "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn"},
        {"", "https://truststore.pki.rds.amazonaws.com"},
    };
    size_t i = 0;
    while (!text_starts_with(region != NULL ? region : "", BUNDLES[i].prefix))
        i++;
    return arena_printf(arena,
                        "RDS has authorities of its own: where its certificate is not verified, "
                        "get %s/global/global-bundle.pem and name the file with --ca-file",
                        BUNDLES[i].url);
}

// ---- Sessions -----------------------------------------------------------------------------------

Status aws_document_choose(Arena *arena, const AwsResource *resource, const AwsChoice *choice,
                           const char **ret_document, Error *reterr) {
    static const char *const SHELL_ALONE[] = {SSM_SHELL_DOCUMENT};
    const StringList *granted = &resource->documents;
    StringList shell = {0};
    string_list_add(arena, &shell, SHELL_ALONE[0]);
    if (granted->count == 0)
        granted = &shell;
    const char *chosen = choice->document;
    if (chosen == NULL && string_list_has(granted, SSM_SHELL_DOCUMENT))
        chosen = SSM_SHELL_DOCUMENT;
    const char *document = NULL;
    TRY(choose_name(arena, granted, chosen, "document", "session document", &document, reterr));
    // Left out, a session is a shell also where an account has no such document of its own.
    *ret_document = text_equal(document, SSM_SHELL_DOCUMENT) ? NULL : document;
    return STATUS_OK;
}

static bool is_one_word(const char *text) {
    return text[0] != '\0' && text[0] != '-' && text_is_plain(text);
}

Status aws_session_check(const AwsResource *instance, const char *document, Error *reterr) {
    bool known = text_starts_with(instance->id, "i-") || text_starts_with(instance->id, "mi-");
    if (known && text_is_plain(instance->id) &&
        (instance->region == NULL || is_one_word(instance->region)) &&
        (document == NULL || is_one_word(document)))
        return STATUS_OK;
    return error_set(reterr, STATUS_INTERNAL, "bad_answer",
                     "the server tells of an instance, region or session document that is none");
}

// ---- The AWS CLI's words ------------------------------------------------------------------------

static void add_word(Arena *arena, StringList *words, const char *option, const char *value) {
    if (value == NULL)
        return;
    string_list_add(arena, words, option);
    string_list_add(arena, words, value);
}

static StringList command_words(Arena *arena, const char *service, const char *action) {
    StringList words = {0};
    string_list_add(arena, &words, "aws");
    string_list_add(arena, &words, service);
    string_list_add(arena, &words, action);
    return words;
}

// https://docs.aws.amazon.com/cli/latest/reference/rds/generate-db-auth-token.html
StringList aws_token_words(Arena *arena, const AwsLogin *login, const char *profile) {
    StringList words = command_words(arena, "rds", "generate-db-auth-token");
    add_word(arena, &words, "--hostname", login->host);
    add_word(arena, &words, "--port", arena_printf(arena, "%lld", (long long)login->port));
    add_word(arena, &words, "--username", login->user);
    add_word(arena, &words, "--region", login->region);
    add_word(arena, &words, "--profile", profile);
    return words;
}

// https://docs.aws.amazon.com/cli/latest/reference/ssm/start-session.html
StringList aws_session_words(Arena *arena, const AwsResource *instance, const char *document,
                             const char *profile) {
    StringList words = command_words(arena, "ssm", "start-session");
    add_word(arena, &words, "--target", instance->id);
    add_word(arena, &words, "--document-name", document);
    add_word(arena, &words, "--region", instance->region);
    add_word(arena, &words, "--profile", profile);
    return words;
}

const char *aws_words_line(Arena *arena, const StringList *words) {
    CLEANUP(buffer_done) Buffer line = {0};
    for (size_t i = 0; i < words->count; i++) {
        buffer_add(&line, i > 0 ? " " : "");
        if (text_is_plain(words->items[i]))
            buffer_add(&line, words->items[i]);
        else
            add_shell_quoted(&line, words->items[i]);
    }
    return arena_strdup(arena, buffer_text(&line));
}

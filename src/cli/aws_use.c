#include "cli/aws_use.h"

#include "cli/client_launch.h"
#include "cli/grants.h"
#include "cli/output.h"
#include "domain/aws_access.h"

#include <stdio.h>

enum { RESOURCES_SHOWN = 20 };

const char NOTHING_DELIVERED[] = "nothing_delivered";

// ---- Choosing -----------------------------------------------------------------------------------

static Status active_check(Cli *cli, const GrantView *grant, Error *reterr) {
    if (!text_equal(grant->state, "active"))
        return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                         "%s is %s; it can be used only while it is active", grant->id,
                         grant->state);
    if (grant->expires_at != 0 && grant->expires_at <= clock_now_ms(cli->clock))
        return error_set(reterr, STATUS_EXPIRED, "ended", "%s ended %s", grant->id,
                         time_text(cli, grant->expires_at));
    return STATUS_OK;
}

// An option that says nothing about what was chosen is a mistake.
static Status options_check(const AwsResource *resource, const AwsChoice *choice, Error *reterr) {
    bool database = aws_resource_is_database(resource);
    const char *option = database                   ? (choice->document != NULL ? "document" : NULL)
                         : choice->user != NULL     ? "user"
                         : choice->host != NULL     ? "host"
                         : choice->port != 0        ? "port"
                         : choice->engine != NULL   ? "engine"
                         : choice->database != NULL ? "database"
                                                    : NULL;
    if (option == NULL)
        return STATUS_OK;
    return error_set(reterr, STATUS_INVALID, USAGE_CODE, "--%s is for %s, and %s is %s", option,
                     database ? "sessions on instances" : "databases", aws_resource_name(resource),
                     database ? "a database" : "an instance");
}

Status aws_use_choose(Cli *cli, const Invocation *invocation, const char *id, AwsUse *ret_use,
                      Error *reterr) {
    AwsUse use = {0};
    AwsChoice choice;
    TRY(aws_choice_read(invocation, &choice, reterr));
    TRY(grant_fetch(cli, id, &use.grant, NULL, reterr));
    TRY(active_check(cli, &use.grant, reterr));
    AwsResources resources;
    TRY(aws_access_read(cli->arena, &use.grant, &resources, reterr));
    const AwsResource *resource;
    TRY(aws_resource_choose(cli->arena, &use.grant, &resources, &choice, &resource, reterr));
    TRY(options_check(resource, &choice, reterr));
    use.profile = choice.profile;
    if (aws_resource_is_database(resource)) {
        TRY(aws_login_choose(cli->arena, resource, &choice, &use.login, reterr));
        use.words = aws_token_words(cli->arena, &use.login, use.profile);
        // It may be on by now.
        const char *warning = aws_resource_warning(cli->arena, resource);
        if (warning != NULL)
            note(cli, "Warning: %s", warning);
    } else {
        use.instance = resource->id;
        TRY(aws_document_choose(cli->arena, resource, &choice, &use.document, reterr));
        TRY(aws_session_check(resource, use.document, reterr));
        use.words = aws_session_words(cli->arena, resource, use.document, use.profile);
    }
    *ret_use = use;
    return STATUS_OK;
}

// ---- Sessions -----------------------------------------------------------------------------------

Status aws_session_start(Cli *cli, const AwsUse *use, const StringList *more, Error *reterr) {
    const char *program = client_find(cli->arena, "aws");
    if (program == NULL)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_client",
                         "there is no aws in PATH: install the AWS CLI "
                         "(https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install"
                         ".html) and its session-manager-plugin. It would run: %s",
                         aws_words_line(cli->arena, &use->words));
    if (client_find(cli->arena, "session-manager-plugin") == NULL)
        return error_set(reterr, STATUS_UNAVAILABLE, "no_client",
                         "there is no session-manager-plugin in PATH, which the AWS CLI needs for "
                         "sessions: https://docs.aws.amazon.com/systems-manager/latest/userguide/"
                         "session-manager-working-with-install-plugin.html");
    ClientLaunch launch = {.arena = cli->arena, .program = program};
    for (size_t i = 1; i < use->words.count; i++)
        client_argument(&launch, "%s", use->words.items[i]);
    client_arguments(&launch, more);
    note(cli, "Starting a session on %s with aws; access ends %s", use->instance,
         time_text(cli, use->grant.expires_at));
    fflush(cli->out);
    fflush(cli->err);
    Status status = client_run(&launch, reterr);
    client_launch_done(&launch);
    return status;
}

typedef struct AwsSessionText {
    const char *instance;
    const char *document;
    StringList command;
    int64_t expires_at;
    const char *grant_id;
} AwsSessionText;
static const Field SESSION_FIELDS[] = {
    {FIELD(AwsSessionText, instance, STRING), .required = true, .help = "Id of the instance"},
    {FIELD(AwsSessionText, document, STRING), .help = "Session document; absent: the usual shell"},
    {FIELD(AwsSessionText, command, STRINGS), .help = "Words of the command that starts it"},
    {FIELD(AwsSessionText, expires_at, TIME), .help = "When the access ends"},
    {FIELD(AwsSessionText, grant_id, STRING), .help = "Id of the grant"},
};
static const Shape SESSION_SHAPE =
    SHAPE("AwsSession", AwsSessionText, SESSION_FIELDS, "How a session is started");

Status aws_session_print(Cli *cli, const AwsUse *use, const char *format, Error *reterr) {
    if (cli->json || text_equal(format, "json")) {
        const AwsSessionText text = {.instance = use->instance,
                                     .document = use->document,
                                     .command = use->words,
                                     .expires_at = use->grant.expires_at,
                                     .grant_id = use->grant.id};
        say_json(cli, shape_write(cli->arena, &SESSION_SHAPE, &text));
        return STATUS_OK;
    }
    if (format != NULL && !text_equal(format, "env"))
        return error_set(reterr, STATUS_INVALID, "format_of_other_engine",
                         "--format %s is for databases, and %s is an instance, which has: env|json",
                         format, use->instance);
    fprintf(cli->out, "%s\n", aws_words_line(cli->arena, &use->words));
    note(cli, "# a session on %s, until %s", use->instance, time_text(cli, use->grant.expires_at));
    return STATUS_OK;
}

// ---- Showing ------------------------------------------------------------------------------------

static const char *database_text(Arena *arena, const AwsResource *resource) {
    const char *endpoint = resource->host != NULL ? arena_printf(arena, ", %s:%lld", resource->host,
                                                                 (long long)resource->port)
                                                  : "";
    return arena_printf(
        arena, "%s %s%s%s%s%s%s%s, as %s", resource->kind, aws_resource_name(resource),
        resource->identifier != NULL ? " (" : "", resource->identifier != NULL ? resource->id : "",
        resource->identifier != NULL ? ")" : "", endpoint, resource->engine != NULL ? ", " : "",
        resource->engine != NULL ? resource->engine : "",
        string_list_join(arena, &resource->users, ", "));
}

static const char *instance_text(Arena *arena, const AwsResource *resource) {
    const char *documents = resource->documents.count > 0
                                ? string_list_join(arena, &resource->documents, ", ")
                                : SSM_SHELL_DOCUMENT;
    return arena_printf(arena, "%s %s%s%s%s, with %s", resource->kind, resource->id,
                        resource->identifier != NULL ? " (" : "",
                        resource->identifier != NULL ? resource->identifier : "",
                        resource->identifier != NULL ? ")" : "", documents);
}

// What is not known stands as a word to fill in.
static void print_token_commands(Cli *cli, const AwsResource *resource) {
    AwsLogin login = {.resource = resource,
                      .host = resource->host != NULL ? resource->host : "HOST",
                      .port = resource->port,
                      .region = resource->region};
    for (size_t i = 0; i < resource->users.count; i++) {
        const char *user = resource->users.items[i];
        login.user = text_equal(user, "*") ? "USER" : user;
        StringList words = aws_token_words(cli->arena, &login, NULL);
        say(cli, "  %s", aws_words_line(cli->arena, &words));
    }
}

static void print_session_commands(Cli *cli, const AwsResource *resource) {
    StringList shell = {0};
    string_list_add(cli->arena, &shell, SSM_SHELL_DOCUMENT);
    const StringList *documents = resource->documents.count > 0 ? &resource->documents : &shell;
    for (size_t i = 0; i < documents->count; i++) {
        const char *document = documents->items[i];
        StringList words = aws_session_words(
            cli->arena, resource, text_equal(document, SSM_SHELL_DOCUMENT) ? NULL : document, NULL);
        say(cli, "  %s", aws_words_line(cli->arena, &words));
    }
}

Status aws_grant_print(Cli *cli, const GrantView *grant, Error *reterr) {
    if (grant->identity == NULL)
        return STATUS_OK;
    AwsResources resources;
    TRY(aws_access_read(cli->arena, grant, &resources, reterr));
    if (resources.count == 0)
        return STATUS_OK;
    size_t shown = resources.count > RESOURCES_SHOWN ? RESOURCES_SHOWN : resources.count;
    say(cli, "\nGiven on");
    for (size_t i = 0; i < shown; i++) {
        const AwsResource *resource = &resources.items[i];
        say(cli, "  %s",
            aws_resource_is_database(resource) ? database_text(cli->arena, resource)
                                               : instance_text(cli->arena, resource));
        const char *warning = aws_resource_warning(cli->arena, resource);
        if (warning != NULL)
            say_coloured(cli, COLOUR_ATTENTION, "    warning: %s", warning);
    }
    if (shown < resources.count)
        say(cli, "  and %zu more: see them with --json", resources.count - shown);
    if (!text_equal(grant->state, "active"))
        return STATUS_OK;
    say(cli, "\nThe same with the AWS CLI");
    for (size_t i = 0; i < shown; i++) {
        const AwsResource *resource = &resources.items[i];
        if (aws_resource_is_database(resource))
            print_token_commands(cli, resource);
        else
            print_session_commands(cli, resource);
    }
    return STATUS_OK;
}

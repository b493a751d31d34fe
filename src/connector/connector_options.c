#include "connector/connector_options.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/options.h"
#include "domain/account_name.h"
#include "domain/fault.h"
#include "http/client.h"

// Its form alone: which there are, nobody here knows.
static Status deployment_check(const char *id, Error *reterr) {
    static const char PREFIX[] = "dep_";
    const char *random = id + strlen(PREFIX);
    if (!text_starts_with(id, PREFIX) || *random == '\0' ||
        random[strspn(random, "abcdefghijklmnopqrstuvwxyz0123456789")] != '\0')
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected the id of an installation, dep_ and letters and digits, as "
                         "\"daypass orphans\" shows it under INSTALLATION");
    return STATUS_OK;
}

static Status boundary_check(const char *arn, Error *reterr) {
    if (aws_pattern_check(arn, NULL) != STATUS_OK || strstr(arn, ":policy/") == NULL ||
        strpbrk(arn, "*?") != NULL)
        return error_set(reterr, STATUS_INVALID, "bad_value",
                         "expected the ARN of a policy, arn:aws:iam::ACCOUNT:policy/NAME");
    return STATUS_OK;
}

static const Field CEILING_FIELDS[] = {
    // An empty list could mean none or any: it is refused.
    {FIELD(Ceiling, databases, STRINGS), .min = 1, .help = "Databases; absent: any"},
    {FIELD(Ceiling, schemas, STRINGS), .min = 1, .help = "Schemas; absent: any"},
    {FIELD(Ceiling, privileges, STRINGS), .min = 1, .names = &PRIVILEGES,
     .help = "Privileges; absent: any"},
    {FIELD(Ceiling, commands, STRINGS), .min = 1,
     .help = "Commands and categories of them (Redis): get, @read; absent: any"},
    {FIELD(Ceiling, keys, STRINGS), .min = 1,
     .help = "Patterns of keys and channels (Redis), as flows write them; absent: any"},
    {FIELD(Ceiling, roles, STRINGS), .min = 1,
     .help = "Existing roles that may be given; absent: any, or none where schemas or privileges "
             "are limited"},
    {FIELD(Ceiling, custodians, STRINGS), .min = 1,
     .help = "Roles that may receive what accounts own; absent: as of roles"},
    {FIELD(Ceiling, account_prefixes, STRINGS), .min = 1, .check = account_prefix_check,
     .help = "What names of accounts may begin with; absent: anything"},
    {FIELD(Ceiling, adopt_deployments, STRINGS), .min = 1, .check = deployment_check,
     .help = "Other installations of Daypass whose accounts may be removed, by their ids (dep_…); "
             "absent: none"},
    {FIELD(Ceiling, end_sessions_of, STRINGS), .min = 1,
     .help = "Users of the database whose sessions may be ended with access through AWS "
             "(PostgreSQL, MySQL and MariaDB); absent: none"},
    {FIELD_NAMED("actions", Ceiling, aws.actions, STRINGS), .min = 1, .check = aws_action_check,
     .help = "AWS: actions that allow may give; rds_connect and ssm_session need none; absent: "
             "none"},
    {FIELD_NAMED("resources", Ceiling, aws.resources, STRINGS), .min = 1,
     .check = aws_pattern_check,
     .help = "AWS: patterns of the ARNs that access may be given on; absent: any"},
    {FIELD_NAMED("identities", Ceiling, aws.identities, STRINGS), .min = 1,
     .check = aws_pattern_check,
     .help = "AWS: patterns of the ARNs of users and roles it may be given to; absent: any"},
    {FIELD_NAMED("identity_tags", Ceiling, aws.identity_tags, STRINGS), .min = 1,
     .check = aws_tag_check,
     .help = "AWS: tags, key=value, that a user or role has to have; absent: none"},
    {FIELD_NAMED("boundary", Ceiling, aws.boundary, STRING), .max = 2048, .check = boundary_check,
     .help = "AWS: ARN of the permissions boundary that a user or role has to have; absent: any "
             "or none"},
    {FIELD_NAMED("max_duration", Ceiling, max_duration_s, DURATION), .default_text = "24h",
     .min = 1, .help = "The longest access that is given"},
};
static const Shape CEILING_SHAPE =
    SHAPE("Ceiling", Ceiling, CEILING_FIELDS, "What no action gets above, correctly signed or not");

static const Field SECRET_FIELDS[] = {
    {FIELD(SecretSource, name, STRING), .required = true, .check = object_name_check,
     .help = "The name that integrations use in admin_secret"},
    {FIELD(SecretSource, user, STRING), .max = 128,
     .help = "The admin account on the target; AWS: none"},
    {FIELD(SecretSource, file, STRING), .max = 4096, .help = "File that holds it, mode 0600"},
    {FIELD(SecretSource, env, STRING), .max = 128, .help = "Environment variable that holds it"},
    {FIELD(SecretSource, command, STRINGS), .max = 64,
     .help = "Program and arguments that print it; run without a shell"},
    {FIELD(SecretSource, credential, STRING), .max = 128,
     .help = "Name of a systemd credential (LoadCredential=)"},
    {FIELD(SecretSource, profile, STRING), .max = 128,
     .help = "AWS: profile of the shared configuration; absent: credentials are looked for where "
             "AWS's own tools look"},
    {FIELD(SecretSource, programs, BOOL), .default_text = "false",
     .help = "AWS: whether the profile may run programs for its credentials (credential_process, "
             "and aws for sso); they run within the sandbox"},
    {FIELD(SecretSource, target, OBJECT), .required = true, .shape = &TARGET_ADDRESS_SHAPE,
     .help = "The only target the secret is sent to; its database is where sweeps log in"},
    {FIELD(SecretSource, ca_file, STRING), .max = 4096,
     .help = "Certificates that sign the target's; absent: the system's"},
    {FIELD(SecretSource, ceiling, OBJECT), .shape = &CEILING_SHAPE,
     .help = "Instead of the general ceiling"},
    {FIELD(SecretSource, leftovers, STRINGS), .min = 1, .max = 50,
     .help = "Names, with * for anything, of accounts without Daypass's mark that are listed as "
             "leftovers; absent: v-*, temp_*, tmp_*"},
};
static const Shape SECRET_SHAPE =
    SHAPE("SecretSource", SecretSource, SECRET_FIELDS, "Where an admin secret is kept");

static const char *const LOG_FORMAT_NAMES[] = {"text", "json"};
static const EnumTable LOG_FORMATS = {"log format", LOG_FORMAT_NAMES, COUNT_OF(LOG_FORMAT_NAMES)};

static const Field LOG_FIELDS[] = {
    {FIELD(ConnectorLog, level, ENUM), .names = &LOG_LEVELS, .default_text = "info",
     .help = "The least that is logged"},
    {FIELD(ConnectorLog, format, ENUM), .names = &LOG_FORMATS, .default_text = "text",
     .help = "key=value text, or JSON"},
};
static const Shape LOG_SHAPE =
    SHAPE("ConnectorLog", ConnectorLog, LOG_FIELDS, "Log on standard error");

static const Field OPTIONS_FIELDS[] = {
    {FIELD(ConnectorOptions, control_plane, STRING), .required = true,
     .help = "URL of daypassd; https, other than to a loopback address"},
    {FIELD(ConnectorOptions, ca_file, STRING), .max = 4096,
     .help = "Certificates that sign the control plane's; absent: the system's"},
    {FIELD(ConnectorOptions, state_folder, STRING), .default_text = "/var/lib/daypass-connector",
     .max = 4096, .help = "Folder of the connector's own key, mode 0700"},
    {FIELD(ConnectorOptions, workers, INT), .default_text = "8", .min = 1, .max = 128,
     .help = "Actions carried out at the same time"},
    {FIELD(ConnectorOptions, workers_per_target, INT), .default_text = "3", .min = 1, .max = 128,
     .help = "Of these, on one target"},
    {FIELD_NAMED("sweep_every", ConnectorOptions, sweep_every_s, DURATION), .default_text = "30s",
     .min = 1, .max = 3600, .help = "How often targets are read for accounts that are over"},
    {FIELD_NAMED("connect_timeout", ConnectorOptions, connect_timeout_s, DURATION),
     .default_text = "10s", .min = 1, .max = 300,
     .help = "For reaching and logging in to a target"},
    {FIELD_NAMED("statement_timeout", ConnectorOptions, statement_timeout_s, DURATION),
     .default_text = "30s", .min = 1, .max = 600, .help = "For one statement on a target"},
    {FIELD(ConnectorOptions, log, OBJECT), .shape = &LOG_SHAPE, .help = "Log on standard error"},
    {FIELD(ConnectorOptions, sandbox, OBJECT), .shape = &SANDBOX_OPTIONS_SHAPE,
     .help = "What the program gives up"},
    {FIELD(ConnectorOptions, ceiling, OBJECT), .shape = &CEILING_SHAPE,
     .help = "For every secret without a ceiling of its own"},
    {FIELD(ConnectorOptions, secrets, OBJECTS), .shape = &SECRET_SHAPE, .max = 1000,
     .help = "The admin secrets and the target of each"},
};
const Shape CONNECTOR_OPTIONS_SHAPE = SHAPE("ConnectorOptions", ConnectorOptions, OPTIONS_FIELDS,
                                            "Configuration of daypass-connector");

static Status bad_source(Error *reterr, size_t index, const char *name, const char *message) {
    error_set(reterr, STATUS_INVALID, "bad_secret_source", "secret %s: %s", name, message);
    snprintf(reterr->pointer, sizeof(reterr->pointer), "/secrets/%zu", index);
    return STATUS_INVALID;
}

// Answers of an endpoint may be credentials: nobody else is to read them.
static Status endpoints_check(const AwsEndpoints *endpoints, Error *reterr) {
    const struct {
        const char *name, *url;
    } all[] = {{"iam", endpoints->iam},
               {"sts", endpoints->sts},
               {"rds", endpoints->rds},
               {"ec2", endpoints->ec2},
               {"ssm", endpoints->ssm}};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        Status status = all[i].url ? http_client_check_url(all[i].url, reterr) : STATUS_OK;
        if (status != STATUS_OK)
            return error_inside(reterr, status, "/aws/endpoints/%s", all[i].name);
    }
    return STATUS_OK;
}

static Status target_complete(Arena *arena, size_t index, SecretSource *secret, Error *reterr) {
    TargetAddress *target = arena_copy(arena, secret->target, sizeof(*target));
    secret->target = target;
    Status status = target_address_complete(target, reterr);
    if (status == STATUS_OK && target->aws && target->aws->endpoints)
        status = endpoints_check(target->aws->endpoints, reterr);
    if (status != STATUS_OK)
        return error_inside(reterr, status, "/secrets/%zu/target", index);
    return STATUS_OK;
}

static Status source_check(const SecretSource *secret, size_t index, Error *reterr) {
    int sources = (secret->file != NULL) + (secret->env != NULL) + (secret->command.count > 0) +
                  (secret->credential != NULL);
    if (secret->target->kind == TARGET_AWS) {
        if (sources > 0 || secret->user != NULL)
            return bad_source(reterr, index, secret->name,
                              "expected neither user nor file, env, command or credential: AWS "
                              "credentials are found where AWS's own tools find them; profile may "
                              "name one");
        return STATUS_OK;
    }
    if (secret->programs)
        return bad_source(reterr, index, secret->name, "expected programs with kind aws alone");
    if (secret->profile != NULL)
        return bad_source(reterr, index, secret->name, "expected profile with kind aws alone");
    if (secret->user == NULL)
        return bad_source(reterr, index, secret->name, "expected user, the admin account's name");
    if (sources != 1)
        return bad_source(reterr, index, secret->name,
                          sources == 0
                              ? "expected one of file, env, command or credential, got none"
                              : "expected exactly one of file, env, command and credential");
    return STATUS_OK;
}

static Status secret_check(const ConnectorOptions *options, size_t index, Error *reterr) {
    const SecretSource *secret = &options->secrets.items[index];
    TRY(source_check(secret, index, reterr));
    for (size_t i = 0; i < index; i++)
        if (text_equal(options->secrets.items[i].name, secret->name))
            return bad_source(reterr, index, secret->name,
                              "it is there twice; give each secret a name of its own");
    return STATUS_OK;
}

Status connector_options_load(Arena *arena, const char *path, ConnectorOptions *ret_options,
                              Error *reterr) {
    ConnectorOptions options;
    TRY(options_load(arena, &CONNECTOR_OPTIONS_SHAPE, path, &options, reterr));
    Error error = {0};
    Status status = http_client_check_url(options.control_plane, &error);
    if (status != STATUS_OK)
        snprintf(error.pointer, sizeof(error.pointer), "/control_plane");
    for (size_t i = 0; status == STATUS_OK && i < options.secrets.count; i++)
        if ((status = secret_check(&options, i, &error)) == STATUS_OK)
            status = target_complete(arena, i, &options.secrets.items[i], &error);
    if (status != STATUS_OK) {
        options_locate(arena, path, &error);
        *reterr = error;
        return status;
    }
    for (size_t i = 0; i < options.secrets.count; i++)
        if (options.secrets.items[i].env != NULL)
            string_list_add(arena, &options.secret_variables, options.secrets.items[i].env);
    if (options.log)
        log_setup(
            (LogOptions){.level = (LogLevel)options.log->level, .json = options.log->format == 1});
    *ret_options = options;
    return STATUS_OK;
}

const SecretSource *connector_options_secret(const ConnectorOptions *options, const char *name) {
    for (size_t i = 0; i < options->secrets.count; i++)
        if (text_equal(options->secrets.items[i].name, name))
            return &options->secrets.items[i];
    return NULL;
}

const StringList *connector_options_leftovers(const SecretSource *secret) {
    // What Vault and OpenBao make, and what people call theirs.
    static const char *DEFAULT_NAMES[] = {"v-*", "temp_*", "tmp_*"};
    static const StringList DEFAULT_LEFTOVERS = {.items = DEFAULT_NAMES,
                                                 .count = COUNT_OF(DEFAULT_NAMES)};
    return secret->leftovers.count > 0 ? &secret->leftovers : &DEFAULT_LEFTOVERS;
}

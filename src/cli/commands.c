#include "cli/command.h"
#include "cli/handlers.h"

const CommandOption GLOBAL_OPTIONS[] = {
    {.name = "json", .help = "Answer as JSON; errors too"},
    {.name = "help", .letter = 'h', .help = "Show what the command does and takes"},
    {0},
};

static const CommandArgument ID_ARGUMENT[] = {
    {.name = "ID", .help = "Id of the request, as daypass requests shows it"},
    {0},
};
static const CommandArgument NAME_ARGUMENT[] = {
    {.name = "NAME", .help = "Its name"},
    {0},
};
static const CommandOption NOTE_OPTION[] = {
    {.name = "note", .value = "TEXT", .help = "Say why; it is kept with the request"},
    {0},
};
static const CommandOption OUT_OPTION[] = {
    {.name = "out",
     .value = "FILE",
     .is_file = true,
     .help = "Write it to this file, readable by you alone, instead of showing it"},
    {0},
};

static const CommandOption LOGIN_OPTIONS[] = {
    {.name = "server", .value = "URL", .help = "The same as the argument"},
    {.name = "principal", .letter = 'p', .value = "NAME", .help = "Who signs in"},
    {.name = "password-file",
     .value = "FILE",
     .is_file = true,
     .help = "Read the password from this file (-: standard input) instead of asking"},
    {.name = "invitation-file",
     .value = "FILE",
     .is_file = true,
     .help = "Accept the invitation in this file (-: ask, or standard input) and set a password; "
             "the server's bootstrap file is one too"},
    {.name = "ca-file",
     .value = "FILE",
     .is_file = true,
     .help = "Certificates (PEM) that vouch for the server, instead of the system's"},
    {0},
};
static const CommandOption REQUEST_OPTIONS[] = {
    {.name = "for",
     .letter = 'd',
     .value = "DURATION",
     .help = "How long, such as 2h; the flow's default otherwise"},
    {.name = "reason", .letter = 'r', .value = "TEXT", .help = "Why; for those who decide"},
    {.name = "wait", .letter = 'w', .help = "Wait until access is there, or refused"},
    {.name = "timeout",
     .value = "DURATION",
     .help = "With --wait: give up waiting after this time"},
    {0},
};
static const CommandOption REQUESTS_OPTIONS[] = {
    {.name = "to-decide", .help = "Those that wait for your decision"},
    {.name = "all", .letter = 'a', .help = "All that you may see, instead of your own"},
    {.name = "state",
     .value = "STATE",
     .help = "Those in this state; several are separated by commas"},
    {.name = "flow", .value = "FLOW", .help = "Those of this flow"},
    {.name = "integration", .value = "NAME", .help = "Those on this integration"},
    {.name = "requester",
     .value = "NAME",
     .help = "Those of this principal, of all that you may see"},
    {.name = "limit", .value = "NUMBER", .help = "At most so many (100)"},
    {0},
};
static const CommandOption WAIT_OPTIONS[] = {
    {.name = "until",
     .value = "MOMENT",
     .choices = "decided|active|over",
     .help = "What to wait for (active)"},
    {.name = "timeout", .value = "DURATION", .help = "Give up waiting after this time"},
    {0},
};
// Two commands choose among what a grant on AWS is for.
static const char AWS_RESOURCE_HELP[] = "AWS: which database or instance, by name or id, where the "
                                        "grant is for several";
static const char AWS_USER_HELP[] = "AWS: as which user of the database, where the grant is for "
                                    "several";
static const char AWS_HOST_HELP[] = "AWS: endpoint of the database, where the grant does not know "
                                    "it";
static const char AWS_PORT_HELP[] = "AWS: its port, likewise";
static const char AWS_ENGINE_HELP[] = "AWS: what runs there, likewise";
static const char AWS_ENGINES[] = "postgresql|mysql|mariadb";
static const char AWS_DATABASE_HELP[] =
    "AWS: which database of the server, instead of the one made "
    "with it";
static const char AWS_DOCUMENT_HELP[] = "AWS: session document of an instance, where the grant is "
                                        "for several";
static const char AWS_PROFILE_HELP[] = "AWS: profile of your AWS configuration to take credentials "
                                       "from";
static const CommandOption CREDENTIALS_OPTIONS[] = {
    {.name = "format",
     .value = "FORMAT",
     .choices = "env|url|json|pgpass|mycnf|jdbc|odbc|dotnet",
     .help = "How to print it (env: lines for a shell)"},
    {.name = "reset", .help = "Have a new password set, sealed to a new key on this machine"},
    {.name = "resource", .value = "NAME", .help = AWS_RESOURCE_HELP},
    {.name = "user", .value = "NAME", .help = AWS_USER_HELP},
    {.name = "host", .value = "HOST", .help = AWS_HOST_HELP},
    {.name = "port", .value = "NUMBER", .help = AWS_PORT_HELP},
    {.name = "engine", .value = "ENGINE", .choices = AWS_ENGINES, .help = AWS_ENGINE_HELP},
    {.name = "database", .value = "NAME", .help = AWS_DATABASE_HELP},
    {.name = "document", .value = "NAME", .help = AWS_DOCUMENT_HELP},
    {.name = "profile", .value = "NAME", .help = AWS_PROFILE_HELP},
    {0},
};
static const CommandOption CONNECT_OPTIONS[] = {
    {.name = "tls",
     .value = "MODE",
     .choices = "verify-full|verify-ca|require|disable",
     .help = "How to protect the connection, instead of as the integration says"},
    {.name = "ca-file",
     .is_file = true,
     .value = "FILE",
     .help = "Certificates (PEM) that vouch for the database (DAYPASS_TARGET_CA_FILE)"},
    {.name = "resource", .value = "NAME", .help = AWS_RESOURCE_HELP},
    {.name = "user", .value = "NAME", .help = AWS_USER_HELP},
    {.name = "host", .value = "HOST", .help = AWS_HOST_HELP},
    {.name = "port", .value = "NUMBER", .help = AWS_PORT_HELP},
    {.name = "engine", .value = "ENGINE", .choices = AWS_ENGINES, .help = AWS_ENGINE_HELP},
    {.name = "database", .value = "NAME", .help = AWS_DATABASE_HELP},
    {.name = "document", .value = "NAME", .help = AWS_DOCUMENT_HELP},
    {.name = "profile", .value = "NAME", .help = AWS_PROFILE_HELP},
    {0},
};
static const CommandOption EXTEND_OPTIONS[] = {
    {.name = "for", .letter = 'd', .value = "DURATION", .help = "How much longer, such as 1h"},
    {.name = "reason", .letter = 'r', .value = "TEXT", .help = "Why; for those who decide"},
    {0},
};
static const CommandOption WRITE_OFF_OPTIONS[] = {
    {.name = "reason",
     .letter = 'r',
     .value = "TEXT",
     .help = "Why nobody will see the account gone; it is kept with the grant"},
    {0},
};
static const CommandOption OVERDUE_OPTIONS[] = {
    {.name = "older-than",
     .value = "DURATION",
     .help = "Those that are late by more than this, such as 15m (1m, the least)"},
    {.name = "limit",
     .value = "NUMBER",
     .help = "At most so many, the longest overdue first (100)"},
    {0},
};
static const CommandOption ORPHANS_OPTIONS[] = {
    {.name = "integration", .value = "NAME", .help = "Those found through this integration"},
    {.name = "kind",
     .value = "KIND",
     .choices = "unknown|mismatched|unserved|foreign|leftover",
     .help = "Those of this kind"},
    {.name = "limit", .value = "NUMBER", .help = "At most so many (500)"},
    {0},
};
static const CommandOption APPLY_OPTIONS[] = {
    {.name = "file",
     .letter = 'f',
     .value = "FILE",
     .is_file = true,
     .help = "The declaration: a YAML file, a folder of them, or - for standard input"},
    {.name = "dry-run", .help = "Show what would change, and change nothing"},
    {.name = "prune",
     .help = "Delete groups, integrations and flows that the declaration leaves "
             "out, of the kinds it has"},
    {0},
};
static const CommandOption AUDIT_OPTIONS[] = {
    {.name = "since",
     .value = "TIME",
     .help = "Events from then on: 2026-05-04T10:00:00Z, or how long ago: 24h"},
    {.name = "until", .value = "TIME", .help = "Events before then"},
    {.name = "person", .value = "NAME", .help = "Events by or about this principal"},
    {.name = "grant", .value = "ID", .help = "Events of this request"},
    {.name = "integration", .value = "NAME", .help = "Events of this integration"},
    {.name = "flow", .value = "FLOW", .help = "Events of this flow"},
    {.name = "event", .value = "EVENT", .help = "Events of this name, such as grant.approved"},
    {.name = "format",
     .value = "FORMAT",
     .choices = "table|jsonl|csv",
     .help = "How to print them (table; with --json jsonl)"},
    {.name = "limit", .value = "NUMBER", .help = "At most so many, the oldest first"},
    {0},
};
static const CommandOption TOKEN_OPTIONS[] = {
    {.name = "for", .letter = 'd', .value = "DURATION", .help = "How long it is valid (30d)"},
    {.name = "scopes",
     .value = "SCOPES",
     .help = "What it may do, separated by commas: read, request, decide, configure (read)"},
    {.name = "out",
     .value = "FILE",
     .is_file = true,
     .help = "Write it to this file, readable by you alone, instead of showing it"},
    {0},
};

const Command COMMANDS[] = {
    {.name = "login",
     .summary = "Sign in to a server",
     .details = "Asks for the password on the terminal without showing it; without a terminal it "
                "is read from standard input. Nothing secret is taken from the command line. The "
                "session is kept in $XDG_STATE_HOME/daypass (~/.local/state/daypass), readable by "
                "you alone.",
     .arguments =
         (const CommandArgument[]){{.name = "URL",
                                    .optional = true,
                                    .help = "Server, as in https://daypass.example.com:8443"},
                                   {0}},
     .options = LOGIN_OPTIONS,
     .run = command_login},
    {.name = "logout", .summary = "End the session, here and on the server", .run = command_logout},
    {.name = "whoami",
     .summary = "Show who is signed in, where, and what they may do",
     .run = command_whoami},
    {.name = "flows",
     .summary = "Show what you may ask for",
     .arguments =
         (const CommandArgument[]){
             {.name = "FLOW", .optional = true, .help = "Show this flow alone, in full"}, {0}},
     .options =
         (const CommandOption[]){
             {.name = "all", .letter = 'a', .help = "Every flow; for auditors and administrators"},
             {0}},
     .run = command_flows},
    {.name = "request",
     .summary = "Ask for access",
     .details = "On a terminal, what is left out is asked for. The key that opens the credential "
                "is made here and never leaves this machine.",
     .arguments = (const CommandArgument[]){{.name = "FLOW",
                                             .optional = true,
                                             .help = "What to ask for, as daypass flows shows it"},
                                            {0}},
     .options = REQUEST_OPTIONS,
     .run = command_request},
    {.name = "requests",
     .summary = "List requests: your own, those waiting for you, or all",
     .options = REQUESTS_OPTIONS,
     .run = command_requests},
    {.name = "show",
     .summary = "Tell the whole story of a request",
     .details = "Who asked for what and why, who decided, which statements ran on the target, and "
                "what was found there afterwards.",
     .arguments = ID_ARGUMENT,
     .run = command_show},
    {.name = "wait",
     .summary = "Wait for a request, and tell its states as they change",
     .details = "The exit status says what came of it: 0 when what was waited for is there, 12 "
                "when it was denied, 14 when cancelled, 15 when it lapsed or ended, 18 when it "
                "could not be given or the time was up.",
     .arguments = ID_ARGUMENT,
     .options = WAIT_OPTIONS,
     .run = command_wait},
    {.name = "approve",
     .summary = "Approve a request, or its extension",
     .arguments = ID_ARGUMENT,
     .options = NOTE_OPTION,
     .run = command_approve},
    {.name = "deny",
     .summary = "Deny a request, or its extension",
     .details = "A note is required: the requester wants to know.",
     .arguments = ID_ARGUMENT,
     .options = NOTE_OPTION,
     .run = command_deny},
    {.name = "cancel",
     .summary = "Take back a request of your own",
     .arguments = ID_ARGUMENT,
     .options = NOTE_OPTION,
     .run = command_cancel},
    {.name = "credentials",
     .summary = "Print the credential of a grant, as often as needed while it lives",
     .details = "For a shell: eval \"$(daypass credentials ID)\". Only the machine that asked has "
                "the key that opens it; --reset gets a new password for this one. pgpass is "
                "PostgreSQL's, mycnf MySQL's and MariaDB's; Redis has env, url and json alone. On "
                "AWS it is made here, from your own AWS credentials, and good for 15 minutes; of a "
                "session on an instance the command that starts it is printed.",
     .arguments = ID_ARGUMENT,
     .options = CREDENTIALS_OPTIONS,
     .run = command_credentials},
    {.name = "connect",
     .summary = "Start the database's client with the credential of a grant",
     .details =
         "PostgreSQL: psql. MySQL and MariaDB: mysql or mariadb. SQL Server: sqlcmd, tsql or "
         "isql. Oracle: sqlplus or sql. Redis: redis-cli or valkey-cli. The password is "
         "never on its command line, and nothing of it is left when the client has ended. "
         "What follows -- is passed on to the client. On AWS the password is a token made here, "
         "from your own AWS credentials; of an instance, aws starts a session.",
     .arguments = ID_ARGUMENT,
     .options = CONNECT_OPTIONS,
     .rest = "CLIENT-ARGUMENT",
     .run = command_connect},
    {.name = "revoke",
     .summary = "End access before its time",
     .details = "For the requester, the flow's approvers and administrators. Of access that is "
                "being revoked already, the next attempt is made at once: run it when you have "
                "removed what stood in the way.",
     .arguments = ID_ARGUMENT,
     .options = NOTE_OPTION,
     .run = command_revoke},
    {.name = "write-off",
     .summary = "Close a revocation whose target is gone for good",
     .details = "For administrators. Only of access whose end has passed, and that was tried to be "
                "taken back for an hour: while the target may come back, leave it, and the "
                "connector ends it. The grant ends with the cause written_off, which says that "
                "nobody saw the account gone, and is not overdue any more. Should the account be "
                "found again, it is removed.",
     .arguments = ID_ARGUMENT,
     .options = WRITE_OFF_OPTIONS,
     .run = command_write_off},
    {.name = "extend",
     .summary = "Ask for more time, within the flow's limits",
     .arguments = ID_ARGUMENT,
     .options = EXTEND_OPTIONS,
     .run = command_extend},
    {.name = "overdue",
     .summary = "List access that had to be over more than a minute ago and is not seen gone",
     .details = "Your own; auditors and administrators see everybody's. For alarms: the exit "
                "status is 0 when there is none, 3 when there is one, and another when it could "
                "not be found out.",
     .options = OVERDUE_OPTIONS,
     .run = command_overdue},
    {.name = "orphans",
     .summary = "List accounts on targets that look temporary and that no grant explains",
     .details = "Accounts of Daypass that this store does not know (they are removed by "
                "themselves), those of other installations, and leftovers of other tools. The exit "
                "status is 0 when there are none or only leftovers, 3 when there is another, and "
                "another when it could not be found out.",
     .options = ORPHANS_OPTIONS,
     .run = command_orphans},
    {.name = "orphans remove",
     .summary = "Remove accounts of Daypass that no grant explains",
     .details = "Shows first what would be done, read from the target: sessions that are ended, "
                "objects that are handed over and to whom, privileges that are taken back. Those "
                "of another installation are removed only where the connector's own file names it "
                "(adopt_deployments); those without a mark of Daypass never.",
     .arguments =
         (const CommandArgument[]){{.name = "INTEGRATION", .help = "Through which they were found"},
                                   {.name = "ACCOUNT",
                                    .repeated = true,
                                    .help = "Name of the account; several may follow"},
                                   {0}},
     .options = (const CommandOption[]){{.name = "yes", .letter = 'y', .help = "Do not ask"}, {0}},
     .run = command_orphans_remove},
    {.name = "connectors",
     .summary = "Show connectors, their instances and health",
     .run = command_connectors},
    {.name = "connector create",
     .summary = "Make a connector, or a further join token for one, and print the token",
     .arguments = NAME_ARGUMENT,
     .options = OUT_OPTION,
     .run = command_connector_create},
    {.name = "connector remove",
     .summary = "Remove a connector that no integration names",
     .arguments = NAME_ARGUMENT,
     .run = command_connector_remove},
    {.name = "connector remove-instance",
     .summary = "Remove one instance of a connector: its key is not accepted any more",
     .arguments = (const CommandArgument[]){{.name = "NAME", .help = "The connector"},
                                            {.name = "INSTANCE",
                                             .help = "Its id, as daypass connectors shows it"},
                                            {0}},
     .run = command_connector_remove_instance},
    {.name = "integrations",
     .summary = "Show integrations and what their last check found",
     .arguments =
         (const CommandArgument[]){
             {.name = "NAME", .optional = true, .help = "Show this one alone, with its last check"},
             {0}},
     .run = command_integrations},
    {.name = "integrations check",
     .summary = "Have the connector check an integration",
     .arguments = NAME_ARGUMENT,
     .options =
         (const CommandOption[]){
             {.name = "discover", .help = "Read what there is to grant on, too"}, {0}},
     .run = command_integrations_check},
    {.name = "integrations discover",
     .summary = "Show what there is to grant on, as last discovered",
     .arguments = NAME_ARGUMENT,
     .run = command_integrations_discover},
    {.name = "apply",
     .summary = "Declare principals, groups, integrations and flows",
     .details = "Everything is applied at once, or nothing. A fault is shown with its file and "
                "line.",
     .options = APPLY_OPTIONS,
     .run = command_apply},
    {.name = "export",
     .summary = "Print what is declared, as YAML that apply reads",
     .run = command_export},
    {.name = "audit",
     .summary = "Show the audit trail, or export it",
     .options = AUDIT_OPTIONS,
     .run = command_audit},
    {.name = "audit verify",
     .summary = "Verify the audit trail: complete, unchanged and in order",
     .details = "Without a file the server's trail is read and compared with its head. With one, "
                "an export made by daypass audit --format jsonl without filters, no server is "
                "needed. Says at which event a chain breaks, and how.",
     .arguments = (const CommandArgument[]){{.name = "FILE",
                                             .optional = true,
                                             .is_file = true,
                                             .help = "An export (-: standard input)"},
                                            {0}},
     .options = (const CommandOption[]){{.name = "key",
                                         .value = "KEY",
                                         .help = "The audit's public key, in base64, as you know "
                                                 "it from another source"},
                                        {0}},
     .run = command_audit_verify},
    {.name = "token create",
     .summary = "Make a personal token, for scripts and CI, and print it once",
     .arguments = (const CommandArgument[]){{.name = "LABEL", .help = "What it is for"}, {0}},
     .options = TOKEN_OPTIONS,
     .run = command_token_create},
    {.name = "token list",
     .summary = "List tokens and sessions",
     .options =
         (const CommandOption[]){
             {.name = "all", .letter = 'a', .help = "Everybody's; for auditors and administrators"},
             {.name = "principal", .value = "NAME", .help = "Those of this principal; likewise"},
             {0}},
     .run = command_token_list},
    {.name = "token revoke",
     .summary = "End a token or session",
     .arguments = (const CommandArgument[]){{.name = "ID",
                                             .help = "Id of the token, as daypass token list "
                                                     "shows it"},
                                            {0}},
     .run = command_token_revoke},
    {.name = "principal list", .summary = "List principals", .run = command_principal_list},
    {.name = "principal create",
     .summary = "Make a principal and print an invitation for them",
     .arguments = NAME_ARGUMENT,
     .options = (const CommandOption[]){{.name = "role",
                                         .value = "ROLE",
                                         .choices = "member|auditor|administrator",
                                         .help = "What they may do (member)"},
                                        {.name = "out",
                                         .value = "FILE",
                                         .is_file = true,
                                         .help = "Write the invitation to this file, readable by "
                                                 "you alone, instead of showing it"},
                                        {0}},
     .run = command_principal_create},
    {.name = "principal invite",
     .summary = "Print a new invitation, with which a principal sets a new password",
     .arguments = NAME_ARGUMENT,
     .options = OUT_OPTION,
     .run = command_principal_invite},
    {.name = "principal disable",
     .summary = "Keep a principal from signing in and deciding",
     .details = "Live grants are not ended by it: revoke them.",
     .arguments = NAME_ARGUMENT,
     .run = command_principal_disable},
    {.name = "principal enable",
     .summary = "Let a disabled principal sign in again",
     .arguments = NAME_ARGUMENT,
     .run = command_principal_enable},
    {.name = "principal role",
     .summary = "Give a principal another role",
     .arguments = (const CommandArgument[]){{.name = "NAME", .help = "The principal"},
                                            {.name = "ROLE",
                                             .choices = "member|auditor|administrator",
                                             .help = "What they may do from now on"},
                                            {0}},
     .run = command_principal_role},
    {.name = "groups", .summary = "List groups and their members", .run = command_groups},
    {.name = "completion",
     .summary = "Print the completion script of a shell",
     .details = "For bash: source <(daypass completion bash). For zsh: daypass completion zsh > a "
                "file named _daypass in a folder of $fpath. For fish: daypass completion fish > "
                "~/.config/fish/completions/daypass.fish.",
     .arguments =
         (const CommandArgument[]){
             {.name = "SHELL", .choices = "bash|zsh|fish", .help = "Which shell"}, {0}},
     .run = command_completion},
    {.name = "version", .summary = "Show the version", .run = command_version},
    {.name = "help",
     .summary = "Show what there is, or what one command does",
     .arguments =
         (const CommandArgument[]){
             {.name = "COMMAND", .optional = true, .help = "The command"},
             {.name = "SECOND", .optional = true, .help = "Its second word, if it has one"},
             {0}},
     .options = (const CommandOption[]){{.name = "markdown",
                                         .help = "Print the whole reference as Markdown"},
                                        {.name = "man", .help = "Print the man page"},
                                        {0}},
     .run = command_help},
    {0},
};

// The handlers that the command table names, by the file they are in.
#pragma once

#include "cli/command.h"

typedef Status CommandHandler(Cli *cli, const Invocation *invocation, Error *reterr);

// sign_in_commands.c
CommandHandler command_login, command_logout, command_whoami;
// flow_commands.c
CommandHandler command_flows, command_request;
// grant_commands.c
CommandHandler command_requests, command_show, command_wait;
// overdue_command.c
CommandHandler command_overdue;
// decision_commands.c
CommandHandler command_approve, command_deny, command_cancel, command_revoke, command_extend,
    command_write_off;
// credential_commands.c
CommandHandler command_credentials;
// connect_command.c
CommandHandler command_connect;
// connector_commands.c
CommandHandler command_connectors, command_connector_create, command_connector_remove,
    command_connector_remove_instance;
// integration_commands.c
CommandHandler command_integrations, command_integrations_check, command_integrations_discover;
// apply_commands.c
CommandHandler command_apply, command_export;
// audit_commands.c
CommandHandler command_audit, command_audit_verify;
// orphan_commands.c
CommandHandler command_orphans, command_orphans_remove;
// token_commands.c
CommandHandler command_token_create, command_token_list, command_token_revoke;
// principal_commands.c
CommandHandler command_principal_list, command_principal_create, command_principal_invite,
    command_principal_disable, command_principal_enable, command_principal_role, command_groups;
// help_commands.c
CommandHandler command_help, command_completion, command_version;

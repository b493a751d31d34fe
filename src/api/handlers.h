// The handlers of the route table, by the file that has them.
#pragma once

#include "api/route.h"

// session.c
RouteHandler session_create, session_accept_invitation, session_end, session_whoami;
// token.c
RouteHandler token_list, token_create, token_remove;
// principal.c
RouteHandler principal_list, principal_create, principal_update, principal_invite, group_list;
// apply.c
RouteHandler configuration_apply, configuration_show;
// flow.c
RouteHandler flow_list, flow_show;
// integration.c
RouteHandler integration_list, integration_show, integration_show_discovery,
    integration_request_check;
// connector.c
RouteHandler connector_list, connector_create, connector_remove, connector_remove_instance;
// connector_work.c
RouteHandler connector_enroll, connector_poll, connector_report, connector_report_accounts,
    connector_list_plans;
// grant.c
RouteHandler grant_request, grant_list, grant_show, grant_approve, grant_deny, grant_cancel,
    grant_revoke, grant_write_off, grant_extend, grant_reset, grant_credentials;
// overdue.c
RouteHandler overdue_list;
// orphan.c
RouteHandler orphan_list, orphan_show, orphan_inspect, orphan_remove;
// audit.c
RouteHandler audit_list, audit_show_head;
// service.c
RouteHandler service_health, service_ready, service_openapi, service_metrics;

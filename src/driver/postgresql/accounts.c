#include "driver/postgresql/accounts.h"

#include "driver/postgresql/mark.h"

// The role's own end counts; the mark's stands in where somebody took it away, and holds where
// somebody put it off. Expired is said by the server, whose clock decides about logins too.
Status pg_accounts_list(Operation *operation, FoundAccounts *ret_accounts, Error *reterr) {
    static const char SQL[] =
        "SELECT r.rolname, shobj_description(r.oid, 'pg_authid'), r.rolcanlogin,"
        " CASE WHEN isfinite(r.rolvaliduntil)"
        "   THEN floor(extract(epoch FROM r.rolvaliduntil) * 1000)::bigint END,"
        " (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid),"
        " floor(extract(epoch FROM now()) * 1000)::bigint"
        " FROM pg_roles r WHERE shobj_description(r.oid, 'pg_authid') LIKE 'daypass {%'"
        " ORDER BY 1";
    Rows *rows;
    TRY(pg_operation_read(operation, &(Query){.doing = "listing accounts", .sql = SQL}, &rows,
                          reterr));
    FoundAccounts accounts = {
        .items = arena_alloc(operation->arena, (size_t)pg_rows_count(rows) * sizeof(FoundAccount))};
    for (int i = 0; i < pg_rows_count(rows); i++) {
        AccountMark mark;
        if (!pg_account_mark_parse(operation->arena, pg_rows_text(rows, i, 1), &mark))
            continue;
        int64_t expires_at =
            pg_rows_text(rows, i, 3) == NULL ? mark.expires : pg_rows_int(rows, i, 3);
        if (mark.expires < expires_at)
            expires_at = mark.expires;
        accounts.items[accounts.count++] = (FoundAccount){
            .account = pg_rows_text(rows, i, 0),
            .deployment = mark.deployment,
            .grant_id = mark.grant,
            .connector = mark.connector,
            .custodian = mark.custodian,
            .expires_at = expires_at,
            .expired = expires_at <= pg_rows_int(rows, i, 5),
            .can_login = pg_rows_bool(rows, i, 2),
            .sessions = pg_rows_int(rows, i, 4),
        };
    }
    *ret_accounts = accounts;
    return STATUS_OK;
}

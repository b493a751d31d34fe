// Comments on roles of a target, which anybody who may comment there writes. What is taken for a
// mark of ours says the same when it is written and read again; anything else is nobody's.
#include "fuzz/target.h"

#include "base/text.h"
#include "driver/account_mark.h"
#include "driver/postgresql/shared_role_mark.h"

#include <stdlib.h>
#include <string.h>

static void require(bool condition) {
    if (!condition)
        abort(); // also where assert is compiled out
}

static void check_account_mark(Arena *arena, const char *comment) {
    AccountMark mark = {0};
    if (!account_mark_parse(arena, comment, &mark)) {
        require(mark.grant == NULL && mark.deployment == NULL);
        return;
    }
    require(mark.v == 1 && mark.deployment && mark.grant && mark.connector && mark.database);
    AccountMark again = {0};
    require(account_mark_parse(arena, account_mark_format(arena, &mark), &again));
    require(text_equal(mark.grant, again.grant) && text_equal(mark.deployment, again.deployment));
    require(text_equal(mark.connector, again.connector));
    require(text_equal(mark.custodian, again.custodian) && mark.expires == again.expires);
}

static void check_shared_role_mark(Arena *arena, const char *comment) {
    SharedRoleMark mark = {0};
    if (!pg_shared_role_mark_parse(arena, comment, &mark))
        return;
    SharedRoleMark again = {0};
    require(pg_shared_role_mark_parse(arena, pg_shared_role_mark_format(arena, &mark), &again));
    require(text_equal(mark.privileges, again.privileges) && mark.made == again.made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP(arena_freep) Arena *arena = arena_new();
    const char *comment = arena_copy(arena, data, size);
    check_account_mark(arena, comment);
    check_shared_role_mark(arena, comment);
    return 0;
}

// Whether decisions suffice. Steps follow one another; only the current step's approvers may
// decide.
#pragma once

#include "domain/configuration.h"
#include "domain/grant.h"

typedef enum ApprovalResult { APPROVAL_WAITING, APPROVAL_GRANTED, APPROVAL_DENIED } ApprovalResult;

typedef struct ApprovalProgress {
    ApprovalResult result;
    size_t step;        // the current one, from 0
    StringList waiting; // who may still decide now, by name
    const char *needs;  // "1 of group dba": for people; arena
    bool stuck;         // not enough people are left to decide; `needs` says so too
} ApprovalProgress;

// Looks at the decisions of the grant's current round (0, or its pending extension's). One denial
// by anybody entitled denies. Decisions of principals who are disabled now do not count.
ApprovalProgress approval_progress(Arena *arena, const Configuration *configuration,
                                   const Grant *grant);

// A decision counts in the step that was current when it was made: whoever stores one takes its
// `round` and `step` from approval_round and approval_progress.
int64_t approval_round(const Grant *grant);

// May this principal decide now? "own_request", "not_an_approver", "already_decided",
// "wrong_state".
MUST_USE Status approval_check(Arena *arena, const Configuration *configuration, const Grant *grant,
                               const char *principal, Error *reterr);

// What a principal may do with a grant beside deciding.
bool grant_visible_to(const Configuration *configuration, const Grant *grant,
                      const Principal *principal);
// Requester, anybody whom the flow names as approver, administrator.
bool grant_revocable_by(const Configuration *configuration, const Grant *grant,
                        const Principal *principal);

#include "domain/approval.h"

#include "base/buffer.h"

// What is looked at: one round of one grant, by today's groups and principals.
typedef struct Round {
    Arena *arena;
    const Configuration *configuration;
    const Grant *grant;
    int64_t round;
} Round;

static Round round_of(Arena *arena, const Configuration *configuration, const Grant *grant) {
    return (Round){arena, configuration, grant, approval_round(grant)};
}

int64_t approval_round(const Grant *grant) {
    return grant->extension_state == EXTENSION_PENDING ? grant->extension_round : 0;
}

static const Subjects *step_subjects(const ApprovalStep *step) {
    return step->any_of != NULL ? step->any_of : step->all_of;
}

static bool step_includes(const Configuration *configuration, const ApprovalStep *step,
                          const char *principal) {
    const Subjects *subjects = step_subjects(step);
    return subjects != NULL && subjects_include(configuration, subjects, principal);
}

static bool is_own(const Grant *grant, const char *principal) {
    return !grant->flow->self_approval && text_equal(grant->requester, principal);
}

// Auditors change nothing, whatever a flow or group says of them.
static bool may_decide(const Round *round, const char *principal) {
    const Principal *known = configuration_principal(round->configuration, principal);
    return known != NULL && !known->disabled && known->role != ROLE_AUDITOR;
}

// Is in the step, and somebody who may decide at all.
static bool is_entitled(const Round *round, const ApprovalStep *step, const char *principal) {
    return may_decide(round, principal) && step_includes(round->configuration, step, principal);
}

static const Decision *decision_of(const Round *round, size_t step, const char *principal) {
    for (size_t i = 0; i < round->grant->decisions.count; i++) {
        const Decision *decision = &round->grant->decisions.items[i];
        if (decision->round == round->round && decision->step == (int64_t)step &&
            text_equal(decision->principal, principal))
            return decision;
    }
    return NULL;
}

// Everybody entitled to the step, parted by whether they have approved it or may still decide.
typedef struct StepPeople {
    StringList approved, waiting;
    bool denied;
} StepPeople;

static StepPeople step_people(const Round *round, size_t index) {
    const ApprovalStep *step = &round->grant->flow->approval.items[index];
    StepPeople people = {0};
    StringList all = subjects_list(round->arena, round->configuration, step_subjects(step));
    for (size_t i = 0; i < all.count; i++) {
        if (is_own(round->grant, all.items[i]) || !may_decide(round, all.items[i]))
            continue;
        const Decision *decision = decision_of(round, index, all.items[i]);
        if (decision == NULL)
            string_list_add(round->arena, &people.waiting, all.items[i]);
        else if (decision->approved)
            string_list_add(round->arena, &people.approved, all.items[i]);
        else
            people.denied = true;
    }
    return people;
}

static size_t count_in_group(const Round *round, const StringList *people, const char *group) {
    size_t count = 0;
    for (size_t i = 0; i < people->count; i++)
        count += group_includes(round->configuration, group, people->items[i]);
    return count;
}

// What a step still needs, collected for people.
typedef struct Needs {
    Buffer text;
    bool any;
    bool stuck;
} Needs;

static void needs_done(Needs *needs) {
    buffer_done(&needs->text);
}

static void needs_add(Needs *needs, size_t missing, size_t left, const char *who) {
    if (missing == 0)
        return;
    buffer_addf(&needs->text, "%s%s", needs->any ? ", and " : "", who);
    if (missing > left) {
        buffer_addf(&needs->text, " (nobody can: %zu needed, %zu left who may decide)", missing,
                    left);
        needs->stuck = true;
    }
    needs->any = true;
}

static size_t missing_of(int64_t count, size_t approved) {
    return approved >= (size_t)count ? 0 : (size_t)count - approved;
}

static void needs_of_any(const Round *round, const ApprovalStep *step, const StepPeople *people,
                         Needs *needs) {
    const Subjects *subjects = step->any_of;
    StringList names = {0};
    for (size_t i = 0; i < subjects->groups.count; i++)
        string_list_add(round->arena, &names,
                        arena_printf(round->arena, "group %s", subjects->groups.items[i]));
    for (size_t i = 0; i < subjects->principals.count; i++)
        string_list_add(round->arena, &names, subjects->principals.items[i]);
    size_t missing = missing_of(step->count, people->approved.count);
    needs_add(needs, missing, people->waiting.count,
              arena_printf(round->arena, "%zu of %s", missing,
                           string_list_join(round->arena, &names, " or ")));
}

static void needs_of_all(const Round *round, const ApprovalStep *step, const StepPeople *people,
                         Needs *needs) {
    const Subjects *subjects = step->all_of;
    for (size_t i = 0; i < subjects->principals.count; i++) {
        const char *name = subjects->principals.items[i];
        needs_add(needs, !string_list_has(&people->approved, name),
                  string_list_has(&people->waiting, name), name);
    }
    for (size_t i = 0; i < subjects->groups.count; i++) {
        const char *group = subjects->groups.items[i];
        size_t missing = missing_of(step->count, count_in_group(round, &people->approved, group));
        needs_add(needs, missing, count_in_group(round, &people->waiting, group),
                  arena_printf(round->arena, "%zu of group %s", missing, group));
    }
}

ApprovalProgress approval_progress(Arena *arena, const Configuration *configuration,
                                   const Grant *grant) {
    const Round round = round_of(arena, configuration, grant);
    const ApprovalSteps *steps = &grant->flow->approval;
    for (size_t i = 0; i < steps->count; i++) {
        const ApprovalStep *step = &steps->items[i];
        if (step->automatic)
            continue;
        CLEANUP(needs_done) Needs needs = {0};
        const StepPeople people = step_people(&round, i);
        if (people.denied)
            return (ApprovalProgress){.result = APPROVAL_DENIED, .step = i};
        if (step->any_of != NULL)
            needs_of_any(&round, step, &people, &needs);
        else
            needs_of_all(&round, step, &people, &needs);
        if (needs.any)
            return (ApprovalProgress){
                .result = APPROVAL_WAITING,
                .step = i,
                .waiting = people.waiting,
                .needs = arena_strdup(arena, buffer_text(&needs.text)),
                .stuck = needs.stuck,
            };
    }
    return (ApprovalProgress){.result = APPROVAL_GRANTED, .step = steps->count};
}

static bool is_open(const Grant *grant) {
    return grant->state == GRANT_PENDING ||
           (grant->state == GRANT_ACTIVE && grant->extension_state == EXTENSION_PENDING);
}

Status approval_check(Arena *arena, const Configuration *configuration, const Grant *grant,
                      const char *principal, Error *reterr) {
    if (!is_open(grant))
        return error_set(reterr, STATUS_CONFLICT, "wrong_state",
                         "%s is %s; there is nothing to decide", grant->id,
                         enum_name(&GRANT_STATES, grant->state));
    if (is_own(grant, principal))
        return error_set(reterr, STATUS_FORBIDDEN, "own_request",
                         "nobody decides their own request; somebody else has to");
    const ApprovalProgress progress = approval_progress(arena, configuration, grant);
    if (progress.result != APPROVAL_WAITING)
        return error_set(reterr, STATUS_CONFLICT, "wrong_state", "%s is decided already",
                         grant->id);
    const Round round = round_of(arena, configuration, grant);
    const ApprovalStep *step = &grant->flow->approval.items[progress.step];
    if (!is_entitled(&round, step, principal))
        return error_set(reterr, STATUS_FORBIDDEN, "not_an_approver",
                         "you are not among those who decide %s now; it waits for %s", grant->id,
                         progress.needs);
    if (decision_of(&round, progress.step, principal) != NULL)
        return error_set(reterr, STATUS_CONFLICT, "already_decided",
                         "you have decided %s already; it waits for %s", grant->id, progress.needs);
    return STATUS_OK;
}

static bool is_named_approver(const Configuration *configuration, const Grant *grant,
                              const char *principal) {
    for (size_t i = 0; i < grant->flow->approval.count; i++) {
        if (step_includes(configuration, &grant->flow->approval.items[i], principal))
            return true;
    }
    return false;
}

static bool is_concerned(const Configuration *configuration, const Grant *grant,
                         const Principal *principal) {
    return text_equal(grant->requester, principal->name) || principal->role == ROLE_ADMINISTRATOR ||
           is_named_approver(configuration, grant, principal->name);
}

bool grant_visible_to(const Configuration *configuration, const Grant *grant,
                      const Principal *principal) {
    return !principal->disabled &&
           (principal->role == ROLE_AUDITOR || is_concerned(configuration, grant, principal));
}

bool grant_revocable_by(const Configuration *configuration, const Grant *grant,
                        const Principal *principal) {
    return !principal->disabled && is_concerned(configuration, grant, principal);
}

// The pages of what does not fit into one answer.
#include "aws/call.h"

#include "base/text.h"
#include "http/percent.h"

#include <string.h>

// How a service says that there is more, and is asked for it.
static const struct {
    const char *said;
    const char *asked;
} MARKERS[] = {{"Marker", "Marker"}, {"NextToken", "NextToken"}, {"nextToken", "NextToken"}};

typedef struct More {
    const char *asked; // NULL: that was the last page
    char *value;       // on the heap
} More;

static void more_take(More *more, const char *asked, const char *value) {
    bool is_there = value != NULL && *value != '\0';
    char *copy = is_there ? mem_strdup(value) : NULL;
    mem_free(more->value);
    *more = (More){.asked = is_there ? asked : NULL, .value = copy};
}

static void more_done(More *more) {
    mem_free(more->value);
}

// The same again would go on for ever.
static Status more_check(const More *more, const char *value, size_t pages, Error *reterr) {
    if (value != NULL && text_equal(value, more->value))
        return error_set(reterr, STATUS_UNAVAILABLE, "aws_unavailable",
                         "the service says twice that the same page is next");
    if (pages >= AWS_MAX_PAGES)
        return error_set(reterr, STATUS_TOO_LARGE, "too_many_pages",
                         "the list has more than %d pages", AWS_MAX_PAGES);
    return STATUS_OK;
}

static Status more_read_xml(More *more, const AwsAnswer *answer, size_t pages, Error *reterr) {
    for (size_t i = 0; i < COUNT_OF(MARKERS); i++) {
        const char *value = xml_text(answer->result, MARKERS[i].said);
        if (value == NULL || *value == '\0')
            continue;
        TRY(more_check(more, value, pages, reterr));
        more_take(more, MARKERS[i].asked, value);
        return STATUS_OK;
    }
    more_take(more, NULL, NULL);
    return STATUS_OK;
}

static Status more_read_json(More *more, const AwsAnswer *answer, size_t pages, Error *reterr) {
    const char *value = json_string_value(json_object_get(answer->json, "NextToken"));
    TRY(more_check(more, value, pages, reterr));
    more_take(more, "NextToken", value);
    return STATUS_OK;
}

Status aws_client_query_pages(AwsClient *client, const AwsQuery *query, AwsPage *page,
                              void *context, AwsFault *retfault, Error *reterr) {
    CLEANUP(more_done) More more = {0};
    size_t pages = 0;
    do {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        AwsQuery next = {.action = query->action, .deadline_ms = query->deadline_ms};
        for (size_t i = 0; i < query->parameters.count; i++)
            aws_parameters_add(arena, &next.parameters, query->parameters.items[i].name,
                               query->parameters.items[i].value);
        aws_parameters_add(arena, &next.parameters, more.asked, more.value);
        AwsAnswer answer = {0};
        TRY(aws_client_query(client, arena, &next, &answer, retfault, reterr));
        TRY(more_read_xml(&more, &answer, ++pages, reterr));
        TRY(page(context, &answer, reterr));
    } while (more.asked != NULL);
    return STATUS_OK;
}

Status aws_client_json_pages(AwsClient *client, const AwsJsonCall *call, AwsPage *page,
                             void *context, AwsFault *retfault, Error *reterr) {
    CLEANUP(more_done) More more = {0};
    size_t pages = 0;
    do {
        CLEANUP(arena_freep) Arena *arena = arena_new();
        json_t *body = json_keep(
            arena, call->body != NULL ? json_copy((json_t *)(uintptr_t)call->body) : json_object());
        if (more.asked != NULL)
            json_object_set_new(body, more.asked, json_string(more.value));
        AwsJsonCall next = {.action = call->action, .body = body, .deadline_ms = call->deadline_ms};
        AwsAnswer answer = {0};
        TRY(aws_client_json(client, arena, &next, &answer, retfault, reterr));
        TRY(more_read_json(&more, &answer, ++pages, reterr));
        TRY(page(context, &answer, reterr));
    } while (more.asked != NULL);
    return STATUS_OK;
}

Status aws_document_decode(Arena *arena, const char *text, const char **ret_document,
                           Error *reterr) {
    if (percent_decode(arena, PERCENT_PATH, text, strlen(text), ret_document, NULL) != STATUS_OK)
        return error_set(reterr, STATUS_UNAVAILABLE, "aws_unavailable",
                         "a policy's document is no percent-encoded UTF-8 text");
    return STATUS_OK;
}

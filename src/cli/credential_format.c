#include "cli/credential_format.h"

#include "base/text.h"
#include "cli/credential_engine.h"

static Status write_json(Arena *arena, const Credential *credential, Buffer *into) {
    buffer_add(into, json_text_indented(arena, shape_write(arena, &CREDENTIAL_SHAPE, credential)));
    buffer_add(into, "\n");
    return STATUS_OK;
}

static Status refuse_format(Arena *arena, const char *format, TargetKind kind, Error *reterr) {
    return error_set(reterr, STATUS_INVALID, "format_of_other_engine",
                     "--format %s is not for %s, which has: %s", format, target_facts(kind)->title,
                     credential_forms(arena, enum_name(&TARGET_KINDS, (int)kind)));
}

Status credential_format(Arena *arena, const Credential *credential, const char *format,
                         Buffer *into, Error *reterr) {
    int form;
    if (!enum_find(&CREDENTIAL_FORMS, format, &form))
        return error_set(reterr, STATUS_INVALID, "usage",
                         "--format: expected one of the formats "
                         "that daypass help credentials lists");
    TargetKind kind;
    const CredentialEngine *engine;
    if (form == FORM_JSON && !enum_find(&TARGET_KINDS, credential->kind, &(int){0}))
        return write_json(arena, credential, into); // a newer kind: its values, for who knows it
    TRY(credential_engine_find(credential, &kind, &engine, reterr));
    TRY(credential_check(credential, engine, reterr));
    if (form == FORM_JSON)
        return write_json(arena, credential, into);
    if (engine->writers[form] == NULL)
        return refuse_format(arena, format, kind, reterr);
    return engine->writers[form](arena, credential, into, reterr);
}

// A credential as other programs take it. Every function here handles the password in the clear.
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "wire/messages.h"

// `format` is one of CREDENTIAL_FORMS; ends with a newline. "bad_credential" for a value that has a
// line break, which no form carries; "format_of_other_engine" for a form that the credential's
// engine has no use for.
MUST_USE Status credential_format(Arena *arena, const Credential *credential, const char *format,
                                  Buffer *into, Error *reterr);

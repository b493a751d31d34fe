#include "config/man.h"

#include "base/buffer.h"

#include <string.h>

const char *man_escape(Arena *arena, const char *text) {
    Buffer buffer = {0};
    if (text[0] == '.' || text[0] == '\'')
        buffer_add(&buffer, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            buffer_add(&buffer, "\\e");
        else if (*text == '-')
            buffer_add(&buffer, "\\-");
        else if (*text == '"')
            buffer_add(&buffer, "\\(dq"); // a plain one would end an argument of a macro
        else if (*text == '\n')
            buffer_add(&buffer, " ");
        else
            buffer_add_bytes(&buffer, text, 1);
    }
    const char *escaped = arena_copy(arena, buffer_text(&buffer), buffer.length);
    buffer_done(&buffer);
    return escaped;
}

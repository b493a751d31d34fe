#include "cli/credential_text.h"

#include "base/text.h"
#include "http/percent.h"

#include <string.h>

// Every character of `special` behind `escape`.
static void add_escaped(Buffer *into, const char *text, const char *special, char escape) {
    for (; *text != '\0'; text++) {
        if (strchr(special, *text) != NULL)
            buffer_add_bytes(into, &escape, 1);
        buffer_add_bytes(into, text, 1);
    }
}

void add_shell_quoted(Buffer *into, const char *text) {
    buffer_add(into, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buffer_add(into, "'\\''");
        else
            buffer_add_bytes(into, text, 1);
    }
    buffer_add(into, "'");
}

void add_export(Buffer *into, const char *name, const char *value) {
    if (value == NULL)
        return;
    buffer_addf(into, "export %s=", name);
    add_shell_quoted(into, value);
    buffer_add(into, "\n");
}

bool host_is_ipv6(const char *host) {
    return strchr(host, ':') != NULL;
}

void add_url_authority(Arena *arena, Buffer *into, const Credential *credential) {
    if (host_is_ipv6(credential->host))
        buffer_addf(into, "[%s]", credential->host);
    else
        buffer_add(into, percent_encode(arena, credential->host));
    buffer_addf(into, ":%lld", (long long)credential->port);
}

void add_url_login(Arena *arena, Buffer *into, const Credential *credential) {
    buffer_addf(into, "%s:%s@", percent_encode(arena, credential->user),
                percent_encode(arena, credential->password));
    add_url_authority(arena, into, credential);
}

void add_braced(Buffer *into, const char *name, const char *value) {
    if (value == NULL)
        return;
    buffer_addf(into, "%s={", name);
    add_escaped(into, value, "}", '}');
    buffer_add(into, "};");
}

void add_dotnet(Buffer *into, const char *name, const char *value) {
    if (value == NULL)
        return;
    buffer_addf(into, "%s=\"", name);
    add_escaped(into, value, "\"", '"');
    buffer_add(into, "\";");
}

void add_option_line(Buffer *into, const char *name, const char *value) {
    if (value == NULL)
        return;
    buffer_addf(into, "%s = \"", name);
    add_escaped(into, value, "\\\"", '\\');
    buffer_add(into, "\"\n");
}

const char *port_text(Arena *arena, const Credential *credential) {
    return arena_printf(arena, "%lld", (long long)credential->port);
}

bool text_is_plain(const char *text) {
    for (; *text != '\0'; text++) {
        if (!((*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z') ||
              (*text >= '0' && *text <= '9') || strchr("_.-", *text) != NULL))
            return false;
    }
    return true;
}

#include "cli/declaration.h"

#include "base/buffer.h"
#include "base/text.h"
#include "domain/configuration.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1000 };

static const char POINTER_PREFIX[] = "/configuration";

static Status read_standard_input(Arena *arena, Declaration *ret_declaration, Error *reterr) {
    Buffer buffer = {.ceiling = YAML_MAX_BYTES + 1};
    char part[16384];
    Status status = STATUS_OK;
    while (status == STATUS_OK) {
        ssize_t count = read(STDIN_FILENO, part, sizeof(part));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        status = buffer_append(&buffer, part, (size_t)count, reterr);
    }
    if (status == STATUS_OK)
        status = yaml_read(arena, "(standard input)", buffer_text(&buffer), buffer.length,
                           &ret_declaration->value, &ret_declaration->places, reterr);
    buffer_done(&buffer);
    return status;
}

static bool is_yaml_name(const char *name) {
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Status list_folder(Arena *arena, const char *path, StringList *ret_files, Error *reterr) {
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_set(reterr, STATUS_UNAVAILABLE, "file_failed", "%s: cannot open: %s", path,
                         strerror(errno));
    StringList files = {0};
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL && files.count <= FILES_MAX) {
        if (is_yaml_name(entry->d_name))
            string_list_add(arena, &files, arena_printf(arena, "%s/%s", path, entry->d_name));
    }
    closedir(folder);
    if (files.count > FILES_MAX)
        return error_set(reterr, STATUS_TOO_LARGE, "too_many_files",
                         "%s: more than %d files; at most that many are read", path, FILES_MAX);
    if (files.count == 0)
        return error_set(reterr, STATUS_NOT_FOUND, "no_files",
                         "%s: there is no file ending in .yaml or .yml here", path);
    qsort(files.items, files.count, sizeof(*files.items), compare_names);
    *ret_files = files;
    return STATUS_OK;
}

static Status read_folder(Arena *arena, const char *path, Declaration *ret_declaration,
                          Error *reterr) {
    StringList files = {0};
    TRY(list_folder(arena, path, &files, reterr));
    Declaration whole = {0};
    for (size_t i = 0; i < files.count; i++) {
        Declaration part = {0};
        TRY(yaml_read_file(arena, files.items[i], &part.value, &part.places, reterr));
        if (i == 0)
            whole = part;
        else
            TRY(yaml_merge(arena, whole.value, whole.places, part.value, part.places, reterr));
    }
    *ret_declaration = whole;
    return STATUS_OK;
}

// ---- What can be checked here -----------------------------------------------------------------

// Puts "/flows/3" before the error's own pointer, which is relative to the item.
static Status inside_item(Arena *arena, const char *list, size_t index, Error *error) {
    const char *pointer = arena_printf(arena, "/%s/%zu%s", list, index, error->pointer);
    snprintf(error->pointer, sizeof(error->pointer), "%s", pointer);
    return error->status;
}

static Status check_items(Arena *arena, const Configuration *configuration, Error *error) {
    for (size_t i = 0; i < configuration->integrations.count; i++) {
        if (integration_check(&configuration->integrations.items[i], error) != STATUS_OK)
            return inside_item(arena, "integrations", i, error);
    }
    for (size_t i = 0; i < configuration->flows.count; i++) {
        const Flow *flow = &configuration->flows.items[i];
        // The kind of an integration that is declared elsewhere is for the server to know.
        const Integration *on = configuration_integration(configuration, flow->integration);
        if (flow_check(flow, error) != STATUS_OK ||
            (on != NULL && flow_check_kind(flow, (TargetKind)on->kind, error) != STATUS_OK))
            return inside_item(arena, "flows", i, error);
    }
    return STATUS_OK;
}

static Status check_declaration(Arena *arena, const Declaration *declaration, Error *reterr) {
    Configuration configuration;
    Error error = {0};
    Status status =
        shape_read(arena, &CONFIGURATION_SHAPE, declaration->value, &configuration, &error);
    if (status == STATUS_OK)
        status = check_items(arena, &configuration, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    yaml_locate(arena, declaration->places, &error);
    if (reterr != NULL)
        *reterr = error;
    return status;
}

Status declaration_read(Arena *arena, const char *path, Declaration *ret_declaration,
                        Error *reterr) {
    Declaration declaration = {0};
    struct stat info;
    if (strcmp(path, "-") == 0)
        TRY(read_standard_input(arena, &declaration, reterr));
    else if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        TRY(read_folder(arena, path, &declaration, reterr));
    else
        TRY(yaml_read_file(arena, path, &declaration.value, &declaration.places, reterr));
    TRY(check_declaration(arena, &declaration, reterr));
    *ret_declaration = declaration;
    return STATUS_OK;
}

void declaration_locate(Arena *arena, const Declaration *declaration, Error *error) {
    if (!text_starts_with(error->pointer, POINTER_PREFIX))
        return;
    const char *rest = error->pointer + strlen(POINTER_PREFIX);
    if (rest[0] != '\0' && rest[0] != '/')
        return;
    memmove(error->pointer, rest, strlen(rest) + 1);
    yaml_locate(arena, declaration->places, error);
}

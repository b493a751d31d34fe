#include "state_folder.h"

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

StateFolder state_folder_make(void) {
    StateFolder folder;
    snprintf(folder.path, sizeof(folder.path), "/tmp/daypassd-test-XXXXXX");
    if (mkdtemp(folder.path) == NULL)
        abort();
    return folder;
}

static void remove_tree(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        CLEANUP(mem_freep) char *inside = mem_printf("%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_tree(inside);
        else
            unlink(inside);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(path);
}

void state_folder_remove(StateFolder *folder) {
    remove_tree(folder->path);
}

const char *state_folder_file(Arena *arena, const StateFolder *folder, const char *name) {
    return arena_printf(arena, "%s/%s", folder->path, name);
}

const char *state_folder_read(Arena *arena, const StateFolder *folder, const char *name) {
    Buffer text = {.ceiling = 65536};
    Error error = {0};
    const char *kept = NULL;
    if (file_read(state_folder_file(arena, folder, name), &text, &error) == STATUS_OK)
        kept = arena_strdup(arena, buffer_text(&text));
    buffer_done(&text);
    return kept;
}

void state_folder_write(const StateFolder *folder, const char *name, const char *text) {
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", folder->path, name);
    Error error = {0};
    if (file_write(path, 0600, text, strlen(text), &error) != STATUS_OK)
        abort();
}

int state_folder_mode(const StateFolder *folder, const char *name) {
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", folder->path, name);
    struct stat info;
    return stat(path, &info) == 0 ? (int)(info.st_mode & 07777) : -1;
}

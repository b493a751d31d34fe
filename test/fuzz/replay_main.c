// Runs a fuzz target once over each file of its corpus, with any compiler: NAME_replay NAME FOLDER.
// Prints one TAP point per file. An input that breaks the target ends the program, and the plan
// printed before then tells that points are missing.
#include "fuzz/target.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX_BYTES = 1 << 20 };

static int is_input(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int replay_file(const char *folder, const char *name) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -1;
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    uint8_t *bytes = malloc(INPUT_MAX_BYTES);
    size_t size = bytes ? fread(bytes, 1, INPUT_MAX_BYTES, file) : 0;
    int failed = !bytes || ferror(file) || !feof(file);
    fclose(file);
    // A copy exactly as large as the input, so that the sanitizer sees a read beyond its end.
    uint8_t *exact = malloc(size);
    failed = failed || !exact;
    if (!failed) {
        memcpy(exact, bytes, size);
        (void)LLVMFuzzerTestOneInput(exact, size);
    }
    free(exact);
    free(bytes);
    return failed ? -1 : 0;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s NAME FOLDER\n", argv[0]);
        return 2;
    }
    struct dirent **entries = NULL;
    int count = scandir(argv[2], &entries, is_input, alphasort);
    if (count <= 0) {
        printf("1..1\nnot ok 1 - %s has a corpus in %s (%s)\n", argv[1], argv[2],
               count < 0 ? strerror(errno) : "no file there");
        free(entries);
        return 1;
    }
    printf("1..%d\n", count);
    int failures = 0;
    for (int i = 0; i < count; i++) {
        fflush(stdout);
        int result = replay_file(argv[2], entries[i]->d_name);
        printf("%s %d - %s %s\n", result == 0 ? "ok" : "not ok", i + 1, argv[1],
               entries[i]->d_name);
        failures += result != 0;
        free(entries[i]);
    }
    free(entries);
    return failures > 0;
}

// A folder for one test of daypassd, gone afterwards.
#pragma once

#include "base/memory.h"

typedef struct StateFolder {
    char path[64];
} StateFolder;

StateFolder state_folder_make(void);
void state_folder_remove(StateFolder *folder);
#define WITH_FOLDER(name) CLEANUP(state_folder_remove) StateFolder name = state_folder_make()

// "PATH/NAME" in the folder.
const char *state_folder_file(Arena *arena, const StateFolder *folder, const char *name);
// The file's text; NULL when there is none.
const char *state_folder_read(Arena *arena, const StateFolder *folder, const char *name);
void state_folder_write(const StateFolder *folder, const char *name, const char *text);
// Permission bits; -1 when it is not there.
int state_folder_mode(const StateFolder *folder, const char *name);

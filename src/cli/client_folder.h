// A private folder with one link in it, for a client that insists on how a file is called. It holds
// no secret: the link leads to a descriptor of the client's own.
#pragma once

#include "base/error.h"
#include "base/memory.h"

MUST_USE Status client_folder_make(Arena *arena, const char *target, const char *name,
                                   const char **ret_folder, const char **ret_link, Error *reterr);
void client_folder_remove(const char *folder, const char *link);
// Has a process of its own remove it when this process, whatever program it becomes, has ended.
MUST_USE Status client_folder_watch(const char *folder, const char *link, Error *reterr);

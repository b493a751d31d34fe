#include "store/backend.h"

#include <string.h>

static const BackendDriver *const BACKENDS[] = {
    &SQLITE_BACKEND,
};

const BackendDriver *backend_find(const char *url) {
    for (size_t i = 0; i < COUNT_OF(BACKENDS); i++) {
        size_t length = strlen(BACKENDS[i]->scheme);
        if (strncmp(url, BACKENDS[i]->scheme, length) == 0 && url[length] == ':')
            return BACKENDS[i];
    }
    return NULL;
}

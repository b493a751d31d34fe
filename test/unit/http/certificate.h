// Certificates made for one test: signed by themselves, valid for an hour.
#pragma once

#include "base/memory.h"

typedef struct Certificate {
    const char *certificate_pem;
    const char *key_pem;
    const char *path; // of a temporary file with the certificate
} Certificate;

// For that DNS name, and for 127.0.0.1 when with_address.
Certificate certificate_make(Arena *arena, const char *name, int with_address);
// Removes the file.
void certificate_remove(const Certificate *certificate);

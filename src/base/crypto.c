#include "base/crypto.h"

#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_FILE_MODE = 0600, BASE64 = sodium_base64_VARIANT_ORIGINAL };

static void start(void) {
    if (sodium_init() < 0) {
        fputs("libsodium could not be initialised: there is no source of random numbers\n", stderr);
        abort();
    }
}

void crypto_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}

void *crypto_alloc(size_t size) {
    crypto_start();
    void *memory = sodium_malloc(size);
    if (memory == NULL) {
        fputs("no memory for a secret: raise the limit of locked memory (ulimit -l, or "
              "LimitMEMLOCK= of the service)\n",
              stderr);
        abort();
    }
    return memory;
}

bool crypto_decode(const char *text, unsigned char *bytes, size_t size) {
    size_t length;
    return text_is_base64(text) &&
           sodium_base642bin(bytes, size, text, strlen(text), NULL, &length, NULL, BASE64) == 0 &&
           length == size;
}

Status key_file_read(const char *path, const char *what, unsigned char key[PRIVATE_KEY_BYTES],
                     Error *reterr) {
    CLEANUP(secret_freep) Secret *text = NULL;
    TRY(secret_read_file(path, true, &text, reterr));
    if (!crypto_decode(secret_text(text), key, PRIVATE_KEY_BYTES))
        return error_set(reterr, STATUS_INVALID, "bad_key",
                         "%s: expected the 32 bytes of %s in base64", path, what);
    return STATUS_OK;
}

Status key_file_write(const char *path, const unsigned char key[PRIVATE_KEY_BYTES],
                      bool create_only, Error *reterr) {
    char text[sodium_base64_ENCODED_LEN(PRIVATE_KEY_BYTES, BASE64) + 1];
    sodium_bin2base64(text, sizeof(text) - 1, key, PRIVATE_KEY_BYTES, BASE64);
    size_t length = strlen(text);
    text[length++] = '\n';
    Status status =
        (create_only ? file_create : file_write)(path, KEY_FILE_MODE, text, length, reterr);
    sodium_memzero(text, sizeof(text));
    return status;
}

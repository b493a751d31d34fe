// What the server gets instead of a password: computed here, so that no password reaches it.
#pragma once

#include "base/secret.h"

// $A$005$…: 70 printable characters, sha256-crypt of 5,000 rounds with a new salt; for
// IDENTIFIED WITH caching_sha2_password AS.
Secret *my_verifier_sha2(const Secret *password);
// The same with that salt.
enum { MY_SALT_LENGTH = 20 };
Secret *my_verifier_sha2_with(const Secret *password, const char *salt);
// *40 HEX: SHA-1 twice; for IDENTIFIED VIA mysql_native_password USING.
Secret *my_verifier_native(const Secret *password);
// 43 characters of base64, a public key; for IDENTIFIED VIA ed25519 USING.
Secret *my_verifier_ed25519(const Secret *password);

// daypass: the command line for engineers, approvers and administrators.
#include "base/crypto.h"
#include "base/json.h"
#include "cli/cli.h"

#include <locale.h>
#include <sys/resource.h>

int main(int argc, char **argv) {
    // Text of every language is measured by the user's locale; numbers stay as programs read them.
    setlocale(LC_CTYPE, "");
    // No core dump: it would hold a token and perhaps a password.
    struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    crypto_start();
    json_wipe_freed();
    CLEANUP(arena_freep) Arena *arena = arena_new();
    Cli cli;
    cli_init(&cli, arena);
    int code = cli_main(&cli, argc, argv);
    cli_done(&cli);
    return code;
}

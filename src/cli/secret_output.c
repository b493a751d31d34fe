#include "cli/secret_output.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/output.h"

#include <string.h>

enum { FILE_MODE = 0600 };

Status secret_put(Cli *cli, const char *path, const char *secret, Error *reterr) {
    if (!text_is_printable(secret))
        return error_set(reterr, STATUS_INTERNAL, "bad_answer",
                         "the server's answer has control characters");
    if (path == NULL) {
        fprintf(cli->out, "%s\n", secret);
        return STATUS_OK;
    }
    Buffer line = {.wipe = true};
    buffer_addf(&line, "%s\n", secret);
    Status status = file_write(path, FILE_MODE, line.bytes, line.length, reterr);
    buffer_done(&line);
    if (status == STATUS_OK)
        note(cli, "Written to %s", path);
    return status;
}

// libmicrohttpd's calls that can fail, as the server makes them: as without memory.
#include "support/failing_calls.h"

#include <microhttpd.h>

#define WRAPPED(result, name, failure, parameters, arguments)                                      \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters {                                                              \
        return failing_call(#name) ? (failure) : __real_##name arguments;                          \
    }

WRAPPED(struct MHD_Response *, MHD_create_response_from_buffer, NULL,
        (size_t size, void *bytes, enum MHD_ResponseMemoryMode mode), (size, bytes, mode))
WRAPPED(enum MHD_Result, MHD_add_response_header, MHD_NO,
        (struct MHD_Response * response, const char *name, const char *value),
        (response, name, value))
WRAPPED(enum MHD_Result, MHD_queue_response, MHD_NO,
        (struct MHD_Connection * connection, unsigned status, struct MHD_Response *response),
        (connection, status, response))

// libcurl's calls that can fail, as the client makes them.
#include "support/failing_calls.h"

#include <curl/curl.h>

#define WRAPPED(result, name, failure, parameters, arguments)                                      \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters {                                                              \
        return failing_call(#name) ? (failure) : __real_##name arguments;                          \
    }

WRAPPED(CURL *, curl_easy_init, NULL, (void), ())
WRAPPED(CURLcode, curl_easy_perform, CURLE_SEND_ERROR, (CURL * curl), (curl))
WRAPPED(CURLU *, curl_url, NULL, (void), ())
WRAPPED(CURLUcode, curl_url_set, CURLUE_OUT_OF_MEMORY,
        (CURLU * url, CURLUPart part, const char *text, unsigned flags), (url, part, text, flags))
WRAPPED(CURLUcode, curl_url_get, CURLUE_OUT_OF_MEMORY,
        (CURLU * url, CURLUPart part, char **text, unsigned flags), (url, part, text, flags))

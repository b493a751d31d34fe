#include "domain/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Status error_inside(Error *error, Status status, const char *format, ...) {
    if (error == NULL)
        return status;
    char whole[sizeof error->pointer];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(whole, sizeof whole, format, arguments);
    va_end(arguments);
    size_t length = strlen(whole);
    snprintf(whole + length, sizeof whole - length, "%s", error->pointer);
    memcpy(error->pointer, whole, sizeof whole);
    return status;
}

// The few macros that are not constants. CODING_STYLE.md says when to use them.
#pragma once

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first) __attribute__((format(printf, format_index, first)))

// CLEANUP(thing_freep) Thing *thing = NULL; frees the thing at the end of its scope.
#define CLEANUP(function) __attribute__((cleanup(function)))

// Defines thing_freep(Thing **) from a destructor `Thing *thing_free(Thing *)`.
#define DEFINE_CLEANUP(Type, destructor)                                                           \
    static inline void destructor##p(Type **thing) {                                               \
        *thing = destructor(*thing);                                                               \
    }

// Returns from the calling function with the failure of `expression`, a Status.
#define TRY(expression)                                                                            \
    do {                                                                                           \
        Status try_status_ = (expression);                                                         \
        if (try_status_ != STATUS_OK)                                                              \
            return try_status_;                                                                    \
    } while (0)

#include "base/secret.h"

#include "cases.h"
#include "death.h"
#include "scratch.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void keeps_a_copy_of_the_bytes(void **state) {
    (void)state;
    char bytes[] = "some words";
    CLEANUP(secret_freep) Secret *secret = secret_new(bytes, strlen(bytes));
    memset(bytes, 'x', strlen(bytes));
    assert_string_equal(secret_text(secret), "some words");
    assert_int_equal(secret_length(secret), 10);
    CLEANUP(secret_freep) Secret *empty = secret_new(NULL, 0);
    assert_string_equal(secret_text(empty), "");
    assert_int_equal(secret_length(empty), 0);
    CLEANUP(secret_freep) Secret *binary = secret_new("a\0b", 3);
    assert_int_equal(secret_length(binary), 3);
    assert_memory_equal(secret_text(binary), "a\0b", 4);
}

static void freeing_returns_null(void **state) {
    (void)state;
    assert_null(secret_free(NULL));
    assert_null(secret_free(secret_new("x", 1)));
}

static void write_to_it(void *with) {
    *(volatile char *)(uintptr_t)secret_text(with) = 'x';
}

static void read_beyond_it(void *with) {
    const volatile char *text = secret_text(with);
    (void)text[secret_length(with) + 1];
}

static void cannot_be_written_or_read_beyond_its_end(void **state) {
    (void)state;
    CLEANUP(secret_freep) Secret *secret = secret_new("some words", 10);
    assert_true(dies(write_to_it, secret));
    assert_true(dies(read_beyond_it, secret));
    assert_string_equal(secret_text(secret), "some words");
}

#ifdef __linux__
// Whether the mapping that holds this address has the kernel's flag "dd": not in a core dump.
static bool is_left_out_of_dumps(const void *address) {
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    char line[1024];
    bool inside = false, found = false, left_out = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = true;
            left_out = strstr(line, " dd") != NULL;
        }
    }
    fclose(maps);
    assert_true(found);
    return left_out;
}

static void is_left_out_of_core_dumps(void **state) {
    (void)state;
    CLEANUP(secret_freep) Secret *secret = secret_new("some words", 10);
    assert_true(is_left_out_of_dumps(secret_text(secret)));
    static const char ordinary[] = "ordinary words";
    assert_false(is_left_out_of_dumps(ordinary));
}
#endif

static void is_compared_by_content(void **state) {
    (void)state;
    CLEANUP(secret_freep) Secret *a = secret_new("abc", 3);
    CLEANUP(secret_freep) Secret *same = secret_new("abc", 3);
    CLEANUP(secret_freep) Secret *other = secret_new("abd", 3);
    CLEANUP(secret_freep) Secret *longer = secret_new("abcd", 4);
    CLEANUP(secret_freep) Secret *nul = secret_new("abc\0", 4);
    assert_true(secret_equal(a, a));
    assert_true(secret_equal(a, same));
    assert_false(secret_equal(a, other));
    assert_false(secret_equal(a, longer));
    assert_false(secret_equal(a, nul));
}

static void passwords_use_all_letters_and_digits(void **state) {
    (void)state;
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t counts[256] = {0};
    for (int i = 0; i < 10; i++) {
        CLEANUP(secret_freep) Secret *password = secret_new_password(6200);
        assert_int_equal(secret_length(password), 6200);
        assert_int_equal(strspn(secret_text(password), ALPHABET), 6200);
        for (size_t at = 0; at < 6200; at++)
            counts[(unsigned char)secret_text(password)[at]]++;
    }
    // 1000 expected of each with a deviation of 31; 256 % 62 would favour the first eight by a
    // fifth.
    for (size_t i = 0; i < 62; i++)
        assert_in_range(counts[(unsigned char)ALPHABET[i]], 800, 1190);
}

static void mixed_passwords_satisfy_rules_that_count(void **state) {
    (void)state;
    for (int i = 0; i < 500; i++) {
        CLEANUP(secret_freep) Secret *password = secret_new_mixed_password(28);
        size_t upper = 0, lower = 0, digits = 0, underscores = 0;
        const char *text = secret_text(password);
        assert_int_equal(strlen(text), 28);
        assert_true(isalpha((unsigned char)text[0]));
        for (; *text != '\0'; text++) {
            upper += isupper((unsigned char)*text) != 0;
            lower += islower((unsigned char)*text) != 0;
            digits += isdigit((unsigned char)*text) != 0;
            underscores += *text == '_';
        }
        assert_true(upper >= 2 && lower >= 2 && digits >= 2 && underscores >= 2);
        assert_int_equal(upper + lower + digits + underscores, 28);
    }
}

static void two_passwords_differ(void **state) {
    (void)state;
    CLEANUP(secret_freep) Secret *a = secret_new_password(24);
    CLEANUP(secret_freep) Secret *b = secret_new_password(24);
    assert_false(secret_equal(a, b));
}

static void reads_a_file_without_its_last_newline(void **state) {
    (void)state;
    CLEANUP(scratch_close) Scratch scratch = scratch_open();
    CLEANUP(mem_freep) char *path = mem_printf("%s/secret", scratch.path);
    static const struct {
        const char *content, *expected;
    } CASES[] = {
        {"words", "words"},       {"words\n", "words"},     {"words\r\n", "words"},
        {"words\n\n", "words\n"}, {" words \n", " words "}, {"a\nb\n", "a\nb"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        scratch_put(path, CASES[i].content, strlen(CASES[i].content), 0600);
        CLEANUP(secret_freep) Secret *secret = NULL;
        assert_int_equal(secret_read_file(path, true, &secret, NULL), STATUS_OK);
        assert_string_equal(secret_text(secret), CASES[i].expected);
    }
}

static Status read_bytes(const char *path, const void *bytes, size_t length, Secret **ret_secret,
                         Error *reterr) {
    scratch_put(path, bytes, length, 0600);
    return secret_read_file(path, true, ret_secret, reterr);
}

static void reads_up_to_the_ceiling(void **state) {
    (void)state;
    CLEANUP(scratch_close) Scratch scratch = scratch_open();
    CLEANUP(mem_freep) char *path = mem_printf("%s/secret", scratch.path);
    char bytes[SECRET_MAX_BYTES + 100];
    memset(bytes, 'a', sizeof(bytes));
    CLEANUP(secret_freep) Secret *most = NULL;
    assert_int_equal(read_bytes(path, bytes, SECRET_MAX_BYTES, &most, NULL), STATUS_OK);
    assert_int_equal(secret_length(most), SECRET_MAX_BYTES);
    CLEANUP(secret_freep) Secret *with_newline = NULL;
    bytes[SECRET_MAX_BYTES] = '\n';
    assert_int_equal(read_bytes(path, bytes, SECRET_MAX_BYTES + 1, &with_newline, NULL), STATUS_OK);
    assert_int_equal(secret_length(with_newline), SECRET_MAX_BYTES);
    bytes[SECRET_MAX_BYTES] = 'a';
    for (size_t length = SECRET_MAX_BYTES + 1; length <= sizeof(bytes); length += 33) {
        Secret *secret = NULL;
        Error error = {0};
        assert_int_equal(read_bytes(path, bytes, length, &secret, &error), STATUS_TOO_LARGE);
        assert_string_equal(error.code, "secret_too_large");
        assert_null(secret);
    }
}

static void refuses_a_file_that_others_may_read(void **state) {
    (void)state;
    CLEANUP(scratch_close) Scratch scratch = scratch_open();
    CLEANUP(mem_freep) char *path = mem_printf("%s/secret", scratch.path);
    static const mode_t OPEN_MODES[] = {0644, 0640, 0604, 0660, 0610};
    for (size_t i = 0; i < COUNT_OF(OPEN_MODES); i++) {
        scratch_put(path, "words\n", 6, OPEN_MODES[i]);
        Secret *secret = NULL;
        Error error = {0};
        assert_int_equal(secret_read_file(path, true, &secret, &error), STATUS_INVALID);
        assert_string_equal(error.code, "secret_file_mode");
        assert_non_null(strstr(error.message, "chmod 600"));
        assert_null(secret);
        assert_int_equal(secret_read_file(path, false, &secret, &error), STATUS_OK);
        secret_free(secret);
    }
    scratch_put(path, "words\n", 6, 0400);
    CLEANUP(secret_freep) Secret *secret = NULL;
    assert_int_equal(secret_read_file(path, true, &secret, NULL), STATUS_OK);
}

static void refuses_nothing_and_nul_bytes(void **state) {
    (void)state;
    CLEANUP(scratch_close) Scratch scratch = scratch_open();
    CLEANUP(mem_freep) char *path = mem_printf("%s/secret", scratch.path);
    Secret *secret = NULL;
    Error error = {0};
    assert_int_equal(read_bytes(path, "", 0, &secret, &error), STATUS_INVALID);
    assert_string_equal(error.code, "secret_empty");
    assert_non_null(strstr(error.message, path));
    assert_int_equal(read_bytes(path, "\n", 1, &secret, &error), STATUS_INVALID);
    assert_string_equal(error.code, "secret_empty");
    assert_int_equal(read_bytes(path, "wo\0rds", 6, &secret, &error), STATUS_INVALID);
    assert_string_equal(error.code, "secret_has_nul");
    assert_null(strstr(error.message, "rds"));
    assert_null(secret);
}

static void says_when_there_is_no_such_file(void **state) {
    (void)state;
    CLEANUP(scratch_close) Scratch scratch = scratch_open();
    CLEANUP(mem_freep) char *path = mem_printf("%s/none", scratch.path);
    Secret *secret = NULL;
    Error error = {0};
    assert_int_equal(secret_read_file(path, true, &secret, &error), STATUS_NOT_FOUND);
    assert_string_equal(error.code, "secret_file_missing");
    assert_non_null(strstr(error.message, path));
    assert_int_equal(secret_read_file(scratch.path, false, &secret, &error), STATUS_UNAVAILABLE);
    assert_null(secret);
}

static void says_when_it_may_not_read(void **state) {
    (void)state;
    CLEANUP(scratch_close) Scratch scratch = scratch_open();
    CLEANUP(mem_freep) char *path = mem_printf("%s/secret", scratch.path);
    scratch_put(path, "words\n", 6, 0600);
    Secret *secret = NULL;
    Error error = {0};
    scratch_deny_begin(path);
    Status status = secret_read_file(path, true, &secret, &error);
    scratch_deny_end(path, 0600);
    assert_int_equal(status, STATUS_FORBIDDEN);
    assert_string_equal(error.code, "secret_file_denied");
    assert_null(secret);
}

static void reads_a_pipe_in_pieces(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        static const char *const PIECES[] = {"one ", "two ", "three\n"};
        for (size_t i = 0; i < COUNT_OF(PIECES); i++) {
            if (write(ends[1], PIECES[i], strlen(PIECES[i])) < 0)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    CLEANUP(secret_freep) Secret *secret = NULL;
    assert_int_equal(secret_read_fd(ends[0], &secret, NULL), STATUS_OK);
    assert_string_equal(secret_text(secret), "one two three");
    close(ends[0]);
    waitpid(child, NULL, 0);
    Secret *none = NULL;
    assert_int_equal(secret_read_fd(-1, &none, NULL), STATUS_UNAVAILABLE);
    assert_null(none);
}

static void *make_secrets(void *unused) {
    (void)unused;
    for (int i = 0; i < 50; i++) {
        CLEANUP(secret_freep) Secret *secret = secret_new_password(20);
        if (strlen(secret_text(secret)) != 20)
            return (void *)1;
    }
    return NULL;
}

static void threads_may_make_secrets_at_once(void **state) {
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_secrets, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(threads_may_make_secrets_at_once), // first: they race to start libsodium
        cmocka_unit_test(keeps_a_copy_of_the_bytes),
        cmocka_unit_test(freeing_returns_null),
        cmocka_unit_test(cannot_be_written_or_read_beyond_its_end),
#ifdef __linux__
        cmocka_unit_test(is_left_out_of_core_dumps),
#endif
        cmocka_unit_test(is_compared_by_content),
        cmocka_unit_test(passwords_use_all_letters_and_digits),
        cmocka_unit_test(mixed_passwords_satisfy_rules_that_count),
        cmocka_unit_test(two_passwords_differ),
        cmocka_unit_test(reads_a_file_without_its_last_newline),
        cmocka_unit_test(reads_up_to_the_ceiling),
        cmocka_unit_test(refuses_a_file_that_others_may_read),
        cmocka_unit_test(refuses_nothing_and_nul_bytes),
        cmocka_unit_test(says_when_there_is_no_such_file),
        cmocka_unit_test(says_when_it_may_not_read),
        cmocka_unit_test(reads_a_pipe_in_pieces),
    };
    return RUN_CASES(cases);
}

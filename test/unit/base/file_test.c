#include "base/file.h"

#include "cases.h"
#include "scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static Scratch scratch;

static int open_scratch(void **state) {
    (void)state;
    scratch = scratch_open();
    return 0;
}

static int close_scratch(void **state) {
    (void)state;
    scratch_close(&scratch);
    return 0;
}

static char *in_scratch(const char *name) {
    return mem_printf("%s/%s", scratch.path, name);
}

static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

static void assert_content(const char *path, const char *expected) {
    Buffer buffer = {.ceiling = 100000};
    assert_int_equal(file_read(path, &buffer, NULL), STATUS_OK);
    assert_string_equal(buffer_text(&buffer), expected);
    buffer_done(&buffer);
}

static void a_written_file_reads_back(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    assert_int_equal(file_write(path, 0640, "one", 3, NULL), STATUS_OK);
    assert_content(path, "one");
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(file_write(path, 0600, "two!", 4, NULL), STATUS_OK);
    assert_content(path, "two!");
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(file_write(path, 0600, NULL, 0, NULL), STATUS_OK);
    assert_content(path, "");
    assert_int_equal(scratch_count(scratch.path), 1); // nothing is left beside it
}

static void the_umask_does_not_change_the_mode(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    CLEANUP(mem_freep) char *folder = in_scratch("folder");
    mode_t before = umask(0077);
    Status file = file_write(path, 0664, "x", 1, NULL);
    Status made = folder_ensure(folder, 0751, NULL);
    umask(before);
    assert_int_equal(file, STATUS_OK);
    assert_int_equal(mode_of(path), 0664);
    assert_int_equal(made, STATUS_OK);
    assert_int_equal(mode_of(folder), 0751);
}

static void a_large_file_reads_back(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    CLEANUP(mem_freep) char *bytes = mem_alloc(100000);
    for (size_t i = 0; i < 100000; i++)
        bytes[i] = (char)(i * 31);
    assert_int_equal(file_write(path, 0600, bytes, 100000, NULL), STATUS_OK);
    Buffer buffer = {.ceiling = 100000, .wipe = true};
    assert_int_equal(file_read(path, &buffer, NULL), STATUS_OK);
    assert_int_equal(buffer.length, 100000);
    assert_memory_equal(buffer.bytes, bytes, 100000);
    buffer_done(&buffer);
}

static void reading_appends_and_stops_at_the_ceiling(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    assert_int_equal(file_write(path, 0600, "12345", 5, NULL), STATUS_OK);
    for (int wipe = 0; wipe < 2; wipe++) {
        Buffer buffer = {.ceiling = 12, .wipe = wipe == 1};
        Error error = {0};
        assert_int_equal(file_read(path, &buffer, &error), STATUS_OK);
        assert_int_equal(file_read(path, &buffer, &error), STATUS_OK);
        assert_int_equal(file_read(path, &buffer, &error), STATUS_TOO_LARGE);
        assert_string_equal(error.code, "file_too_large");
        assert_non_null(strstr(error.message, path));
        assert_string_equal(buffer_text(&buffer), "1234512345");
        assert_int_equal(buffer.length, 10);
        buffer_done(&buffer);
    }
}

static void a_file_too_large_in_its_second_part_leaves_the_buffer(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    CLEANUP(mem_freep) char *bytes = mem_alloc(50000);
    assert_int_equal(file_write(path, 0600, bytes, 50000, NULL), STATUS_OK);
    Buffer buffer = {.ceiling = 40000};
    assert_int_equal(buffer_append(&buffer, "kept", 4, NULL), STATUS_OK);
    assert_int_equal(file_read(path, &buffer, NULL), STATUS_TOO_LARGE);
    assert_string_equal(buffer_text(&buffer), "kept");
    assert_int_equal(buffer.length, 4);
    buffer_done(&buffer);
}

static void missing_files_are_not_found(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("none");
    CLEANUP(mem_freep) char *deeper = in_scratch("none/deeper");
    Buffer buffer = {.ceiling = 10};
    Error error = {0};
    assert_int_equal(file_read(path, &buffer, &error), STATUS_NOT_FOUND);
    assert_string_equal(error.code, "file_missing");
    assert_non_null(strstr(error.message, path));
    assert_int_equal(file_write(deeper, 0600, "x", 1, &error), STATUS_NOT_FOUND);
    assert_false(file_exists(path));
    assert_int_equal(file_read(scratch.path, &buffer, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "file_failed");
    assert_string_equal(buffer_text(&buffer), "");
    buffer_done(&buffer);
}

static void files_that_may_not_be_read_are_denied(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    assert_int_equal(file_write(path, 0600, "x", 1, NULL), STATUS_OK);
    Buffer buffer = {.ceiling = 10};
    Error error = {0};
    scratch_deny_begin(path);
    Status status = file_read(path, &buffer, &error);
    scratch_deny_end(path, 0600);
    assert_int_equal(status, STATUS_FORBIDDEN);
    assert_string_equal(error.code, "file_denied");
    assert_non_null(strstr(error.message, path));
    buffer_done(&buffer);
}

static void writing_replaces_a_link_and_not_what_it_points_to(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *victim = in_scratch("victim");
    CLEANUP(mem_freep) char *path = in_scratch("file");
    assert_int_equal(file_write(victim, 0600, "safe", 4, NULL), STATUS_OK);
    assert_int_equal(symlink(victim, path), 0);
    assert_int_equal(file_write(path, 0600, "new", 3, NULL), STATUS_OK);
    assert_content(victim, "safe");
    assert_content(path, "new");
}

// A disk that is full, as far as the process can tell: files may have no more than 3 bytes.
static void a_failed_write_leaves_the_old_content(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    assert_int_equal(file_write(path, 0600, "old", 3, NULL), STATUS_OK);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before_action;
    struct rlimit before;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before_action), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    Error error = {0};
    Status written = file_write(path, 0600, "newer", 5, &error);
    Status created = file_create(path, 0600, "newer", 5, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(sigaction(SIGXFSZ, &before_action, NULL), 0);
    assert_int_equal(written, STATUS_UNAVAILABLE);
    assert_int_equal(created, STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "file_failed");
    assert_content(path, "old");
    assert_int_equal(scratch_count(scratch.path), 1);
}

static void a_folder_is_not_replaced_by_a_file(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("folder");
    assert_int_equal(folder_ensure(path, 0700, NULL), STATUS_OK);
    assert_int_not_equal(file_write(path, 0600, "x", 1, NULL), STATUS_OK);
    assert_int_equal(scratch_count(scratch.path), 1);
}

static void creating_never_replaces(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    Error error = {0};
    assert_int_equal(file_create(path, 0600, "first", 5, &error), STATUS_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(file_create(path, 0644, "second", 6, &error), STATUS_CONFLICT);
    assert_string_equal(error.code, "file_exists");
    assert_content(path, "first");
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(scratch_count(scratch.path), 1);
}

static void makes_a_folder_and_its_parents(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("a/b/c/");
    CLEANUP(mem_freep) char *last = in_scratch("a/b/c");
    CLEANUP(mem_freep) char *parent = in_scratch("a/b");
    mode_t before = umask(0022);
    Status status = folder_ensure(path, 0700, NULL);
    umask(before);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(mode_of(last), 0700);
    assert_int_equal(mode_of(parent), 0755);
    assert_int_equal(folder_ensure(path, 0700, NULL), STATUS_OK);
    assert_int_equal(folder_ensure(last, 0750, NULL), STATUS_OK); // stricter than asked is fine
    assert_int_equal(mode_of(last), 0700);
}

static void makes_a_folder_from_a_relative_path(void **state) {
    (void)state;
    int before = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(before >= 0);
    assert_int_equal(chdir(scratch.path), 0);
    Status one = folder_ensure("one", 0700, NULL);
    Status two = folder_ensure("./x/two", 0700, NULL);
    Status file = file_write("plain", 0600, "x", 1, NULL);
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_int_equal(one, STATUS_OK);
    assert_int_equal(two, STATUS_OK);
    assert_int_equal(file, STATUS_OK);
}

static void refuses_a_folder_open_to_others(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("folder");
    assert_int_equal(mkdir(path, 0700), 0);
    static const mode_t OPEN_MODES[] = {0755, 0710, 0701, 0770, 01777};
    for (size_t i = 0; i < COUNT_OF(OPEN_MODES); i++) {
        Error error = {0};
        assert_int_equal(chmod(path, OPEN_MODES[i]), 0);
        assert_int_equal(folder_ensure(path, 0700, &error), STATUS_INVALID);
        assert_string_equal(error.code, "unsafe_folder");
        assert_non_null(strstr(error.message, "chmod 700"));
        assert_int_equal(mode_of(path), OPEN_MODES[i]);
    }
    assert_int_equal(chmod(path, 0750), 0);
    assert_int_equal(folder_ensure(path, 0750, NULL), STATUS_OK);
}

static void refuses_a_folder_of_somebody_else(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("folder");
    const char *theirs = "/"; // root's
    if (geteuid() == 0) {
        theirs = path;
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
    }
    Error error = {0};
    assert_int_equal(folder_ensure(theirs, 0755, &error), STATUS_INVALID);
    assert_string_equal(error.code, "unsafe_folder");
}

static void refuses_what_is_no_folder(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    CLEANUP(mem_freep) char *below = in_scratch("file/folder");
    assert_int_equal(file_write(path, 0600, "x", 1, NULL), STATUS_OK);
    Error error = {0};
    assert_int_equal(folder_ensure(path, 0700, &error), STATUS_INVALID);
    assert_string_equal(error.code, "unsafe_folder");
    assert_int_not_equal(folder_ensure(below, 0700, NULL), STATUS_OK);
}

static void follows_its_own_link_but_not_a_broken_one(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *real = in_scratch("real");
    CLEANUP(mem_freep) char *link_path = in_scratch("link");
    CLEANUP(mem_freep) char *broken = in_scratch("broken");
    assert_int_equal(mkdir(real, 0700), 0);
    assert_int_equal(symlink(real, link_path), 0);
    assert_int_equal(folder_ensure(link_path, 0700, NULL), STATUS_OK);
    assert_int_equal(symlink("nowhere", broken), 0);
    assert_int_not_equal(folder_ensure(broken, 0700, NULL), STATUS_OK);
    if (geteuid() == 0) {
        assert_int_equal(lchown(link_path, 65534, 65534), 0);
        assert_int_equal(folder_ensure(link_path, 0700, NULL), STATUS_INVALID);
    }
}

static void tells_what_exists(void **state) {
    (void)state;
    CLEANUP(mem_freep) char *path = in_scratch("file");
    assert_false(file_exists(path));
    assert_int_equal(file_write(path, 0600, "", 0, NULL), STATUS_OK);
    assert_true(file_exists(path));
    assert_true(file_exists(scratch.path));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_scratch, close_scratch)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_written_file_reads_back),
        CASE(the_umask_does_not_change_the_mode),
        CASE(a_large_file_reads_back),
        CASE(reading_appends_and_stops_at_the_ceiling),
        CASE(a_file_too_large_in_its_second_part_leaves_the_buffer),
        CASE(missing_files_are_not_found),
        CASE(files_that_may_not_be_read_are_denied),
        CASE(writing_replaces_a_link_and_not_what_it_points_to),
        CASE(a_failed_write_leaves_the_old_content),
        CASE(a_folder_is_not_replaced_by_a_file),
        CASE(creating_never_replaces),
        CASE(makes_a_folder_and_its_parents),
        CASE(makes_a_folder_from_a_relative_path),
        CASE(refuses_a_folder_open_to_others),
        CASE(refuses_a_folder_of_somebody_else),
        CASE(refuses_what_is_no_folder),
        CASE(follows_its_own_link_but_not_a_broken_one),
        CASE(tells_what_exists),
    };
    return RUN_CASES(cases);
}

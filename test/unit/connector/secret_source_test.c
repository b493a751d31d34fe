#include "connector/secret_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static Status source_read(SecretSource source, Secret **ret_secret, Error *error) {
    // Beside another that is in the environment.
    const char *variables[] = {"DAYPASS_UNIT_OTHER", source.env};
    const StringList withheld = {variables, source.env != NULL ? 2 : 1, 0};
    source.name = "shop";
    *error = (Error){0};
    return secret_source_read(&source, &withheld, ret_secret, error);
}

static void gives(SecretSource source, const char *expected) {
    CLEANUP(secret_freep) Secret *secret = NULL;
    Error error = {0};
    if (source_read(source, &secret, &error) != STATUS_OK)
        fail_msg("%s", error.message);
    assert_string_equal(secret_text(secret), expected);
}

static void fails(SecretSource source, const char *message_part) {
    CLEANUP(secret_freep) Secret *secret = NULL;
    Error error = {0};
    assert_int_equal(source_read(source, &secret, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.code, "no_secret");
    assert_null(secret);
    if (!strstr(error.message, message_part))
        fail_msg("\"%s\" is not in \"%s\"", message_part, error.message);
    // What the source held or printed never shows.
    assert_null(strstr(error.message, "plain-words"));
}

static SecretSource command_of(const char **argv, size_t count) {
    return (SecretSource){.command = {argv, count}};
}

static void reads_a_private_file_without_its_newline(void **state) {
    char path[] = "/tmp/daypass-secret-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "plain-words\n", 12), 12);
    close(fd);
    gives((SecretSource){.file = path}, "plain-words");
    chmod(path, 0644);
    fails((SecretSource){.file = path}, path);
    unlink(path);
    fails((SecretSource){.file = path}, path);
}

static void reads_an_environment_variable(void **state) {
    setenv("DAYPASS_UNIT_SECRET", "plain-words", 1);
    gives((SecretSource){.env = "DAYPASS_UNIT_SECRET"}, "plain-words");
    unsetenv("DAYPASS_UNIT_SECRET");
    fails((SecretSource){.env = "DAYPASS_UNIT_SECRET"}, "not set");
}

static void reads_what_a_command_prints(void **state) {
    const char *argv[] = {"printf", "%s\\n", "plain words"};
    gives(command_of(argv, 3), "plain words");
}

static void runs_commands_without_a_shell(void **state) {
    const char *argv[] = {"echo", "$(id);`id`"};
    gives(command_of(argv, 2), "$(id);`id`");
}

static void keeps_other_secrets_out_of_a_commands_environment(void **state) {
    setenv("DAYPASS_UNIT_OTHER", "plain-words", 1);
    setenv("DAYPASS_UNIT_OTHER_SETTING", "a setting", 1);
    const char *argv[] = {"sh", "-c",
                          "echo \"${DAYPASS_UNIT_OTHER-none}, $DAYPASS_UNIT_OTHER_SETTING\""};
    gives(command_of(argv, 3), "none, a setting");
    unsetenv("DAYPASS_UNIT_OTHER");
    unsetenv("DAYPASS_UNIT_OTHER_SETTING");
}

static void refuses_what_a_failing_command_printed(void **state) {
    const char *failing[] = {"sh", "-c", "echo plain-words; exit 3"};
    fails(command_of(failing, 3), "exit status 3");
    const char *killed[] = {"sh", "-c", "kill -9 $$"};
    fails(command_of(killed, 3), "signal 9");
    const char *silent[] = {"true"};
    fails(command_of(silent, 1), "printed nothing");
    const char *missing[] = {"/no/such/program"};
    fails(command_of(missing, 1), "cannot run");
}

static void ends_a_command_that_goes_on_without_its_output(void **state) {
    const char *argv[] = {"sh", "-c", "echo plain-words; exec sleep 600 >&- 2>&-"};
    fails(command_of(argv, 3), "signal 9");
}

static void refuses_more_than_a_secret_may_have(void **state) {
    const char *argv[] = {"head", "-c", "100000", "/dev/zero"};
    fails(command_of(argv, 4), "");
}

static void reads_a_systemd_credential_and_nothing_outside_its_folder(void **state) {
    char folder[] = "/tmp/daypass-credentials-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[128];
    snprintf(path, sizeof(path), "%s/shop", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("plain-words", file);
    fclose(file);
    unsetenv("CREDENTIALS_DIRECTORY");
    fails((SecretSource){.credential = "shop"}, "LoadCredential=shop");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    gives((SecretSource){.credential = "shop"}, "plain-words");
    fails((SecretSource){.credential = "../shop"}, "slash");
    unlink(path);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(reads_a_private_file_without_its_newline),
        cmocka_unit_test(reads_an_environment_variable),
        cmocka_unit_test(reads_what_a_command_prints),
        cmocka_unit_test(runs_commands_without_a_shell),
        cmocka_unit_test(keeps_other_secrets_out_of_a_commands_environment),
        cmocka_unit_test(refuses_what_a_failing_command_printed),
        cmocka_unit_test(ends_a_command_that_goes_on_without_its_output),
        cmocka_unit_test(refuses_more_than_a_secret_may_have),
        cmocka_unit_test(reads_a_systemd_credential_and_nothing_outside_its_folder),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include "prefix/prefix_guard.h"

static void home(void **state)
{
    struct scratch dir = scratch_make();
    char spelled[600];
    int fd;

    (void)state;
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("h/user"), 0755, &err));
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("h/env"), 0755, &err));
    assert_int_equal(symlinkat("h/user", dir.fd, "link"), 0);
    OK(envm_fs_open_dir(dir.fd, ENVM_RELPATH("h/user"), &fd, &err));
    for (size_t i = 0; i < 4; i++) {
        const char *const forms[] = {"h/user", "h/user/", "h//./user", "link"};

        snprintf(spelled, sizeof(spelled), "%s/%s", dir.path, forms[i]);
        FAILS(ENVM_UNSAFE, envm_prefix_check_expendable(fd, "x", spelled, &err));
    }
    close(fd);
    snprintf(spelled, sizeof(spelled), "%s/h/user/", dir.path);
    OK(envm_fs_open_dir(dir.fd, ENVM_RELPATH("h"), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_prefix_check_expendable(fd, "x", spelled, &err));
    close(fd);
    OK(envm_fs_open_dir(dir.fd, ENVM_RELPATH("h/env"), &fd, &err));
    OK(envm_prefix_check_expendable(fd, "x", spelled, &err));
    OK(envm_prefix_check_expendable(fd, "x", "relative", &err));
    OK(envm_prefix_check_expendable(fd, "x", NULL, &err));
    close(fd);
    scratch_drop(&dir);
}

static void nested(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_prefix_check_expendable(dir.fd, "x", NULL, &err));
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("envs/other/conda-meta"), 0755, &err));
    OK(envm_prefix_check_expendable(dir.fd, "x", NULL, &err));
    scratch_write(&dir, "envs/other/conda-meta/history", "");
    FAILS(ENVM_UNSAFE, envm_prefix_check_expendable(dir.fd, "x", NULL, &err));
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(home), cmocka_unit_test(nested)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>

#include "base/str.h"

static void reading_a_pipe_in_pieces(void **state)
{
    struct envm_buf buf = envm_buf_text();
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    envm_buf_add_cstr(&buf, "kept ");
    OK(envm_fs_read_fd(ends[0], "pipe", &buf, &err));
    assert_str(envm_buf_str(&buf), "kept abc");
    close(ends[0]);
    envm_buf_release(&buf);
}

static void a_large_file_comes_back(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_buf written = envm_buf_text();
    struct envm_buf read_back = envm_buf_text();
    uint64_t free_bytes = 0;
    envm_str mapped = {0};
    int fd;

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        envm_buf_printf(&written, "%u ", i);
    OK(envm_fs_create(dir.fd, ENVM_RELPATH("large"), 0644, &fd, &err));
    OK(envm_fs_write_fd(fd, "large", envm_buf_str(&written), &err));
    OK(envm_fs_sync_all(fd, "large", &err));
    OK(envm_fs_free_space(fd, &free_bytes, &err));
    assert_true(free_bytes > 0);
    close(fd);
    OK(envm_fs_open_read(dir.fd, ENVM_RELPATH("large"), &fd, &err));
    OK(envm_fs_read_fd(fd, "large", &read_back, &err));
    OK(envm_fs_map(fd, "large", &mapped, &err));
    close(fd);
    assert_true(envm_str_equal(envm_buf_str(&written), envm_buf_str(&read_back)));
    assert_true(envm_str_equal(envm_buf_str(&written), mapped));
    envm_fs_unmap(mapped);
    envm_buf_release(&written);
    envm_buf_release(&read_back);
    scratch_drop(&dir);
}

static void the_limit_holds_whatever_the_source_says(void **state)
{
    struct envm_buf buf = envm_buf_limit(4);
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    (void)state;
    FAILS(ENVM_MALFORMED, envm_fs_read_fd(fd, "zero", &buf, &err));
    assert_true(buf.len <= 4);
    assert_true(buf.overflowed);
    FAILS(ENVM_MALFORMED, envm_fs_read_fd(fd, "zero", &buf, &err));
    close(fd);
    envm_buf_release(&buf);
}

static void failures_name_the_file(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_buf buf = envm_buf_text();
    uint64_t bytes;
    envm_str mapped;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    FAILS_WITH(ENVM_IO, "'full'", envm_fs_write_fd(full, "full", ENVM_STR("x"), &err));
    FAILS_WITH(ENVM_IO, "'dir'", envm_fs_read_fd(dir.fd, "dir", &buf, &err));
    FAILS_WITH(ENVM_IO, "'dir'", envm_fs_map(dir.fd, "dir", &mapped, &err));
    FAILS_WITH(ENVM_IO, "'gone'", envm_fs_map(-1, "gone", &mapped, &err));
    FAILS_WITH(ENVM_IO, "'gone'", envm_fs_sync_fd(-1, "gone", &err));
    FAILS_WITH(ENVM_IO, "'gone'", envm_fs_sync_all(-1, "gone", &err));
    FAILS(ENVM_IO, envm_fs_free_space(-1, &bytes, &err));
    close(full);
    envm_buf_release(&buf);
    scratch_drop(&dir);
}

static void an_empty_file_maps_to_the_empty_string(void **state)
{
    struct scratch dir = scratch_make();
    envm_str mapped = {0};
    int fd;

    (void)state;
    OK(envm_fs_create(dir.fd, ENVM_RELPATH("empty"), 0644, &fd, &err));
    OK(envm_fs_map(fd, "empty", &mapped, &err));
    assert_string_equal(mapped.ptr, "");
    assert_int_equal(mapped.len, 0);
    envm_fs_unmap(mapped);
    close(fd);
    scratch_drop(&dir);
}

static void only_what_is_longer_is_cut(void **state)
{
    struct scratch dir = scratch_make();
    struct stat before, after;
    int ends[2], fd;

    (void)state;
    OK(envm_fs_create(dir.fd, ENVM_RELPATH("f"), 0644, &fd, &err));
    assert_int_equal(fstat(fd, &before), 0);
    assert_true(envm_fs_cut_fd(fd, 0));
    assert_int_equal(fstat(fd, &after), 0);
    /* a truncation would have set it */
    assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));
    OK(envm_fs_write_fd(fd, "f", ENVM_STR("12345"), &err));
    assert_true(envm_fs_cut_fd(fd, 9));
    assert_int_equal(lseek(fd, 0, SEEK_END), 5);
    assert_true(envm_fs_cut_fd(fd, 3));
    assert_int_equal(lseek(fd, 0, SEEK_END), 3);
    assert_true(envm_fs_cut_fd(fd, 0));
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    close(fd);
    assert_false(envm_fs_cut_fd(fd, 0));
    assert_int_equal(errno, EBADF);
    assert_int_equal(pipe(ends), 0);
    assert_true(envm_fs_cut_fd(ends[1], 0));
    close(ends[0]);
    close(ends[1]);
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_a_pipe_in_pieces),
        cmocka_unit_test(a_large_file_comes_back),
        cmocka_unit_test(the_limit_holds_whatever_the_source_says),
        cmocka_unit_test(failures_name_the_file),
        cmocka_unit_test(only_what_is_longer_is_cut),
        cmocka_unit_test(an_empty_file_maps_to_the_empty_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

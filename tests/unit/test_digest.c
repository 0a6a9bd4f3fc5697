/* SPDX-License-Identifier: MIT */
#include "codec/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hex.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A_SHA256 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
#define ABC_MD5 "900150983cd24fb0d6963f7d28e17f72"

static void test_known(void **state)
{
    struct envm_sha256 digest = envm_sha256_of(ENVM_STR("abc"));
    struct envm_md5 md5 = envm_md5_of(ENVM_STR("abc"));

    (void)state;
    assert_string_equal(envm_sha256_hex(&digest).text, ABC_SHA256);
    assert_string_equal(envm_md5_hex(&md5).text, ABC_MD5);
    digest = envm_sha256_of((envm_str){0});
    assert_string_equal(envm_sha256_hex(&digest).text, EMPTY_SHA256);
}

static void test_hasher(void **state)
{
    struct envm_hasher hasher;
    struct envm_sha256 digest;
    struct envm_md5 md5;

    (void)state;
    envm_hasher_init(&hasher, true);
    envm_hasher_update(&hasher, "a", 1);
    envm_hasher_update(&hasher, NULL, 0);
    envm_hasher_update(&hasher, "bc", 2);
    envm_hasher_final(&hasher, &digest, &md5);
    assert_string_equal(envm_sha256_hex(&digest).text, ABC_SHA256);
    assert_string_equal(envm_md5_hex(&md5).text, ABC_MD5);
    envm_hasher_release(&hasher);
    envm_hasher_init(&hasher, false);
    envm_hasher_final(&hasher, &digest, &md5);
    assert_string_equal(envm_sha256_hex(&digest).text, EMPTY_SHA256);
    assert_false(md5.known);
    envm_hasher_init(&hasher, true);
    envm_hasher_release(&hasher);
    envm_hasher_release(&hasher);
}

static void test_fd(void **state)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_fd) int fd = memfd_create("digest", 0);
    struct envm_sha256 digest;
    uint64_t size = 0;
    char block[1000];

    (void)state;
    assert_true(fd >= 0);
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(envm_sha256_of_fd(fd, "x", &digest, &size, &err), ENVM_OK);
    assert_string_equal(envm_sha256_hex(&digest).text, MILLION_A_SHA256);
    assert_int_equal(size, 1000000);
    assert_int_equal(envm_sha256_of_fd(-1, "no file", &digest, NULL, &err), ENVM_IO);
    assert_non_null(strstr(err.text, "no file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_hasher),
        cmocka_unit_test(test_fd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

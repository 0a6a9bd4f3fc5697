/* SPDX-License-Identifier: MIT
 *
 * The example of docs/internals/TREE-DIGEST.md.
 */
#include "../support/check.h"

#include "prefix/environment_digest.h"

#include "base/hex.h"
#include "codec/digest.h"

#define SCRIPT "#!/opt/anaconda1anaconda2anaconda3/bin/sh\necho hello\n"

static void test_example(void **state)
{
    struct envm_prefix_path hello[3] = {
        {.path = {ENVM_STR("bin/hello")},
         .executable = true,
         .size = strlen(SCRIPT),
         .sha256 = envm_sha256_of(ENVM_STR(SCRIPT))},
        {.path = {ENVM_STR("share/hello.txt")},
         .size = 6,
         .sha256 = envm_sha256_of(ENVM_STR("hello\n"))},
        {.path = {ENVM_STR("share/link")},
         .type = ENVM_PATH_SYMLINK,
         .link_target = ENVM_STR("hello.txt")},
    };
    struct envm_prefix_path empty = {.path = {ENVM_STR("etc/empty")}, .type = ENVM_PATH_DIRECTORY};
    struct envm_package_root roots[2] = {
        {ENVM_STR("hello"), ENVM_STR("hello-1.0-h1_0"), envm_installed_package_digest(hello, 3)},
        {ENVM_STR("empty"), ENVM_STR("empty-1-0"), envm_installed_package_digest(&empty, 1)},
    };
    struct envm_sha256 digest;

    (void)state;
    assert_string_equal(envm_sha256_hex(&roots[0].root).text,
                        "cb91c7f3e1600252ec84c2325563c53449b526e633716806561b3b8685b9bc4e");
    assert_string_equal(envm_sha256_hex(&roots[1].root).text,
                        "5676f6eee109378ac5f14a859d246a8576d9278dba16412f02fad55f6b251ab1");
    digest = envm_environment_digest(roots, 2);
    assert_string_equal(envm_sha256_hex(&digest).text,
                        "bea4b52a7a68c52fe9dec88e060430f6ff152066d27eaf69bf8504d94a68926d");
    assert_str(roots[0].name, "empty");
}

static void test_empty(void **state)
{
    struct envm_sha256 nothing = envm_sha256_of(ENVM_STR(""));
    struct envm_sha256 digest = envm_environment_digest(NULL, 0);

    (void)state;
    assert_true(envm_sha256_equal(&digest, &nothing));
    digest = envm_installed_package_digest(NULL, 0);
    assert_true(envm_sha256_equal(&digest, &nothing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

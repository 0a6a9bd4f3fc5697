/* SPDX-License-Identifier: MIT
 *
 * The expected values were computed with a recursive reference in Python (hashlib), straight from
 * the definition in prefix/tree_digest.h.
 */
#include "prefix/tree_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/hex.h"
#include "codec/digest.h"

static void assert_digest(struct envm_sha256 digest, const char *expected)
{
    assert_true(digest.known);
    assert_string_equal(envm_sha256_hex(&digest).text, expected);
}

static struct envm_package_path example_file(void)
{
    return (struct envm_package_path){.path = ENVM_RELPATH("bin/x"),
                                      .type = ENVM_PATH_FILE,
                                      .executable = true,
                                      .size = 5,
                                      .sha256 = envm_sha256_of(ENVM_STR("hello"))};
}

static void leaves_follow_the_definition(void **state)
{
    (void)state;
    struct envm_package_path file = example_file();
    struct envm_tree_leaf link = {.type = ENVM_PATH_SYMLINK,
                                  .executable = true,
                                  .path = ENVM_STR("lib/l.so"),
                                  .size = 77,
                                  .link_target = ENVM_STR("l.so.1")};
    struct envm_tree_leaf directory = {.type = ENVM_PATH_DIRECTORY,
                                       .executable = true,
                                       .path = ENVM_STR("share/empty"),
                                       .size = 4096};

    assert_digest(envm_package_path_leaf(&file),
                  "662b59f4f7a067791ef7fe15a1630c6d9f168e6b45f9ee4cb3820ee1b808219e");
    assert_digest(envm_tree_leaf_hash(&link),
                  "a86fd5ca3f31b0158a5f90f62b8f55c1ccd306e527966fc0ee86fcb8239bec16");
    assert_digest(envm_tree_leaf_hash(&directory),
                  "d0104e10f6f890b169dab0a9197f38e03236e80b165e6a8ab096f6070e3b348f");
}

static void every_field_of_a_leaf_counts(void **state)
{
    (void)state;
    struct envm_package_path base = example_file();
    struct envm_package_path changed[4];
    struct envm_sha256 plain = envm_package_path_leaf(&base);

    for (size_t i = 0; i < 4; i++)
        changed[i] = base;
    changed[0].executable = false;
    changed[1].path = ENVM_RELPATH("bin/y");
    changed[2].size = 6;
    changed[3].sha256 = envm_sha256_of(ENVM_STR("other"));
    for (size_t i = 0; i < 4; i++) {
        struct envm_sha256 digest = envm_package_path_leaf(&changed[i]);

        assert_false(envm_sha256_equal(&plain, &digest));
    }
}

static void roots_have_the_shape_of_rfc_6962(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        const char *root;
    } rows[] = {
        {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {1, "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"},
        {2, "775921a4e428d5768955ee440c81d193960641c3a5b2c1f71916fcebe285e2c5"},
        {3, "0fb0c89f31831c334e4cdeb69ed2245bb59715219c8b7a86f0ddcf93cb1a9c8b"},
        {4, "e8fb69d07523527f600e1fd288b9be6dd210431e2cfd0f2dfc7576b513ec9e77"},
        {5, "5011aa4743d4f6904e9a1a3ef008e953ce03834b2e21c6478c56fee498f6c4ff"},
        {6, "11986b3090e9ac04852c80a55e06226cd90f867bdf5d4f6ec9a65212f032351f"},
        {7, "5cf6906870de8c19271bb3008d4c6ebc578299c7f7e8ba39b8589f9b5a272aba"},
        {8, "522709e05dbb008b0dd1e3054bd00f25d418616be7c300843ec4026198ef5622"},
        {9, "505b96594a506897f9256865ca1a787640beb971ef02f6fff8eb6a3b53d94423"},
        {31, "860a24548d03181a8868b9722270d21fe98c5b22c682021d5a43bb074fdb5c1a"},
        {33, "c7c03fa7b42182c9b02bc6dd44f06a76bae4de9b04182fd1cb19d9dea7fe5fb2"},
    };
    struct envm_sha256 leaves[33];

    for (size_t i = 0; i < 33; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "%zu", i);

        leaves[i] = envm_sha256_of(envm_str_n(text, (size_t)length));
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_digest(envm_merkle_root(leaves, rows[i].count), rows[i].root);
}

static void package_digest_is_the_root_of_its_paths(void **state)
{
    (void)state;
    struct envm_package_path paths[3] = {
        example_file(),
        {.path = ENVM_RELPATH("lib/l.so"),
         .type = ENVM_PATH_SYMLINK,
         .link_target = ENVM_STR("l.so.1")},
        {.path = ENVM_RELPATH("share/empty"), .type = ENVM_PATH_DIRECTORY},
    };
    struct envm_package_contents contents = {.paths = paths, .path_count = 3};

    envm_package_contents_digest(&contents);
    assert_digest(contents.digest,
                  "2941ccbb31db32af51f3728c9d6b0d6fe274728aa5f7128ab30c6682cd0ce85d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_follow_the_definition),
        cmocka_unit_test(every_field_of_a_leaf_counts),
        cmocka_unit_test(roots_have_the_shape_of_rfc_6962),
        cmocka_unit_test(package_digest_is_the_root_of_its_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "prefix/prefix_record.h"

#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"

static const struct envm_replacement replacements[] = {
    {5, ENVM_UTF_8}, {40, ENVM_UTF_16_LE}, {90, ENVM_UTF_8}};
static const envm_str depends[] = {ENVM_STR_INIT("libz >=1.2"), ENVM_STR_INIT("python 3.11.*")};
static const envm_str specs[] = {ENVM_STR_INIT("numpy >=1")};

static void make_paths(struct envm_prefix_path *paths)
{
    paths[0] = (struct envm_prefix_path){
        .path = {ENVM_STR("bin/run")},
        .generated = true,
        .executable = true,
        .file_mode = ENVM_MODE_TEXT,
        .placeholder = ENVM_STR("/opt/x"),
        .size = 7,
        .sha256 = envm_sha256_of(ENVM_STR("a")),
        .sha256_in_prefix = envm_sha256_of(ENVM_STR("b")),
        .replaced = {.shebang = ENVM_STR("#!/opt/x/bin/python -\t\"q\"")}};
    paths[1] = (struct envm_prefix_path){.path = {ENVM_STR("lib/\"odd\" é")},
                                         .file_mode = ENVM_MODE_BINARY,
                                         .placeholder = ENVM_STR("/opt/x"),
                                         .size = 100,
                                         .no_link = true,
                                         .sha256 = envm_sha256_of(ENVM_STR("c")),
                                         .sha256_in_prefix = envm_sha256_of(ENVM_STR("d")),
                                         .replaced = {.items = replacements, .count = 3}};
    paths[2] = (struct envm_prefix_path){.path = {ENVM_STR("lib/link")},
                                         .type = ENVM_PATH_SYMLINK,
                                         .link_target = ENVM_STR("../x"),
                                         .listed_sha256 = envm_sha256_of(ENVM_STR("e")),
                                         .has_listed_size = true,
                                         .listed_size = 3};
    paths[3] =
        (struct envm_prefix_path){.path = {ENVM_STR("share/empty")}, .type = ENVM_PATH_DIRECTORY};
}

static void assert_paths(const struct envm_prefix_path *a, const struct envm_prefix_path *b)
{
    assert_true(envm_str_equal(a->path.s, b->path.s));
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->file_mode, b->file_mode);
    assert_true(envm_str_equal(a->placeholder, b->placeholder));
    assert_int_equal(a->executable, b->executable);
    assert_int_equal(a->generated, b->generated);
    assert_int_equal(a->no_link, b->no_link);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(&a->sha256, &b->sha256, sizeof(a->sha256));
    assert_memory_equal(&a->sha256_in_prefix, &b->sha256_in_prefix, sizeof(a->sha256_in_prefix));
    assert_memory_equal(&a->listed_sha256, &b->listed_sha256, sizeof(a->listed_sha256));
    assert_true(envm_str_equal(a->link_target, b->link_target));
    assert_true(envm_str_equal(a->replaced.shebang, b->replaced.shebang));
    assert_int_equal(a->replaced.count, b->replaced.count);
    for (size_t i = 0; i < a->replaced.count; i++) {
        assert_int_equal(a->replaced.items[i].offset, b->replaced.items[i].offset);
        assert_int_equal(a->replaced.items[i].encoding, b->replaced.items[i].encoding);
    }
}

static void test_round_trip(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf again = envm_buf_text();
    struct envm_prefix_path paths[4];
    struct envm_package_record package = {
        .name = ENVM_STR("numpy"),
        .version = ENVM_STR("1.26.4"),
        .build = ENVM_STR("py311_0"),
        .build_number = 3,
        .subdir = ENVM_STR("linux-64"),
        .channel = ENVM_STR("conda-forge"),
        .file_name = ENVM_STR("numpy-1.26.4-py311_0.conda"),
        .url =
            ENVM_STR("https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311_0.conda"),
        .sha256 = envm_sha256_of(ENVM_STR("f")),
        .has_size = true,
        .size = 12345,
        .depends = {depends, 2},
        .license = ENVM_STR("BSD-3-Clause"),
        .timestamp = 1700000000000};
    struct envm_prefix_record record = {.record = &package,
                                        .paths = paths,
                                        .path_count = 4,
                                        .requested_specs = {specs, 1},
                                        .link_source = ENVM_STR("/cache/pkgs/ab/abcd"),
                                        .archive_path = ENVM_STR("/cache/a"),
                                        .link_type = 1,
                                        .package_digest = ENVM_STR("sha256:00")};
    struct envm_prefix_record back;

    (void)state;
    make_paths(paths);
    envm_prefix_record_write(&record, &text);
    OK(envm_prefix_record_read(&arena, envm_buf_str(&text), &back, &err));
    assert_true(back.by_envm);
    assert_str(back.record->name, "numpy");
    assert_str(back.record->channel, "conda-forge");
    assert_true(envm_str_equal(back.record->url, package.url));
    assert_true(envm_sha256_equal(&back.record->sha256, &package.sha256));
    assert_int_equal(back.record->depends.count, 2);
    assert_int_equal(back.record->build_number, 3);
    assert_int_equal(back.record->timestamp, 1700000000000);
    assert_int_equal(back.requested_specs.count, 1);
    assert_str(back.requested_specs.items[0], "numpy >=1");
    assert_str(back.link_source, "/cache/pkgs/ab/abcd");
    assert_str(back.package_digest, "sha256:00");
    assert_int_equal(back.link_type, 1);
    assert_int_equal(back.path_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_paths(&back.paths[i], &paths[i]);
    envm_prefix_record_write(&back, &again);
    assert_string_equal(envm_buf_str(&text).ptr, envm_buf_str(&again).ptr);
    /* CEP 32: the URL of the channel without subdir. */
    assert_non_null(
        strstr(envm_buf_str(&text).ptr,
               "\"channel\": \"https://conda.anaconda.org/conda-forge\",\n  \"build\""));
    OK(envm_prefix_record_read_parts(&arena, envm_buf_str(&text), false, &back, &err));
    assert_int_equal(back.path_count, 0);
    assert_str(back.record->name, "numpy");
}

/* What conda writes: no envm keys, a pyc entry without digests, requested_spec. */
static void test_conda_record(void **state)
{
    static const char text[] =
        "{\"arch\": \"x86_64\", \"build\": \"0\", \"build_number\": 0, \"name\": \"demo\","
        "\"version\": \"1.0\", \"channel\": \"https://conda.anaconda.org/conda-forge/noarch\","
        "\"depends\": [], \"constrains\": [], \"files\": [\"b\", \"a\"], \"fn\": "
        "\"demo-1.0-0.conda\","
        "\"link\": {\"source\": \"/pkgs/demo\", \"type\": 1}, \"requested_spec\": \"demo\","
        "\"subdir\": \"noarch\", \"noarch\": \"python\", \"paths_data\": {\"paths\": ["
        "{\"_path\": \"b\", \"path_type\": \"hardlink\", \"sha256\": \"%s\","
        " \"sha256_in_prefix\": \"%s\", \"size_in_bytes\": 1, \"prefix_placeholder\": \"/opt/x\"},"
        "{\"_path\": \"a/__pycache__/a.pyc\", \"path_type\": \"pyc_file\"}], \"paths_version\": "
        "1}}";
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_sha256 digest = envm_sha256_of(ENVM_STR("x"));
    struct envm_prefix_record record;
    char json[2048];

    (void)state;
    snprintf(json, sizeof(json), text, envm_sha256_hex(&digest).text,
             envm_sha256_hex(&digest).text);
    OK(envm_prefix_record_read(&arena, envm_str_from(json), &record, &err));
    assert_false(record.by_envm);
    assert_str(record.record->channel, "conda-forge");
    assert_int_equal(record.path_count, 2);
    assert_str(record.paths[0].path.s, "a/__pycache__/a.pyc");
    assert_true(record.paths[0].generated);
    assert_false(record.paths[0].sha256.known);
    assert_int_equal(record.paths[1].file_mode, ENVM_MODE_TEXT);
    assert_str(record.requested_specs.items[0], "demo");
}

static void test_old_record(void **state)
{
    static const char text[] =
        "{\"name\":\"a\",\"version\":\"1\",\"build\":\"0\",\"build_number\":0,"
        "\"depends\":[],\"files\":[\"y\",\"x/z\"],\"requested_spec\":\"None\"}";
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_prefix_record record;

    (void)state;
    OK(envm_prefix_record_read(&arena, ENVM_STR(text), &record, &err));
    assert_int_equal(record.path_count, 2);
    assert_str(record.paths[0].path.s, "x/z");
    assert_int_equal(record.requested_specs.count, 0);
}

static void test_damaged(void **state)
{
#define HEAD "{\"name\":\"a\",\"version\":\"1\",\"build\":\"0\",\"build_number\":0,\"depends\":[],"
    static const char *const rows[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        HEAD "\"files\":[\"../x\"]}",
        HEAD "\"files\":[\"/etc/passwd\"]}",
        HEAD "\"files\":[1]}",
        HEAD "\"paths_data\":{\"paths\":[{}]}}",
        HEAD "\"paths_data\":{\"paths\":[{\"_path\":\"a/../../b\"}]}}",
        HEAD "\"paths_data\":{\"paths\":[{\"_path\":\"a\",\"sha256\":\"zz\"}]}}",
        HEAD
        "\"paths_data\":{\"paths\":[{\"_path\":\"a\",\"envm\":{\"offsets\":{\"ebcdic\":[1]}}}]}}",
        HEAD
        "\"paths_data\":{\"paths\":[{\"_path\":\"a\",\"envm\":{\"offsets\":{\"utf-8\":[-1]}}}]}}",
        HEAD "\"paths_data\":{\"paths\":[{\"_path\":\"a\\u0000b\"}]}}",
        HEAD "\"x\":1} trailing",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_prefix_record record;

        FAILS(ENVM_DAMAGED, envm_prefix_record_read(&arena, envm_str_from(rows[i]), &record, &err));
    }
}

/* The text of another tool keeps everything that envm does not know. */
static void test_set_specs(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    static const envm_str wanted[] = {ENVM_STR_INIT("x >=2"), ENVM_STR_INIT("x")};

    (void)state;
    OK(envm_prefix_record_set_specs(
        ENVM_STR("{\"name\": \"x\", \"requested_spec\": \"None\", \"odd\": {\"a\":  [1.0, null]}}"),
        (struct envm_str_list){wanted, 2}, &text, &err));
    assert_string_equal(text.ptr, "{\n  \"name\": \"x\",\n  \"odd\": {\"a\":  [1.0, null]},\n"
                                  "  \"requested_spec\": \"x >=2\",\n"
                                  "  \"requested_specs\": [\n    \"x >=2\",\n    \"x\"\n  ]\n}\n");
    envm_buf_clear(&text);
    OK(envm_prefix_record_set_specs(ENVM_STR("{\"requested_specs\": [\"x\"]}"),
                                    (struct envm_str_list){0}, &text, &err));
    assert_string_equal(text.ptr, "{\n  \"requested_specs\": []\n}\n");
    FAILS(ENVM_DAMAGED, envm_prefix_record_set_specs(ENVM_STR("{\"a\": "),
                                                     (struct envm_str_list){0}, &text, &err));
}

static void test_lost_paths(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    const envm_str lost[] = {ENVM_STR("bin/x"), ENVM_STR("lib/y")};
    struct envm_package_record package = {
        .name = ENVM_STR("a"), .version = ENVM_STR("1"), .build = ENVM_STR("0")};
    struct envm_prefix_record record = {.record = &package, .lost = {lost, 2}};
    struct envm_prefix_record found;

    (void)state;
    envm_prefix_record_write(&record, &text);
    OK(envm_prefix_record_read(&arena, envm_buf_str(&text), &found, &err));
    assert_int_equal(found.lost.count, 2);
    assert_str(found.lost.items[1], "lib/y");
    assert_int_equal(found.path_count, 0);
}

/* Whatever bit of a record changes, it is not read as if nothing had happened. */
static void no_bit_of_a_record_can_change(void **state)
{
    struct envm_arena arena = {0};
    struct envm_prefix_path paths[4];
    struct envm_package_record package = {.name = ENVM_STR("numpy"),
                                          .version = ENVM_STR("1.26.4"),
                                          .build = ENVM_STR("py311_0"),
                                          .subdir = ENVM_STR("linux-64"),
                                          .file_name = ENVM_STR("numpy-1.26.4-py311_0.conda"),
                                          .url = ENVM_STR("https://x.org/c/linux-64/n.conda")};
    struct envm_prefix_record record = {.record = &package, .paths = paths, .path_count = 4};
    struct envm_prefix_record again;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf changed = envm_buf_text();

    (void)state;
    make_paths(paths);
    record.link_source = ENVM_STR("/c/pkgs/ab/ab00000000000000000000000000000000000000000000000000"
                                  "0000000000cd");
    envm_prefix_record_write(&record, &text);
    OK(envm_prefix_record_read(&arena, envm_buf_str(&text), &again, &err));
    for (size_t i = 0; i < text.len * 8; i++) {
        struct envm_arena scratch = {0};

        text.ptr[i / 8] = (char)(text.ptr[i / 8] ^ (1 << i % 8));
        if (envm_prefix_record_read(&scratch, envm_buf_str(&text), &again, NULL) == ENVM_OK)
            fail_msg("bit %zu of byte %zu: %.40s", i % 8, i / 8, text.ptr + i / 8);
        text.ptr[i / 8] = (char)(text.ptr[i / 8] ^ (1 << i % 8));
        envm_arena_release(&scratch);
    }
    /* A change that is meant brings its own checksum. */
    OK(envm_prefix_record_set_specs(envm_buf_str(&text), (struct envm_str_list){specs, 1}, &changed,
                                    &err));
    OK(envm_prefix_record_read(&arena, envm_buf_str(&changed), &again, &err));
    assert_int_equal(again.requested_specs.count, 1);
    envm_arena_release(&arena);
}

static void consent_and_outputs_of_scripts_come_back(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf again = envm_buf_text();
    const struct envm_link_script scripts[] = {
        {ENVM_STR("bin/.p-post-link.sh"), envm_sha256_of(ENVM_STR("a")), true},
        {ENVM_STR("bin/.p-pre-unlink.sh"), envm_sha256_of(ENVM_STR("b")), false}};
    const struct envm_script_output outputs[] = {
        {.path = {ENVM_STR("etc/dir")}, .type = ENVM_PATH_DIRECTORY},
        {.path = {ENVM_STR("etc/gone")}, .removed = true},
        {.path = {ENVM_STR("etc/link")},
         .type = ENVM_PATH_SYMLINK,
         .sha256 = envm_sha256_of(ENVM_STR("to"))},
        {.path = {ENVM_STR("etc/tool")},
         .executable = true,
         .sha256 = envm_sha256_of(ENVM_STR("c"))}};
    const struct envm_package_record package = {.name = ENVM_STR("p"),
                                                .version = ENVM_STR("1"),
                                                .build = ENVM_STR("0"),
                                                .subdir = ENVM_STR("noarch"),
                                                .link_scripts = scripts,
                                                .link_script_count = 2};
    const struct envm_prefix_record record = {
        .record = &package, .outputs = outputs, .output_count = 4};
    struct envm_prefix_record back = {0};

    (void)state;
    envm_prefix_record_write(&record, &text);
    OK(envm_prefix_record_read(&arena, envm_buf_str(&text), &back, &err));
    assert_int_equal(back.record->link_script_count, 2);
    assert_true(back.record->link_scripts[0].network && !back.record->link_scripts[1].network);
    assert_int_equal(back.output_count, 4);
    assert_int_equal(back.outputs[0].type, ENVM_PATH_DIRECTORY);
    assert_true(back.outputs[1].removed && !back.outputs[1].sha256.known);
    assert_true(envm_sha256_equal(&back.outputs[2].sha256, &outputs[2].sha256));
    assert_true(back.outputs[3].executable);
    envm_prefix_record_write(&back, &again);
    assert_true(envm_str_equal(envm_buf_str(&text), envm_buf_str(&again)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_specs),
        cmocka_unit_test(test_lost_paths),
        cmocka_unit_test(consent_and_outputs_of_scripts_come_back),
        cmocka_unit_test(no_bit_of_a_record_can_change),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_conda_record),
        cmocka_unit_test(test_old_record),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include "conda/channel.h"
#include "conda/platform.h"

static const struct envm_custom_channel custom[] = {
    {ENVM_STR_INIT("inhouse"), ENVM_STR_INIT("https://pkgs.example.org/conda/")},
    {ENVM_STR_INIT("inhouse/special"), ENVM_STR_INIT("file:///srv")},
};
static const struct envm_channel_config config = {
    .current_directory = ENVM_STR_INIT("/home/me/project"),
    .home = ENVM_STR_INIT("/home/me"),
    .custom_channels = custom,
    .custom_channel_count = 2,
};

static void test_parse(void **state)
{
    static const struct {
        const char *text, *name, *base, *platforms;
    } rows[] = {
        {"conda-forge", "conda-forge", "https://conda.anaconda.org/conda-forge", ""},
        {"conda-forge/", "conda-forge", "https://conda.anaconda.org/conda-forge", ""},
        {"conda-forge/label/dev", "conda-forge/label/dev",
         "https://conda.anaconda.org/conda-forge/label/dev", ""},
        {"conda-forge/linux-64", "conda-forge", "https://conda.anaconda.org/conda-forge",
         "linux-64"},
        {"conda-forge[linux-64, noarch]", "conda-forge", "https://conda.anaconda.org/conda-forge",
         "linux-64 noarch"},
        {"https://conda.anaconda.org/conda-forge/", "conda-forge",
         "https://conda.anaconda.org/conda-forge", ""},
        {"https://conda.anaconda.org/t/TOKEN/private", "private",
         "https://conda.anaconda.org/private", ""},
        {"https://user:pw@Example.org:8443/a/b", "https://example.org:8443/a/b",
         "https://example.org:8443/a/b", ""},
        {"https://example.org/c/noarch", "https://example.org/c", "https://example.org/c",
         "noarch"},
        {"pkgs/main", "pkgs/main", "https://repo.anaconda.com/pkgs/main", ""},
        {"https://repo.anaconda.com/pkgs/r", "pkgs/r", "https://repo.anaconda.com/pkgs/r", ""},
        {"inhouse", "inhouse", "https://pkgs.example.org/conda/inhouse", ""},
        {"inhouse/x", "inhouse/x", "https://pkgs.example.org/conda/inhouse/x", ""},
        {"inhouse/special", "inhouse/special", "file:///srv/inhouse/special", ""},
        {"https://pkgs.example.org/conda/inhouse", "inhouse",
         "https://pkgs.example.org/conda/inhouse", ""},
        {"file:///srv/chan", "file:///srv/chan", "file:///srv/chan", ""},
        {"/srv/chan/", "file:///srv/chan", "file:///srv/chan", ""},
        {"./chan", "file:///home/me/project/chan", "file:///home/me/project/chan", ""},
        {"../a/./b", "file:///home/me/a/b", "file:///home/me/a/b", ""},
        {".", "file:///home/me/project", "file:///home/me/project", ""},
        {"..", "file:///home/me", "file:///home/me", ""},
        {"~", "file:///home/me", "file:///home/me", ""},
        {"~/chan", "file:///home/me/chan", "file:///home/me/chan", ""},
        {"/../../x", "file:///x", "file:///x", ""},
        {"/a b", "file:///a%20b", "file:///a%20b", ""},
    };
    size_t i, j;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_channel channel;
        struct envm_error err = {0};
        envm_str platforms = ENVM_STR("");
        if (envm_channel_parse(&arena, envm_str_from(rows[i].text), &config, &channel, &err) !=
            ENVM_OK)
            fail_msg("%s: %s", rows[i].text, err.text);
        assert_string_equal(channel.base_url.ptr, rows[i].base);
        assert_true(envm_str_equal_c(channel.name, rows[i].name));
        for (j = 0; j < channel.platforms.count; j++)
            platforms = envm_arena_printf(&arena, "%s%s%s", platforms.ptr, j > 0 ? " " : "",
                                          channel.platforms.items[j].ptr);
        assert_string_equal(platforms.ptr, rows[i].platforms);
    }
}

static void test_credentials(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_channel_config own = {
        .alias = ENVM_STR_INIT("https://me:pw@mirror.example.org/t/TOK/x/")};
    struct envm_channel channel;

    (void)state;
    assert_int_equal(envm_channel_parse(&arena, ENVM_STR("https://u:p%40@h/t/SECRET/c"), &config,
                                        &channel, NULL),
                     ENVM_OK);
    assert_true(envm_str_equal_c(channel.user, "u"));
    assert_true(envm_str_equal_c(channel.password, "p@"));
    assert_true(envm_str_equal_c(channel.token, "SECRET"));
    assert_string_equal(channel.base_url.ptr, "https://h/c");
    assert_int_equal(envm_channel_parse(&arena, ENVM_STR("chan"), &own, &channel, NULL), ENVM_OK);
    assert_string_equal(channel.base_url.ptr, "https://mirror.example.org/x/chan");
    assert_string_equal(channel.name.ptr, "chan");
    assert_true(envm_str_equal_c(channel.token, "TOK"));
    assert_string_equal(envm_channel_subdir_url(&arena, &channel, ENVM_STR("noarch")).ptr,
                        "https://mirror.example.org/x/chan/noarch");
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {
        "",
        "  ",
        "defaults",
        "nodefaults",
        "C:\\chan",
        "C:/chan",
        "a\\b",
        "../../\\x",
        "a b",
        "a//b",
        ".hidden",
        "-x",
        "a/../b",
        "a/./b",
        "~other/x",
        "conda-forge[",
        "x[]",
        "x[bad]",
        "[noarch]",
        "ftp://h/c",
        "https://h/c?a=b",
        "https:///c",
        "\xC3\xA4",
        "a/-b",
        "x[linux-64]y",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_channel channel;
        struct envm_error err = {0};
        if (envm_channel_parse(&arena, envm_str_from(bad[i]), &config, &channel, &err) !=
            ENVM_USAGE)
            fail_msg("accepted: '%s'", bad[i]);
        assert_non_null(err.text);
        envm_error_release(&err);
    }
}

static void test_no_secret_in_messages(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_channel channel;
    struct envm_error err = {0};

    (void)state;
    assert_int_equal(envm_channel_parse(&arena, ENVM_STR("https://u:S3CRET@h/t/S3CRET/c?x=S3CRET"),
                                        &config, &channel, &err),
                     ENVM_USAGE);
    assert_null(strstr(err.text, "S3CRET"));
    envm_error_release(&err);
}

static void test_expand(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    static const envm_str texts[] = {
        ENVM_STR_INIT("conda-forge"),
        ENVM_STR_INIT("defaults"),
        ENVM_STR_INIT("https://conda.anaconda.org/conda-forge"),
        ENVM_STR_INIT("defaults"),
        ENVM_STR_INIT("pkgs/main"),
    };
    static const envm_str mine[] = {ENVM_STR_INIT("a"), ENVM_STR_INIT("conda-forge")};
    struct envm_channel_config own = config;
    struct envm_channel *channels;
    size_t count;

    (void)state;
    assert_int_equal(envm_channels_expand(&arena, (struct envm_str_list){texts, 5}, &config,
                                          &channels, &count, NULL),
                     ENVM_OK);
    assert_int_equal(count, 3);
    assert_string_equal(channels[0].name.ptr, "conda-forge");
    assert_string_equal(channels[1].name.ptr, "pkgs/main");
    assert_string_equal(channels[2].base_url.ptr, "https://repo.anaconda.com/pkgs/r");
    own.default_channels = (struct envm_str_list){mine, 2};
    assert_int_equal(envm_channels_expand(&arena, (struct envm_str_list){texts, 2}, &own, &channels,
                                          &count, NULL),
                     ENVM_OK);
    assert_int_equal(count, 2);
    assert_string_equal(channels[1].name.ptr, "a");
    assert_int_equal(envm_channels_expand(&arena, (struct envm_str_list){NULL, 0}, &own, &channels,
                                          &count, NULL),
                     ENVM_OK);
    assert_int_equal(count, 0);
}

static void test_name_matches(void **state)
{
    static const struct {
        const char *wanted, *channel;
        bool expected;
    } rows[] = {
        {"conda-forge", "conda-forge", true},
        {"Conda-Forge", "conda-forge", true},
        {"conda-forge", "bioconda", false},
        {"https://conda.anaconda.org/conda-forge", "conda-forge", true},
        {"conda-forge", "https://conda.anaconda.org/conda-forge/", true},
        {"http://conda.anaconda.org/conda-forge", "conda-forge", false},
        {"https://h/c", "https://h/c/", true},
        {"https://h/C", "https://h/c", false},
        {"defaults", "pkgs/main", true},
        {"defaults", "https://repo.anaconda.com/pkgs/r", true},
        {"defaults", "pkgs/free", false},
        {"defaults", "conda-forge", false},
        {"pkgs/main", "https://repo.anaconda.com/pkgs/main", true},
        {"conda-forge", "", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (envm_channel_name_matches(envm_str_from(rows[i].wanted),
                                      envm_str_from(rows[i].channel)) != rows[i].expected)
            fail_msg("%s and %s", rows[i].wanted, rows[i].channel);
}

static void test_platforms(void **state)
{
    (void)state;
    assert_true(envm_subdir_is_known(envm_platform_host()));
    assert_true(envm_subdir_is_valid(ENVM_STR("noarch")));
    assert_true(envm_subdir_is_valid(ENVM_STR("new-arch9")));
    assert_false(envm_subdir_is_valid(ENVM_STR("")));
    assert_false(envm_subdir_is_valid(ENVM_STR("linux")));
    assert_false(envm_subdir_is_valid(ENVM_STR("-64")));
    assert_false(envm_subdir_is_valid(ENVM_STR("linux-")));
    assert_false(envm_subdir_is_valid(ENVM_STR("linux-64-x")));
    assert_false(envm_subdir_is_valid(ENVM_STR("Linux-64")));
    assert_false(envm_subdir_is_valid(ENVM_STR("../x-64")));
    assert_false(envm_subdir_is_valid(ENVM_STR("aaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaaa")));
    assert_false(envm_subdir_is_known(ENVM_STR("new-arch9")));
    assert_true(envm_subdir_is_unix(ENVM_STR("osx-arm64")));
    assert_true(envm_subdir_is_unix(ENVM_STR("freebsd-64")));
    assert_false(envm_subdir_is_unix(ENVM_STR("win-64")));
    assert_true(envm_subdir_is_win(ENVM_STR("win-64")));
    assert_true(envm_str_equal_c(envm_subdir_arch(ENVM_STR("linux-aarch64")), "aarch64"));
    assert_int_equal(envm_subdir_arch(ENVM_STR("noarch")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),     cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_no_secret_in_messages),
        cmocka_unit_test(test_expand),    cmocka_unit_test(test_name_matches),
        cmocka_unit_test(test_platforms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include "conda/platform.h"
#include "host/host_cpu.h"
#include "host/host_cuda.h"
#include "host/host_libc.h"
#include "host/virtual_packages.h"

/* "name=version=build; …" or "error: TEXT". */
static envm_str packages_with(struct envm_arena *arena, const char *platform,
                              const char *const *environment, struct envm_str_list configured)
{
    struct envm_environ *env = envm_environ_from(arena, environment);
    struct envm_record_list list = {0};
    struct envm_error err = {0};
    envm_str text = ENVM_STR("");
    size_t i;

    if (envm_virtual_packages(arena, envm_str_from(platform), env, configured, &list, &err) !=
        ENVM_OK) {
        assert_int_equal(err.code, ENVM_USAGE);
        assert_non_null(err.hint);
        text = envm_arena_printf(arena, "error: %s", err.text);
        envm_error_release(&err);
        return text;
    }
    for (i = 0; i < list.count; i++) {
        const struct envm_package_record *record = list.items[i];
        assert_true(i == 0 || envm_str_compare(list.items[i - 1]->name, record->name) < 0);
        assert_true(envm_str_equal_c(record->subdir, platform));
        text = envm_arena_printf(arena, "%.*s%s%.*s=%.*s=%.*s", ENVM_STR_ARGS(text),
                                 i > 0 ? "; " : "", ENVM_STR_ARGS(record->name),
                                 ENVM_STR_ARGS(record->version), ENVM_STR_ARGS(record->build));
    }
    return envm_arena_str(arena, text);
}

static envm_str packages(struct envm_arena *arena, const char *platform,
                         const char *const *environment)
{
    return packages_with(arena, platform, environment, (struct envm_str_list){0});
}

static void test_configured(void **state)
{
    static const struct {
        const char *platform, *variable, *entry, *expected;
    } rows[] = {
        {"linux-s390x", NULL, "__glibc=2.17",
         "__archspec=0=s390x; __glibc=2.17=0; __linux=5.10=0; __unix=0=0"},
        {"linux-s390x", "CONDA_OVERRIDE_GLIBC=2.35", "__glibc=2.17",
         "__archspec=0=s390x; __glibc=2.35=0; __linux=5.10=0; __unix=0=0"},
        {"linux-s390x", NULL, "__osx=13.0",
         "__archspec=0=s390x; __glibc=2.28=0; __linux=5.10=0; __unix=0=0"},
        {"linux-s390x", NULL, "__cuda=12.4",
         "__archspec=0=s390x; __cuda=12.4=0; __glibc=2.28=0; __linux=5.10=0; __unix=0=0"},
        {"linux-s390x", "CONDA_OVERRIDE_CUDA=", "__cuda=12.4",
         "__archspec=0=s390x; __glibc=2.28=0; __linux=5.10=0; __unix=0=0"},
        {"linux-s390x", NULL, "__linux=six",
         "error: CONDA_OVERRIDE_LINUX is 'six', which is not two to four numbers such as 5.10"},
        {"linux-s390x", NULL, "glibc=2.17",
         "error: virtual_packages: \"glibc=2.17\" does not say which virtual package has which "
         "version"},
        {"linux-s390x", NULL, "__glib=2.17",
         "error: virtual_packages: \"__glib=2.17\" does not say which virtual package has which "
         "version"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        const char *environment[] = {rows[i].variable, NULL};
        envm_str entry = envm_str_from(rows[i].entry);
        envm_str text =
            packages_with(&arena, rows[i].platform, environment, (struct envm_str_list){&entry, 1});

        assert_string_equal(text.ptr, rows[i].expected);
    }
}

static void test_other_platforms(void **state)
{
    static const struct {
        const char *platform, *expected;
    } rows[] = {
        {"linux-s390x", "__archspec=0=s390x; __glibc=2.28=0; __linux=5.10=0; __unix=0=0"},
        {"linux-ppc64le", "__archspec=1=ppc64le; __glibc=2.28=0; __linux=5.10=0; __unix=0=0"},
        {"osx-64", "__archspec=1=x86_64; __osx=11.0=0; __unix=0=0"},
        {"osx-arm64", "__archspec=1=aarch64; __osx=11.0=0; __unix=0=0"},
        {"win-64", "__archspec=1=x86_64; __win=10.0.17763=0"},
        {"emscripten-wasm32", "__archspec=0=wasm32; __unix=0=0"},
        {"zos-z", "__archspec=0=z"},
    };
    static const char *const none[] = {NULL};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        assert_string_equal(packages(&arena, rows[i].platform, none).ptr, rows[i].expected);
    }
}

static void test_overrides(void **state)
{
    static const struct {
        const char *platform, *variables[4], *expected;
    } rows[] = {
        {"linux-s390x",
         {"CONDA_OVERRIDE_GLIBC=2.17", "CONDA_OVERRIDE_LINUX=4.18", "CONDA_OVERRIDE_UNIX=9", NULL},
         "__archspec=0=s390x; __glibc=2.17=0; __linux=4.18=0; __unix=0=0"},
        {"linux-s390x",
         {"CONDA_OVERRIDE_CUDA=12.4", "CONDA_OVERRIDE_OSX=12", "CONDA_OVERRIDE_WIN=10", NULL},
         "__archspec=0=s390x; __cuda=12.4=0; __glibc=2.28=0; __linux=5.10=0; __unix=0=0"},
        {"osx-64",
         {"CONDA_OVERRIDE_OSX=13.1", "CONDA_OVERRIDE_GLIBC=2.17", "CONDA_OVERRIDE_LINUX=x", NULL},
         "__archspec=1=x86_64; __osx=13.1=0; __unix=0=0"},
        {"win-64",
         {"CONDA_OVERRIDE_WIN=10.0.19045", "CONDA_OVERRIDE_ARCHSPEC=haswell", NULL},
         "__archspec=1=haswell; __win=10.0.19045=0"},
        {"win-64",
         {"CONDA_OVERRIDE_CUDA=12.4", "CONDA_OVERRIDE_CUDA_ARCH=8.6", NULL},
         "__archspec=1=x86_64; __cuda=12.4=0; __cuda_arch=8.6=0; __win=10.0.17763=0"},
        {"win-64",
         {"CONDA_OVERRIDE_CUDA=12.4", "CONDA_OVERRIDE_CUDA_ARCH=8.6=A100", NULL},
         "__archspec=1=x86_64; __cuda=12.4=0; __cuda_arch=8.6=A100; __win=10.0.17763=0"},
        {"win-64",
         {"CONDA_OVERRIDE_CUDA=", "CONDA_OVERRIDE_CUDA_ARCH=8.6", "CONDA_OVERRIDE_WIN=", NULL},
         "__archspec=1=x86_64; __win=10.0.17763=0"},
        {"win-64",
         {"CONDA_OVERRIDE_CUDA=1..2", NULL},
         "error: CONDA_OVERRIDE_CUDA is '1..2', which is not a version such as 12.4"},
        {"linux-s390x",
         {"CONDA_OVERRIDE_LINUX=5.10-generic", NULL},
         "error: CONDA_OVERRIDE_LINUX is '5.10-generic', which is not two to four numbers such as "
         "5.10"},
        {"linux-s390x",
         {"CONDA_OVERRIDE_GLIBC=/x", NULL},
         "error: CONDA_OVERRIDE_GLIBC is '/x', which is not a version such as 12.4"},
        {"win-64",
         {"CONDA_OVERRIDE_ARCHSPEC=a/b", NULL},
         "error: CONDA_OVERRIDE_ARCHSPEC is 'a/b', which is not a microarchitecture such as "
         "x86_64_v3"},
        {"win-64",
         {"CONDA_OVERRIDE_CUDA=12.4", "CONDA_OVERRIDE_CUDA_ARCH=sm_86", NULL},
         "error: CONDA_OVERRIDE_CUDA_ARCH is 'sm_86', which is not a compute capability such as "
         "8.6"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        assert_string_equal(packages(&arena, rows[i].platform, rows[i].variables).ptr,
                            rows[i].expected);
    }
}

static void test_host(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    static const char *const none[] = {NULL};
    static const char *const without_gpu[] = {"CONDA_OVERRIDE_CUDA=", NULL};
    envm_str host = envm_platform_host();
    envm_str detected = packages(&arena, host.ptr, none);
    envm_str plain = packages(&arena, host.ptr, without_gpu);

    (void)state;
    print_message("this machine: %s\n", detected.ptr);
    assert_true(envm_str_contains(detected, ENVM_STR("__unix=0=0")));
    assert_true(envm_str_starts_with(detected, ENVM_STR("__archspec=")));
    assert_false(envm_str_contains(plain, ENVM_STR("__cuda")));
    if (envm_subdir_is_linux(host)) {
        assert_true(envm_str_contains(detected, ENVM_STR("__linux=")));
        assert_true(envm_host_kernel(&arena).len >= 3);
    }
    if (envm_str_equal_c(host, "linux-64"))
        assert_true(envm_str_starts_with(envm_host_microarchitecture(), ENVM_STR("x86_64")));
}

static void test_parts(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_host_cuda cuda;

    (void)state;
    assert_string_equal(envm_host_leading_numbers(&arena, ENVM_STR("6.1.0-18-amd64"), 4).ptr,
                        "6.1.0");
    assert_string_equal(envm_host_leading_numbers(&arena, ENVM_STR("5.15.167.4-WSL2"), 4).ptr,
                        "5.15.167.4");
    assert_string_equal(envm_host_leading_numbers(&arena, ENVM_STR("2.36.1"), 2).ptr, "2.36");
    assert_string_equal(envm_host_leading_numbers(&arena, ENVM_STR("6.1."), 4).ptr, "6.1");
    assert_int_equal(envm_host_leading_numbers(&arena, ENVM_STR("6"), 4).len, 0);
    assert_int_equal(envm_host_leading_numbers(&arena, ENVM_STR("x.1"), 4).len, 0);

    cuda = envm_host_cuda_parse(&arena, ENVM_STR("12040\n806\nNVIDIA A10 (24 GB)\n"));
    assert_string_equal(cuda.version.ptr, "12.4");
    assert_string_equal(cuda.architecture.ptr, "8.6");
    assert_string_equal(cuda.device.ptr, "A1024GB");
    cuda = envm_host_cuda_parse(&arena, ENVM_STR("11080\n0\n\n"));
    assert_string_equal(cuda.version.ptr, "11.8");
    assert_int_equal(cuda.architecture.len, 0);
    assert_int_equal(envm_host_cuda_parse(&arena, ENVM_STR("")).version.len, 0);
    assert_int_equal(envm_host_cuda_parse(&arena, ENVM_STR("0\n0\n")).version.len, 0);
    assert_int_equal(envm_host_cuda_parse(&arena, ENVM_STR("-5\nx\n")).version.len, 0);
}

/* A machine with three devices, one of which answers nothing. */
static int fake_init(unsigned flags)
{
    return (int)flags;
}

static int fake_version(int *ret_version)
{
    *ret_version = 12040;
    return 0;
}

static int fake_count(int *ret_count)
{
    *ret_count = 3;
    return 0;
}

static int fake_device(int *ret_device, int index)
{
    *ret_device = index;
    return index == 1 ? 100 : 0;
}

static int fake_attribute(int *ret_value, int attribute, int device)
{
    *ret_value = attribute == 75 ? (device == 0 ? 9 : 8) : (device == 0 ? 0 : 6);
    return 0;
}

static int fake_name(char *ret_name, int size, int device)
{
    snprintf(ret_name, (size_t)size, "NVIDIA Device-%d", device);
    return 0;
}

static int fake_failure(int *ret_value)
{
    *ret_value = 0;
    return 1;
}

static void test_driver(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_cuda_driver driver = {fake_init,   fake_version,   fake_count,
                                      fake_device, fake_attribute, fake_name};
    struct envm_host_cuda cuda;
    char answer[256];
    size_t len = envm_host_cuda_ask(&driver, answer, sizeof(answer));

    (void)state;
    cuda = envm_host_cuda_parse(&arena, envm_str_n(answer, len));
    assert_string_equal(cuda.version.ptr, "12.4");
    assert_string_equal(cuda.architecture.ptr, "8.6");
    assert_string_equal(cuda.device.ptr, "Device2");
    driver.device_count = fake_failure;
    len = envm_host_cuda_ask(&driver, answer, sizeof(answer));
    cuda = envm_host_cuda_parse(&arena, envm_str_n(answer, len));
    assert_string_equal(cuda.version.ptr, "12.4");
    assert_int_equal(cuda.architecture.len, 0);
    driver.version = fake_failure;
    assert_int_equal(envm_host_cuda_ask(&driver, answer, sizeof(answer)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_platforms), cmocka_unit_test(test_configured),
        cmocka_unit_test(test_overrides),       cmocka_unit_test(test_host),
        cmocka_unit_test(test_parts),           cmocka_unit_test(test_driver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "host/virtual_packages.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "conda/archive_name.h"
#include "conda/platform.h"
#include "conda/version.h"
#include "host/host_cpu.h"
#include "host/host_cuda.h"
#include "host/host_libc.h"

/* For a platform that is not the host's; docs/internals/CONDA-CHOICES.md says why. */
#define DEFAULT_GLIBC "2.28"
#define DEFAULT_LINUX "5.10"
#define DEFAULT_OSX "11.0"
#define DEFAULT_WIN "10.0.17763"

#define PACKAGES_MAX 8
#define OVERRIDE "CONDA_OVERRIDE_"

struct collector {
    struct envm_arena *arena;
    envm_str platform;
    const struct envm_environ *environment;
    struct envm_str_list configured; /* "__cuda=12.4" */
    bool native;                     /* the platform is the host's: detect */
    const struct envm_package_record **records;
    size_t count;
    struct envm_error *err;
};

static void add(struct collector *c, const char *name, envm_str version, envm_str build)
{
    struct envm_package_record *record = envm_arena_new(c->arena, struct envm_package_record);

    record->name = envm_str_from(name);
    record->version = version;
    record->build = build;
    record->subdir = c->platform;
    c->records[c->count++] = record;
}

/* "__cuda=12.4" and "CONDA_OVERRIDE_CUDA" mean one package. */
static bool is_configured_name(envm_str entry, const char *variable)
{
    size_t equal = envm_str_find_char(entry, '=');
    envm_str name = envm_str_slice(entry, 0, equal);
    envm_str wanted = envm_str_skip(envm_str_from(variable), strlen(OVERRIDE));

    return equal != SIZE_MAX && envm_str_starts_with(name, ENVM_STR("__")) &&
           envm_str_equal_nocase(envm_str_skip(name, 2), wanted);
}

/* The value of an override; false when it is not set. A variable is nearer than the configuration,
 * and of that the first entry counts, which is the user's. */
static bool override_of(const struct collector *c, const char *variable, envm_str *ret_value)
{
    const char *value = envm_environ_get(c->environment, variable);

    *ret_value =
        value ? envm_arena_str(c->arena, envm_str_trim(envm_str_from(value))) : (envm_str){"", 0};
    for (size_t i = 0; !value && i < c->configured.count; i++) {
        if (!is_configured_name(c->configured.items[i], variable))
            continue;
        envm_str entry = c->configured.items[i];
        *ret_value = envm_arena_str(
            c->arena, envm_str_trim(envm_str_skip(entry, envm_str_find_char(entry, '=') + 1)));
        return true;
    }
    return value != NULL;
}

/* A misspelt entry would have no effect, and nobody would know. */
static enum envm_code check_configured(struct collector *c)
{
    static const char *const known[] = {OVERRIDE "ARCHSPEC", OVERRIDE "CUDA",  OVERRIDE "CUDA_ARCH",
                                        OVERRIDE "GLIBC",    OVERRIDE "LINUX", OVERRIDE "OSX",
                                        OVERRIDE "WIN"};

    for (size_t i = 0; i < c->configured.count; i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
        size_t k = 0;

        while (k < sizeof(known) / sizeof(*known) &&
               !is_configured_name(c->configured.items[i], known[k]))
            k++;
        if (k < sizeof(known) / sizeof(*known))
            continue;
        envm_buf_add_escaped(&shown, c->configured.items[i], 80);
        (void)envm_fail(c->err, ENVM_USAGE,
                        "virtual_packages: \"%s\" does not say which virtual package has which "
                        "version",
                        envm_buf_str(&shown).ptr);
        return envm_error_hint(c->err, ENVM_USAGE,
                               "write for example __glibc=2.17, __cuda=12.4 or __cuda= for none; "
                               "the names are __archspec, __cuda, __cuda_arch, __glibc, __linux, "
                               "__osx and __win");
    }
    return ENVM_OK;
}

static enum envm_code bad_override(struct collector *c, const char *variable, envm_str value,
                                   const char *wanted)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    enum envm_code code;

    envm_buf_add_escaped(&shown, value, 80);
    code = envm_fail(c->err, ENVM_USAGE, "%s is '%s', which is not %s", variable,
                     envm_buf_str(&shown).ptr, wanted);
    return envm_error_hint(c->err, code,
                           "unset %s to use what the machine offers, or mend the entry of "
                           "virtual_packages in the configuration",
                           variable);
}

static bool is_version(const struct collector *c, envm_str text)
{
    const struct envm_version *version;

    return envm_version_text_is_safe(text) &&
           envm_version_parse(c->arena, text, &version, NULL) == ENVM_OK;
}

/* *ret_version is the override when there is a usable one, else `otherwise`. */
static enum envm_code version_of(struct collector *c, const char *variable, envm_str otherwise,
                                 envm_str *ret_version)
{
    envm_str value;

    *ret_version = otherwise;
    if (!override_of(c, variable, &value) || value.len == 0)
        return ENVM_OK;
    if (!is_version(c, value))
        return bad_override(c, variable, value, "a version such as 12.4");
    *ret_version = value;
    return ENVM_OK;
}

static enum envm_code add_archspec(struct collector *c)
{
    envm_str name =
        c->native ? envm_host_microarchitecture() : envm_platform_microarchitecture(c->platform);
    envm_str value, version = ENVM_STR("1");

    if (override_of(c, "CONDA_OVERRIDE_ARCHSPEC", &value) && value.len > 0) {
        if (!envm_build_is_valid(value))
            return bad_override(c, "CONDA_OVERRIDE_ARCHSPEC", value,
                                "a microarchitecture such as x86_64_v3");
        name = value;
    }
    if (name.len == 0) {
        name = envm_subdir_arch(c->platform);
        version = ENVM_STR("0");
    }
    add(c, "__archspec", version, name);
    return ENVM_OK;
}

/* "8.6" or "8.6=BUILD" */
static enum envm_code add_cuda_arch(struct collector *c, const struct envm_host_cuda *cuda)
{
    const char *variable = "CONDA_OVERRIDE_CUDA_ARCH";
    envm_str version = cuda->architecture, build = cuda->device, value;
    size_t equal;

    if (override_of(c, variable, &value)) {
        equal = envm_str_find_char(value, '=');
        version = equal == SIZE_MAX ? value : envm_str_slice(value, 0, equal);
        build = equal == SIZE_MAX ? ENVM_STR("0") : envm_str_skip(value, equal + 1);
        if (value.len > 0 &&
            (!envm_str_equal(envm_host_leading_numbers(c->arena, version, 2), version) ||
             version.len == 0 || !envm_build_is_valid(build)))
            return bad_override(c, variable, value, "a compute capability such as 8.6");
    }
    if (version.len > 0)
        add(c, "__cuda_arch", version, build);
    return ENVM_OK;
}

/* An empty override removes the package, as in conda: how to solve for machines without a GPU. */
static enum envm_code add_cuda(struct collector *c)
{
    struct envm_host_cuda cuda = {{"", 0}, {"", 0}, {"", 0}};
    envm_str value, version;
    bool overridden = override_of(c, "CONDA_OVERRIDE_CUDA", &value);

    if (overridden && value.len == 0)
        return ENVM_OK;
    if (c->native)
        cuda = envm_host_cuda_detect(c->arena);
    ENVM_TRY(version_of(c, "CONDA_OVERRIDE_CUDA", cuda.version, &version));
    if (version.len == 0)
        return ENVM_OK;
    add(c, "__cuda", version, ENVM_STR("0"));
    return add_cuda_arch(c, &cuda);
}

static enum envm_code add_glibc(struct collector *c)
{
    envm_str version = ENVM_STR(DEFAULT_GLIBC);

    if (!envm_subdir_is_linux(c->platform))
        return ENVM_OK;
    if (c->native)
        version = envm_host_glibc(c->arena);
    ENVM_TRY(version_of(c, "CONDA_OVERRIDE_GLIBC", version, &version));
    /* Another C library: there is no __glibc unless somebody says so. */
    if (version.len > 0)
        add(c, "__glibc", version, ENVM_STR("0"));
    return ENVM_OK;
}

static enum envm_code add_linux(struct collector *c)
{
    envm_str version = {"", 0}, value;

    if (!envm_subdir_is_linux(c->platform))
        return ENVM_OK;
    if (c->native)
        version = envm_host_kernel(c->arena);
    if (version.len == 0)
        version = ENVM_STR(DEFAULT_LINUX);
    if (override_of(c, "CONDA_OVERRIDE_LINUX", &value) && value.len > 0) {
        if (!envm_str_equal(envm_host_leading_numbers(c->arena, value, 4), value))
            return bad_override(c, "CONDA_OVERRIDE_LINUX", value,
                                "two to four numbers such as 5.10");
        version = value;
    }
    add(c, "__linux", version, ENVM_STR("0"));
    return ENVM_OK;
}

static enum envm_code add_osx(struct collector *c)
{
    envm_str version;

    if (!envm_subdir_is_osx(c->platform))
        return ENVM_OK;
    ENVM_TRY(version_of(c, "CONDA_OVERRIDE_OSX", ENVM_STR(DEFAULT_OSX), &version));
    add(c, "__osx", version, ENVM_STR("0"));
    return ENVM_OK;
}

static enum envm_code add_win(struct collector *c)
{
    envm_str version;

    if (!envm_subdir_is_win(c->platform))
        return ENVM_OK;
    ENVM_TRY(version_of(c, "CONDA_OVERRIDE_WIN", ENVM_STR(DEFAULT_WIN), &version));
    add(c, "__win", version, ENVM_STR("0"));
    return ENVM_OK;
}

enum envm_code envm_virtual_packages(struct envm_arena *arena, envm_str platform,
                                     const struct envm_environ *environment,
                                     struct envm_str_list configured,
                                     struct envm_record_list *ret_records, struct envm_error *err)
{
    struct collector c = {.arena = arena,
                          .platform = envm_arena_str(arena, platform),
                          .environment = environment,
                          .configured = configured,
                          .native = envm_str_equal(platform, envm_platform_host()),
                          .err = err};

    ENVM_TRY(check_configured(&c));
    c.records = envm_arena_new_array(arena, const struct envm_package_record *, PACKAGES_MAX);
    /* In the order of their names. */
    ENVM_TRY(add_archspec(&c));
    ENVM_TRY(add_cuda(&c));
    ENVM_TRY(add_glibc(&c));
    ENVM_TRY(add_linux(&c));
    ENVM_TRY(add_osx(&c));
    if (envm_subdir_is_unix(platform))
        add(&c, "__unix", ENVM_STR("0"), ENVM_STR("0"));
    ENVM_TRY(add_win(&c));
    *ret_records = (struct envm_record_list){c.records, c.count};
    return ENVM_OK;
}

/* SPDX-License-Identifier: MIT */
#include "conda/platform.h"

#define SUBDIR_LENGTH_MAX 32

#if defined(__linux__)
#define HOST_OS "linux"
#elif defined(__APPLE__)
#define HOST_OS "osx"
#elif defined(__FreeBSD__)
#define HOST_OS "freebsd"
#else
#error "envm does not know the conda name of this operating system"
#endif

#if defined(__x86_64__)
#define HOST_ARCH "64"
#elif defined(__i386__)
#define HOST_ARCH "32"
#elif defined(__aarch64__) && defined(__APPLE__)
#define HOST_ARCH "arm64"
#elif defined(__aarch64__)
#define HOST_ARCH "aarch64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define HOST_ARCH "ppc64le"
#elif defined(__powerpc64__)
#define HOST_ARCH "ppc64"
#elif defined(__s390x__)
#define HOST_ARCH "s390x"
#elif defined(__riscv) && __riscv_xlen == 64
#define HOST_ARCH "riscv64"
#elif defined(__arm__) && defined(__ARM_ARCH) && __ARM_ARCH >= 7
#define HOST_ARCH "armv7l"
#elif defined(__arm__)
#define HOST_ARCH "armv6l"
#else
#error "envm does not know the conda name of this processor"
#endif

/* conda/base/constants.py KNOWN_SUBDIRS; sorted. */
static const envm_str known_subdirs[] = {
    ENVM_STR_INIT("emscripten-wasm32"),
    ENVM_STR_INIT("freebsd-64"),
    ENVM_STR_INIT("linux-32"),
    ENVM_STR_INIT("linux-64"),
    ENVM_STR_INIT("linux-aarch64"),
    ENVM_STR_INIT("linux-armv6l"),
    ENVM_STR_INIT("linux-armv7l"),
    ENVM_STR_INIT("linux-ppc64"),
    ENVM_STR_INIT("linux-ppc64le"),
    ENVM_STR_INIT("linux-riscv64"),
    ENVM_STR_INIT("linux-s390x"),
    ENVM_STR_INIT("noarch"),
    ENVM_STR_INIT("osx-64"),
    ENVM_STR_INIT("osx-arm64"),
    ENVM_STR_INIT("wasi-wasm32"),
    ENVM_STR_INIT("win-32"),
    ENVM_STR_INIT("win-64"),
    ENVM_STR_INIT("win-arm64"),
    ENVM_STR_INIT("zos-z"),
};

struct envm_str_list envm_subdirs_known(void)
{
    return (struct envm_str_list){known_subdirs, sizeof(known_subdirs) / sizeof(*known_subdirs)};
}

envm_str envm_platform_host(void)
{
    return ENVM_STR(HOST_OS "-" HOST_ARCH);
}

static bool is_lower_alnum(char c)
{
    return envm_is_digit(c) || (c >= 'a' && c <= 'z');
}

bool envm_subdir_is_valid(envm_str subdir)
{
    size_t dash = envm_str_find_char(subdir, '-');
    size_t i;

    if (envm_str_equal_c(subdir, "noarch"))
        return true;
    if (subdir.len > SUBDIR_LENGTH_MAX || dash == SIZE_MAX || dash == 0 || dash + 1 == subdir.len)
        return false;
    for (i = 0; i < subdir.len; i++)
        if (i != dash && !is_lower_alnum(subdir.ptr[i]))
            return false;
    return true;
}

bool envm_subdir_is_known(envm_str subdir)
{
    size_t i;

    for (i = 0; i < sizeof(known_subdirs) / sizeof(known_subdirs[0]); i++)
        if (envm_str_equal(subdir, known_subdirs[i]))
            return true;
    return false;
}

bool envm_subdir_is_linux(envm_str subdir)
{
    return envm_str_starts_with(subdir, ENVM_STR("linux-"));
}

bool envm_subdir_is_osx(envm_str subdir)
{
    return envm_str_starts_with(subdir, ENVM_STR("osx-"));
}

bool envm_subdir_is_win(envm_str subdir)
{
    return envm_str_starts_with(subdir, ENVM_STR("win-"));
}

bool envm_subdir_is_unix(envm_str subdir)
{
    return envm_subdir_is_linux(subdir) || envm_subdir_is_osx(subdir) ||
           envm_str_starts_with(subdir, ENVM_STR("freebsd-")) ||
           envm_str_starts_with(subdir, ENVM_STR("emscripten-"));
}

envm_str envm_subdir_arch(envm_str subdir)
{
    size_t dash = envm_str_find_char(subdir, '-');

    return dash == SIZE_MAX ? (envm_str){"", 0} : envm_str_skip(subdir, dash + 1);
}

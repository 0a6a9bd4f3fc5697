/* SPDX-License-Identifier: MIT */
#include "host/host_libc.h"

#include <sys/utsname.h>

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "base/str.h"

envm_str envm_host_leading_numbers(struct envm_arena *arena, envm_str text, unsigned parts)
{
    size_t at = 0, end = 0;
    unsigned count = 0;

    while (count < parts) {
        size_t start = at;
        while (at < text.len && envm_is_digit(text.ptr[at]))
            at++;
        if (at == start)
            break;
        count++;
        end = at;
        if (at == text.len || text.ptr[at] != '.')
            break;
        at++;
    }
    return count < 2 ? (envm_str){"", 0} : envm_arena_str(arena, envm_str_slice(text, 0, end));
}

envm_str envm_host_glibc(struct envm_arena *arena)
{
#if defined(__GLIBC__)
    return envm_host_leading_numbers(arena, envm_str_from(gnu_get_libc_version()), 2);
#else
    (void)arena;
    return (envm_str){"", 0};
#endif
}

envm_str envm_host_kernel(struct envm_arena *arena)
{
    struct utsname name;

    if (uname(&name) != 0)
        return (envm_str){"", 0};
    return envm_host_leading_numbers(arena, envm_str_from(name.release), 4);
}

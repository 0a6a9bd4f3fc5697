/* SPDX-License-Identifier: MIT */
#include "host/host_cpu.h"

#include "conda/platform.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Bits of CPUID that make up the levels of the x86-64 psABI. */
#define LEAF1_ECX_V2                                                                               \
    (1u << 0 /* sse3 */ | 1u << 9 /* ssse3 */ | 1u << 13 /* cx16 */ | 1u << 19 /* sse4.1 */ |      \
     1u << 20 /* sse4.2 */ | 1u << 23 /* popcnt */)
#define LEAF1_ECX_V3                                                                               \
    (1u << 12 /* fma */ | 1u << 22 /* movbe */ | 1u << 27 /* osxsave */ | 1u << 28 /* avx */ |     \
     1u << 29 /* f16c */)
#define LEAF7_EBX_V3 (1u << 3 /* bmi1 */ | 1u << 5 /* avx2 */ | 1u << 8 /* bmi2 */)
#define LEAF7_EBX_V4                                                                               \
    (1u << 16 /* avx512f */ | 1u << 17 /* avx512dq */ | 1u << 28 /* avx512cd */ |                  \
     1u << 30 /* avx512bw */ | 1u << 31 /* avx512vl */)
#define EXTENDED_ECX_V2 (1u << 0 /* lahf */)
#define EXTENDED_ECX_V3 (1u << 5 /* lzcnt */)
/* What the system saves on a context switch: SSE and AVX, then also the AVX-512 registers. */
#define XCR0_AVX 0x06u
#define XCR0_AVX512 0xe6u

static unsigned saved_registers(void)
{
    unsigned low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has_all(unsigned value, unsigned bits)
{
    return (value & bits) == bits;
}

envm_str envm_host_microarchitecture(void)
{
    unsigned eax, ebx, ecx, edx, leaf1 = 0, leaf7 = 0, extended = 0, saved = 0;

    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        leaf1 = ecx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        leaf7 = ebx;
    if (__get_cpuid(0x80000001u, &eax, &ebx, &ecx, &edx))
        extended = ecx;
    if (!has_all(leaf1, LEAF1_ECX_V2) || !has_all(extended, EXTENDED_ECX_V2))
        return ENVM_STR("x86_64");
    if (!has_all(leaf1, LEAF1_ECX_V3) || !has_all(leaf7, LEAF7_EBX_V3) ||
        !has_all(extended, EXTENDED_ECX_V3))
        return ENVM_STR("x86_64_v2");
    saved = saved_registers();
    if (!has_all(saved, XCR0_AVX))
        return ENVM_STR("x86_64_v2");
    if (!has_all(leaf7, LEAF7_EBX_V4) || !has_all(saved, XCR0_AVX512))
        return ENVM_STR("x86_64_v3");
    return ENVM_STR("x86_64_v4");
}
#else
envm_str envm_host_microarchitecture(void)
{
    return envm_platform_microarchitecture(envm_platform_host());
}
#endif

envm_str envm_platform_microarchitecture(envm_str platform)
{
    static const struct {
        envm_str arch, name;
    } table[] = {
        {ENVM_STR_INIT("32"), ENVM_STR_INIT("x86")},
        {ENVM_STR_INIT("64"), ENVM_STR_INIT("x86_64")},
        {ENVM_STR_INIT("aarch64"), ENVM_STR_INIT("aarch64")},
        {ENVM_STR_INIT("arm64"), ENVM_STR_INIT("aarch64")},
        {ENVM_STR_INIT("ppc64"), ENVM_STR_INIT("ppc64")},
        {ENVM_STR_INIT("ppc64le"), ENVM_STR_INIT("ppc64le")},
        {ENVM_STR_INIT("riscv64"), ENVM_STR_INIT("riscv64")},
    };
    envm_str arch = envm_subdir_arch(platform);
    size_t i;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (envm_str_equal(arch, table[i].arch))
            return table[i].name;
    return (envm_str){"", 0};
}

/* SPDX-License-Identifier: MIT */
#include "host/host_cuda.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "sys/process.h"

#define TIMEOUT_MS 1000
#define ANSWER_MAX 1024
#define DEVICE_NAME_MAX 64
/* CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the driver's interface. */
#define CAPABILITY_MAJOR 75
#define CAPABILITY_MINOR 76

/* A function pointer cannot be converted from void * in ISO C; its bytes can be copied. */
static bool find(void *library, const char *symbol, void *ret_function)
{
    void *address = dlsym(library, symbol);

    memcpy(ret_function, &address, sizeof(address));
    return address != NULL;
}

static bool load_driver(struct envm_cuda_driver *driver)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

    return library && find(library, "cuInit", &driver->init) &&
           find(library, "cuDriverGetVersion", &driver->version) &&
           find(library, "cuDeviceGetCount", &driver->device_count) &&
           find(library, "cuDeviceGet", &driver->device) &&
           find(library, "cuDeviceGetAttribute", &driver->attribute) &&
           find(library, "cuDeviceGetName", &driver->device_name);
}

/* major * 100 + minor of the least able device, 0 when there is none. */
static int lowest_capability(const struct envm_cuda_driver *driver, char name[128])
{
    int count = 0, lowest = 0, i;

    if (driver->init(0) != 0 || driver->device_count(&count) != 0)
        return 0;
    for (i = 0; i < count; i++) {
        int device, major, minor;
        if (driver->device(&device, i) != 0 ||
            driver->attribute(&major, CAPABILITY_MAJOR, device) != 0 ||
            driver->attribute(&minor, CAPABILITY_MINOR, device) != 0)
            continue;
        if (lowest != 0 && major * 100 + minor >= lowest)
            continue;
        lowest = major * 100 + minor;
        if (driver->device_name(name, 127, device) != 0)
            name[0] = '\0';
    }
    return lowest;
}

size_t envm_host_cuda_ask(const struct envm_cuda_driver *driver, char *answer, size_t size)
{
    char name[128] = "";
    int version = 0, capability, len;

    if (driver->version(&version) != 0)
        return 0;
    capability = lowest_capability(driver, name);
    len = snprintf(answer, size, "%d\n%d\n%s\n", version, capability, name);
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

static void ask_driver(void *argument, int fd)
{
    struct envm_cuda_driver driver;
    char answer[256];
    size_t len;

    (void)argument;
    if (!load_driver(&driver))
        return;
    len = envm_host_cuda_ask(&driver, answer, sizeof(answer));
    /* A failed write leaves no answer, which says "no CUDA". */
    if (len > 0 && write(fd, answer, len) < 0)
        return;
}

/* Letters and digits, without the maker's name (CEP 30). */
static envm_str clean_name(struct envm_arena *arena, envm_str name)
{
    char *out = envm_arena_alloc(arena, name.len + 1);
    size_t len = 0, i = 0;
    envm_str maker = ENVM_STR("NVIDIA");

    while (i < name.len && len < DEVICE_NAME_MAX) {
        if (envm_str_starts_with(envm_str_skip(name, i), maker)) {
            i += maker.len;
            continue;
        }
        if (envm_is_alnum(name.ptr[i]))
            out[len++] = name.ptr[i];
        i++;
    }
    return envm_str_n(out, len);
}

struct envm_host_cuda envm_host_cuda_parse(struct envm_arena *arena, envm_str answer)
{
    struct envm_host_cuda cuda = {{"", 0}, {"", 0}, {"", 0}};
    envm_str version_text, capability_text, name = {"", 0};
    uint64_t version, capability;

    if (!envm_str_split_next(&answer, '\n', &version_text) ||
        !envm_str_split_next(&answer, '\n', &capability_text) ||
        !envm_str_parse_u64(version_text, &version) || version < 1000 ||
        !envm_str_parse_u64(capability_text, &capability))
        return cuda;
    cuda.version =
        envm_arena_printf(arena, "%" PRIu64 ".%" PRIu64, version / 1000, version % 1000 / 10);
    if (capability < 100)
        return cuda;
    cuda.architecture =
        envm_arena_printf(arena, "%" PRIu64 ".%" PRIu64, capability / 100, capability % 100);
    envm_str_split_next(&answer, '\n', &name);
    cuda.device = clean_name(arena, name);
    if (cuda.device.len == 0)
        cuda.device = ENVM_STR("0");
    return cuda;
}

struct envm_host_cuda envm_host_cuda_detect(struct envm_arena *arena)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf answer = envm_buf_limit(ANSWER_MAX);
    struct envm_fork_limits limits = {.timeout_ms = TIMEOUT_MS};
    enum envm_fork_end end = ENVM_FORK_DIED;

    if (envm_process_fork_work(ask_driver, NULL, &limits, &answer, &end, NULL) != ENVM_OK)
        return (struct envm_host_cuda){{"", 0}, {"", 0}, {"", 0}};
    return envm_host_cuda_parse(arena, envm_buf_str(&answer));
}

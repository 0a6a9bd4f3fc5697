/* SPDX-License-Identifier: MIT */
#include "txn/script_run.h"

#include <limits.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "sys/clock.h"
#include "sys/fence.h"

#define MESSAGES_MAX ((size_t)64 << 10)
#define LINE_MAX_BYTES 500
#define TAIL_BYTES 8192
#define TAIL_LINES 20
#define FILE_BYTES_MAX ((uint64_t)16 << 30)
#define PROCESSES_MAX 256
#define FILES_MAX 1024
#define SYSTEM_PATH "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

/* --- before ------------------------------------------------------------------------------- */

static enum envm_code check_script(const struct envm_script_place *place,
                                   const struct envm_sha256 *expected,
                                   const struct envm_script_report *script, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_sha256 actual = {0};
    struct envm_relpath path;

    ENVM_TRY(envm_relpath_parse(&arena, script->file, &path, err));
    ENVM_TRY(envm_fs_open_read(place->prefix_fd, path, &fd, err));
    ENVM_TRY(envm_sha256_of_fd(fd, path.s.ptr, &actual, NULL, err));
    if (envm_sha256_equal(&actual, expected))
        return ENVM_OK;
    (void)envm_fail(err, ENVM_INTEGRITY, "it is not what the package brought any more");
    return envm_error_hint(err, ENVM_INTEGRITY,
                           "`envm repair` puts it back; --no-run-scripts goes on without it");
}

struct texts {
    struct envm_arena *arena;
    const char *items[40];
    size_t count;
};

static void set(struct texts *texts, const char *name, envm_str value)
{
    texts->items[texts->count++] =
        envm_arena_printf(texts->arena, "%s=%.*s", name, ENVM_STR_ARGS(value)).ptr;
}

/* CEP 34, and what programs expect of any environment. Nothing of the user's. */
static void fill_environment(struct texts *texts, const struct envm_script_place *place,
                             const struct envm_package_record *record)
{
    struct envm_arena *arena = texts->arena;
    envm_str tmp = envm_arena_printf(arena, "%.*s/tmp", ENVM_STR_ARGS(place->home));

    set(texts, "PREFIX", place->prefix);
    set(texts, "ROOT_PREFIX", ENVM_STR(""));
    set(texts, "SOURCE_DIR", place->prefix);
    set(texts, "CONDA_PREFIX", place->prefix);
    set(texts, "PKG_NAME", record->name);
    set(texts, "PKG_VERSION", record->version);
    set(texts, "PKG_BUILDNUM",
        envm_arena_printf(arena, "%llu", (unsigned long long)record->build_number));
    set(texts, "PATH",
        envm_arena_printf(arena, "%.*s/bin:%s", ENVM_STR_ARGS(place->prefix), SYSTEM_PATH));
    set(texts, "HOME", envm_arena_printf(arena, "%.*s/home", ENVM_STR_ARGS(place->home)));
    set(texts, "TMPDIR", tmp);
    set(texts, "TMP", tmp);
    set(texts, "TEMP", tmp);
    set(texts, "LC_ALL", ENVM_STR("C.UTF-8"));
    /* Compiled Python holds times: it would differ with each rebuild. */
    set(texts, "PYTHONDONTWRITEBYTECODE", ENVM_STR("1"));
}

/* The proxies of the user: without them a network that was agreed to may be none. */
static void add_network(struct texts *texts, struct envm_str_list variables)
{
    size_t room = sizeof(texts->items) / sizeof(*texts->items) - texts->count - 1;

    for (size_t i = 0; i < variables.count && i < room; i++)
        texts->items[texts->count++] = envm_cstr(texts->arena, variables.items[i]);
}

static const char *const *readable_paths(struct envm_arena *arena, const char *prefix)
{
    const char *const *system = envm_fence_system_paths();
    const char **paths;
    size_t count = 0;

    while (system[count])
        count++;
    paths = envm_arena_new_array(arena, const char *, count + 2);
    for (size_t i = 0; i < count; i++)
        paths[i] = system[i];
    paths[count] = prefix;
    paths[count + 1] = NULL;
    return paths;
}

/* --- after -------------------------------------------------------------------------------- */

static const char *skip_lines(envm_str text, size_t keep)
{
    const char *at = text.ptr + text.len;
    size_t lines = 0;

    for (; at > text.ptr; at--) {
        if (at[-1] == '\n' && at < text.ptr + text.len && ++lines == keep)
            break;
    }
    return at;
}

/* The last lines, one warning each; the program's output is foreign text. */
static void tell_output(const struct envm_script_place *place,
                        const struct envm_script_report *script, envm_str output)
{
    const char *start = output.len > 0 ? skip_lines(output, TAIL_LINES) : output.ptr;
    envm_str rest = envm_str_n(start, output.len - (size_t)(start - output.ptr));
    envm_str line;

    while (rest.len > 0 && envm_str_split_next(&rest, '\n', &line)) {
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        envm_buf_add_escaped(&shown, line, LINE_MAX_BYTES);
        envm_sink_warn(place->sink, "%.*s: %s", ENVM_STR_ARGS(script->package),
                       envm_buf_str(&shown).ptr);
    }
}

static enum envm_code judge(const struct envm_fence_result *result, unsigned timeout_s,
                            struct envm_error *err)
{
    switch (result->end) {
    case ENVM_FENCE_EXITED:
        return result->status == 0
                   ? ENVM_OK
                   : envm_fail(err, ENVM_IO, "it ended with status %d", result->status);
    case ENVM_FENCE_SIGNALLED:
        return envm_fail(err, ENVM_IO, "it was ended by signal %d", result->status);
    case ENVM_FENCE_WALL_LIMIT:
        return envm_fail(err, ENVM_IO, "it took longer than %u s (link_script_timeout_secs)",
                         timeout_s);
    case ENVM_FENCE_CPU_LIMIT:
        return envm_fail(err, ENVM_IO, "it needed more than %u s of a processor", timeout_s);
    case ENVM_FENCE_FILE_LIMIT:
        return envm_fail(err, ENVM_IO, "it wrote a file of more than %llu GB",
                         (unsigned long long)(FILE_BYTES_MAX >> 30));
    case ENVM_FENCE_PROCESS_LIMIT:
        break;
    }
    return envm_fail(err, ENVM_IO, "it started more than %d processes", PROCESSES_MAX);
}

/* Foreign text: bounded, and line by line escaped. A link or a pipe is not read. */
static void take_messages(const struct envm_script_place *place, struct envm_buf *messages)
{
    static const struct envm_relpath path = {ENVM_STR_INIT(ENVM_SCRIPT_MESSAGES)};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(MESSAGES_MAX);
    ENVM_CLEANUP(envm_fd) int fd = -1;
    envm_str rest;
    envm_str line;
    bool end = false;

    if (envm_fs_open_read(place->prefix_fd, path, &fd, NULL) == ENVM_OK)
        (void)envm_fs_read_part(fd, path.s.ptr, MESSAGES_MAX - 1, &text, &end, NULL);
    rest = envm_buf_str(&text);
    while (rest.len > 0 && envm_str_split_next(&rest, '\n', &line)) {
        if (messages->len + 4 * LINE_MAX_BYTES > MESSAGES_MAX)
            break;
        envm_buf_add_escaped(messages, line, LINE_MAX_BYTES);
        envm_buf_add_byte(messages, '\n');
    }
    /* Nothing there is no failure; a folder is found by the look at what the script has left. */
    (void)envm_fs_unlink(place->prefix_fd, path, NULL);
}

static unsigned wall_ms(unsigned seconds)
{
    return seconds > UINT_MAX / 1000 ? UINT_MAX : seconds * 1000;
}

static bool is_cancelled(void *user)
{
    return envm_sink_cancelled(user);
}

static enum envm_code run(const struct envm_script_place *place,
                          const struct envm_package_record *record,
                          struct envm_script_report *script, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fence_result) struct envm_fence_result result = {0};
    struct texts environment = {.arena = &arena};
    const char *prefix = envm_cstr(&arena, place->prefix);
    const char *path =
        envm_arena_printf(&arena, "%s/%.*s", prefix, ENVM_STR_ARGS(script->file)).ptr;
    const char *const argv[] = {
        envm_fs_user_kind("/bin/bash") == ENVM_FS_FILE ? "/bin/bash" : "/bin/sh", path, NULL};
    const char *const writable[] = {prefix, envm_cstr(&arena, place->home), NULL};
    struct envm_fence_job job = {
        .argv = argv,
        .environment = environment.items,
        .directory = prefix,
        .readable = readable_paths(&arena, prefix),
        .writable = writable,
        .network = script->network,
        .limits = {.wall_ms = wall_ms(place->timeout_s),
                   .cpu_seconds = place->timeout_s,
                   .file_bytes = FILE_BYTES_MAX,
                   .processes = PROCESSES_MAX,
                   .open_files = FILES_MAX},
        .keep_output = TAIL_BYTES,
        .cancelled = is_cancelled,
        .user = (void *)(uintptr_t)place->sink,
    };
    uint64_t start = envm_clock_monotonic_ms();
    enum envm_code code;

    fill_environment(&environment, place, record);
    if (script->network)
        add_network(&environment, place->network_variables);
    code = envm_fence_run(&job, &result, err);
    if (code != ENVM_OK)
        return code;
    script->milliseconds = envm_clock_monotonic_ms() - start;
    code = judge(&result, place->timeout_s, err);
    if (code != ENVM_OK)
        tell_output(place, script, envm_buf_str(&result.output));
    return code;
}

enum envm_code envm_script_run(const struct envm_script_place *place,
                               const struct envm_package_record *record,
                               const struct envm_sha256 *expected,
                               struct envm_script_report *script, struct envm_buf *messages,
                               struct envm_error *err)
{
    enum envm_code code = check_script(place, expected, script, err);

    if (code == ENVM_OK)
        code = run(place, record, script, err);
    take_messages(place, messages);
    if (code == ENVM_OK || code == ENVM_INTERRUPTED)
        return code;
    code = envm_wrap(err, code, "the script '%.*s' of %.*s", ENVM_STR_ARGS(script->file),
                     ENVM_STR_ARGS(record->name));
    return envm_error_hint(err, code,
                           "nothing was changed; --no-run-scripts goes on without scripts");
}

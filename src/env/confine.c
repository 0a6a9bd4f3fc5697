/* SPDX-License-Identifier: MIT */
#include "env/confine.h"

#include <errno.h>

#include "base/error.h"
#include "base/str.h"
#include "conda/platform.h"
#include "env/environments.h"
#include "env/resolve.h"
#include "sys/fs.h"
#include "sys/landlock.h"

static const struct envm_landlock_policy policy = {0};

struct confining {
    struct envm_context *context;
    int ruleset;
    int abi;
    envm_str allowed; /* for the log */
    bool failed;
};

/* A place that cannot be looked at cannot be changed either, so it needs no rule. */
static bool is_unreachable(int cause)
{
    return cause == ENOENT || cause == ENOTDIR || cause == EACCES || cause == ELOOP ||
           cause == ENAMETOOLONG;
}

static void allow(struct confining *c, const char *path, enum envm_landlock_access access)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_arena *arena = &c->context->arena;

    if (envm_landlock_allow(c->ruleset, c->abi, &policy, path, access, &err) != ENVM_OK) {
        c->failed = c->failed || !is_unreachable(err.cause);
        return;
    }
    if (access == ENVM_LANDLOCK_CHANGE)
        c->allowed = envm_arena_printf(arena, "%.*s%s%s", ENVM_STR_ARGS(c->allowed),
                                       c->allowed.len ? ", " : "", path);
}

static const char *folder_of(struct envm_arena *arena, envm_str path)
{
    size_t slash = envm_str_find_last_char(path, '/');

    if (slash == SIZE_MAX)
        return ".";
    return slash == 0 ? "/" : envm_cstr(arena, envm_str_n(path.ptr, slash));
}

/* A rule is about something that is there. Were the rule about the next folder above instead, that
 * would often be the home folder with all that is in it. */
static void make_and_allow(struct confining *c, const char *path, mode_t mode)
{
    struct envm_context *context = c->context;
    struct envm_str_list made = {0};

    (void)envm_fs_make_missing(&context->arena, path, mode,
                               envm_str_equal_c(context->config.durability, "full"), &made, NULL);
    for (size_t i = 0; i < made.count; i++)
        envm_vec_push(&context->made_folders, made.items[i]);
    /* For the way back. */
    if (made.count > 0)
        allow(c, folder_of(&context->arena, made.items[0]), ENVM_LANDLOCK_REMOVE_FOLDERS);
    allow(c, path, ENVM_LANDLOCK_CHANGE);
}

/* Links between folders need equal rights in both, so that layers of the cache must be in it; their
 * owners and modes protect them as ever. */
static void allow_cache(struct confining *c, bool fetches)
{
    struct envm_context *context = c->context;
    const struct envm_str_list *layers = &context->config.cache_layers;

    if (fetches)
        make_and_allow(c, context->cache.ptr, 0700);
    else
        allow(c, context->cache.ptr, ENVM_LANDLOCK_CHANGE);
    for (size_t i = 0; i < layers->count; i++) {
        envm_str path = {0};

        if (envm_context_folder(context, layers->items[i], &path, NULL) == ENVM_OK)
            allow(c, path.ptr, ENVM_LANDLOCK_CHANGE);
    }
}

static void allow_prefix(struct confining *c, const struct envm_confine_plan *plan)
{
    struct envm_arena *arena = &c->context->arena;
    envm_str list = envm_registry_path(c->context, arena);

    if (plan->use == ENVM_CONFINE_MADE)
        make_and_allow(c, folder_of(arena, plan->prefix), 0777);
    /* What stands beside it belongs to it: its successor until that is complete. */
    if (plan->use == ENVM_CONFINE_CHANGED || plan->use == ENVM_CONFINE_REMOVED)
        allow(c, folder_of(arena, plan->prefix), ENVM_LANDLOCK_CHANGE);
    /* Itself, too: the last component may be a symlink. */
    if (plan->use == ENVM_CONFINE_CHANGED)
        allow(c, plan->prefix.ptr, ENVM_LANDLOCK_CHANGE);
    if (list.len > 0 && plan->use == ENVM_CONFINE_MADE)
        make_and_allow(c, folder_of(arena, list), 0755);
    else if (list.len > 0 && plan->use == ENVM_CONFINE_REMOVED)
        allow(c, folder_of(arena, list), ENVM_LANDLOCK_CHANGE);
}

/* A file is replaced in its folder, wherever a link leads; a pipe or a device is written to. */
static void allow_lock(struct confining *c, envm_str path)
{
    struct envm_arena *arena = &c->context->arena;
    const char *real = NULL;

    if (path.len == 0 || envm_fs_user_target(arena, path.ptr, &real, NULL) != ENVM_OK)
        return;
    if (envm_fs_user_kind(real) == ENVM_FS_OTHER)
        allow(c, real, ENVM_LANDLOCK_DEVICE);
    else
        allow(c, folder_of(arena, envm_str_from(real)), ENVM_LANDLOCK_CHANGE);
}

static void allow_devices(struct confining *c)
{
    /* The second half is what a fenced program may use: it has what both fences allow. */
    static const char *const devices[] = {"/dev/null",   "/dev/tty",  "/dev/zero",
                                          "/dev/random", "/dev/full", "/dev/urandom"};

    for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
        allow(c, devices[i], ENVM_LANDLOCK_DEVICE);
#ifdef ENVM_COVERAGE_FOLDER
    allow(c, ENVM_COVERAGE_FOLDER, ENVM_LANDLOCK_CHANGE);
#endif
}

/* The driver of a graphics card may start a helper that changes devices and has the rights of root,
 * which a confined process cannot give it. So the machine is asked before. */
static void ask_machine(struct envm_context *context)
{
    struct envm_record_list found = {0};

    if (envm_resolve_virtual(context, &context->arena, envm_platform_host(), &found, NULL) !=
        ENVM_OK)
        return;
    context->host_packages = found;
    context->has_host_packages = true;
}

void envm_confine(struct envm_context *context, const struct envm_confine_plan *plan)
{
    struct confining c = {.context = context, .ruleset = -1, .abi = envm_landlock_abi()};
    int number;

    if (!context->confine)
        return;
    context->confine = false;
    if (c.abi < ENVM_CONFINE_ABI_NEEDED) {
        envm_sink_log(&context->sink, ENVM_LOG_DEBUG,
                      "this kernel cannot confine envm to its folders");
        return;
    }
    if (envm_landlock_make(c.abi, &policy, &c.ruleset, NULL) != ENVM_OK)
        return;
    if (plan->solves)
        ask_machine(context);
    allow_cache(&c, plan->fetches);
    allow_prefix(&c, plan);
    allow_lock(&c, plan->lock_path);
    allow_devices(&c);
    number = c.failed ? EINVAL : envm_landlock_enter(c.ruleset);
    envm_close_fd(&c.ruleset);
    if (number == 0)
        envm_sink_log(&context->sink, ENVM_LOG_DEBUG,
                      "from here on files are changed below these folders only: %.*s",
                      ENVM_STR_ARGS(c.allowed));
    else
        envm_sink_log(&context->sink, ENVM_LOG_DEBUG, "envm could not be confined to its folders");
}

void envm_confine_creation(struct envm_context *context, const struct envm_create_options *options,
                           const struct envm_input *input, envm_str prefix)
{
    struct envm_confine_plan plan = {.fetches = true, .solves = true};

    if (!options->dry_run) {
        plan.use = options->sync ? ENVM_CONFINE_CHANGED : ENVM_CONFINE_MADE;
        plan.prefix = prefix;
        if (input->kind == ENVM_INPUT_SPECS && !options->sync && !options->frozen)
            plan.lock_path = input->lock_path;
    }
    envm_confine(context, &plan);
}

void envm_confine_tidy(struct envm_context *context)
{
    while (context->made_folders.count > 0)
        envm_fs_remove_empty(context->made_folders.items[--context->made_folders.count].ptr);
    envm_vec_release(&context->made_folders);
}

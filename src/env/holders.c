/* SPDX-License-Identifier: MIT */
#include "env/holders.h"

#include <stdio.h>

#include "base/error.h"
#include "base/map.h"
#include "base/vec.h"
#include "env/environments.h"
#include "sys/fs_tree.h"

#define KEY_SIZE 48

/* One inode that is sought. */
struct sought {
    size_t damage;
    uint64_t links; /* names that have not been found yet */
};

struct match {
    size_t damage;
    envm_str prefix, path;
};

struct search {
    struct envm_arena *arena;
    struct envm_map inodes; /* "DEVICE:INODE" -> place in sought + 1 */
    ENVM_VEC(struct sought) sought;
    ENVM_VEC(struct match) matches;
    envm_str prefix; /* of the environment that is being read */
};

static void release_search(struct search *search)
{
    envm_map_release(&search->inodes);
    envm_vec_release(&search->sought);
    envm_vec_release(&search->matches);
}
ENVM_DEFINE_CLEANUP(search, struct search, release_search)

static envm_str inode_key(char *buffer, uint64_t device, uint64_t inode)
{
    int len = snprintf(buffer, KEY_SIZE, "%llx:%llx", (unsigned long long)device,
                       (unsigned long long)inode);

    return envm_str_n(buffer, (size_t)len);
}

/* A file of a package may itself have several names there: each is a fault of its own. */
static void seek(struct search *search, size_t damage, const struct envm_store_fault *fault)
{
    char buffer[KEY_SIZE];
    uint64_t *place;
    bool is_new = false;

    if (fault->links < 2)
        return;
    place = envm_map_get(
        &search->inodes,
        envm_arena_str(search->arena, inode_key(buffer, fault->device, fault->inode)), &is_new);
    if (is_new) {
        envm_vec_push(&search->sought, ((struct sought){damage, fault->links}));
        *place = search->sought.count;
    }
    if (search->sought.items[*place - 1].links > 0)
        search->sought.items[*place - 1].links--;
}

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct search *search = user;
    char buffer[KEY_SIZE];
    uint64_t *place;
    struct sought *sought;

    (void)skip;
    (void)err;
    /* The cache may have lost its name for the file already, so one link is enough. */
    if (entry->kind != ENVM_FS_FILE)
        return ENVM_OK;
    place = envm_map_find(&search->inodes, inode_key(buffer, (uint64_t)entry->stat->st_dev,
                                                     (uint64_t)entry->stat->st_ino));
    if (!place)
        return ENVM_OK;
    sought = &search->sought.items[*place - 1];
    if (sought->links > 0)
        sought->links--;
    envm_vec_push(&search->matches, ((struct match){sought->damage, search->prefix,
                                                    envm_arena_str(search->arena, entry->path)}));
    return ENVM_OK;
}

static void search_environments(struct envm_context *context, struct search *search)
{
    struct envm_memory memory = {0};
    struct envm_environment_list list = {0};

    if (envm_list_environments(context, &memory, &list, NULL) != ENVM_OK)
        list.count = 0;
    for (size_t i = 0; i < list.count; i++) {
        ENVM_CLEANUP(envm_fd) int fd = -1;

        search->prefix = envm_arena_str(search->arena, list.items[i].prefix);
        if (envm_fs_open_root(search->prefix.ptr, &fd, NULL) == ENVM_OK)
            (void)envm_fs_walk(fd, visit, search, NULL);
    }
    envm_arena_release(&memory.arena);
}

/* The matches of one environment follow each other. */
static struct envm_holder_list collect(const struct search *search, size_t damage)
{
    size_t total = search->matches.count;
    struct envm_holder *items = envm_arena_new_array(search->arena, struct envm_holder, total);
    envm_str *paths = envm_arena_new_array(search->arena, envm_str, total);
    struct envm_holder_list list = {.items = items};
    size_t used = 0;

    for (size_t i = 0; i < total; i++) {
        const struct match *match = &search->matches.items[i];

        if (match->damage != damage)
            continue;
        if (list.count == 0 || !envm_str_equal(items[list.count - 1].prefix, match->prefix))
            items[list.count++] =
                (struct envm_holder){.prefix = match->prefix, .paths = {paths + used, 0}};
        paths[used++] = match->path;
        items[list.count - 1].paths.count++;
    }
    for (size_t i = 0; i < search->sought.count; i++)
        if (search->sought.items[i].damage == damage)
            list.elsewhere += search->sought.items[i].links;
    return list;
}

void envm_find_holders(struct envm_context *context, struct envm_arena *arena,
                       const struct envm_store_damage *damages, size_t count,
                       struct envm_holder_list *ret_holders)
{
    ENVM_CLEANUP(search) struct search search = {.arena = arena};

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < damages[i].fault_count; j++)
            seek(&search, i, &damages[i].faults[j]);
    if (search.sought.count > 0)
        search_environments(context, &search);
    for (size_t i = 0; i < count; i++)
        ret_holders[i] = collect(&search, i);
}

/* Without a manifest nothing says whether the files are right: they have to be looked at. */
static void tell_one(struct envm_context *context, const struct envm_store_damage *damage,
                     const struct envm_holder *holder)
{
    bool doubtful = damage->faults[0].path.len == 0;
    size_t count = holder->paths.count;

    envm_sink_warn(&context->sink,
                   doubtful ? "the environment %s holds %zu file%s of %.*s, which may be damaged "
                              "too: check it with `envm verify -p '%s'`"
                            : "the environment %s holds %zu damaged file%s of %.*s: mend it with "
                              "`envm repair -p '%s'`",
                   holder->prefix.ptr, count, count == 1 ? "" : "s", ENVM_STR_ARGS(damage->package),
                   holder->prefix.ptr);
}

void envm_tell_holders(void *user, const struct envm_store_damage *damage)
{
    struct envm_context *context = user;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_holder_list holders;

    pthread_mutex_lock(&context->damage_mutex);
    envm_find_holders(context, &arena, damage, 1, &holders);
    pthread_mutex_unlock(&context->damage_mutex);
    for (size_t i = 0; i < holders.count; i++)
        if (!envm_str_equal(holders.items[i].prefix, context->repaired_prefix))
            tell_one(context, damage, &holders.items[i]);
    if (holders.elsewhere > 0)
        envm_sink_warn(&context->sink,
                       "files of %.*s that are damaged have %llu more link%s, in environments that "
                       "are not listed",
                       ENVM_STR_ARGS(damage->package), (unsigned long long)holders.elsewhere,
                       holders.elsewhere == 1 ? "" : "s");
}

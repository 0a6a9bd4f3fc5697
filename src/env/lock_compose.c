/* SPDX-License-Identifier: MIT */
#include "env/lock_compose.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/vec.h"

static int compare_platforms(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_lock_platform *)a)->platform,
                            ((const struct envm_lock_platform *)b)->platform);
}

static int compare_provenance(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_lock_provenance *)a)->url,
                            ((const struct envm_lock_provenance *)b)->url);
}

static void merge_provenance(struct envm_arena *arena, const struct envm_lockfile *old,
                             const struct envm_lock_block *block, struct envm_lockfile *lock)
{
    size_t old_count = old ? old->provenance_count : 0;
    struct envm_lock_provenance *items = envm_arena_new_array(arena, struct envm_lock_provenance,
                                                              old_count + block->provenance_count);
    size_t count = 0;

    for (size_t i = 0; i < block->provenance_count; i++)
        items[count++] = block->provenance[i];
    for (size_t i = 0; i < old_count; i++) {
        bool replaced = false;

        for (size_t k = 0; k < block->provenance_count; k++)
            replaced |= envm_str_equal(old->provenance[i].url, block->provenance[k].url);
        if (!replaced)
            items[count++] = old->provenance[i];
    }
    if (count > 0)
        qsort(items, count, sizeof(*items), compare_provenance);
    lock->provenance = items;
    lock->provenance_count = count;
}

/* A spec is about the package, or has a condition that is. */
static bool mentions(struct envm_str_list specs, envm_str name)
{
    for (size_t i = 0; i < specs.count; i++)
        if (envm_str_starts_with(specs.items[i], name) ||
            (envm_str_contains(specs.items[i], ENVM_STR("when")) &&
             envm_str_contains(specs.items[i], name)))
            return true;
    return false;
}

/* Only what some package looks at: the kernel of whoever locked is nobody else's business, and the
 * lock should not change with it. */
static struct envm_record_list virtual_in_use(struct envm_arena *arena,
                                              const struct envm_lock_block *block,
                                              struct envm_str_list requests)
{
    struct envm_record_list used = {envm_arena_new_array(arena, const struct envm_package_record *,
                                                         block->virtual_packages.count),
                                    0};

    for (size_t i = 0; i < block->virtual_packages.count; i++) {
        const struct envm_package_record *virtual_package = block->virtual_packages.items[i];
        bool mentioned = mentions(requests, virtual_package->name);

        for (size_t k = 0; !mentioned && k < block->packages.count; k++) {
            const struct envm_package_record *record = block->packages.items[k];

            mentioned = mentions(record->depends, virtual_package->name) ||
                        mentions(record->constrains, virtual_package->name);
            for (size_t e = 0; !mentioned && e < record->extra_depends_count; e++)
                mentioned = mentions(record->extra_depends[e].depends, virtual_package->name);
        }
        if (mentioned)
            used.items[used.count++] = virtual_package;
    }
    return used;
}

struct envm_lockfile envm_lock_compose(struct envm_arena *arena, const struct envm_lockfile *old,
                                       const struct envm_input *input,
                                       const struct envm_lock_block *block)
{
    size_t old_count = old ? old->platform_count : 0;
    struct envm_lockfile lock = {
        .channels = input->channel_names,
        .request = {.specs = input->spec_texts,
                    .channel_priority = input->channel_priority,
                    .add_pip = input->add_pip,
                    .is_explicit = input->kind == ENVM_INPUT_EXPLICIT,
                    .omitted_pip = input->omitted_pip},
        .variables = input->environment.variables,
        .variable_count = input->environment.variable_count,
    };

    /* an explicit list was not solved for */
    if (input->kind == ENVM_INPUT_SPECS)
        lock.request.terms = input->terms;
    lock.platforms = envm_arena_new_array(arena, struct envm_lock_platform, old_count + 1);
    for (size_t i = 0; i < old_count; i++) {
        if (!envm_str_equal(old->platforms[i].platform, block->platform))
            lock.platforms[lock.platform_count++] = old->platforms[i];
    }
    lock.platforms[lock.platform_count++] = (struct envm_lock_platform){
        .platform = block->platform,
        .virtual_packages = virtual_in_use(arena, block, input->spec_texts),
        .tree = block->tree,
        .packages = envm_name_order(arena, block->packages),
    };
    qsort(lock.platforms, lock.platform_count, sizeof(*lock.platforms), compare_platforms);
    merge_provenance(arena, old, block, &lock);
    return lock;
}

enum envm_code envm_lock_text(struct envm_arena *arena, const struct envm_lockfile *lock,
                              bool with_provenance, envm_str *ret_text, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    for (size_t i = 0; i < lock->platform_count; i++) {
        for (size_t k = 0; k < lock->platforms[i].packages.count; k++) {
            const struct envm_package_record *record = lock->platforms[i].packages.items[k];

            if (!record->sha256.known)
                return envm_fail(err, ENVM_INTEGRITY, "the sha256 of %.*s is not known",
                                 ENVM_STR_ARGS(record->file_name));
        }
    }
    envm_lockfile_write(lock, with_provenance, &text);
    *ret_text = envm_arena_str(arena, envm_buf_str(&text));
    return ENVM_OK;
}

/* SPDX-License-Identifier: MIT */
#include "env/lock_scripts.h"

#include "base/hex.h"
#include "conda/package_record.h"
#include "env/lock_compose.h"

static const struct envm_package_record *find_same(struct envm_record_list list,
                                                   const struct envm_package_record *record)
{
    for (size_t i = 0; i < list.count; i++) {
        if (envm_str_equal(list.items[i]->name, record->name) && record->sha256.known &&
            envm_sha256_equal(&list.items[i]->sha256, &record->sha256))
            return list.items[i];
    }
    return NULL;
}

void envm_lock_keep_scripts(struct envm_arena *arena, const struct envm_script_consent *consent,
                            const struct envm_lock_platform *old, struct envm_record_list packages)
{
    for (size_t i = 0; i < packages.count; i++) {
        const struct envm_package_record *before =
            old && !consent->refuse_all ? find_same(old->packages, packages.items[i]) : NULL;
        size_t count = before ? before->link_script_count : 0;
        struct envm_package_record *copy;

        if (count == 0 && packages.items[i]->link_script_count == 0)
            continue;
        copy = envm_package_record_copy(arena, packages.items[i]);
        copy->link_scripts = before ? before->link_scripts : NULL;
        copy->link_script_count = count;
        packages.items[i] = copy;
    }
}

/* More of them, or one that may use the network now. */
static bool agrees_to_more(const struct envm_package_record *now,
                           const struct envm_package_record *locked)
{
    size_t network = 0;

    for (size_t i = 0; i < now->link_script_count; i++)
        network += now->link_scripts[i].network;
    for (size_t i = 0; i < locked->link_script_count; i++)
        network -= network > 0 && locked->link_scripts[i].network;
    return now->link_script_count > locked->link_script_count ||
           (now->link_script_count == locked->link_script_count && network > 0);
}

enum envm_code envm_lock_add_scripts(struct envm_arena *arena, struct envm_lockfile *lock,
                                     envm_str platform,
                                     struct envm_package_record *const *installed,
                                     envm_str *ret_text, struct envm_error *err)
{
    struct envm_lock_platform *block = envm_lockfile_platform(lock, platform);
    bool added = false;

    for (size_t i = 0; block && i < block->packages.count; i++) {
        for (size_t k = 0; k < block->packages.count; k++) {
            const struct envm_package_record **locked = &block->packages.items[k];

            if (!envm_str_equal((*locked)->name, installed[i]->name) ||
                !agrees_to_more(installed[i], *locked))
                continue;
            *locked = installed[i];
            added = true;
        }
    }
    return added ? envm_lock_text(arena, lock, true, ret_text, err) : ENVM_OK;
}

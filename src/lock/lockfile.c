/* SPDX-License-Identifier: MIT */
#include "lock/lockfile.h"

#include "base/str.h"

struct envm_lock_platform *envm_lockfile_platform(const struct envm_lockfile *lock,
                                                  envm_str platform)
{
    for (size_t i = 0; i < lock->platform_count; i++) {
        if (envm_str_equal(lock->platforms[i].platform, platform))
            return &lock->platforms[i];
    }
    return NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * What changes of an environment tell: which packages come, go and move, and what was kept of the
 * user's.
 */
#ifndef ENVM_CHANGE_H
#define ENVM_CHANGE_H

#include <envm/package_record.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happens to one package. */
struct envm_change_step {
    envm_str name;
    const struct envm_package_record *from; /* NULL: comes */
    const struct envm_package_record *to;   /* NULL: goes */
    bool relink; /* the same package, linked anew: noarch: python when python's minor version or
                    site-packages change, or a file that it had lost comes back */
};

struct envm_change_steps {
    const struct envm_change_step *items; /* sorted by name; packages that stay are not listed */
    size_t count;
};

/* What of the user's was in the way: "share/conf" and where it is now, "share/conf.envm-saved". */
struct envm_saved_file {
    envm_str path;
    envm_str saved;
};

struct envm_saved_files {
    const struct envm_saved_file *items;
    size_t count;
};

#ifdef __cplusplus
}
#endif
#endif

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

/* A link script of a package that came or went (CEP 34). */
struct envm_script_report {
    envm_str package;
    envm_str file;
    struct envm_sha256 sha256; /* of the script as it is in the package */
    bool ran;
    bool network;          /* it was allowed to use the network */
    uint64_t milliseconds; /* that it took */
    envm_str why;          /* "" when it ran, else why it did not */
};

struct envm_script_reports {
    const struct envm_script_report *items; /* in the order in which they ran; those that did not
                                               run come last, by package */
    size_t count;
    envm_str messages; /* what they wrote for the user into .messages.txt, escaped; may be cut */
};

#ifdef __cplusplus
}
#endif
#endif

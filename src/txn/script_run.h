/* SPDX-License-Identifier: MIT
 *
 * Running one link script in the fence (sys/fence.h).
 */
#ifndef ENVM_TXN_SCRIPT_RUN_H
#define ENVM_TXN_SCRIPT_RUN_H

#include <envm/change.h>

#include "base/sink.h"
#include "sys/fs.h"

/* Where a script leaves what the user is to read (CEP 34). */
#define ENVM_SCRIPT_MESSAGES ".messages.txt"

struct envm_script_place {
    envm_str prefix;    /* where the environment stands; NUL-terminated */
    int prefix_fd;      /* the same */
    envm_str home;      /* a folder of its own: HOME is home/home, TMPDIR is home/tmp */
    unsigned timeout_s; /* 0: none */
    struct envm_str_list network_variables; /* "NAME=value", for a script with network */
    const struct envm_sink *sink;
};

/* Runs script->file of the package and waits until nothing of it is left. `expected` is the digest
 * that the file in the prefix must have. script->milliseconds is filled. What it wrote for the user
 * is appended to `messages`, escaped, and the file removed. ENVM_IO when it fails, with its status
 * in the text and the end of its output in warnings; ENVM_INTEGRITY when the file is another one;
 * ENVM_UNSAFE when programs cannot be fenced here; ENVM_INTERRUPTED. */
enum envm_code envm_script_run(const struct envm_script_place *place,
                               const struct envm_package_record *record,
                               const struct envm_sha256 *expected,
                               struct envm_script_report *script, struct envm_buf *messages,
                               struct envm_error *err);

#endif

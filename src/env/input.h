/* SPDX-License-Identifier: MIT
 *
 * What an environment is to be made from: the file, the command line and the configuration, put
 * together for one platform. Everything lives in the arena that it was read into.
 */
#ifndef ENVM_ENV_INPUT_H
#define ENVM_ENV_INPUT_H

#include <envm/environment.h>

#include "conda/environment_spec.h"
#include "conda/match_spec.h"
#include "env/context.h"
#include "lock/lockfile.h"
#include "lock/lockfile_check.h"

enum envm_input_kind {
    ENVM_INPUT_SPECS,    /* specs to solve: environment file, spec list or command line */
    ENVM_INPUT_LOCK,     /* the file is a lock */
    ENVM_INPUT_EXPLICIT, /* package URLs */
};

struct envm_input {
    enum envm_input_kind kind;
    envm_str platform;
    envm_str text;                            /* of the file, "" without one */
    struct envm_environment_spec environment; /* zero when there is no environment file */
    bool from_environment_file;
    struct envm_channel *channels;
    size_t channel_count;
    struct envm_str_list channel_names;
    const struct envm_match_spec *const *specs;
    size_t spec_count;
    struct envm_str_list spec_texts; /* canonical, sorted */
    envm_str channel_priority;
    bool add_pip;
    struct envm_lock_terms terms;
    const struct envm_match_spec *const *pins; /* those of the terms, as written */
    size_t pin_count;
    struct envm_str_list omitted_pip;
    struct envm_record_list explicit_records;
    struct envm_record_list extra_records; /* of specs that are URLs: candidates besides those of
                                              the channels, once they are completed */
    envm_str lock_path;        /* where the lock lies or will be written; "" when none */
    bool has_lock;             /* it is there and could be read */
    struct envm_lockfile lock; /* then this is it … */
    envm_str lock_text;        /* … and these are its bytes */
};

/* `platform` NULL: this machine's. A lock beside the environment file that is there but cannot be
 * read is an error (ENVM_MALFORMED …), not a missing one. */
enum envm_code envm_input_read(struct envm_context *context, struct envm_arena *arena,
                               const struct envm_request *request, const char *platform,
                               struct envm_input *ret_input, struct envm_error *err);

/* The same request for another platform: what depends on the platform is found anew, the texts and
 * the lock of `known`, which live in the same arena, are not read again. */
enum envm_code envm_input_read_other(struct envm_context *context, struct envm_arena *arena,
                                     const struct envm_request *request,
                                     const struct envm_input *known, const char *platform,
                                     struct envm_input *ret_input, struct envm_error *err);

/* The lock's view of the input. */
struct envm_lock_question envm_input_question(const struct envm_input *input,
                                              struct envm_record_list virtual_packages);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Link scripts of packages (CEP 34): which of them exist, and who agreed that which one is run.
 * Consent comes from the command line and the configuration as texts, from a lock and from an
 * environment's record as what the package record lists. Pure; any thread.
 */
#ifndef ENVM_CONDA_LINK_SCRIPT_H
#define ENVM_CONDA_LINK_SCRIPT_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"

enum envm_link_script_kind {
    ENVM_SCRIPT_POST_LINK,
    ENVM_SCRIPT_PRE_UNLINK,
    ENVM_SCRIPT_PRE_LINK,    /* never run: it would run before anything of the package is there */
    ENVM_SCRIPT_POST_UNLINK, /* never run: deprecated, and what it may need is gone */
    ENVM_SCRIPT_FOREIGN,     /* for another system, or named after another package: never run */
};

/* What the script at `path` is to the package `name`; FOREIGN when it is none of its scripts. */
enum envm_link_script_kind envm_link_script_kind(envm_str name, envm_str path);

/* One agreement: NAME, NAME=SHA256, each with ":network" behind it or not. */
struct envm_script_rule {
    envm_str name;             /* "*": every package */
    struct envm_sha256 sha256; /* the only script that is meant; not known: any of the package */
    bool network;
};

struct envm_script_consent {
    const struct envm_script_rule *rules;
    size_t count;
    bool refuse_all; /* nothing is run, whatever a rule or a lock says */
};

/* Reads rules; commas stand between several in one text. ENVM_USAGE names what is wrong and the
 * `source` of the texts ("--run-scripts"). Slices point into the texts. */
enum envm_code envm_script_rules_parse(struct envm_arena *arena, struct envm_str_list texts,
                                       const char *source, struct envm_script_consent *ret_consent,
                                       struct envm_error *err);
/* The rules of both. */
struct envm_script_consent envm_script_consent_join(struct envm_arena *arena,
                                                    const struct envm_script_consent *a,
                                                    const struct envm_script_consent *b);

struct envm_script_question {
    const struct envm_package_record *record; /* its link_scripts count as consent */
    envm_str path;
    struct envm_sha256 sha256; /* of the script as it is in the package */
};
struct envm_script_answer {
    bool run;
    bool network;
    const char *why; /* not run: why not; static */
};

/* Whether a script may be run. ENVM_INTEGRITY when the record lists this file with another sha256:
 * then it is not what was agreed to. `consent` may be NULL: no rules. */
enum envm_code envm_script_judge(const struct envm_script_consent *consent,
                                 const struct envm_script_question *question,
                                 struct envm_script_answer *ret_answer, struct envm_error *err);

/* Whether a rule about this very package (not "*"), or what the lock lists in `record`, allows the
 * script. */
bool envm_script_is_named(const struct envm_script_consent *consent,
                          const struct envm_script_question *question);

#endif

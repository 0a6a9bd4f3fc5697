/* SPDX-License-Identifier: MIT
 *
 * Looking things up: packages of channels, and who needs whom in an environment or a lock. Reports
 * live in the memory of the call and are free of credentials. One context, one thread.
 */
#ifndef ENVM_LOOK_H
#define ENVM_LOOK_H

#include <envm/environment.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- search ------------------------------------------------------------------------------- */

struct envm_search_options {
    const char *spec;            /* MatchSpec; the name may be a pattern ("num*"); required */
    const char *const *channels; /* before the configured ones */
    size_t channel_count;
    bool override_channels; /* leave the configured default channels out */
    const char *platform;   /* NULL: the spec's subdir, else this machine's */
    size_t limit;           /* most packages to report; 0: all */
};

enum envm_search_outcome {
    ENVM_SEARCH_FOUND,
    ENVM_SEARCH_NO_NAME,        /* no channel has the name, for any platform that is known */
    ENVM_SEARCH_OTHER_PLATFORM, /* only other platforms have the name */
    ENVM_SEARCH_NO_VERSION,     /* the name is there, the version asked for is not */
    ENVM_SEARCH_NO_BUILD,       /* versions fit, but no build meets the rest of the spec */
};

struct envm_search_name {
    envm_str name;
    size_t count;                  /* packages that match */
    struct envm_str_list versions; /* all that exist for the platform, newest first */
};

struct envm_search_report {
    enum envm_search_outcome outcome;
    envm_str platform;
    struct envm_str_list channels; /* that were searched, highest priority first */
    /* By name; then channels in the order of priority; then newest first. When a pattern fits
     * several names and there is a limit: the newest of each name only. */
    struct envm_record_view packages;
    size_t total;                         /* matches, reported or not */
    const struct envm_search_name *names; /* that the spec means, by name */
    size_t name_count;
    /* When nothing was found: */
    struct envm_str_list close_names; /* nearest first */
    struct envm_str_list platforms; /* that have it, as far as local channels and the cache tell */
};

/* Searches the channels. ENVM_UNSATISFIABLE, with the report filled and the reason in the error,
 * when nothing matches; ENVM_USAGE when the spec or a channel cannot be understood; else the errors
 * of loading a channel. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_search(struct envm_context *context,
                                                    struct envm_memory *memory,
                                                    const struct envm_search_options *options,
                                                    struct envm_search_report *ret_report,
                                                    struct envm_error *err);

/* --- tree, why ---------------------------------------------------------------------------- */

/* What is looked at: an environment, or one platform of a lock. */
struct envm_look_subject {
    struct envm_target target;
    const char *lock_file; /* instead of the target */
    const char *platform;  /* of the lock; NULL: this machine's, else the only one it has */
};

#define ENVM_TREE_DEPTH_MAX 256 /* deeper rows are cut off in any case */

struct envm_tree_options {
    struct envm_look_subject subject;
    const char *const *names; /* roots, names or patterns ("lib*"); none: what was asked for, and
                                 what nothing needs */
    size_t name_count;
    bool has_depth;
    size_t depth; /* levels below the roots */
    bool invert;  /* who needs it, instead of what it needs; roots without names: what needs
                     nothing */
};

struct envm_tree_row {
    unsigned depth; /* 0: a root */
    const struct envm_package_record *package;
    envm_str spec; /* the dependency that leads from the parent to the package (with
                      invert: from the package to the parent); "" for a root */
    struct envm_str_list requested; /* the specs that asked for it */
    bool last;                      /* of its siblings */
    bool repeated;                  /* what is below it stands at an earlier row */
    bool cut;                       /* something is below it, but deeper than asked */
};

struct envm_tree_report {
    envm_str subject; /* the prefix, or the path of the lock */
    size_t package_count;
    const struct envm_tree_row *rows; /* each followed by what is below it */
    size_t row_count;
};

/* ENVM_UNSATISFIABLE when there is no package of a name; otherwise the errors of reading the
 * subject. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_tree(struct envm_context *context,
                                                  struct envm_memory *memory,
                                                  const struct envm_tree_options *options,
                                                  struct envm_tree_report *ret_report,
                                                  struct envm_error *err);

struct envm_why_link {
    const struct envm_package_record *package;
    envm_str spec; /* by which the one before needs it; in the first link: what asked for it, ""
                      when nothing did */
};
struct envm_why_chain {
    const struct envm_why_link *links; /* the last one is the package */
    size_t count;
};
struct envm_why_report {
    envm_str subject;
    const struct envm_package_record *package;
    const struct envm_why_chain *chains; /* one shortest for each root; shortest first, then by name
                                            of the root */
    size_t chain_count;
};

/* Why a package is there. ENVM_UNSATISFIABLE when it is not. */
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_why(struct envm_context *context, struct envm_memory *memory,
         const struct envm_look_subject *subject, const char *name,
         struct envm_why_report *ret_report, struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT
 *
 * Looking things up: packages of channels, and who needs whom in an environment, in a lock or in
 * what would be installed. Reports live in the memory of the call and are free of credentials. One
 * context, one thread.
 */
#ifndef ENVM_LOOK_H
#define ENVM_LOOK_H

#include <envm/environment.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- search ------------------------------------------------------------------------------- */

struct envm_search_options {
    const char *spec;            /* MatchSpec; the name may be a pattern ("num*") */
    const char *needs;           /* name or pattern: only packages that depend on it; one of the two
                                    is required */
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
    ENVM_SEARCH_NO_BUILD,       /* versions fit, but none of them meets the rest of the spec */
    ENVM_SEARCH_NO_DEPENDENT,   /* nothing that fits the spec depends on it */
};

struct envm_search_name {
    envm_str name;
    size_t count;                  /* packages that match */
    struct envm_str_list versions; /* all that exist for the platform, or with `needs` all that
                                      need it; newest first */
};

struct envm_search_report {
    enum envm_search_outcome outcome;
    envm_str platform;
    struct envm_str_list channels; /* that were searched, highest priority first */
    /* By name; then channels in the order of priority; then newest first. When a pattern fits
     * several names and there is a limit: the newest of each name only. */
    struct envm_record_view packages;
    const envm_str *needs;                /* with `needs`: the dependency of each package on it */
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

/* What is looked at. */
struct envm_look_subject {
    struct envm_target target; /* an environment; neither name nor prefix: the active one */
    /* Not NULL: instead of an environment, what this would install. A lock is taken as it is, with
     * platform NULL for this machine's if it has that, else the only one that it has. From an
     * environment file the lock beside it is taken while it satisfies the file. All else is solved.
     * An @EXPLICIT list says nothing of dependencies: ENVM_USAGE. */
    const struct envm_request *request;
};

enum envm_look_kind {
    ENVM_LOOK_ENVIRONMENT,
    ENVM_LOOK_LOCK,
    ENVM_LOOK_SOLUTION,
};

/* What was looked at, as both reports begin. */
struct envm_look_view {
    enum envm_look_kind kind;
    envm_str subject; /* the prefix, the path of the lock, or "" for a solution */
    envm_str platform;
    size_t package_count;                /* without virtual packages */
    struct envm_str_list close_names;    /* when a name is not there: nearest first */
    struct envm_str_list bad_records;    /* files of conda-meta that could not be read */
    struct envm_str_list omitted_pip;    /* pip requirements of the file, which are not in it */
    struct envm_explanation explanation; /* when there is no solution */
};

struct envm_tree_options {
    struct envm_look_subject subject;
    const char *const *names; /* roots: names, patterns or MatchSpecs; none: what was asked for, and
                                 what nothing needs */
    size_t name_count;
    bool has_depth;
    size_t depth;          /* levels below the roots */
    bool invert;           /* who needs it, instead of what it needs; roots without names: what
                              needs nothing */
    bool virtual_packages; /* show them, as leaves */
};

struct envm_tree_row {
    size_t depth;                              /* 0: a root */
    const struct envm_package_record *package; /* NULL: nothing has the name that is needed */
    struct envm_str_list specs; /* by which the row above needs it (with invert: by which it needs
                                   the row above); of a root: by which it was asked for */
    bool is_virtual;
    bool unmet;    /* it is not what the specs ask for */
    bool last;     /* of its siblings */
    bool repeated; /* what is below it stands at an earlier row */
    bool cut;      /* something is below it, but deeper than asked */
};

struct envm_tree_report {
    struct envm_look_view view;
    const struct envm_tree_row *rows; /* each followed by what is below it; siblings by name */
    size_t row_count;
};

/* Every package is shown, and what is below it once: a cycle ends at a repeated row.
 * ENVM_UNSATISFIABLE, with the view filled, when there is no package of a name or no solution;
 * ENVM_STALE_LOCK when the lock has no packages for the platform; else the errors of reading the
 * subject. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_tree(struct envm_context *context,
                                                  struct envm_memory *memory,
                                                  const struct envm_tree_options *options,
                                                  struct envm_tree_report *ret_report,
                                                  struct envm_error *err);

struct envm_why_options {
    struct envm_look_subject subject;
    const char *name; /* name, pattern or MatchSpec; also of virtual packages; required */
    size_t limit;     /* most chains for each package; 0: ENVM_WHY_CHAINS_MAX */
};

#define ENVM_WHY_CHAINS_MAX 10000

struct envm_why_link {
    const struct envm_package_record *package;
    struct envm_str_list specs; /* see where it stands */
    bool unmet;                 /* the package is not what they ask for */
};

struct envm_why_chain {
    /* From a package that was asked for (or that nothing needs) to the one in question. The specs
     * are those by which the link before needs it; of the first those by which it was asked for. */
    const struct envm_why_link *links;
    size_t count;
};

struct envm_why_package {
    const struct envm_package_record *package;
    bool is_virtual;
    struct envm_str_list requested;      /* the specs that asked for it */
    const struct envm_why_chain *chains; /* all of the shortest of each root; shortest first, then
                                            by the names along them */
    size_t chain_count;
    uint64_t chain_total;                   /* with those beyond the limit */
    const struct envm_why_link *dependents; /* who needs it, by which specs; by name */
    size_t dependent_count;
    const struct envm_why_link *constraints; /* who constrains it; by name */
    size_t constraint_count;
};

struct envm_why_report {
    struct envm_look_view view;
    const struct envm_why_package *packages; /* that the name means, by name */
    size_t package_count;
};

/* Why a package is there. Errors as of envm_tree. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_why(struct envm_context *context,
                                                 struct envm_memory *memory,
                                                 const struct envm_why_options *options,
                                                 struct envm_why_report *ret_report,
                                                 struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif

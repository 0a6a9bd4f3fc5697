/* SPDX-License-Identifier: MIT
 *
 * Looking things up in channels. Reports live in the memory of the call and are free of
 * credentials. One context, one thread.
 */
#ifndef ENVM_LOOK_H
#define ENVM_LOOK_H

#include <envm/environment.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT
 *
 * Changing an environment by specs: install, update, remove. What was asked of it before (the lock
 * that it keeps, its records, its history) still holds, so that nothing falls apart by surprise.
 */
#ifndef ENVM_MODIFY_H
#define ENVM_MODIFY_H

#include <envm/environment.h>

#ifdef __cplusplus
extern "C" {
#endif

enum envm_modify_mode {
    ENVM_MODIFY_INSTALL, /* the specs hold from now on; what is there stays unless it must move */
    ENVM_MODIFY_UPDATE,  /* the named packages (none: all) become as new as the requests allow */
    ENVM_MODIFY_REMOVE,  /* the named packages go, with what needs them and what only they needed */
};

struct envm_modify_report;

struct envm_modify_options {
    enum envm_modify_mode mode;
    struct envm_target target; /* default: the active environment */
    /* Specs, or with REMOVE names and patterns; with INSTALL and UPDATE also a file. Channels come
     * before those that the environment was made from. No platform, no lock file. */
    struct envm_request request;
    bool freeze_installed; /* what is there must not move at all */
    bool update_deps;      /* what the named packages depend on becomes as new as possible, too */
    bool prune;            /* UPDATE with a file: the file is all that is asked for from now on */
    bool keep_orphans;     /* REMOVE: what is not needed any more stays, as if asked for */
    bool cascade;          /* REMOVE: packages that were asked for may go along */
    bool dry_run;
    bool verify;              /* read every byte back at the end */
    bool override_frozen;     /* change an environment that is marked as frozen (CEP 22) */
    const char *on_clobber;   /* "refuse" (default), "warn": the later package's file wins */
    const char *command_line; /* for the history */
    struct envm_script_options scripts;
    /* Called with the finished plan before anything changes, also in a dry run; may be NULL. */
    void (*show_plan)(void *user, const struct envm_modify_report *report);
    void *user;
};

enum envm_modify_kind {
    ENVM_MODIFY_ADDED,
    ENVM_MODIFY_REMOVED,
    ENVM_MODIFY_UPGRADED,
    ENVM_MODIFY_DOWNGRADED,
    ENVM_MODIFY_REBUILT,  /* the same version, another build or file */
    ENVM_MODIFY_RELINKED, /* the same package, linked again for another python */
};

struct envm_modify_entry {
    enum envm_modify_kind kind;
    const struct envm_package_record *from; /* NULL: ADDED */
    const struct envm_package_record *to;   /* NULL: REMOVED */
    envm_str why;                           /* "needed by scipy 1.14.0", one phrase */
};

struct envm_modify_report {
    envm_str prefix;
    envm_str name; /* "" for an environment made by path */
    envm_str platform;
    const struct envm_modify_entry *entries; /* by name */
    size_t entry_count;
    struct envm_record_view packages; /* of the environment afterwards */
    struct envm_str_list requests;    /* that hold afterwards */
    struct envm_str_list held_back;   /* UPDATE: "python stays at 3.11.9: …", one each */
    struct envm_str_list along; /* REMOVE, dry_run, no cascade: asked for by itself and would go */
    bool nothing_to_do;         /* packages and requests are what they were */
    struct envm_sha256 tree;
    size_t downloaded;
    struct envm_str_list kept_files;     /* files of the user that were moved aside */
    struct envm_script_reports scripts;  /* link scripts that were and that were not run */
    struct envm_explanation explanation; /* on ENVM_UNSATISFIABLE */
};

/* The plan is in the report even when carrying it out fails. ENVM_USAGE when the environment or a
 * name is not there; ENVM_UNSATISFIABLE with the explanation; ENVM_LOCKED when somebody else is
 * changing it; the errors of fetching and linking, after which it is as it was. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_modify(struct envm_context *context,
                                                    struct envm_memory *memory,
                                                    const struct envm_modify_options *options,
                                                    struct envm_modify_report *ret_report,
                                                    struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif

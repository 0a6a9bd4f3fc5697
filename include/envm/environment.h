/* SPDX-License-Identifier: MIT
 *
 * Environments: make, lock, look at, verify, remove. All texts in reports are free of credentials.
 * Reports are written only on success, unless a field says otherwise.
 */
#ifndef ENVM_ENVIRONMENT_H
#define ENVM_ENVIRONMENT_H

#include <envm/change.h>
#include <envm/context.h>
#include <envm/package_record.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which environment: a name below the root's envs folder, or a path. Both NULL: the active one
 * ($CONDA_PREFIX) where a call says so. */
struct envm_target {
    const char *name;
    const char *prefix;
};

struct envm_record_view {
    const struct envm_package_record *const *items; /* sorted by name */
    size_t count;
};

/* What an environment is made from. */
struct envm_request {
    const char *file; /* environment file, envm lock, @EXPLICIT list or spec list; from content */
    const char *const *specs; /* MatchSpecs of the command line, in addition */
    size_t spec_count;
    const char *const *channels; /* before the file's */
    size_t channel_count;
    bool override_channels;           /* leave the configured default channels out */
    const char *const *base_channels; /* in place of the configured default channels: what an
                                         environment was made from */
    size_t base_channel_count;
    bool solve_urls; /* specs that are package URLs take part in a solve even when all of them are;
                        without it they then are an explicit list */
    const char *channel_priority; /* "strict", "flexible", "disabled"; NULL: as configured */
    const char *platform;         /* NULL: this machine's */
    const char *lock_file;        /* NULL: beside the environment file, its stem + ".lock" */
    bool lock_is_output;          /* lock_file is to be written: a pipe or terminal is not read */
    bool no_pip;                  /* leave a pip: section out instead of refusing it */
    bool add_pip;                 /* make python depend on pip */
    const char *const *pins;      /* MatchSpecs that hold for the packages that they name, besides
                                     the configured ones, and do not ask for them */
    size_t pin_count;
    const char *exclude_newer; /* leave newer packages out: a date, an RFC 3339 time, or a duration
                                  before now; NULL: as configured */
    const char *resolution;    /* "highest", "lowest-direct", "lowest"; NULL: as configured */
    bool no_deps;              /* only what was asked for */
    bool only_deps;            /* all but those of the requested packages that no other needs */
};

/* Why there is no solution; filled when a call returns ENVM_UNSATISFIABLE. */
struct envm_explanation {
    envm_str text; /* several lines */
    envm_str json; /* one JSON object */
};

enum envm_lock_state {
    ENVM_LOCK_NONE,      /* no lock beside a file was involved */
    ENVM_LOCK_REUSED,    /* it satisfied the request and was installed as it is */
    ENVM_LOCK_WRITTEN,   /* made new or changed */
    ENVM_LOCK_UNCHANGED, /* solved again, same bytes */
};

/* Which link scripts of packages may be run, beyond what the configuration and a lock allow. */
struct envm_script_options {
    const char *const *run; /* "NAME", "NAME=SHA256", "*", with ":network" behind it or not; several
                               in one text with commas between them */
    size_t run_count;
    bool none; /* none at all, whatever the configuration or a lock says */
};

struct envm_create_options {
    struct envm_target target;
    struct envm_request request;
    bool locked;              /* the lock must exist and satisfy the file: else ENVM_STALE_LOCK */
    bool frozen;              /* install the lock as it is */
    bool force;               /* replace an existing environment */
    bool sync;                /* the environment exists (default: the active one): change it
                                 unless its packages and variables are what is asked for */
    const char *on_clobber;   /* "refuse" (NULL) or "warn": conflicts over paths are
                                 decided */
    bool override_frozen;     /* with sync: change it although it is frozen (CEP 22) */
    bool dry_run;             /* solve only */
    bool verify;              /* read every byte back before the environment appears */
    const char *command_line; /* for the history */
    struct envm_script_options scripts;
};

struct envm_create_report {
    envm_str prefix;
    envm_str name; /* "" for an environment made by path */
    envm_str platform;
    struct envm_record_view packages;
    struct envm_record_view virtual_packages;
    struct envm_sha256 tree;
    enum envm_lock_state lock_state;
    envm_str lock_path;
    bool already_there;         /* the environment is equal to what was asked; nothing was done */
    size_t downloaded;          /* packages that were not in the cache */
    struct envm_str_list stale; /* why the old lock was not used as it is */
    struct envm_str_list moved; /* "numpy 1.26.4 -> 2.0.1", against the old lock */
    struct envm_change_steps steps;      /* sync: what was changed */
    struct envm_saved_files saved;       /* sync: files of the user that got another name */
    struct envm_script_reports scripts;  /* link scripts that were and that were not run */
    struct envm_str_list omitted_pip;    /* pip requirements left out by no_pip */
    struct envm_explanation explanation; /* on ENVM_UNSATISFIABLE */
};

ENVM_API ENVM_MUST_CHECK enum envm_code envm_create(struct envm_context *context,
                                                    struct envm_memory *memory,
                                                    const struct envm_create_options *options,
                                                    struct envm_create_report *ret_report,
                                                    struct envm_error *err);

struct envm_lock_options {
    struct envm_request request;  /* request.platform is ignored here */
    const char *const *platforms; /* none: the file's, else the lock's, else this machine's */
    size_t platform_count;
    bool update;              /* move packages to newer versions … */
    const char *const *names; /* … only these and what must move with them; none: all */
    size_t name_count;
    bool check;         /* only tell whether the lock satisfies the file: ENVM_STALE_LOCK if not */
    bool fetch;         /* fetch every package, so that the tree digest can be written */
    bool no_provenance; /* leave the provenance block out */
    bool dry_run;
    struct envm_script_options scripts; /* that the lock is to allow; needs the packages */
};

struct envm_lock_report {
    envm_str lock_path;
    enum envm_lock_state lock_state;
    struct envm_str_list platforms;
    const struct envm_record_view *packages; /* for each platform */
    const struct envm_sha256 *trees;         /* for each platform; may be unknown */
    struct envm_str_list moved;              /* "linux-64: numpy 1.26.4 -> 2.0.1" */
    struct envm_str_list held_back;          /* update: "linux-64: numpy stays at 1.26.4: …" */
    struct envm_str_list stale;              /* with check, filled on ENVM_STALE_LOCK too */
    struct envm_str_list omitted_pip;
    struct envm_explanation explanation;
};

ENVM_API ENVM_MUST_CHECK enum envm_code
envm_lock_environment(struct envm_context *context, struct envm_memory *memory,
                      const struct envm_lock_options *options, struct envm_lock_report *ret_report,
                      struct envm_error *err);

/* The prefix of a target: ENVM_USAGE when neither name nor prefix is given and none is active, or
 * when no environment is there. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_find_environment(struct envm_context *context,
                                                              struct envm_memory *memory,
                                                              const struct envm_target *target,
                                                              envm_str *ret_prefix,
                                                              struct envm_error *err);

struct envm_list_report {
    envm_str prefix;
    struct envm_record_view packages;
    struct envm_str_list bad_records; /* files of conda-meta that could not be read */
};
ENVM_API ENVM_MUST_CHECK enum envm_code envm_list(struct envm_context *context,
                                                  struct envm_memory *memory,
                                                  const struct envm_target *target,
                                                  struct envm_list_report *ret_report,
                                                  struct envm_error *err);

struct envm_verify_finding {
    envm_str kind; /* "missing", "altered", "extra", "record", "lock" */
    envm_str path;
    envm_str package;
    envm_str detail;
    bool damage; /* extra files are findings, but no damage */
};
struct envm_verify_report {
    envm_str prefix;
    const struct envm_verify_finding *findings;
    size_t finding_count;
    size_t damage_count;
    struct envm_sha256 tree;   /* of what is there */
    struct envm_sha256 locked; /* of the lock it was compared with; unknown when there is none */
    envm_str lock_path;        /* "" when there is none */
    uint64_t files;
    uint64_t bytes;
    size_t packages;
    struct envm_str_list left_out;     /* what the digest does not cover */
    struct envm_str_list script_files; /* paths that link scripts made, changed or removed, and that
                                          are as they left them */
    struct envm_str_list omitted_pip;  /* recorded in the lock */
};
/* Reads every byte. `against` is a lock file (NULL: the copy that the environment keeps). Returns
 * ENVM_DAMAGED, with the report filled, when something is missing or altered or is not what the
 * lock says. */
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_verify(struct envm_context *context, struct envm_memory *memory,
            const struct envm_target *target, const char *against,
            struct envm_verify_report *ret_report, struct envm_error *err);

struct envm_environment_entry {
    envm_str name; /* "" when it lies outside the root */
    envm_str prefix;
    bool active;
};
struct envm_environment_list {
    const struct envm_environment_entry *items; /* named ones first, by name; then by prefix */
    size_t count;
};
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_list_environments(struct envm_context *context, struct envm_memory *memory,
                       struct envm_environment_list *ret_list, struct envm_error *err);

struct envm_recover_report {
    envm_str prefix;
    size_t completed; /* changes that were committed and are (dry_run: would be) completed */
    size_t dropped;   /* changes that were not committed: their files are removed */
    struct envm_saved_files saved;
    struct envm_sha256 tree; /* that the last completed change led to; may be unknown */
};
/* Completes or drops what interrupted changes of an environment have left. Nothing to do is
 * success. ENVM_LOCKED, ENVM_DAMAGED when a journal cannot be read, ENVM_IO. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_recover(struct envm_context *context,
                                                     struct envm_memory *memory,
                                                     const struct envm_target *target, bool dry_run,
                                                     struct envm_recover_report *ret_report,
                                                     struct envm_error *err);

/* Removes an environment with all its files. Refuses what is not an environment (ENVM_UNSAFE).
 * *ret_prefix tells what was (or with dry_run would be) removed. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_remove_environment(struct envm_context *context,
                                                                struct envm_memory *memory,
                                                                const struct envm_target *target,
                                                                bool dry_run, envm_str *ret_prefix,
                                                                struct envm_error *err);

struct envm_info_setting {
    envm_str name, value, source; /* source: file, variable or "default" */
};
struct envm_info_report {
    envm_str version;
    envm_str platform;
    struct envm_record_view virtual_packages;
    envm_str root;
    envm_str cache;
    envm_str active_prefix; /* "" when none */
    struct envm_str_list channels;
    struct envm_str_list channel_urls;
    struct envm_str_list config_files; /* that were read */
    const struct envm_info_setting *settings;
    size_t setting_count;
    int landlock_abi;     /* of the kernel, 0 for none */
    bool confines_itself; /* what `confine` of a context wants can and may be done */
    bool fences_programs; /* foreign programs can be run */
};
ENVM_API ENVM_MUST_CHECK enum envm_code envm_info(struct envm_context *context,
                                                  struct envm_memory *memory,
                                                  struct envm_info_report *ret_report,
                                                  struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT
 *
 * A context: configuration, cache and connections of one caller. Two contexts may live in one
 * process; one context is used by one thread at a time (its own workers are its own business).
 */
#ifndef ENVM_CONTEXT_H
#define ENVM_CONTEXT_H

#include <envm/error.h>
#include <envm/progress.h>

#ifdef __cplusplus
extern "C" {
#endif

struct envm_context; /* opaque */

/* Where the results of calls live: every slice and array in a report points into the memory that
 * was passed to the call, and dies with it. */
struct envm_memory;
ENVM_API struct envm_memory *envm_memory_new(void);
ENVM_API void envm_memory_free(struct envm_memory *memory);

/* Zero means default everywhere. */
struct envm_context_options {
    const char *const *environment; /* NULL-terminated "NAME=value" (pass environ); required */
    const char *root;               /* instead of $ENVM_ROOT */
    const char *cache;              /* instead of $ENVM_CACHE */
    const char *link_mode;          /* "auto", "hardlink", "reflink", "copy" */
    const char *durability;         /* "batch", "none", "full" */
    const char *ca_bundle;          /* file or directory with trusted certificates */
    bool no_config;                 /* read no configuration files */
    bool offline;                   /* no network: caches and local channels only */
    bool insecure;                  /* do not check TLS certificates */
    bool require_hashes;            /* refuse packages without a sha256 */
    bool shared_cache;              /* the cache may belong to others, who may write to it */
    bool confine;                   /* see below */
    unsigned threads;               /* 0: the CPUs that may be used */
    struct envm_sink sink;
};

/* With `confine` the first call that changes anything takes from the whole process, for good, the
 * right to change files anywhere but where that call has to: the cache and its layers, the
 * environment (or the folder in which it appears or disappears), the folder of the lock that is
 * written, the list of environments. Threads that run already keep it; programs that are started
 * lose it, and with it all setuid and file capabilities (PR_SET_NO_NEW_PRIVS). So it is for a
 * program that makes one call and ends. It needs Landlock (Linux 5.19); on other kernels nothing
 * happens. */
/* Reads the configuration (docs: envm(1), FILES). ENVM_USAGE names file, line and key. Nothing is
 * created on disk and no connection is made before a call needs it. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_context_new(const struct envm_context_options *options,
                                                         struct envm_context **ret_context,
                                                         struct envm_error *err);
ENVM_API void envm_context_free(struct envm_context *context);

/* Sets what ends the process when memory runs out: called with the size that could not be had; it
 * must not return. Once, before any other call. It is called for what OpenSSL allocates as well
 * (for the whole process), unless OpenSSL was in use before. */
ENVM_API void envm_on_out_of_memory(void (*handler)(size_t size));

/* "0.1.0" */
ENVM_API const char *envm_version_string(void);

/* A copy of text with credentials replaced by "***", for what is shown or stored; in memory. */
ENVM_API envm_str envm_redact(struct envm_memory *memory, envm_str text);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT
 *
 * The package cache: immutable extracted packages keyed by the archive's SHA-256, so that no name
 * from outside is ever a path. Layout below the cache root:
 *     pkgs/<aa>/<sha256>/            extracted tree (files 0444/0555, directories 0755)
 *     pkgs/<aa>/<sha256>.manifest    contents with digests and stat fingerprints, own checksum line
 *     tmp/run-<random>/              what one process has in progress; swept when it is dead
 *     tmp/fetch-<sha256>             an archive that is arriving, claimed by the process that
 * fetches it .lock                          held for moments: see store/store_layout.h The manifest
 * is written first, the rename of the tree (RENAME_NOREPLACE) is the publication; an orphan
 * manifest is harmless. Several processes may work on one cache at a time, and every function but
 * new and free may be called from many threads. Below the cache there may be layers: caches of the
 * same layout that are read and never written. docs/internals/CACHE.md tells more.
 */
#ifndef ENVM_STORE_PACKAGE_STORE_H
#define ENVM_STORE_PACKAGE_STORE_H

#include "base/sink.h"
#include "net/download.h"
#include "prefix/package_contents.h"

struct envm_store;

/* One thing that is wrong with a cached package. */
struct envm_store_fault {
    envm_str path; /* in the package; "" when it is the entry as a whole */
    envm_str what; /* "has other content" */
    /* Of a damaged file: links > 1 means that others may hold the same inode. */
    uint64_t links, device, inode;
};

/* A cached package that is not what it was. */
struct envm_store_damage {
    struct envm_sha256 sha256;
    envm_str package; /* name-version-build; the hash when the manifest cannot be read */
    envm_str layer;   /* of which cache: "" for the writable one */
    const struct envm_store_fault *faults;
    size_t fault_count;
};

/* A cache below the writable one. */
struct envm_store_layer {
    int cache_fd;  /* the caller's; must stay open */
    envm_str path; /* for messages */
};

struct envm_store_config {
    int cache_fd;                          /* cache root, the caller's; must stay open */
    bool shared;                           /* other users may own the cache and write to it */
    const struct envm_store_layer *layers; /* the caller's; asked in order when the cache has not */
    size_t layer_count;
    /* Folders that may hold archives by their file name, such as conda's pkgs: looked into before
     * the network is asked; what is found there counts only with the right sha256. */
    struct envm_str_list archive_folders;
    bool full_sync; /* sync every file by itself when it is extracted (durability: full) */
    struct envm_downloader *downloader; /* the caller's; NULL: only find works */
    bool require_hashes;                /* refuse packages without sha256: ENVM_UNSAFE */
    bool verify_all; /* re-hash a cached entry before use, whatever its fingerprints say */
    const struct envm_sink *sink; /* may be NULL */
    /* Told, from any thread and without locks, of an entry that was found damaged (and was removed,
     * or passed over in a layer). May be NULL. */
    void (*on_damage)(void *user, const struct envm_store_damage *damage);
    void *user;
};

/* ENVM_UNSAFE when the cache directory, or that of a layer, belongs to another user (root excepted)
 * or others may write to it, unless it is `shared`. Removes what dead processes left in tmp/. */
enum envm_code envm_store_new(const struct envm_store_config *config, struct envm_store **ret_store,
                              struct envm_error *err);
void envm_store_free(struct envm_store *store);

/* An extracted package, ready to be linked. */
struct envm_store_entry {
    int dirfd;                 /* root of its tree; closed by envm_store_entry_release */
    struct envm_sha256 sha256; /* of the archive: known even when the record had none */
    struct envm_md5 md5;       /* known when the record had one or no sha256 */
    uint64_t archive_size;
    struct envm_package_contents *contents; /* in `arena` */
    struct envm_package_record *index;      /* info/index.json, in `arena` */
    struct envm_arena arena;
    bool was_cached; /* nothing was extracted */
};
/* A released or never filled entry must have dirfd -1: start with ENVM_STORE_ENTRY_EMPTY. */
#define ENVM_STORE_ENTRY_EMPTY ((struct envm_store_entry){.dirfd = -1})
void envm_store_entry_release(struct envm_store_entry *entry);
ENVM_DEFINE_CLEANUP(envm_store_entry, struct envm_store_entry, envm_store_entry_release)

/* A package whose files were all read this long ago is read again before it is used. */
#define ENVM_STORE_RECHECK_SECONDS ((int64_t)7 * 86400)

/* Only looks: *ret_found tells whether the package is there and passes the cheap check (manifest
 * checksum; size, mtime, inode and mode of every file). A file whose fingerprint differs is hashed
 * once, and its fingerprint renewed when the bytes are right: a cache that a CI system restored has
 * new inodes and times. After ENVM_STORE_RECHECK_SECONDS every file is hashed. An entry that does
 * not match is discarded with a warning; one of a layer is passed over. */
enum envm_code envm_store_find(struct envm_store *store, const struct envm_sha256 *sha256,
                               struct envm_store_entry *ret_entry, bool *ret_found,
                               struct envm_error *err);

/* Gives the package of the record: from the cache, else downloaded from record->url, checked
 * (size, sha256 and md5 as far as given, before anything is parsed), extracted, every file's sha256
 * compared with paths.json, index.json compared with the record (name, version, build), and
 * published. Errors: ENVM_NETWORK, ENVM_INTEGRITY, ENVM_MALFORMED, ENVM_UNSAFE, ENVM_IO,
 * ENVM_INTERRUPTED; nothing is left behind. */
enum envm_code envm_store_get(struct envm_store *store, const struct envm_package_record *record,
                              struct envm_store_entry *ret_entry, struct envm_error *err);

/* Split form for a pipeline: fetch brings the archive to the cache's tmp, hashed while it arrives
 * and checked; extract does the rest. fetch gives *ret_archive = NULL when the entry is cached. */
struct envm_store_archive;
enum envm_code envm_store_fetch(struct envm_store *store, const struct envm_package_record *record,
                                struct envm_store_archive **ret_archive,
                                struct envm_store_entry *ret_entry, struct envm_error *err);
/* Consumes the archive, on failure too. */
enum envm_code envm_store_extract(struct envm_store *store,
                                  const struct envm_package_record *record,
                                  struct envm_store_archive *archive,
                                  struct envm_store_entry *ret_entry, struct envm_error *err);
void envm_store_archive_free(struct envm_store_archive *archive);
/* Whether fetch is likely to do without the network: the URL is a file's, or the cache or a layer
 * seems to have the package. Only a hint, for whoever chooses a thread. */
bool envm_store_is_near(struct envm_store *store, const struct envm_package_record *record);

/* One syncfs of the cache's file system: after it, the packages that this store gave out survive a
 * power cut, and are marked so (in full_sync each one was synced by itself: nothing is left to do
 * but for those that were cached before). */
enum envm_code envm_store_sync(struct envm_store *store, struct envm_error *err);

#endif

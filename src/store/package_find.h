/* SPDX-License-Identifier: MIT
 *
 * Looking at cached packages, in the writable cache and in the layers below it. For the other files
 * of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_FIND_H
#define ENVM_STORE_PACKAGE_FIND_H

#include "store/package_check.h"
#include "store/store_layout.h"

/* What a look at an entry found. */
struct envm_store_look {
    bool found;                    /* something is there, good or bad */
    bool has_manifest;             /* it could be read */
    bool unsynced;                 /* no sync is known to have followed its extraction */
    struct envm_manifest manifest; /* then this is it */
    struct envm_check_result check;
};

/* How to look. */
struct envm_store_view {
    struct envm_store *store;
    int pkgs_fd;    /* the store's own or a layer's */
    envm_str layer; /* "" for the store's own */
    bool read_all;  /* else every file is read only when it is time to */
    bool read_only; /* mend nothing */
};

/* Reads manifest and tree. Texts go to entry->arena; entry->dirfd is open when the tree could be
 * opened. ENVM_IO only for trouble of this process (descriptors, rights). */
enum envm_code envm_store_look_at(const struct envm_store_view *view,
                                  const struct envm_store_place *place,
                                  const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                                  struct envm_store_look *ret_look, struct envm_error *err);

/* For messages and reports; in the entry's arena. */
struct envm_store_damage envm_store_damage_of(struct envm_arena *arena,
                                              const struct envm_sha256 *sha256,
                                              const struct envm_store_look *look, envm_str layer);

/* Keeps renewed fingerprints, unless the tree was replaced meanwhile. Best effort: they only save
 * work. */
void envm_store_keep_look(const struct envm_store_view *view, const struct envm_store_place *place,
                          const struct envm_store_entry *entry, const struct envm_store_look *look);

/* The contract of envm_store_find without the context in errors. */
enum envm_code envm_store_find_entry(struct envm_store *store, const struct envm_store_place *place,
                                     const struct envm_sha256 *sha256,
                                     struct envm_store_entry *ret_entry, bool *ret_found,
                                     struct envm_error *err);

#endif

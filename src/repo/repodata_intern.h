/* SPDX-License-Identifier: MIT
 *
 * A table of distinct byte strings. Each one is stored once, as a 32-bit length and its bytes, and
 * named by the offset of that length: the table is the text section of the index file as it is.
 */
#ifndef ENVM_REPO_REPODATA_INTERN_H
#define ENVM_REPO_REPODATA_INTERN_H

#include "base/cleanup.h"
#include "base/str.h"

#define ENVM_INTERN_MAX ((size_t)1 << 20)

struct envm_intern_slot {
    uint32_t reference; /* 0: free */
    uint32_t hash;
};

/* Zeroed is valid and empty; reference 0 is always the empty string. */
struct envm_intern {
    char *bytes;
    size_t len, room;
    struct envm_intern_slot *slots;
    size_t capacity, count;
    uint64_t seed;
    bool overflowed; /* a string of more than ENVM_INTERN_MAX, or more than 4 GiB; sticky, checked
                        once */
};

/* A number for each reference, for tables beside this one: distinct, at most len / 4, and 0 for 0.
 * That is so because two entries are at least five bytes apart and the first one is at 4. */
static inline size_t envm_intern_index(uint32_t reference)
{
    return reference / 4;
}

/* Makes room for about that many strings of that many bytes in all, on an empty table. */
void envm_intern_expect(struct envm_intern *table, size_t strings, size_t bytes);
/* The offset of s in the table. */
uint32_t envm_intern_add(struct envm_intern *table, envm_str s);
/* The same in two steps, between which other work is done: to hash fetches the string's place of
 * the table into the cache. */
uint32_t envm_intern_hash(struct envm_intern *table, envm_str s);
uint32_t envm_intern_add_hashed(struct envm_intern *table, envm_str s, uint32_t hash);
/* The same without adding: 0 when it is not there. */
uint32_t envm_intern_find(const struct envm_intern *table, envm_str s);
/* Walks in the order of adding, the empty string aside: start with *reference = 0; false at the
 * end. */
bool envm_intern_next(const struct envm_intern *table, uint32_t *reference, envm_str *ret_text);
/* The bytes behind a reference that this table gave; valid until the next envm_intern_add. */
envm_str envm_intern_get(const struct envm_intern *table, uint32_t reference);

void envm_intern_release(struct envm_intern *table);
ENVM_DEFINE_CLEANUP(envm_intern, struct envm_intern, envm_intern_release)

#endif

/* SPDX-License-Identifier: MIT
 *
 * The index file: all records of one subdir, sorted by name, made to be mapped. Offsets instead of
 * pointers, texts and lists stored once. Opening it reads the header only; every offset is checked
 * when it is used, so a damaged file gives errors or odd texts, never a crash. Layout and rules:
 * docs/internals/REPODATA.md.
 */
#ifndef ENVM_REPO_REPODATA_IMAGE_H
#define ENVM_REPO_REPODATA_IMAGE_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"
#include "base/str.h"

#define ENVM_IMAGE_MAGIC "envmRIX\n"
#define ENVM_IMAGE_VERSION 5u /* raise it with every change of layout or of what is stored */
#define ENVM_IMAGE_TEXT_MAX ((size_t)1 << 20) /* longest text; a longer one makes the file bad */
#define ENVM_IMAGE_LIST_MAX ((size_t)1 << 24) /* the same, of the texts of a list together */
#define ENVM_IMAGE_BYTE_ORDER 0x01020304u

enum envm_image_section {
    ENVM_IMAGE_NAMES,   /* struct envm_image_name, sorted bytewise by text */
    ENVM_IMAGE_RECORDS, /* struct envm_image_key, grouped by name */
    ENVM_IMAGE_EXTENTS, /* struct envm_image_extent, by number */
    ENVM_IMAGE_TEXTS,   /* 32-bit length, bytes; a text is named by its offset, 0 is "" */
    ENVM_IMAGE_SECTION_COUNT,
};

struct envm_image_header {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    uint64_t file_size;
    struct {
        uint64_t offset, size;
    } sections[ENVM_IMAGE_SECTION_COUNT];
    uint64_t shown;            /* records that a solve may see */
    uint64_t skipped;          /* bad ones that were left out */
    uint32_t subdir;           /* texts */
    uint32_t package_base;     /* where the packages are, without a trailing slash */
    uint8_t source_sha256[32]; /* of the repodata.json that this was made of */
    uint8_t reserved[4];
    uint64_t data_hash;   /* of the sections, see envm_image_data_is_intact */
    uint8_t checksum[32]; /* sha256 of this header with these bytes zero */
};

/* A piece of the file, outside of the sections. What is in one is named by a 32-bit reference: the
 * number of the extent above, the offset in it below. It holds either bodies of records or lists of
 * texts: 32-bit length, texts that each end with a NUL; reference 0 is the empty list. */
struct envm_image_extent {
    uint64_t offset, size;
    uint64_t hash; /* of its bytes, see envm_image_hash_extent */
};
#define ENVM_IMAGE_OFFSET_BITS 20
#define ENVM_IMAGE_EXTENT                                                                          \
    ((size_t)1 << ENVM_IMAGE_OFFSET_BITS) /* most bytes, for more than one                         \
                                           */
#define ENVM_IMAGE_EXTENTS_MAX (1u << (32 - ENVM_IMAGE_OFFSET_BITS))

static inline uint32_t envm_image_reference(uint32_t extent, size_t offset)
{
    return extent << ENVM_IMAGE_OFFSET_BITS | (uint32_t)offset;
}

static inline uint32_t envm_image_extent_of(uint32_t reference)
{
    return reference >> ENVM_IMAGE_OFFSET_BITS;
}

static inline size_t envm_image_offset_of(uint32_t reference)
{
    return reference & (ENVM_IMAGE_EXTENT - 1);
}

struct envm_image_name {
    uint32_t name;
    uint32_t first; /* index of its first record */
    uint32_t count;
    uint32_t shown;   /* without .tar.bz2 files that have a .conda twin */
    uint32_t tar_bz2; /* only .tar.bz2 files */
};

enum envm_image_flag {
    ENVM_IMAGE_HAS_SHA256 = 1,
    ENVM_IMAGE_HAS_MD5 = 2,
    ENVM_IMAGE_HAS_SIZE = 4,
    ENVM_IMAGE_NOARCH_GENERIC = 8,
    ENVM_IMAGE_NOARCH_PYTHON = 16,
    ENVM_IMAGE_TAR_BZ2 = 32,
    ENVM_IMAGE_HAS_TWIN = 64,       /* a .tar.bz2 that is also there as .conda */
    ENVM_IMAGE_SUBDIR_NOARCH = 128, /* the record says noarch, whatever the index is for */
    ENVM_IMAGE_DROPPED = 256,       /* while building only */
    ENVM_IMAGE_IRREGULAR = 512,     /* its file name is not name-version-build and the extension */
};

/* What a layout looks at, and where the rest is. */
struct envm_image_key {
    uint32_t name, version, build; /* texts */
    uint32_t flags;                /* enum envm_image_flag */
    uint32_t body;                 /* in an extent */
};

struct envm_image_body {
    uint8_t sha256[32];
    uint8_t md5[16];
    uint64_t build_number, size, timestamp;
    uint32_t depends, constrains, track_features; /* lists */
    uint32_t more; /* list of what not every record has, see envm_image_more */
};

struct envm_image_record {
    struct envm_image_body body;
    struct envm_image_key key;
};

/* What a text of `more` is about: its first byte. A group of optional dependencies comes before
 * its dependencies. */
enum envm_image_more {
    ENVM_IMAGE_MORE_LICENSE = 'l',
    ENVM_IMAGE_MORE_FAMILY = 'y', /* of the license */
    ENVM_IMAGE_MORE_FEATURES = 'e',
    ENVM_IMAGE_MORE_FILE_NAME = 'n', /* of one that is irregular */
    ENVM_IMAGE_MORE_SITE_PACKAGES = 'p',
    ENVM_IMAGE_MORE_INDEXED = 't', /* milliseconds, decimal */
    ENVM_IMAGE_MORE_FLAG = 'f',
    ENVM_IMAGE_MORE_GROUP = 'g',
    ENVM_IMAGE_MORE_DEPENDS = 'd',
};

struct envm_image {
    envm_str bytes;
    struct envm_image_header header;
};

/* False when the bytes are no index of this version, or its header is damaged. */
bool envm_image_open(struct envm_image *image, envm_str bytes);

/* Compares all of the data with the header's hash: reads the whole file. Needed only when the file
 * may have been half written at a power cut, see repodata_cache.c. */
bool envm_image_data_is_intact(const struct envm_image *image);

/* The same, and what lies between extents and sections, which nobody reads, is zeros as it was
 * written. */
bool envm_image_is_whole(const struct envm_image *image);
/* data_hash, which vouches for the extents' hashes, too, goes over the sections in order, each in
 * chunks of this size but for its last; each chunk's hash is the seed of the next. */
#define ENVM_IMAGE_HASH_CHUNK ((size_t)256 * 1024)
uint64_t envm_image_hash_chunk(uint64_t hash, envm_str chunk);
uint64_t envm_image_hash_extent(envm_str bytes);

/* The checksum for a header whose other fields are filled in. */
void envm_image_seal(struct envm_image_header *header);

/* False when the reference leads out of the file. */
bool envm_image_text(const struct envm_image *image, uint32_t reference, envm_str *ret_text);
bool envm_image_list(const struct envm_image *image, uint32_t reference, struct envm_arena *arena,
                     struct envm_str_list *ret_list);
/* The same without an array: its texts one behind the other, to be taken by the next. */
bool envm_image_list_bytes(const struct envm_image *image, uint32_t reference, envm_str *ret_bytes);
/* Takes a text off the front; false at the end. */
static inline bool envm_image_next_text(envm_str *bytes, envm_str *ret_text)
{
    size_t len;

    if (bytes->len == 0)
        return false;
    len = strlen(bytes->ptr);
    *ret_text = envm_str_n(bytes->ptr, len);
    *bytes = envm_str_n(bytes->ptr + len + 1, bytes->len - len - 1);
    return true;
}
size_t envm_image_name_count(const struct envm_image *image);
/* The n-th name; false when the file is damaged there. */
bool envm_image_name_at(const struct envm_image *image, size_t n, struct envm_image_name *ret_name,
                        envm_str *ret_text);
/* Binary search. False on damage; *ret_name with count 0 when there is no such name. */
bool envm_image_find(const struct envm_image *image, envm_str name,
                     struct envm_image_name *ret_name);
bool envm_image_record_at(const struct envm_image *image, uint64_t n,
                          struct envm_image_record *ret_record);

#endif

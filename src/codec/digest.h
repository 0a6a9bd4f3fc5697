/* SPDX-License-Identifier: MIT
 *
 * SHA-256 and MD5 through OpenSSL's EVP. A hasher belongs to one thread at a time.
 */
#ifndef ENVM_CODEC_DIGEST_H
#define ENVM_CODEC_DIGEST_H

#include <envm/error.h>

#include "base/cleanup.h"
#include "base/str.h"

/* From now on what OpenSSL allocates, for whomever, ends in the out-of-memory handler of
 * base/alloc.h, too, when it cannot be had. Does nothing when OpenSSL has allocated already. Call
 * before any thread is started. Source: CRYPTO_set_mem_functions(3). */
void envm_digest_share_memory(void);

struct envm_hasher {
    void *sha256; /* EVP_MD_CTX */
    void *md5;    /* NULL when not wanted */
};

/* `h` need not be zeroed. An algorithm that OpenSSL's policy refuses (MD5 under FIPS) is not an
 * error: its digest stays unknown. */
void envm_hasher_init(struct envm_hasher *h, bool with_md5);
void envm_hasher_update(struct envm_hasher *h, const void *bytes, size_t len);
/* Results; ret_md5 may be NULL. Frees what the hasher holds: it may be initialised again, or
 * released, which then does nothing. */
void envm_hasher_final(struct envm_hasher *h, struct envm_sha256 *ret_sha256,
                       struct envm_md5 *ret_md5);
void envm_hasher_release(struct envm_hasher *h);
ENVM_DEFINE_CLEANUP(envm_hasher, struct envm_hasher, envm_hasher_release)

struct envm_sha256 envm_sha256_of(envm_str bytes);
struct envm_md5 envm_md5_of(envm_str bytes);
/* From the current position to the end; *ret_size (may be NULL) counts. */
enum envm_code envm_sha256_of_fd(int fd, const char *name, struct envm_sha256 *ret_sha256,
                                 uint64_t *ret_size, struct envm_error *err);

#endif

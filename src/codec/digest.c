/* SPDX-License-Identifier: MIT */
#include "codec/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

#define READ_SIZE ((size_t)256 * 1024)

/* OpenSSL looks an algorithm up by its name, under locks, whenever one is used that was not looked
 * up before: half of the time of hashing a leaf of a tree digest. Written once. */
static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_algorithm, *md5_algorithm; /* NULL: refused */

static void look_up_algorithms(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    md5_algorithm = EVP_MD_fetch(NULL, "MD5", NULL);
}

static const EVP_MD *sha256(void)
{
    pthread_once(&algorithms_once, look_up_algorithms);
    return sha256_algorithm;
}

static const EVP_MD *md5(void)
{
    pthread_once(&algorithms_once, look_up_algorithms);
    return md5_algorithm;
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return envm_alloc(size);
}

static void *crypto_realloc(void *pointer, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (size > 0)
        return envm_realloc(pointer, 1, size);
    envm_free(pointer);
    return NULL;
}

static void crypto_free(void *pointer, const char *file, int line)
{
    (void)file, (void)line;
    envm_free(pointer);
}

/* OpenSSL 3.0 crashes when the first things that it allocates cannot be had. */
void envm_digest_share_memory(void)
{
    (void)CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}

/* NULL when OpenSSL refuses the algorithm (MD5 under a FIPS policy). */
static EVP_MD_CTX *new_context(const EVP_MD *algorithm)
{
    EVP_MD_CTX *context;

    if (!algorithm)
        return NULL;
    context = EVP_MD_CTX_new();
    if (!context)
        envm_end_without_memory(0);
    if (EVP_DigestInit_ex(context, algorithm, NULL) == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

/* No policy forbids SHA-256. When it fails, memory is short; a digest that is not known would be
 * taken for one that differs. */
void envm_hasher_init(struct envm_hasher *h, bool with_md5)
{
    h->sha256 = new_context(sha256());
    if (!h->sha256)
        envm_end_without_memory(sizeof(struct envm_sha256));
    h->md5 = with_md5 ? new_context(md5()) : NULL;
}

void envm_hasher_update(struct envm_hasher *h, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    if (h->sha256)
        EVP_DigestUpdate(h->sha256, bytes, len);
    if (h->md5)
        EVP_DigestUpdate(h->md5, bytes, len);
}

void envm_hasher_final(struct envm_hasher *h, struct envm_sha256 *ret_sha256,
                       struct envm_md5 *ret_md5)
{
    *ret_sha256 = (struct envm_sha256){0};
    ret_sha256->known = h->sha256 && EVP_DigestFinal_ex(h->sha256, ret_sha256->bytes, NULL) == 1;
    if (ret_md5) {
        *ret_md5 = (struct envm_md5){0};
        ret_md5->known = h->md5 && EVP_DigestFinal_ex(h->md5, ret_md5->bytes, NULL) == 1;
    }
    envm_hasher_release(h);
}

void envm_hasher_release(struct envm_hasher *h)
{
    EVP_MD_CTX_free(h->sha256);
    EVP_MD_CTX_free(h->md5);
    *h = (struct envm_hasher){0};
}

struct envm_sha256 envm_sha256_of(envm_str bytes)
{
    struct envm_sha256 digest = {0};

    if (!sha256() || EVP_Digest(bytes.ptr, bytes.len, digest.bytes, NULL, sha256(), NULL) != 1)
        envm_end_without_memory(sizeof(struct envm_sha256));
    digest.known = true;
    return digest;
}

struct envm_md5 envm_md5_of(envm_str bytes)
{
    struct envm_md5 digest = {0};

    digest.known = md5() && EVP_Digest(bytes.ptr, bytes.len, digest.bytes, NULL, md5(), NULL) == 1;
    return digest;
}

enum envm_code envm_sha256_of_fd(int fd, const char *name, struct envm_sha256 *ret_sha256,
                                 uint64_t *ret_size, struct envm_error *err)
{
    ENVM_CLEANUP(envm_heap) char *buffer = envm_alloc(READ_SIZE);
    ENVM_CLEANUP(envm_hasher) struct envm_hasher hasher = {0};
    uint64_t size = 0;

    envm_hasher_init(&hasher, false);
    for (;;) {
        ssize_t got = read(fd, buffer, READ_SIZE);

        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return envm_fail_errno(err, errno, "cannot read '%s'", name);
        envm_hasher_update(&hasher, buffer, (size_t)got);
        size += (uint64_t)got;
    }
    envm_hasher_final(&hasher, ret_sha256, NULL);
    if (ret_size)
        *ret_size = size;
    return ENVM_OK;
}

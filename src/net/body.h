/* SPDX-License-Identifier: MIT
 *
 * Where the bytes of one download go, over all its attempts: a descriptor, a callback, limits.
 * Belongs to the engine's thread while an exchange runs, to the caller's in between.
 */
#ifndef ENVM_NET_BODY_H
#define ENVM_NET_BODY_H

#include "base/sink.h"
#include "base/str.h"

enum envm_body_fault {
    ENVM_BODY_FINE,
    ENVM_BODY_TOO_LONG,    /* more than `limit` */
    ENVM_BODY_WRONG_RANGE, /* a 206 for another range than the one asked for */
    ENVM_BODY_NOT_WRITTEN, /* see write_errno */
};

struct envm_body {
    int fd;
    uint64_t limit; /* most bytes in total */
    void (*on_bytes)(void *user, const void *bytes, size_t len);
    void *user;
    envm_str label;
    const struct envm_sink *sink;

    uint64_t resume_at; /* where the next attempt asks to go on; 0 from the start */
    uint64_t written;   /* bytes in place, all attempts together */
    bool begun;         /* a body is arriving in this attempt */
    uint64_t expected;  /* length by the answer's fields, 0: unknown; for progress only */
    uint64_t reported_ms;
    enum envm_body_fault fault;
    int write_errno;
};

/* Before an attempt. */
void envm_body_prepare(struct envm_body *body, uint64_t resume_at);

/* The head of an answer with a body to keep (200 or 206) is complete. `length` by Content-Length,
 * UINT64_MAX when unknown. False (with ->fault) when the transfer has to be given up. */
bool envm_body_begin(struct envm_body *body, unsigned status, envm_str content_range,
                     uint64_t length);

/* False (with ->fault) when the transfer has to be given up. */
bool envm_body_write(struct envm_body *body, const void *bytes, size_t len);

/* First byte of "bytes A-B/T"; false when the field is not of that form. */
bool envm_content_range_start(envm_str field, uint64_t *ret_start);

#endif

/* SPDX-License-Identifier: MIT */
#include "net/body.h"

#include <errno.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fs.h"

#define REPORT_INTERVAL_MS 100

void envm_body_prepare(struct envm_body *body, uint64_t resume_at)
{
    body->resume_at = resume_at;
    body->begun = false;
    body->expected = 0;
    body->fault = ENVM_BODY_FINE;
}

bool envm_content_range_start(envm_str field, uint64_t *ret_start)
{
    const envm_str unit = ENVM_STR("bytes ");
    size_t dash;

    if (!envm_str_starts_with(field, unit))
        return false;
    field = envm_str_trim(envm_str_skip(field, unit.len));
    dash = envm_str_find_char(field, '-');
    return dash != SIZE_MAX && envm_str_parse_u64(envm_str_slice(field, 0, dash), ret_start);
}

static bool fault(struct envm_body *body, enum envm_body_fault what)
{
    body->fault = what;
    return false;
}

static bool start_over(struct envm_body *body)
{
    if (body->written > 0 && body->on_bytes)
        body->on_bytes(body->user, NULL, 0);
    body->written = 0;
    if (!envm_fs_cut_fd(body->fd, 0)) {
        body->write_errno = errno;
        return fault(body, ENVM_BODY_NOT_WRITTEN);
    }
    return true;
}

bool envm_body_begin(struct envm_body *body, unsigned status, envm_str content_range,
                     uint64_t length)
{
    uint64_t start = 0;

    if (status == 206) {
        if (body->resume_at == 0 || !envm_content_range_start(content_range, &start) ||
            start != body->resume_at)
            return fault(body, ENVM_BODY_WRONG_RANGE);
        body->written = start;
    } else if (!start_over(body)) {
        return false;
    }
    if (length != UINT64_MAX) {
        if (length > body->limit || body->written > body->limit - length)
            return fault(body, ENVM_BODY_TOO_LONG);
        body->expected = body->written + length;
    }
    body->begun = true;
    return true;
}

static void report(struct envm_body *body)
{
    uint64_t now = envm_clock_monotonic_ms();

    if (now - body->reported_ms < REPORT_INTERVAL_MS)
        return;
    body->reported_ms = now;
    envm_sink_progress(body->sink, &(struct envm_progress){
                                       .kind = ENVM_PROGRESS_DOWNLOAD,
                                       .name = body->label,
                                       .done = body->written,
                                       .total = body->expected,
                                   });
}

static bool write_all(struct envm_body *body, const char *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pwrite(body->fd, bytes + done, len - done, (off_t)(body->written + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            body->write_errno = n < 0 ? errno : ENOSPC;
            return fault(body, ENVM_BODY_NOT_WRITTEN);
        }
        done += (size_t)n;
    }
    return true;
}

bool envm_body_write(struct envm_body *body, const void *bytes, size_t len)
{
    if (len > body->limit - body->written)
        return fault(body, ENVM_BODY_TOO_LONG);
    if (!write_all(body, bytes, len))
        return false;
    body->written += len;
    if (body->on_bytes && len > 0)
        body->on_bytes(body->user, bytes, len);
    if (body->label.len > 0)
        report(body);
    return true;
}

/* SPDX-License-Identifier: MIT
 *
 * Writing JSON into a buffer. Commas, indentation and escaping are the writer's business. Invalid
 * UTF-8 in a string becomes U+FFFD, so that the output is always valid JSON.
 */
#ifndef ENVM_CODEC_JSON_WRITER_H
#define ENVM_CODEC_JSON_WRITER_H

#include <envm/package_record.h>

#include "base/buf.h"
#include "base/str.h"

struct envm_json_writer {
    struct envm_buf *out;
    unsigned indent; /* spaces per level; 0: one line */
    unsigned depth;
    bool first;
    bool after_key;
};

void envm_json_writer_init(struct envm_json_writer *w, struct envm_buf *out, unsigned indent);
void envm_json_open_object(struct envm_json_writer *w);
void envm_json_close_object(struct envm_json_writer *w);
void envm_json_open_array(struct envm_json_writer *w);
void envm_json_close_array(struct envm_json_writer *w);
void envm_json_key(struct envm_json_writer *w, const char *key);
void envm_json_key_str(struct envm_json_writer *w, envm_str key);
void envm_json_put_str(struct envm_json_writer *w, envm_str value);
void envm_json_put_cstr(struct envm_json_writer *w, const char *value); /* NULL gives null */
void envm_json_put_u64(struct envm_json_writer *w, uint64_t value);
void envm_json_put_i64(struct envm_json_writer *w, int64_t value);
void envm_json_put_bool(struct envm_json_writer *w, bool value);
void envm_json_put_null(struct envm_json_writer *w);
void envm_json_put_raw(struct envm_json_writer *w, envm_str json); /* one value, already JSON */

/* key + value in one call. */
void envm_json_field_str(struct envm_json_writer *w, const char *key, envm_str value);
void envm_json_field_cstr(struct envm_json_writer *w, const char *key, const char *value);
void envm_json_field_u64(struct envm_json_writer *w, const char *key, uint64_t value);
void envm_json_field_bool(struct envm_json_writer *w, const char *key, bool value);
void envm_json_field_list(struct envm_json_writer *w, const char *key, struct envm_str_list list);
/* {"group": ["spec", …], …}, as CEP 44 has it. */
void envm_json_field_groups(struct envm_json_writer *w, const char *key,
                            const struct envm_extra_group *groups, size_t count);

#endif

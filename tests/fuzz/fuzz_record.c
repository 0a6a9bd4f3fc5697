/* SPDX-License-Identifier: MIT */
/* links: conda */
/* A record that is accepted can name a file, and comes back the same when written and read. */
#include <stdlib.h>

#include "base/buf.h"
#include "conda/archive_name.h"
#include "conda/package_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_record(struct envm_buf *out, const struct envm_package_record *record)
{
    struct envm_json_writer w;

    envm_json_writer_init(&w, out, 0);
    envm_json_open_object(&w);
    envm_package_record_write_fields(&w, record);
    envm_json_close_object(&w);
}

static bool read_record(struct envm_arena *arena, envm_str json, struct envm_package_record *record)
{
    struct envm_json_reader r;
    const char *fault = NULL;

    envm_json_init(&r, json);
    envm_package_record_read(&r, arena, record, &fault);
    return envm_json_end(&r, NULL) == ENVM_OK && !fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf first = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf second = envm_buf_text();
    struct envm_package_record record, again;
    struct envm_archive_name name;
    envm_str file;

    if (!read_record(&arena, envm_str_n((const char *)data, size), &record))
        return 0;
    file = envm_arena_printf(&arena, "%.*s-%.*s-%.*s.conda", ENVM_STR_ARGS(record.name),
                             ENVM_STR_ARGS(record.version), ENVM_STR_ARGS(record.build));
    if (file.len <= 211 &&
        (!envm_archive_name_parse(file, &name) || !envm_str_equal(name.build, record.build)))
        abort();
    write_record(&first, &record);
    if (!read_record(&arena, envm_buf_str(&first), &again))
        abort();
    write_record(&second, &again);
    if (!envm_str_equal(envm_buf_str(&first), envm_buf_str(&second)))
        abort();
    return 0;
}

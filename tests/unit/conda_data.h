/* SPDX-License-Identifier: MIT
 *
 * Rows of test data for the tests of src/conda: whole files, lines, tab-separated fields, JSON
 * strings.
 */
#ifndef ENVM_TESTS_CONDA_DATA_H
#define ENVM_TESTS_CONDA_DATA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "codec/json_reader.h"

#define FIELDS_MAX 16

/* Below the source directory: "tests/data/x.tsv", "../shared/data/…". False when it is missing. */
static inline bool read_data(struct envm_arena *arena, const char *name, envm_str *ret_text)
{
    const char *root = getenv("ENVM_SOURCE_DIR");
    envm_str path = envm_arena_printf(arena, "%s/%s", root ? root : ".", name);
    FILE *file = fopen(path.ptr, "rb");
    long size;
    char *bytes;

    if (!file)
        return false;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    bytes = envm_arena_alloc(arena, (size_t)size + 1);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    *ret_text = envm_str_n(bytes, (size_t)size);
    return true;
}

static inline bool next_line(envm_str *rest, envm_str *ret_line)
{
    do {
        if (!envm_str_split_next(rest, '\n', ret_line))
            return false;
    } while (ret_line->len == 0);
    return true;
}

static inline size_t split_fields(envm_str line, envm_str fields[FIELDS_MAX])
{
    size_t count = 0;

    while (count < FIELDS_MAX && envm_str_split_next(&line, '\t', &fields[count]))
        count++;
    return count;
}

/* The text of a JSON string. */
static inline envm_str json_text(struct envm_arena *arena, envm_str json)
{
    struct envm_json_reader r;
    envm_str text = {0};

    envm_json_init(&r, json);
    assert_true(envm_json_string(&r, arena, &text));
    return text;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Rows of test data: one case a line in tests/data/FILE, fields separated by tabs, lines that begin
 * with '#' and empty lines left out. In a field <XX> is the byte with that hexadecimal value, "⏎" a
 * line feed and "→" a tab. A failed step ends the program: a test without its data is no test.
 */
#ifndef ENVM_TESTS_ROWS_H
#define ENVM_TESTS_ROWS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hex.h"
#include "base/str.h"

#define ROW_FIELDS 8

struct row {
    unsigned line;
    envm_str field[ROW_FIELDS];
    size_t count;
};

struct rows {
    struct envm_arena arena;
    envm_str rest;
    unsigned line;
};

static inline envm_str rows_load(struct envm_arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    envm_str text = {0};
    char *bytes;
    long size;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    rewind(file);
    bytes = (char *)envm_arena_alloc(arena, (size_t)size + 1);
    text = envm_str_n(bytes, fread(bytes, 1, (size_t)size, file));
    fclose(file);
    return text;
}

static inline envm_str rows_decode(struct envm_arena *arena, envm_str field)
{
    char *out = (char *)envm_arena_alloc(arena, field.len + 1);
    size_t len = 0;

    while (field.len > 0) {
        size_t taken = 1;
        uint8_t byte;

        if (field.len >= 4 && field.ptr[0] == '<' && field.ptr[3] == '>' &&
            envm_hex_decode(envm_str_n(field.ptr + 1, 2), &byte, 1)) {
            out[len++] = (char)byte;
            taken = 4;
        } else if (envm_str_starts_with(field, ENVM_STR("⏎")) ||
                   envm_str_starts_with(field, ENVM_STR("→"))) {
            out[len++] = envm_str_starts_with(field, ENVM_STR("→")) ? '\t' : '\n';
            taken = 3;
        } else {
            out[len++] = field.ptr[0];
        }
        field = envm_str_skip(field, taken);
    }
    return envm_str_n(out, len);
}

/* `name` is a file of tests/data. */
static inline struct rows rows_open(const char *name)
{
    const char *source = getenv("ENVM_SOURCE_DIR");
    struct rows rows = {0};

    if (!source) {
        fprintf(stderr, "ENVM_SOURCE_DIR is not set\n");
        exit(1);
    }
    rows.rest = rows_load(&rows.arena,
                          envm_arena_printf(&rows.arena, "%s/tests/data/%s", source, name).ptr);
    return rows;
}

static inline bool rows_next(struct rows *rows, struct row *ret_row)
{
    envm_str line;

    while (envm_str_split_next(&rows->rest, '\n', &line)) {
        envm_str field;

        rows->line++;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        *ret_row = (struct row){.line = rows->line};
        while (ret_row->count < ROW_FIELDS && envm_str_split_next(&line, '\t', &field))
            ret_row->field[ret_row->count++] = rows_decode(&rows->arena, field);
        return true;
    }
    return false;
}

static inline void rows_close(struct rows *rows)
{
    envm_arena_release(&rows->arena);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * The blocks of a history, whichever tool wrote them.
 */
#include <stdlib.h>

#include "base/str.h"
#include "base/vec.h"
#include "codec/url.h"
#include "prefix/prefix_history.h"

/* One "+channel/subdir::name-version-build". */
struct moved {
    envm_str name;
    envm_str what; /* "version build" */
    bool removed;
};

struct block_reader {
    struct envm_arena *arena;
    struct envm_history_entry entry; /* of the block that is being read */
    bool open;
    ENVM_VEC(struct moved) moved;
    ENVM_VEC(struct envm_history_entry) entries;
};

/* What stands between "==>" and "<==". */
static bool read_header(envm_str line, envm_str *ret_time)
{
    size_t end;

    line = envm_str_trim(line);
    if (!envm_str_starts_with(line, ENVM_STR("==>")))
        return false;
    line = envm_str_skip(line, 3);
    end = envm_str_find(line, ENVM_STR("<=="));
    if (end == SIZE_MAX)
        return false;
    *ret_time = envm_str_trim(envm_str_slice(line, 0, end));
    return true;
}

size_t envm_history_count(envm_str text)
{
    envm_str line, time;
    size_t count = 0;

    while (text.ptr && envm_str_split_next(&text, '\n', &line))
        count += read_header(line, &time);
    return count;
}

/* conda of 2012 wrote lines without a sign and with the name of the archive. */
static struct moved read_package(struct envm_arena *arena, envm_str line)
{
    struct moved moved = {.removed = line.ptr[0] == '-'};
    envm_str dist = line.ptr[0] == '-' || line.ptr[0] == '+' ? envm_str_skip(line, 1) : line;
    size_t place = envm_str_find(dist, ENVM_STR("::"));
    size_t build, version;

    if (place != SIZE_MAX)
        dist = envm_str_skip(dist, place + 2);
    if (envm_str_ends_with(dist, ENVM_STR(".tar.bz2")))
        dist.len -= 8;
    else if (envm_str_ends_with(dist, ENVM_STR(".conda")))
        dist.len -= 6;
    build = envm_str_find_last_char(dist, '-');
    version =
        build == SIZE_MAX ? SIZE_MAX : envm_str_find_last_char(envm_str_slice(dist, 0, build), '-');
    if (version == SIZE_MAX || version == 0) {
        moved.name = envm_arena_str(arena, envm_url_redact(arena, dist));
        moved.what = ENVM_STR("?");
        return moved;
    }
    moved.name = envm_arena_str(arena, envm_url_redact(arena, envm_str_slice(dist, 0, version)));
    envm_str number = envm_str_slice(dist, version + 1, build);
    envm_str rest = envm_str_skip(dist, build + 1);
    moved.what = envm_arena_printf(arena, "%.*s %.*s", ENVM_STR_ARGS(number), ENVM_STR_ARGS(rest));
    return moved;
}

/* By name, what goes before what comes. */
static int compare_moved(const void *a, const void *b)
{
    const struct moved *left = a, *right = b;
    int order = envm_str_compare(left->name, right->name);

    if (order == 0)
        order = (int)right->removed - (int)left->removed;
    return order ? order : envm_str_compare(left->what, right->what);
}

static void close_block(struct block_reader *r)
{
    struct envm_history_move *moves =
        envm_arena_new_array(r->arena, struct envm_history_move, r->moved.count);
    size_t count = 0;

    if (r->moved.count > 1)
        qsort(r->moved.items, r->moved.count, sizeof(*r->moved.items), compare_moved);
    for (size_t i = 0; i < r->moved.count; i++) {
        const struct moved *moved = &r->moved.items[i];
        bool pair = !moved->removed && count > 0 && moves[count - 1].to.len == 0 &&
                    envm_str_equal(moves[count - 1].name, moved->name);

        if (pair)
            moves[count - 1].to = moved->what;
        else if (moved->removed)
            moves[count++] = (struct envm_history_move){.name = moved->name, .from = moved->what};
        else
            moves[count++] = (struct envm_history_move){.name = moved->name, .to = moved->what};
    }
    r->entry.moves = moves;
    r->entry.move_count = count;
    if (r->open)
        envm_vec_push(&r->entries, r->entry);
    r->moved.count = 0;
    r->entry = (struct envm_history_entry){0};
}

static void read_line(struct block_reader *r, envm_str line)
{
    static const envm_str command = ENVM_STR_INIT("# cmd:");
    envm_str time;

    line = envm_str_trim(line);
    if (read_header(line, &time)) {
        close_block(r);
        r->open = true;
        r->entry.time = envm_arena_str(r->arena, time);
        r->entry.command_line = ENVM_STR("");
    } else if (envm_str_starts_with(line, command)) {
        r->entry.command_line = envm_arena_str(
            r->arena, envm_url_redact(r->arena, envm_str_trim(envm_str_skip(line, command.len))));
    } else if (r->open && line.len > 1 && line.ptr[0] != '#' && line.ptr[0] != '=') {
        envm_vec_push(&r->moved, read_package(r->arena, line));
    }
}

struct envm_history_entries envm_history_entries(struct envm_arena *arena, envm_str text)
{
    struct block_reader r = {.arena = arena};
    struct envm_history_entries entries = {0};
    envm_str line;

    while (text.ptr && envm_str_split_next(&text, '\n', &line))
        read_line(&r, line);
    close_block(&r);
    entries.count = r.entries.count;
    entries.items =
        envm_arena_copy(arena, r.entries.items, r.entries.count * sizeof(*r.entries.items));
    envm_vec_release(&r.moved);
    envm_vec_release(&r.entries);
    return entries;
}

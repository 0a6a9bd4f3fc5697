/* SPDX-License-Identifier: MIT */
#include "solve/problem_names.h"

#include "base/error.h"

#define NAME_MAX_LENGTH 64
#define SHOWN_MAX 3

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned envm_edit_distance(envm_str a, envm_str b, unsigned limit)
{
    unsigned row[3][NAME_MAX_LENGTH + 1];
    size_t difference = a.len > b.len ? a.len - b.len : b.len - a.len;

    if (a.len > NAME_MAX_LENGTH || b.len > NAME_MAX_LENGTH || difference > limit)
        return limit + 1;
    for (size_t j = 0; j <= b.len; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        unsigned lowest = now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned cost = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
            lowest = least(lowest, now[j]);
        }
        if (lowest > limit)
            return limit + 1;
    }
    return least(row[a.len % 3][b.len], limit + 1);
}

static bool is_affixed(envm_str longer, envm_str prefix, envm_str shorter, envm_str suffix)
{
    return longer.len == prefix.len + shorter.len + suffix.len &&
           envm_str_starts_with(longer, prefix) && envm_str_ends_with(longer, suffix) &&
           envm_str_equal(envm_str_slice(longer, prefix.len, prefix.len + shorter.len), shorter);
}

/* What people bring from other package indexes: torch and pytorch, opencv-python and opencv. */
static bool is_dressed_up(envm_str a, envm_str b)
{
    static const envm_str none = ENVM_STR_INIT("");
    static const envm_str prefixes[] = {ENVM_STR_INIT("py"), ENVM_STR_INIT("python-"),
                                        ENVM_STR_INIT("r-")};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (is_affixed(a, prefixes[i], b, none) || is_affixed(b, prefixes[i], a, none))
            return true;
    return is_affixed(a, none, b, ENVM_STR("-python")) ||
           is_affixed(b, none, a, ENVM_STR("-python"));
}

static bool same_but_separators(envm_str a, envm_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        bool separators = (a.ptr[i] == '-' || a.ptr[i] == '_' || a.ptr[i] == '.') &&
                          (b.ptr[i] == '-' || b.ptr[i] == '_' || b.ptr[i] == '.');
        if (a.ptr[i] != b.ptr[i] && !separators)
            return false;
    }
    return true;
}

struct close_names {
    envm_str items[SHOWN_MAX + 1];
    unsigned distance[SHOWN_MAX + 1];
    size_t count;
};

static void consider(struct close_names *best, envm_str name, envm_str wanted, unsigned limit)
{
    unsigned distance = same_but_separators(name, wanted) ? 0
                        : is_dressed_up(name, wanted)     ? 1
                                                          : envm_edit_distance(name, wanted, limit);
    size_t at = best->count;

    if (distance > limit)
        return;
    for (size_t i = 0; i < best->count; i++)
        if (envm_str_equal(best->items[i], name))
            return;
    while (at > 0 && (best->distance[at - 1] > distance ||
                      (best->distance[at - 1] == distance &&
                       envm_str_compare(best->items[at - 1], name) > 0))) {
        best->items[at] = best->items[at - 1];
        best->distance[at] = best->distance[at - 1];
        at--;
    }
    best->items[at] = name;
    best->distance[at] = distance;
    if (best->count < SHOWN_MAX)
        best->count++;
}

struct envm_str_list envm_problem_close_names(struct envm_solve_space *space, envm_str name)
{
    const struct envm_solve_request *request = space->request;
    unsigned limit = name.len <= 2 ? 0 : name.len <= 5 ? 1 : name.len <= 9 ? 2 : 3;
    struct close_names best = {0};

    for (size_t i = 0; i < request->channel_count; i++) {
        for (size_t j = 0; j < request->channels[i].source_count; j++) {
            const struct envm_package_source *source = request->channels[i].sources[j];
            struct envm_str_list names = {0};
            if (source->names(source->self, space->arena, &names, NULL) != ENVM_OK)
                continue;
            for (size_t k = 0; k < names.count; k++)
                consider(&best, names.items[k], name, limit);
        }
    }
    return envm_arena_str_list(space->arena, (struct envm_str_list){best.items, best.count});
}

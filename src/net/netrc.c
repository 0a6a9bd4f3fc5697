/* SPDX-License-Identifier: MIT */
#include "net/netrc.h"

#include "base/vec.h"

struct scanner {
    struct envm_arena *arena;
    envm_str rest;
};

static envm_str quoted_word(struct scanner *scanner)
{
    envm_str text = envm_str_skip(scanner->rest, 1);
    char *word = envm_arena_alloc(scanner->arena, text.len + 1);
    size_t i = 0, len = 0;

    while (i < text.len && text.ptr[i] != '"' && text.ptr[i] != '\n') {
        if (text.ptr[i] == '\\' && i + 1 < text.len)
            i++;
        word[len++] = text.ptr[i++];
    }
    scanner->rest = envm_str_skip(text, i < text.len ? i + 1 : i);
    return envm_str_n(word, len);
}

static void skip_line(struct scanner *scanner)
{
    size_t newline = envm_str_find_char(scanner->rest, '\n');

    scanner->rest = newline == SIZE_MAX ? envm_str_skip(scanner->rest, scanner->rest.len)
                                        : envm_str_skip(scanner->rest, newline + 1);
}

static bool next_word(struct scanner *scanner, envm_str *ret_word)
{
    for (;;) {
        scanner->rest = envm_str_trim(scanner->rest);
        if (scanner->rest.len == 0)
            return false;
        if (scanner->rest.ptr[0] != '#')
            break;
        skip_line(scanner);
    }
    if (scanner->rest.ptr[0] == '"') {
        *ret_word = quoted_word(scanner);
        return true;
    }
    return envm_str_next_word(&scanner->rest, ret_word);
}

/* A macro's body ends at the first empty line. */
static void skip_macro(struct scanner *scanner)
{
    size_t end = envm_str_find(scanner->rest, ENVM_STR("\n\n"));

    scanner->rest = envm_str_skip(scanner->rest, end == SIZE_MAX ? scanner->rest.len : end);
}

struct envm_netrc envm_netrc_parse(struct envm_arena *arena, envm_str text)
{
    struct scanner scanner = {arena, text};
    ENVM_VEC(struct envm_netrc_entry) entries = {0};
    struct envm_netrc netrc = {0};
    bool in_machine = false;
    envm_str word, value;

    while (next_word(&scanner, &word)) {
        if (envm_str_equal_c(word, "default")) {
            in_machine = false;
        } else if (envm_str_equal_c(word, "macdef")) {
            skip_macro(&scanner);
        } else if (!next_word(&scanner, &value)) {
            break;
        } else if (envm_str_equal_c(word, "machine")) {
            envm_vec_push(&entries, ((struct envm_netrc_entry){.machine = value}));
            in_machine = true;
        } else if (in_machine && envm_str_equal_c(word, "login")) {
            entries.items[entries.count - 1].login = value;
        } else if (in_machine && envm_str_equal_c(word, "password")) {
            entries.items[entries.count - 1].password = value;
        }
    }
    netrc.count = entries.count;
    netrc.entries = envm_arena_new_array(arena, struct envm_netrc_entry, entries.count);
    for (size_t i = 0; i < entries.count; i++) {
        netrc.entries[i].machine = envm_arena_str(arena, entries.items[i].machine);
        netrc.entries[i].login = envm_arena_str(arena, entries.items[i].login);
        netrc.entries[i].password = envm_arena_str(arena, entries.items[i].password);
    }
    envm_vec_release(&entries);
    return netrc;
}

const struct envm_netrc_entry *envm_netrc_find(const struct envm_netrc *netrc, envm_str host)
{
    for (size_t i = 0; i < netrc->count; i++)
        if (envm_str_equal_nocase(netrc->entries[i].machine, host))
            return &netrc->entries[i];
    return NULL;
}

/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_key.h"

#include "base/relpath.h"
#include "base/utf8.h"
#include "conda/platform.h"

envm_str envm_lockfile_package_key(struct envm_arena *arena,
                                   const struct envm_package_record *record)
{
    return envm_arena_printf(arena, "%.*s/%.*s/%.*s", ENVM_STR_ARGS(record->channel),
                             ENVM_STR_ARGS(record->subdir), ENVM_STR_ARGS(record->file_name));
}

/* Cuts the last component off. */
static bool cut_last(envm_str *rest, envm_str *ret_last)
{
    size_t at = envm_str_find_last_char(*rest, '/');

    if (at == SIZE_MAX)
        return false;
    *ret_last = envm_str_skip(*rest, at + 1);
    rest->len = at;
    return true;
}

bool envm_lockfile_key_parse(envm_str key, struct envm_lockfile_key *ret_key)
{
    envm_str rest = key;

    if (!cut_last(&rest, &ret_key->file_name) || !cut_last(&rest, &ret_key->subdir))
        return false;
    ret_key->channel = rest;
    return rest.len > 0 && envm_subdir_is_valid(ret_key->subdir) &&
           envm_is_path_component(ret_key->file_name) &&
           envm_archive_name_parse(ret_key->file_name, &ret_key->name);
}

bool envm_lockfile_text_is_plain(envm_str text)
{
    while (text.len > 0) {
        uint32_t code_point = 0;
        size_t length = envm_utf8_decode(text, &code_point);

        if (length == 0 || envm_utf8_is_control(code_point))
            return false;
        text = envm_str_skip(text, length);
    }
    return true;
}

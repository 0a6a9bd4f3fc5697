/* SPDX-License-Identifier: MIT */
#include "conda/extras.h"

#define NAME_MAX_LENGTH 64
#define FLAG_MAX_LENGTH 256

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || envm_is_digit(c) || c == '_';
}

bool envm_extra_name_is_valid(envm_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_word_char(c) && c != '.' && c != '+' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= NAME_MAX_LENGTH;
}

bool envm_flag_is_valid(envm_str flag, bool pattern)
{
    size_t part = 0, colons = 0;

    if (flag.len > FLAG_MAX_LENGTH)
        return false;
    for (size_t i = 0; i < flag.len; i++) {
        char c = flag.ptr[i];
        if (c == ':') {
            if (part == 0 || ++colons > 1)
                return false;
            part = 0;
        } else if (is_word_char(c) || (pattern && c == '*')) {
            part++;
        } else {
            return false;
        }
    }
    return part > 0;
}

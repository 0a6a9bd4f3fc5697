/* SPDX-License-Identifier: MIT */
#include "base/glob.h"

#include "base/str.h"

static bool same(char a, char b, bool ignore_case)
{
    return a == b || (ignore_case && envm_to_lower(a) == envm_to_lower(b));
}

bool envm_glob_match(envm_str pattern, envm_str text, bool ignore_case)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX;
    size_t retry = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.len && same(pattern.ptr[p], text.ptr[t], ignore_case)) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            /* Only the last star ever has to be widened. */
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

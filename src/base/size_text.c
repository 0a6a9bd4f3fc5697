/* SPDX-License-Identifier: MIT */
#include "base/size_text.h"

#include <stddef.h>
#include <stdio.h>

struct envm_size_text envm_size_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    struct envm_size_text result;
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1000;
        unit++;
    }
    snprintf(result.text, sizeof(result.text), value < 100 && unit > 0 ? "%.1f %s" : "%.0f %s",
             value, units[unit]);
    return result;
}

/* SPDX-License-Identifier: MIT
 *
 * Sizes for people.
 */
#ifndef ENVM_BASE_SIZE_TEXT_H
#define ENVM_BASE_SIZE_TEXT_H

#include <stdint.h>

struct envm_size_text {
    char text[16];
};

/* "812 B", "1.3 MB", "120 GB": three digits, decimal units. */
struct envm_size_text envm_size_text(uint64_t bytes);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Mutated headers rarely have the right checksum: this puts it right, so that a fuzzer gets behind
 * it. Only blocks that look like headers are touched.
 */
#ifndef ENVM_TESTS_TAR_MEND_H
#define ENVM_TESTS_TAR_MEND_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline void tar_mend(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + 512 <= size; at += 512) {
        uint8_t *header = bytes + at;
        unsigned sum = 8 * ' ';
        char text[8];

        if (memcmp(header + 257, "ustar", 5) != 0)
            continue;
        for (size_t i = 0; i < 512; i++)
            sum += i >= 148 && i < 156 ? 0U : header[i];
        snprintf(text, sizeof(text), "%06o", sum & 0777777U);
        memcpy(header + 148, text, 7);
        header[155] = ' ';
    }
}

#endif

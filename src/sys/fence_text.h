/* SPDX-License-Identifier: MIT
 *
 * Making text between fork and exec, where snprintf is not allowed.
 */
#ifndef ENVM_SYS_FENCE_TEXT_H
#define ENVM_SYS_FENCE_TEXT_H

/* Writes the text without its NUL; returns the end. */
static inline char *envm_fence_put_text(char *to, const char *text)
{
    while (*text)
        *to++ = *text++;
    return to;
}

/* The same for a number that is not negative: at most 10 digits. */
static inline char *envm_fence_put_number(char *to, int number)
{
    char digits[12];
    unsigned count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

#endif

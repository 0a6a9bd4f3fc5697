/* SPDX-License-Identifier: MIT */
#include "cli/suggest.h"

#include <string.h>

#define WORD_MAX 31
#define FAR 99
#define NEAR_MAX 2

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

unsigned envm_cli_distance(const char *a, const char *b)
{
    unsigned rows[WORD_MAX + 1][WORD_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return FAR;
    for (size_t i = 0; i <= a_len; i++)
        rows[i][0] = (unsigned)i;
    for (size_t k = 0; k <= b_len; k++)
        rows[0][k] = (unsigned)k;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t k = 1; k <= b_len; k++) {
            unsigned swapped = FAR;

            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                swapped = rows[i - 2][k - 2] + 1;
            rows[i][k] = least(rows[i - 1][k] + 1, rows[i][k - 1] + 1,
                               rows[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
            if (swapped < rows[i][k])
                rows[i][k] = swapped;
        }
    }
    return rows[a_len][b_len];
}

void envm_cli_suggest(struct suggestion *suggestion, const char *candidate)
{
    unsigned distance = envm_cli_distance(suggestion->word, candidate);

    /* Of a short word little would be left. */
    if (distance > NEAR_MAX || distance * 2 >= strlen(candidate))
        return;
    if (suggestion->nearest && suggestion->distance <= distance)
        return;
    suggestion->nearest = candidate;
    suggestion->distance = distance;
}

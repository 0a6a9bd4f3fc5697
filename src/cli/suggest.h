/* SPDX-License-Identifier: MIT
 *
 * The word that was most likely meant.
 */
#ifndef ENVM_CLI_SUGGEST_H
#define ENVM_CLI_SUGGEST_H

#include <stddef.h>

/* How many letters have to be changed, added, dropped or swapped with their neighbour to make one
 * word out of the other; 99 when one is longer than 31 bytes. */
unsigned envm_cli_distance(const char *a, const char *b);

/* Keeps the nearest of several words. Start with {.word = WORD}. */
struct suggestion {
    const char *word;    /* as typed */
    const char *nearest; /* NULL: nothing is near enough */
    unsigned distance;
};
/* Looks at one candidate, which has to outlive the suggestion. */
void envm_cli_suggest(struct suggestion *suggestion, const char *candidate);

#endif

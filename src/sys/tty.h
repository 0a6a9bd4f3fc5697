/* SPDX-License-Identifier: MIT
 *
 * What the terminal can do.
 */
#ifndef ENVM_SYS_TTY_H
#define ENVM_SYS_TTY_H

#include <stdbool.h>

bool envm_tty_is_terminal(int fd);
/* Columns of the terminal, or 80. */
unsigned envm_tty_width(int fd);
/* A terminal, TERM not "dumb", NO_COLOR not set (https://no-color.org: any non-empty value). */
bool envm_tty_wants_color(int fd);
/* The locale (LC_ALL, else LC_CTYPE, else LANG) does not say that text is UTF-8. */
bool envm_tty_wants_ascii(void);

#endif

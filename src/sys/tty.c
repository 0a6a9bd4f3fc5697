/* SPDX-License-Identifier: MIT */
#include "sys/tty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_WIDTH 80

bool envm_tty_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

unsigned envm_tty_width(int fd)
{
    struct winsize size = {0};

    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return DEFAULT_WIDTH;
    return size.ws_col;
}

bool envm_tty_wants_color(int fd)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");

    if (no_color && no_color[0])
        return false;
    return term && term[0] && strcmp(term, "dumb") != 0 && envm_tty_is_terminal(fd);
}

/* SPDX-License-Identifier: MIT */
#include "sys/tty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"

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

bool envm_tty_wants_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *locale = NULL;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && (!locale || !locale[0]); i++)
        locale = getenv(names[i]);
    /* "en_US.UTF-8", "C.utf8" */
    for (const char *c = locale ? locale : ""; *c; c++) {
        envm_str rest = envm_str_from(c);

        if (envm_str_equal_nocase(envm_str_slice(rest, 0, 5), ENVM_STR("UTF-8")) ||
            envm_str_equal_nocase(envm_str_slice(rest, 0, 4), ENVM_STR("UTF8")))
            return false;
    }
    return true;
}

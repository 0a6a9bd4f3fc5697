/* SPDX-License-Identifier: MIT */
#include "sys/tty.h"

#include <unistd.h>

bool envm_tty_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

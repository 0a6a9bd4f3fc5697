/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <stdlib.h>
#include <sys/ioctl.h>

#include "sys/tty.h"

static void a_pipe_is_no_terminal(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    assert_false(envm_tty_is_terminal(ends[1]));
    assert_int_equal(envm_tty_width(ends[1]), 80);
    assert_false(envm_tty_wants_color(ends[1]));
    close(ends[0]);
    close(ends[1]);
}

static void a_terminal(void **state)
{
    struct winsize size = {.ws_row = 24, .ws_col = 132};
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    int fd;

    (void)state;
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        print_message("no pseudo terminals here: skipped\n");
        skip();
    }
    fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(envm_tty_is_terminal(fd));
    assert_int_equal(envm_tty_width(fd), 80);
    assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
    assert_int_equal(envm_tty_width(fd), 132);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    assert_true(envm_tty_wants_color(fd));
    setenv("NO_COLOR", "", 1);
    assert_true(envm_tty_wants_color(fd));
    setenv("NO_COLOR", "1", 1);
    assert_false(envm_tty_wants_color(fd));
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    assert_false(envm_tty_wants_color(fd));
    unsetenv("TERM");
    assert_false(envm_tty_wants_color(fd));
    close(fd);
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_no_terminal),
        cmocka_unit_test(a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static void the_locale_tells_whether_text_is_utf8(void **state)
{
    static const struct {
        const char *all, *ctype, *lang;
        bool ascii;
    } rows[] = {
        {NULL, NULL, NULL, true},         {"C", "C.UTF-8", "C.UTF-8", true},
        {"", "C.UTF-8", "C", false},      {NULL, "", "de_DE.utf8@euro", false},
        {NULL, NULL, "en_US", true},      {"en_US.UTF-8", NULL, "C", false},
        {NULL, "POSIX", "C.UTF-8", true}, {NULL, NULL, "de_DE.ISO-8859-1", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsetenv("LC_ALL");
        unsetenv("LC_CTYPE");
        unsetenv("LANG");
        if (rows[i].all)
            setenv("LC_ALL", rows[i].all, 1);
        if (rows[i].ctype)
            setenv("LC_CTYPE", rows[i].ctype, 1);
        if (rows[i].lang)
            setenv("LANG", rows[i].lang, 1);
        assert_int_equal(envm_tty_wants_ascii(), rows[i].ascii);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_no_terminal),
        cmocka_unit_test(a_terminal),
        cmocka_unit_test(the_locale_tells_whether_text_is_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

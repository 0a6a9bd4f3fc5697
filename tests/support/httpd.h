/* SPDX-License-Identifier: MIT
 *
 * Runs tests/support/httpd.py from a cmocka test: a server per test, in a directory of its own,
 * gone with the test. Include after cmocka.h. Everything here fails the test on trouble.
 */
#ifndef ENVM_TESTS_SUPPORT_HTTPD_H
#define ENVM_TESTS_SUPPORT_HTTPD_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct httpd {
    char directory[256]; /* served/, tls/, log and script live here */
    pid_t pid;
    int stdin_fd;                                                  /* closing it ends the server */
    char http[64], other[64], https[64], wronghost[64], proxy[64]; /* base URLs */
};

static inline const char *httpd_path(const struct httpd *h, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, 512, "%s/%s", h->directory, name);
    return path;
}

static inline void httpd_write(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Puts a file below served/, with its directories. */
static inline void httpd_put(const struct httpd *h, const char *name, const void *bytes, size_t len)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/served/%s", h->directory, name);
    for (char *slash = strchr(path + strlen(h->directory) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    httpd_write(path, bytes, len);
}

/* The whole file, NUL-terminated, to be freed; "" when it is not there. */
static inline char *httpd_slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1);
    size_t len = 0;
    int c;

    while (file && (c = getc(file)) != EOF) {
        text = realloc(text, len + 2);
        assert_non_null(text);
        text[len++] = (char)c;
        text[len] = '\0';
    }
    if (file)
        fclose(file);
    return text;
}

static inline void httpd_take_base(const char *line, const char *name, char *ret_base)
{
    char key[32];
    const char *at, *end;

    ret_base[0] = '\0';
    snprintf(key, sizeof(key), "\"%s\": \"", name);
    at = strstr(line, key);
    if (!at)
        return;
    at += strlen(key);
    end = strchr(at, '"');
    assert_non_null(end);
    memcpy(ret_base, at, (size_t)(end - at));
    ret_base[end - at] = '\0';
}

static inline void httpd_read_bases(struct httpd *h, int fd)
{
    char line[1024] = "";
    size_t len = 0;

    while (len + 1 < sizeof(line) && !strchr(line, '\n')) {
        ssize_t n = read(fd, line + len, sizeof(line) - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        line[len] = '\0';
    }
    httpd_take_base(line, "http", h->http);
    httpd_take_base(line, "other", h->other);
    httpd_take_base(line, "https", h->https);
    httpd_take_base(line, "wronghost", h->wronghost);
    httpd_take_base(line, "proxy", h->proxy);
    assert_true(h->http[0]);
}

static inline void httpd_exec(const struct httpd *h, const char *tls, int in, int out)
{
    char program[512], root[512], script[512], log[512];
    const char *source = getenv("ENVM_SOURCE_DIR");

    snprintf(program, sizeof(program), "%s/tests/support/httpd.py", source ? source : ".");
    snprintf(root, sizeof(root), "%s/served", h->directory);
    snprintf(script, sizeof(script), "%s/script", h->directory);
    snprintf(log, sizeof(log), "%s/log", h->directory);
    dup2(in, 0);
    dup2(out, 1);
    execlp("python3", "python3", program, "--root", root, "--script", script, "--log", log,
           tls ? "--tls" : NULL, tls, NULL);
    _exit(127);
}

/* Makes the directory; httpd_put may follow, then httpd_start. */
static inline void httpd_prepare(struct httpd *h)
{
    const char *base = getenv("TMPDIR");

    memset(h, 0, sizeof(*h));
    snprintf(h->directory, sizeof(h->directory), "%s/envm-httpd-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(h->directory));
    assert_int_equal(mkdir(httpd_path(h, "served"), 0755), 0);
}

/* `script` is JSON text; `tls` a directory for certificates (shared by tests), or NULL. */
static inline void httpd_start(struct httpd *h, const char *script, const char *tls)
{
    int in[2], out[2];

    httpd_write(httpd_path(h, "script"), script, strlen(script));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    h->pid = fork();
    assert_true(h->pid >= 0);
    if (h->pid == 0)
        httpd_exec(h, tls, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    h->stdin_fd = in[1];
    httpd_read_bases(h, out[0]);
    close(out[0]);
}

static inline int httpd_remove_one(const char *path, const struct stat *info, int kind,
                                   struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    chmod(path, 0700);
    return remove(path);
}

static inline void httpd_stop(struct httpd *h)
{
    int status;

    if (h->pid > 0) {
        close(h->stdin_fd);
        waitpid(h->pid, &status, 0);
    }
    h->pid = 0;
    if (h->directory[0])
        nftw(h->directory, httpd_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    h->directory[0] = '\0';
}

/* How many requests the log has whose line contains both texts (either may be NULL). The line is
 * JSON with sorted keys: "path": "/x", "status": 200, "if-none-match": … */
static inline unsigned httpd_count(const struct httpd *h, const char *a, const char *b)
{
    char *text = httpd_slurp(httpd_path(h, "log"));
    unsigned count = 0;
    char *rest = text;
    char *line;

    while ((line = strsep(&rest, "\n")))
        count += line[0] && (!a || strstr(line, a)) && (!b || strstr(line, b));
    free(text);
    return count;
}

#endif

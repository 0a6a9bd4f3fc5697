/* SPDX-License-Identifier: MIT */
#include "sys/fs_lock_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/utf8.h"
#include "sys/fs.h"
#include "sys/fs_beneath.h"

#define NAME_SIZE 320
#define LINE_MAX_BYTES 1024

/* Copies a word; what would break the one-line form becomes '?'. */
static void set_word(char *to, size_t size, envm_str from)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;

    for (size_t i = 0; i < len; i++)
        to[i] = from.ptr[i] > ' ' && from.ptr[i] < 127 ? from.ptr[i] : '?';
    to[len] = '\0';
    if (len == 0 && size > 1)
        snprintf(to, size, "?");
}

static envm_str read_small(const char *path, struct envm_buf *buf)
{
    envm_buf_clear(buf);
    if (envm_fs_read_user_file(path, buf, NULL) != ENVM_OK)
        envm_buf_clear(buf);
    return envm_str_trim(envm_buf_str(buf));
}

/* Field 22 of /proc/PID/stat. The name in field 2 may hold anything, so count from its ")". */
static unsigned long long start_time(long pid)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf buf = envm_buf_limit(4096);
    char path[64];
    envm_str rest;
    envm_str word = {0};
    uint64_t ticks = 0;
    size_t at;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    rest = read_small(path, &buf);
    at = envm_str_find_last_char(rest, ')');
    if (at == SIZE_MAX)
        return 0;
    rest = envm_str_skip(rest, at + 1);
    for (int field = 3; field <= 22; field++) {
        if (!envm_str_next_word(&rest, &word))
            return 0;
    }
    return envm_str_parse_u64(word, &ticks) ? ticks : 0;
}

void envm_lock_identity_own(struct envm_lock_identity *ret_identity)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf buf = envm_buf_limit(4096);
    char host[65] = "";

    *ret_identity = (struct envm_lock_identity){.pid = getpid()};
    gethostname(host, sizeof(host) - 1);
    set_word(ret_identity->host, sizeof(ret_identity->host), envm_str_from(host));
    set_word(ret_identity->boot, sizeof(ret_identity->boot),
             read_small("/proc/sys/kernel/random/boot_id", &buf));
    /* The name only: arguments may hold secrets. */
    set_word(ret_identity->command, sizeof(ret_identity->command),
             read_small("/proc/self/comm", &buf));
    ret_identity->start = start_time(ret_identity->pid);
}

void envm_lock_identity_write(const struct envm_lock_identity *identity, struct envm_buf *buf)
{
    envm_buf_printf(buf, "%ld %s %s %llu %s\n", identity->pid, identity->host, identity->boot,
                    identity->start, identity->command);
}

bool envm_lock_identity_read(envm_str text, struct envm_lock_identity *ret_identity)
{
    envm_str words[5];
    uint64_t pid;
    uint64_t start;

    for (size_t i = 0; i < 5; i++) {
        if (!envm_str_next_word(&text, &words[i]))
            return false;
    }
    if (!envm_str_parse_u64(words[0], &pid) || !envm_str_parse_u64(words[3], &start) || pid == 0 ||
        pid > INT32_MAX)
        return false;
    *ret_identity = (struct envm_lock_identity){.pid = (long)pid, .start = start};
    set_word(ret_identity->host, sizeof(ret_identity->host), words[1]);
    set_word(ret_identity->boot, sizeof(ret_identity->boot), words[2]);
    set_word(ret_identity->command, sizeof(ret_identity->command), words[4]);
    return true;
}

bool envm_lock_identity_is_dead(const struct envm_lock_identity *identity)
{
    struct envm_lock_identity own;

    envm_lock_identity_own(&own);
    if (strcmp(own.host, identity->host) != 0)
        return false;
    if (strcmp(own.boot, "?") == 0 || strcmp(identity->boot, "?") == 0)
        return false;
    if (strcmp(own.boot, identity->boot) != 0)
        return true;
    if (kill((pid_t)identity->pid, 0) != 0)
        return errno == ESRCH;
    /* The number may have been given to another process since. */
    return identity->start != 0 && start_time(identity->pid) != identity->start;
}

void envm_lock_link_holder(int dirfd, const char *leaf, struct envm_buf *buf)
{
    char name[NAME_SIZE];
    int fd;

    envm_buf_clear(buf);
    snprintf(name, sizeof(name), "%s.held", leaf);
    fd = envm_beneath_open(dirfd, name, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (envm_fs_read_fd(fd, name, buf, NULL) != ENVM_OK)
        envm_buf_clear(buf);
    close(fd);
}

/* Makes a file of a name of its own that holds this process' line. */
static int write_own(int dirfd, const char *name)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_limit(LINE_MAX_BYTES);
    struct envm_lock_identity own;
    int fd = envm_beneath_open(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    enum envm_code code;

    if (fd < 0)
        return fd;
    envm_lock_identity_own(&own);
    envm_lock_identity_write(&own, &line);
    code = envm_fs_write_fd(fd, name, envm_buf_str(&line), NULL);
    if (close(fd) != 0 || code != ENVM_OK) {
        unlinkat(dirfd, name, 0);
        return -EIO;
    }
    return 0;
}

/* Takes the lock of a dead holder away. Renaming it first makes sure that of several waiters one
 * gets it, and looking at it once more that it was the dead one's and not a fresh one. */
static void break_stale(int dirfd, const char *held, const char *aside)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_limit(LINE_MAX_BYTES);
    struct envm_lock_identity holder;
    int fd;

    if (renameat(dirfd, held, dirfd, aside) != 0)
        return;
    fd = envm_beneath_open(dirfd, aside, O_RDONLY | O_NONBLOCK, 0);
    if (fd >= 0) {
        if (envm_fs_read_fd(fd, aside, &line, NULL) == ENVM_OK &&
            envm_lock_identity_read(envm_buf_str(&line), &holder) &&
            !envm_lock_identity_is_dead(&holder) && linkat(dirfd, aside, dirfd, held, 0) != 0)
            errno = 0; /* somebody was quicker: two holders for a moment, which economy bears */
        close(fd);
    }
    unlinkat(dirfd, aside, 0);
}

static bool holder_is_dead(int dirfd, const char *leaf)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf line = envm_buf_limit(LINE_MAX_BYTES);
    struct envm_lock_identity holder;

    envm_lock_link_holder(dirfd, leaf, &line);
    return envm_lock_identity_read(envm_buf_str(&line), &holder) &&
           envm_lock_identity_is_dead(&holder);
}

int envm_lock_link_try(int dirfd, const char *leaf)
{
    char random[ENVM_RANDOM_NAME_SIZE];
    char held[NAME_SIZE];
    char own[NAME_SIZE];
    struct stat status;
    int result = envm_beneath_random_name(random);

    if (result < 0)
        return result;
    snprintf(held, sizeof(held), "%s.held", leaf);
    snprintf(own, sizeof(own), ".envm-%s.tmp", random);
    if (holder_is_dead(dirfd, leaf))
        break_stale(dirfd, held, own);
    result = write_own(dirfd, own);
    if (result < 0)
        return result;
    /* Over NFS the answer to link can get lost: the count of links is what tells. */
    if (linkat(dirfd, own, dirfd, held, 0) != 0)
        result = errno == EEXIST ? -EAGAIN : -errno;
    if (fstatat(dirfd, own, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_nlink == 2)
        result = 0;
    unlinkat(dirfd, own, 0);
    return result;
}

void envm_lock_link_drop(int dirfd, const char *leaf)
{
    char held[NAME_SIZE];

    snprintf(held, sizeof(held), "%s.held", leaf);
    unlinkat(dirfd, held, 0);
}

/* SPDX-License-Identifier: MIT
 *
 * Landlock does not look at modes, owners and times. So these calls of a fenced program are stopped
 * by its filter, and the supervisor makes them in its place, for what is below the writable paths.
 * It opens the target once, looks where that is, and changes it by this descriptor: what becomes of
 * the name meanwhile does not matter.
 */
#include "sys/fence_attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/fence_text.h"

#define PATH_BYTES 4096
#define PAGE 4096U

/* What a call asks for. */
struct change {
    enum { SET_MODE, SET_OWNER, SET_TIMES } what;
    bool by_fd;       /* `dirfd` is the target */
    bool is_nofollow; /* a symlink itself */
    bool has_times;
    int dirfd;
    uint64_t path; /* addresses in the program */
    uint64_t times_address;
    mode_t mode;
    uid_t owner;
    gid_t group;
    struct timespec times[2];
};

/* --- the descriptor of the calls ------------------------------------------------------------ */

bool envm_fence_send_listener(int channel, int listener)
{
    char byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &listener, sizeof(listener));
    return sendmsg(channel, &message, 0) == 1;
}

int envm_fence_receive_listener(int channel)
{
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    const struct cmsghdr *header;
    int listener = -1;

    if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&listener, CMSG_DATA(header), sizeof(listener));
    return listener;
}

/* --- what is asked -------------------------------------------------------------------------- */

static bool read_memory(pid_t pid, uint64_t address, void *to, size_t size)
{
    struct iovec here = {.iov_base = to, .iov_len = size};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};

    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* Page by page, since the next one may not be there. 0 or an errno. */
static int read_path(pid_t pid, uint64_t address, char path[PATH_BYTES])
{
    size_t len = 0;

    while (len < PATH_BYTES) {
        size_t part = PAGE - (address + len) % PAGE;

        if (part > PATH_BYTES - len)
            part = PATH_BYTES - len;
        if (!read_memory(pid, address + len, path + len, part))
            return EFAULT;
        if (memchr(path + len, '\0', part))
            return 0;
        len += part;
    }
    return ENAMETOOLONG;
}

static void set_owner(struct change *change, uint64_t owner, uint64_t group)
{
    change->what = SET_OWNER;
    change->owner = (uid_t)owner;
    change->group = (gid_t)group;
}

static void set_mode(struct change *change, uint64_t mode)
{
    change->what = SET_MODE;
    change->mode = (mode_t)(mode & 07777);
}

static bool describe(const struct seccomp_data *call, struct change *change)
{
    const __u64 *args = call->args;

    *change = (struct change){.dirfd = AT_FDCWD, .path = args[0]};
    switch (call->nr) {
#ifdef SYS_chmod
    case SYS_chmod:
        set_mode(change, args[1]);
        return true;
    case SYS_chown:
    case SYS_lchown:
        set_owner(change, args[1], args[2]);
        change->is_nofollow = call->nr == SYS_lchown;
        return true;
#endif
    case SYS_fchmod:
        set_mode(change, args[1]);
        break;
    case SYS_fchown:
        set_owner(change, args[1], args[2]);
        break;
    case SYS_fchmodat:
        set_mode(change, args[2]);
        change->dirfd = (int)args[0];
        change->path = args[1];
        return true;
    case SYS_fchownat:
        set_owner(change, args[2], args[3]);
        change->dirfd = (int)args[0];
        change->path = args[1];
        change->is_nofollow = (args[4] & AT_SYMLINK_NOFOLLOW) != 0;
        change->by_fd = (args[4] & AT_EMPTY_PATH) != 0;
        return true;
    case SYS_utimensat:
        change->what = SET_TIMES;
        change->times_address = args[2];
        change->has_times = args[2] != 0;
        change->dirfd = (int)args[0];
        change->path = args[1];
        change->is_nofollow = (args[3] & AT_SYMLINK_NOFOLLOW) != 0;
        change->by_fd = args[1] == 0 || (args[3] & AT_EMPTY_PATH) != 0;
        return true;
    default:
        return false;
    }
    change->by_fd = true;
    change->path = 0;
    change->dirfd = (int)args[0];
    return true;
}

/* --- where it is ---------------------------------------------------------------------------- */

/* The program's current folder, or what its descriptor leads to. */
static int open_base(pid_t pid, int dirfd)
{
    char path[64];
    char *end = envm_fence_put_text(path, "/proc/");

    end = envm_fence_put_number(end, pid);
    if (dirfd == AT_FDCWD) {
        end = envm_fence_put_text(end, "/cwd");
    } else if (dirfd >= 0) {
        end = envm_fence_put_text(end, "/fd/");
        end = envm_fence_put_number(end, dirfd);
    } else {
        errno = EBADF;
        return -1;
    }
    *end = '\0';
    return open(path, O_PATH | O_CLOEXEC);
}

/* C libraries reach what they have open by such a name, where the kernel has no call for it. To the
 * supervisor it would mean its own. */
static int own_descriptor(const char *path)
{
    static const char start[] = "/proc/self/fd/";
    int number = 0;

    if (strncmp(path, start, sizeof(start) - 1) != 0)
        return -1;
    path += sizeof(start) - 1;
    for (unsigned i = 0; path[i]; i++) {
        if (path[i] < '0' || path[i] > '9' || i > 6)
            return -1;
        number = number * 10 + (path[i] - '0');
    }
    return number;
}

/* A descriptor of the target, or -errno. */
static int open_target(pid_t pid, const struct change *change)
{
    char path[PATH_BYTES] ENVM_UNINITIALIZED;
    int number = change->path ? read_path(pid, change->path, path) : 0;
    int base;
    int fd;

    if (number != 0)
        return -number;
    if (!change->path || (change->by_fd && path[0] == '\0')) {
        fd = open_base(pid, change->dirfd);
        return fd < 0 ? -errno : fd;
    }
    if (own_descriptor(path) >= 0 && !change->is_nofollow) {
        fd = open_base(pid, own_descriptor(path));
        return fd < 0 ? -errno : fd;
    }
    base = open_base(pid, change->dirfd);
    /* The base of an absolute path does not matter. */
    if (base < 0 && path[0] != '/')
        return -errno;
    fd = openat(base, path, O_PATH | O_CLOEXEC | (change->is_nofollow ? O_NOFOLLOW : 0));
    number = errno;
    if (base >= 0)
        close(base);
    return fd < 0 ? -number : fd;
}

static void name_descriptor(int fd, char path[64])
{
    char *end = envm_fence_put_text(path, "/proc/self/fd/");

    *envm_fence_put_number(end, fd) = '\0';
}

static bool is_inside(int fd, const char *const *roots)
{
    char link[64];
    char path[PATH_BYTES] ENVM_UNINITIALIZED;
    ssize_t len;

    name_descriptor(fd, link);
    len = readlink(link, path, sizeof(path));
    if (len <= 0 || len == (ssize_t)sizeof(path))
        return false;
    for (; *roots; roots++) {
        size_t root = strlen(*roots);

        if ((size_t)len >= root && memcmp(path, *roots, root) == 0 &&
            ((size_t)len == root || path[root] == '/'))
            return true;
    }
    return false;
}

/* --- doing it ------------------------------------------------------------------------------- */

/* 0 or an errno. */
static int apply_mode(int fd, mode_t mode)
{
    struct stat status;
    char link[64];

    if (fstat(fd, &status) != 0)
        return errno;
    if ((mode & S_ISUID) || ((mode & S_ISGID) && !S_ISDIR(status.st_mode)))
        return EPERM;
    if (S_ISLNK(status.st_mode))
        return EOPNOTSUPP;
    name_descriptor(fd, link);
    return chmod(link, mode) == 0 ? 0 : errno;
}

static int apply(int fd, const struct change *change)
{
    switch (change->what) {
    case SET_MODE:
        return apply_mode(fd, change->mode);
    case SET_OWNER:
        return fchownat(fd, "", change->owner, change->group, AT_EMPTY_PATH) == 0 ? 0 : errno;
    case SET_TIMES:
        break;
    }
    return utimensat(fd, "", change->has_times ? change->times : NULL, AT_EMPTY_PATH) == 0 ? 0
                                                                                           : errno;
}

static int perform(int listener, const struct seccomp_notif *call, const char *const *roots)
{
    struct change change;
    pid_t pid = (pid_t)call->pid;
    int number;
    int fd;

    if (!describe(&call->data, &change))
        return EPERM;
    if (change.has_times &&
        !read_memory(pid, change.times_address, change.times, sizeof(change.times)))
        return EFAULT;
    fd = open_target(pid, &change);
    if (fd < 0)
        return -fd;
    /* Another process may have the number of one that is gone. */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) != 0)
        number = EPERM;
    else
        number = is_inside(fd, roots) ? apply(fd, &change) : EPERM;
    close(fd);
    return number;
}

void envm_fence_answer(int listener, const char *const *roots)
{
    struct seccomp_notif call = {0};
    struct seccomp_notif_resp answer = {0};

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
        return;
    answer.id = call.id;
    answer.error = -perform(listener, &call, roots);
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* SPDX-License-Identifier: MIT
 *
 * The program is its own hostile child: with the word "probe" it makes one system call and exits
 * with its errno.
 */
#include "../support/deny_syscall.h"
#include "../support/scratch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "sys/clock.h"
#include "sys/fence.h"
#include "sys/fence_filter.h"
#include "sys/landlock.h"

/* --- the probe ------------------------------------------------------------------------------ */

static int probe_socket(int domain, int type, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(1)};
    int fd = socket(domain, type | SOCK_CLOEXEC, type == SOCK_RAW && domain == AF_INET ? 1 : 0);

    if (fd < 0)
        return errno;
    if (!port)
        return 0;
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons((uint16_t)strtol(port, NULL, 10));
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
}

/* By its descriptor, and by the name that this has in /proc. */
static long chmod_open(const char *path, mode_t mode, bool by_name)
{
    int fd = open(path, (by_name ? O_PATH : O_RDONLY) | O_CLOEXEC);
    char name[32];

    if (fd < 0)
        return -1;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    return by_name ? chmod(name, mode) : fchmod(fd, mode);
}

static int probe_attribute(const char *what, const char *path, const char *value)
{
    const struct timespec times[2] = {{1000, 0}, {2000, 5}};
    mode_t mode = value ? (mode_t)strtoul(value, NULL, 8) : 0;
    long done = -1;
    int fd;

    if (strcmp(what, "chmod") == 0)
        done = chmod(path, mode);
    else if (strcmp(what, "fchmod") == 0)
        done = chmod_open(path, mode, false);
    else if (strcmp(what, "procmod") == 0)
        done = chmod_open(path, mode, true);
    else if (strcmp(what, "chown") == 0)
        done = chown(path, getuid(), getgid());
    else if (strcmp(what, "lchown") == 0)
        done = lchown(path, getuid(), getgid());
    else if (strcmp(what, "fchown") == 0)
        done = (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 ? -1 : fchown(fd, getuid(), getgid());
    else if (strcmp(what, "times") == 0)
        done = utimensat(AT_FDCWD, path, times, 0);
    else if (strcmp(what, "ltimes") == 0)
        done = utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
    else if (strcmp(what, "ftimes") == 0)
        done = (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 ? -1 : futimens(fd, NULL);
    else if (strcmp(what, "nowhere") == 0)
        done = syscall(SYS_fchmodat, AT_FDCWD, 8, mode);
    else if (strcmp(what, "xattr") == 0)
        done = setxattr(path, "user.envm", "1", 1, 0);
    return done >= 0 ? 0 : errno;
}

static int probe_file(const char *what, const char *path, const char *other)
{
    long done = -1;

    if (strcmp(what, "read") == 0)
        done = open(path, O_RDONLY | O_CLOEXEC);
    else if (strcmp(what, "write") == 0)
        done = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    else if (strcmp(what, "empty") == 0)
        done = open(path, O_RDONLY | O_TRUNC | O_CLOEXEC);
    else if (strcmp(what, "truncate") == 0)
        done = truncate(path, 0);
    else if (strcmp(what, "unlink") == 0)
        done = unlink(path);
    else if (strcmp(what, "mkdir") == 0)
        done = mkdir(path, 0755);
    else if (strcmp(what, "link") == 0)
        done = link(path, other);
    else if (strcmp(what, "rename") == 0)
        done = rename(path, other);
    else if (strcmp(what, "symlink") == 0)
        done = symlink(path, other);
    else if (strcmp(what, "create") == 0)
        done = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, (mode_t)strtoul(other, NULL, 8));
    else if (strcmp(what, "device") == 0)
        done = mknod(path, S_IFCHR | 0666, 0x103);
    return done >= 0 ? 0 : errno;
}

static int probe_process(const char *what, pid_t other)
{
    const struct rlimit limit = {1, 1};
    cpu_set_t cpus;
    long done = -1;

    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);

    if (strcmp(what, "kill") == 0)
        done = kill(other, 0);
    else if (strcmp(what, "ptrace") == 0)
        done = ptrace(PTRACE_SEIZE, other, NULL, NULL);
    else if (strcmp(what, "prlimit") == 0)
        done = prlimit(other, RLIMIT_NOFILE, &limit, NULL);
    else if (strcmp(what, "priority") == 0)
        done = setpriority(PRIO_PROCESS, (id_t)other, 19);
    else if (strcmp(what, "scheduler") == 0)
        done = sched_setscheduler(other, SCHED_IDLE, &(struct sched_param){0});
    else if (strcmp(what, "affinity") == 0)
        done = sched_setaffinity(other, sizeof(cpus), &cpus);
    else if (strcmp(what, "io-priority") == 0)
        done = syscall(SYS_ioprio_set, 3 /* of a user */, 0, 3 << 13);
    else if (strcmp(what, "mount") == 0)
        done = mount("none", "/mnt", "tmpfs", 0, NULL);
    else if (strcmp(what, "unshare") == 0)
        done = unshare(CLONE_NEWUSER);
    else if (strcmp(what, "namespace") == 0)
        done = syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), NULL, NULL, NULL, NULL);
    else if (strcmp(what, "clone3") == 0)
        done = syscall(435, NULL, 0);
    else if (strcmp(what, "uring") == 0)
        done = syscall(425, 1, NULL);
    else if (strcmp(what, "keyctl") == 0)
        done = syscall(SYS_keyctl, 0, -3, 0);
    else if (strcmp(what, "bpf") == 0)
        done = syscall(SYS_bpf, 0, NULL, 0);
    else if (strcmp(what, "kexec") == 0)
        done = syscall(SYS_kexec_load, 0L, 0L, NULL, 0L);
    return done >= 0 ? 0 : errno;
}

static int probe_sockets(const char *what, const char *port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int pair[2];
    int fd;

    if (strcmp(what, "tcp") == 0)
        return probe_socket(AF_INET, SOCK_STREAM, port);
    if (strcmp(what, "udp") == 0)
        return probe_socket(AF_INET6, SOCK_DGRAM, NULL);
    if (strcmp(what, "raw") == 0)
        return probe_socket(AF_INET, SOCK_RAW, NULL);
    if (strcmp(what, "packet") == 0)
        return probe_socket(AF_PACKET, SOCK_RAW, NULL);
    if (strcmp(what, "netlink") == 0)
        return probe_socket(AF_NETLINK, SOCK_RAW, NULL);
    if (strcmp(what, "socketpair") == 0)
        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 0 : errno;
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return errno;
    return bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 ? 0 : errno;
}

static int probe(char **words)
{
    const char *first = words[2];

    if (strcmp(words[0], "file") == 0)
        return probe_file(words[1], first, first ? words[3] : NULL);
    if (strcmp(words[0], "attribute") == 0)
        return probe_attribute(words[1], first, first ? words[3] : NULL);
    if (strcmp(words[0], "process") == 0)
        return probe_process(words[1], (pid_t)strtol(first, NULL, 10));
    return probe_sockets(words[1], first);
}

/* --- running things in a fence -------------------------------------------------------------- */

static char self_path[1024]; /* this program; set once by main */

/* box/ may be written, open/ may be read, closed/ neither. */
struct world {
    struct scratch dir;
    char box[600];
    char open[600];
    const char *readable[64];
    const char *writable[2];
    struct envm_fence_job job;
    struct envm_fence_result result;
};

static const char *const plain_environment[] = {"PATH=/usr/bin:/bin", "ANSWER=forty two", NULL};

static void world_make(struct world *world)
{
    const char *const *paths = envm_fence_system_paths();
    size_t count = 0;

    memset(world, 0, sizeof(*world));
    if (envm_fence_abi() == 0) {
        print_message("this kernel has no Landlock: skipped\n");
        skip();
    }
    world->dir = scratch_make();
    assert_int_equal(mkdirat(world->dir.fd, "box", 0755), 0);
    assert_int_equal(mkdirat(world->dir.fd, "open", 0755), 0);
    assert_int_equal(mkdirat(world->dir.fd, "closed", 0755), 0);
    scratch_write(&world->dir, "box/mine", "mine");
    scratch_write(&world->dir, "open/file", "readable");
    scratch_write(&world->dir, "closed/file", "secret");
    snprintf(world->box, sizeof(world->box), "%s/box", world->dir.path);
    snprintf(world->open, sizeof(world->open), "%s/open", world->dir.path);
    for (; *paths; paths++)
        world->readable[count++] = *paths;
    world->readable[count++] = world->open;
    world->readable[count++] = self_path;
    world->readable[count++] = "/envm/is/not/here";
    world->writable[0] = world->box;
    world->job = (struct envm_fence_job){
        .environment = plain_environment,
        .directory = world->box,
        .readable = world->readable,
        .writable = world->writable,
        .limits = {.wall_ms = 60000},
        .keep_output = 10000,
    };
}

static void world_drop(struct world *world)
{
    envm_fence_result_release(&world->result);
    scratch_drop(&world->dir);
}

static enum envm_code run_sh(struct world *world, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};

    envm_fence_result_release(&world->result);
    world->job.argv = argv;
    return envm_fence_run(&world->job, &world->result, &err);
}

static void sh(struct world *world, const char *script)
{
    OK(run_sh(world, script));
}

/* The errno of the probe's system call. */
static int probed(struct world *world, const char *kind, const char *what, const char *first,
                  const char *second)
{
    const char *const argv[] = {self_path, "probe", kind, what, first, second, NULL};

    envm_fence_result_release(&world->result);
    world->job.argv = argv;
    OK(envm_fence_run(&world->job, &world->result, &err));
    if (world->result.end != ENVM_FENCE_EXITED)
        fail_msg("%s %s: end %d, status %d: %s", kind, what, (int)world->result.end,
                 world->result.status, envm_buf_str(&world->result.output).ptr);
    return world->result.status;
}

static int file(struct world *world, const char *what, const char *path, const char *other)
{
    return probed(world, "file", what, path, other);
}

static int attribute(struct world *world, const char *what, const char *path, const char *value)
{
    return probed(world, "attribute", what, path, value);
}

static void output_is(struct world *world, const char *text)
{
    assert_str(envm_buf_str(&world->result.output), text);
}

static bool exists(pid_t pid)
{
    return kill(pid, 0) == 0 || errno != ESRCH;
}

static pid_t read_pid(const struct world *world, const char *path)
{
    char text[32] = "";
    int fd = openat(world->dir.fd, path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        assert_true(read(fd, text, sizeof(text) - 1) >= 0);
        close(fd);
    }
    return (pid_t)strtol(text, NULL, 10);
}

/* --- what it sees --------------------------------------------------------------------------- */

static void output_status_and_signal(void **state)
{
    struct world world;

    (void)state;
    world_make(&world);
    sh(&world, "echo out; echo error >&2; cat; exit 3");
    assert_int_equal(world.result.end, ENVM_FENCE_EXITED);
    assert_int_equal(world.result.status, 3);
    output_is(&world, "out\nerror\n");
    assert_int_equal(world.result.output_bytes, 10);
    sh(&world, "kill -TERM $$");
    assert_int_equal(world.result.end, ENVM_FENCE_SIGNALLED);
    assert_int_equal(world.result.status, SIGTERM);
    output_is(&world, "");
    sh(&world, "exec >/dev/null 2>&1; sleep 0.1; exit 4");
    assert_int_equal(world.result.status, 4);
    world_drop(&world);
}

static void environment_directory_and_umask_are_exact(void **state)
{
    struct world world;
    char expected[700];
    const char *const argv[] = {"/usr/bin/env", NULL};

    (void)state;
    world_make(&world);
    world.job.argv = argv;
    OK(envm_fence_run(&world.job, &world.result, &err));
    output_is(&world, "PATH=/usr/bin:/bin\nANSWER=forty two\n");
    sh(&world, "pwd -P; umask; echo x >file; cat <file");
    snprintf(expected, sizeof(expected), "%s\n0022\nx\n", world.box);
    output_is(&world, expected);
    world_drop(&world);
}

static void descriptors_signals_and_session_are_new(void **state)
{
    struct world world;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    int low;
    int high;

    (void)state;
    world_make(&world);
    low = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    high = fcntl(low, F_DUPFD, 900);
    assert_true(high >= 900);
    sigaction(SIGUSR1, &ignore, &before);
    sh(&world, "echo /proc/self/fd/*; grep -E '^Sig(Ign|Blk)|^NoNewPrivs' /proc/self/status");
    sigaction(SIGUSR1, &before, NULL);
    close(low);
    close(high);
    /* The shell has the folder itself open while it lists it. */
    output_is(&world, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n"
                      "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nNoNewPrivs:\t1\n");
    sh(&world, "cut -d' ' -f6 /proc/self/stat >session; echo $$ >self; cmp session self");
    assert_int_equal(world.result.status, 0);
    world_drop(&world);
}

/* --- files ---------------------------------------------------------------------------------- */

static void changes_stay_inside(void **state)
{
    static const char *const changes[] = {"write", "truncate", "empty", "unlink"};
    struct world world;

    (void)state;
    world_make(&world);
    assert_int_equal(file(&world, "write", "new", NULL), 0);
    assert_int_equal(file(&world, "truncate", "new", NULL), 0);
    assert_int_equal(file(&world, "empty", "new", NULL), 0);
    assert_int_equal(file(&world, "link", "new", "linked"), 0);
    assert_int_equal(file(&world, "rename", "new", "renamed"), 0);
    assert_int_equal(file(&world, "mkdir", "folder", NULL), 0);
    assert_int_equal(file(&world, "rename", "renamed", "folder/renamed"), 0);
    assert_int_equal(file(&world, "unlink", "linked", NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(file(&world, changes[i], "../open/file", NULL), EACCES);
        assert_int_equal(file(&world, changes[i], "../closed/file", NULL), EACCES);
    }
    assert_int_equal(file(&world, "write", "../new", NULL), EACCES);
    assert_int_equal(file(&world, "mkdir", "../open/new", NULL), EACCES);
    /* By a symlink of its own, through a hard link of its own, and by moving. */
    assert_int_equal(file(&world, "symlink", "../closed/file", "way"), 0);
    assert_int_equal(file(&world, "write", "way", NULL), EACCES);
    assert_int_equal(file(&world, "read", "way", NULL), EACCES);
    assert_int_not_equal(file(&world, "link", "../open/file", "stolen"), 0);
    assert_int_not_equal(file(&world, "link", "../closed/file", "stolen"), 0);
    assert_int_not_equal(file(&world, "link", "mine", "../open/gift"), 0);
    assert_int_not_equal(file(&world, "rename", "mine", "../open/gift"), 0);
    assert_int_not_equal(file(&world, "rename", "../closed/file", "stolen"), 0);
    scratch_holds(&world.dir, "open/file", "readable");
    scratch_holds(&world.dir, "closed/file", "secret");
    assert_false(scratch_has(&world.dir, "new"));
    assert_false(scratch_has(&world.dir, "open/gift"));
    assert_false(scratch_has(&world.dir, "box/stolen"));
    world_drop(&world);
}

static void reading_stays_inside(void **state)
{
    struct world world;

    (void)state;
    world_make(&world);
    assert_int_equal(file(&world, "read", "../open/file", NULL), 0);
    assert_int_equal(file(&world, "read", "../closed/file", NULL), EACCES);
    assert_int_equal(file(&world, "read", "..", NULL), EACCES);
    assert_int_equal(file(&world, "read", "/", NULL), EACCES);
    assert_int_equal(file(&world, "read", "/root", NULL), EACCES);
    assert_int_equal(file(&world, "read", "/etc/shadow", NULL), EACCES);
    assert_int_equal(file(&world, "read", "/proc/1/environ", NULL), EACCES);
    sh(&world, "cat ../closed/file; cat /proc/$PPID/environ; cat /proc/$PPID/root/etc/shadow");
    assert_null(strstr(envm_buf_str(&world.result.output).ptr, "secret"));
    assert_int_equal(world.result.status, 1);
    /* What may be written may be run as well, the rest not. */
    sh(&world, "printf '#!/bin/sh\\necho ran\\n' >tool; chmod 755 tool; ./tool");
    output_is(&world, "ran\n");
    world_drop(&world);
}

static void devices_for_nothing_and_chance_are_there(void **state)
{
    struct world world;

    (void)state;
    world_make(&world);
    sh(&world, "echo x >/dev/null && head -c 3 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c"
               "; echo error >/dev/stderr; echo x >/dev/tty");
    assert_memory_equal(world.result.output.ptr, "3\n4\nerror\n", 10);
    assert_int_not_equal(world.result.status, 0);
    assert_int_not_equal(file(&world, "device", "null", NULL), 0);
    assert_int_not_equal(file(&world, "read", "/dev/kmsg", NULL), 0);
    world_drop(&world);
}

static mode_t mode_of(const struct world *world, const char *path)
{
    struct stat status;

    assert_int_equal(fstatat(world->dir.fd, path, &status, 0), 0);
    return status.st_mode & 07777;
}

static void no_file_gets_the_rights_of_its_owner(void **state)
{
    struct world world;

    (void)state;
    world_make(&world);
    assert_int_equal(attribute(&world, "chmod", "mine", "4755"), EPERM);
    assert_int_equal(attribute(&world, "fchmod", "mine", "6755"), EPERM);
    assert_int_equal(attribute(&world, "chmod", "mine", "2755"), EPERM);
    assert_int_equal(mode_of(&world, "box/mine"), 0644);
    assert_int_equal(file(&world, "create", "new", "4755"), EPERM);
    assert_int_equal(file(&world, "create", "new", "2755"), EPERM);
    assert_int_equal(file(&world, "create", "new", "755"), 0);
    assert_int_equal(attribute(&world, "xattr", "mine", NULL), ENOTSUP);
    /* For folders it is about the group of what is made in them. */
    assert_int_equal(attribute(&world, "chmod", ".", "2755"), 0);
    assert_int_equal(mode_of(&world, "box"), 02755);
    world_drop(&world);
}

static void attributes_change_inside(void **state)
{
    static const char *const calls[] = {"chmod", "fchmod", "procmod"};
    struct world world;
    char path[700];

    (void)state;
    world_make(&world);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(attribute(&world, calls[i], "mine", i % 2 ? "640" : "751"), 0);
        assert_int_equal(mode_of(&world, "box/mine"), i % 2 ? 0640 : 0751);
    }
    snprintf(path, sizeof(path), "%s/../box/mine", world.box);
    assert_int_equal(attribute(&world, "chmod", path, "600"), 0);
    assert_int_equal(mode_of(&world, "box/mine"), 0600);
    assert_int_equal(attribute(&world, "chmod", "none", "600"), ENOENT);
    assert_int_equal(attribute(&world, "chmod", "mine/none", "600"), ENOTDIR);
    assert_int_equal(attribute(&world, "chmod", "", "600"), ENOENT);
    assert_int_equal(attribute(&world, "nowhere", "mine", "600"), EFAULT);
    assert_int_equal(attribute(&world, "chown", "mine", NULL), 0);
    assert_int_equal(attribute(&world, "fchown", "mine", NULL), 0);
    assert_int_equal(attribute(&world, "times", "mine", NULL), 0);
    assert_int_equal(attribute(&world, "ftimes", "mine", NULL), 0);
    sh(&world, "set -e; mkdir -p a/b; echo x >a/b/c; chmod -R u=rwX,go= a; cp -pR a copy; "
               "touch -d 2001-02-03T04:05:06Z copy/b/c; tar -cf x.tar copy; rm -r copy; "
               "tar -xpf x.tar; mv copy moved; touch -h -r x.tar a; install -m 0711 a/b/c tool; "
               "TZ=UTC0 stat -c '%a %y' moved/b/c tool | cut -c1-23");
    assert_int_equal(world.result.status, 0);
    assert_memory_equal(world.result.output.ptr, "600 2001-02-03 04:05:06\n711 ", 28);
    world_drop(&world);
}

static void attributes_outside_stay(void **state)
{
    static const char *const calls[] = {"chmod",  "fchmod", "procmod", "chown", "lchown",
                                        "fchown", "times",  "ltimes",  "ftimes"};
    struct world world;
    struct stat before;
    struct stat after;
    char sibling[700];

    (void)state;
    world_make(&world);
    assert_int_equal(file(&world, "symlink", "../open/file", "way"), 0);
    assert_int_equal(fstatat(world.dir.fd, "open/file", &before, 0), 0);
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        assert_int_equal(attribute(&world, calls[i], "../open/file", "777"), EPERM);
        assert_int_equal(attribute(&world, calls[i], world.open, "777"), EPERM);
    }
    assert_int_equal(attribute(&world, "chmod", "way", "777"), EPERM);
    assert_int_equal(attribute(&world, "times", "way", NULL), EPERM);
    assert_int_equal(attribute(&world, "lchown", "way", NULL), 0);
    assert_int_equal(attribute(&world, "ltimes", "way", NULL), 0);
    assert_int_equal(attribute(&world, "chmod", "../closed/file", "777"), EPERM);
    assert_int_equal(attribute(&world, "chmod", "..", "777"), EPERM);
    /* Its name only begins like that of what may be written. */
    assert_int_equal(mkdirat(world.dir.fd, "box2", 0755), 0);
    snprintf(sibling, sizeof(sibling), "%s2", world.box);
    assert_int_equal(attribute(&world, "chmod", sibling, "777"), EPERM);
    assert_int_equal(fstatat(world.dir.fd, "open/file", &after, 0), 0);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_mtime, before.st_mtime);
    assert_int_equal(after.st_ctime, before.st_ctime);
    assert_int_equal(mode_of(&world, "closed/file"), 0644);
    world_drop(&world);
}

/* --- other processes and the machine -------------------------------------------------------- */

static void other_processes_are_out_of_reach(void **state)
{
    static const char *const calls[] = {"kill",      "ptrace",   "prlimit",    "priority",
                                        "scheduler", "affinity", "io-priority"};
    struct world world;
    char parent[16];

    (void)state;
    world_make(&world);
    snprintf(parent, sizeof(parent), "%d", (int)getpid());
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
        assert_int_equal(probed(&world, "process", calls[i], parent, NULL), EPERM);
    sh(&world, "kill -9 $PPID; echo alive; sleep 100 & kill $!; wait $!; echo $?");
    assert_non_null(strstr(envm_buf_str(&world.result.output).ptr, "alive\n"));
    if (envm_fence_abi() >= 6)
        assert_non_null(strstr(envm_buf_str(&world.result.output).ptr, "143\n"));
    world_drop(&world);
}

static void the_kernel_is_out_of_reach(void **state)
{
    static const struct {
        const char *call;
        int error;
    } calls[] = {{"mount", EPERM},  {"unshare", EPERM}, {"namespace", EPERM}, {"clone3", ENOSYS},
                 {"uring", ENOSYS}, {"keyctl", EPERM},  {"bpf", EPERM},       {"kexec", EPERM}};
    struct world world;

    (void)state;
    world_make(&world);
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
        assert_int_equal(probed(&world, "process", calls[i].call, "0", NULL), calls[i].error);
    world_drop(&world);
}

static void there_is_a_network_on_demand_only(void **state)
{
    struct world world;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    char port[8];
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    world_make(&world);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server, 5), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &len), 0);
    snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
    assert_int_equal(probed(&world, "socket", "tcp", port, NULL), EPERM);
    assert_int_equal(probed(&world, "socket", "udp", NULL, NULL), EPERM);
    assert_int_equal(probed(&world, "socket", "netlink", NULL, NULL), EPERM);
    assert_int_equal(probed(&world, "socket", "unix", NULL, NULL), EPERM);
    assert_int_equal(probed(&world, "socket", "socketpair", NULL, NULL), 0);
    world.job.network = true;
    assert_int_equal(probed(&world, "socket", "tcp", port, NULL), 0);
    assert_int_not_equal(probed(&world, "socket", "udp", NULL, NULL), EPERM);
    assert_int_equal(probed(&world, "socket", "netlink", NULL, NULL), 0);
    assert_int_equal(probed(&world, "socket", "raw", NULL, NULL), EPERM);
    assert_int_equal(probed(&world, "socket", "packet", NULL, NULL), EPERM);
    assert_int_equal(probed(&world, "socket", "unix", NULL, NULL), EPERM);
    close(server);
    world_drop(&world);
}

/* --- limits --------------------------------------------------------------------------------- */

static void time_is_limited(void **state)
{
    struct world world;
    uint64_t start;

    (void)state;
    world_make(&world);
    world.job.limits = (struct envm_fence_limits){.wall_ms = 300};
    start = envm_clock_monotonic_ms();
    sh(&world, "echo begun; sleep 60 & sleep 60");
    assert_int_equal(world.result.end, ENVM_FENCE_WALL_LIMIT);
    output_is(&world, "begun\n");
    sh(&world, "trap '' TERM INT HUP; exec >/dev/null 2>&1; while :; do sleep 1; done");
    assert_int_equal(world.result.end, ENVM_FENCE_WALL_LIMIT);
    assert_true(envm_clock_monotonic_ms() - start < 20000);
    world.job.limits = (struct envm_fence_limits){.wall_ms = 60000, .cpu_seconds = 1};
    sh(&world, "while :; do :; done");
    assert_int_equal(world.result.end, ENVM_FENCE_CPU_LIMIT);
    sh(&world, "sh -c 'while :; do :; done'; exit $?");
    assert_int_equal(world.result.end, ENVM_FENCE_CPU_LIMIT);
    sh(&world, "trap '' XCPU; while :; do :; done");
    assert_int_equal(world.result.end, ENVM_FENCE_CPU_LIMIT);
    world_drop(&world);
}

static void files_memory_and_descriptors_are_limited(void **state)
{
    struct world world;
    struct stat status;

    (void)state;
    world_make(&world);
    world.job.limits.file_bytes = 100000;
    sh(&world, "exec head -c 200000 /dev/zero >big");
    assert_int_equal(world.result.end, ENVM_FENCE_FILE_LIMIT);
    assert_int_equal(fstatat(world.dir.fd, "box/big", &status, 0), 0);
    assert_int_equal(status.st_size, 100000);
    world.job.limits = (struct envm_fence_limits){
        .wall_ms = 60000, .address_bytes = (uint64_t)200 << 20, .open_files = 20};
    sh(&world, "ulimit -n; ulimit -v; ulimit -c; head -c 400m /dev/zero | tail -n 1 | wc -c");
    assert_memory_equal(world.result.output.ptr, "20\n204800\n0\n", 12);
    assert_null(strstr(world.result.output.ptr, "419430400"));
    world_drop(&world);
}

static void processes_are_limited_and_all_end(void **state)
{
    struct world world;
    pid_t last;

    (void)state;
    world_make(&world);
    sh(&world, "n=0; while [ $n -lt 150 ]; do sleep 300 & n=$((n+1)); done; echo $! >last");
    assert_int_equal(world.result.end, ENVM_FENCE_EXITED);
    last = read_pid(&world, "box/last");
    assert_true(last > 0);
    assert_false(exists(last));
    world.job.limits.processes = 30;
    /* It doubles eight times. */
    sh(&world, "f() { [ $1 -eq 0 ] || { f $(($1-1)) & f $(($1-1)) & }; sleep 300; }; f 8");
    if (world.result.end != ENVM_FENCE_PROCESS_LIMIT)
        assert_non_null(strstr(envm_buf_str(&world.result.output).ptr, "fork"));
    world_drop(&world);
}

static void no_daemon_survives(void **state)
{
    struct world world;
    pid_t daemon;

    (void)state;
    world_make(&world);
    sh(&world,
       "(setsid sh -c 'trap \"\" HUP TERM; echo $$ >daemon; exec sleep 300' "
       ">/dev/null 2>&1 </dev/null &) ; while ! [ -s daemon ]; do sleep 0.01; done; exit 5");
    assert_int_equal(world.result.status, 5);
    daemon = read_pid(&world, "box/daemon");
    assert_true(daemon > 0);
    assert_false(exists(daemon));
    world_drop(&world);
}

static bool gone_in_time(pid_t pid)
{
    for (int i = 0; i < 500 && exists(pid); i++)
        envm_clock_sleep_ms(20);
    return !exists(pid);
}

static void nothing_survives_the_death_of_the_caller(void **state)
{
    struct world world;
    pid_t caller;
    pid_t sleeper = 0;

    (void)state;
    world_make(&world);
    caller = fork();
    if (caller == 0) {
        (void)run_sh(&world, "(setsid sh -c 'echo $$ >sleeper; exec sleep 300' &) ; sleep 300");
        _exit(0);
    }
    for (int i = 0; i < 1000 && sleeper == 0; i++) {
        envm_clock_sleep_ms(10);
        sleeper = read_pid(&world, "box/sleeper");
    }
    assert_true(sleeper > 0);
    assert_true(exists(sleeper));
    kill(caller, SIGKILL);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    assert_true(gone_in_time(sleeper));
    world_drop(&world);
}

static bool third_time(void *user)
{
    return ++*(int *)user > 3;
}

static void it_can_be_cancelled(void **state)
{
    struct world world;
    uint64_t start = envm_clock_monotonic_ms();
    int polls = 0;
    pid_t sleeper;

    (void)state;
    world_make(&world);
    world.job.cancelled = third_time;
    world.job.user = &polls;
    FAILS(ENVM_INTERRUPTED, run_sh(&world, "echo $$ >sleeper; exec sleep 60"));
    assert_true(envm_clock_monotonic_ms() - start < 20000);
    sleeper = read_pid(&world, "box/sleeper");
    assert_true(sleeper == 0 || !exists(sleeper));
    world_drop(&world);
}

/* --- output --------------------------------------------------------------------------------- */

static void the_end_of_much_output_is_kept(void **state)
{
    struct world world;
    struct rusage before;
    struct rusage after;
    uint64_t start = envm_clock_monotonic_ms();

    (void)state;
    world_make(&world);
    getrusage(RUSAGE_SELF, &before);
    world.job.keep_output = 100;
    sh(&world, "head -c 1073741824 /dev/zero; printf '\\033[31mlast\\033]0;title\\a\\n'");
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(world.result.status, 0);
    assert_int_equal(world.result.output_bytes, 1073741824 + 20);
    assert_int_equal(world.result.output.len, 100);
    assert_memory_equal(world.result.output.ptr + 80, "\033[31mlast\033]0;title\a\n", 20);
    assert_int_equal(world.result.output.ptr[79], 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < 20000);
    assert_true(envm_clock_monotonic_ms() - start < 60000);
    world.job.keep_output = 3;
    sh(&world, "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); done");
    output_is(&world, "99\n");
    world.job.keep_output = 0;
    sh(&world, "echo hello");
    assert_int_equal(world.result.output.len, 0);
    assert_int_equal(world.result.output_bytes, 6);
    world_drop(&world);
}

/* --- failures ------------------------------------------------------------------------------- */

static void what_cannot_start_is_an_error(void **state)
{
    struct world world;
    const char *const none[] = {"/usr/bin/envm-no-such-program", NULL};
    const char *const outside[] = {"../closed/tool", NULL};
    const char *const no_path[] = {"/envm-none", NULL};

    (void)state;
    world_make(&world);
    world.job.argv = none;
    FAILS_WITH(ENVM_IO, "envm-no-such-program", envm_fence_run(&world.job, &world.result, &err));
    scratch_write(&world.dir, "closed/tool", "#!/bin/sh\necho ran\n");
    assert_int_equal(fchmodat(world.dir.fd, "closed/tool", 0755, 0), 0);
    world.job.argv = outside;
    FAILS_WITH(ENVM_IO, "Permission denied", envm_fence_run(&world.job, &world.result, &err));
    world.job.directory = "/envm-none";
    FAILS_WITH(ENVM_IO, "/envm-none", run_sh(&world, "true"));
    world.job.directory = world.box;
    world.job.writable = no_path;
    FAILS_WITH(ENVM_IO, "/envm-none", run_sh(&world, "true"));
    assert_int_equal(world.result.output_bytes, 0);
    world_drop(&world);
}

static bool is_unsafe(void *argument)
{
    struct world *world = argument;
    bool refused = run_sh(world, "echo x >ran") == ENVM_UNSAFE && err.text;

    envm_error_release(&err);
    return refused && !scratch_has(&world->dir, "box/ran");
}

static void without_the_means_nothing_is_run(void **state)
{
    struct world world;

    (void)state;
    world_make(&world);
    without_syscall(444, ENOSYS, is_unsafe, &world);
    without_syscall(444, EOPNOTSUPP, is_unsafe, &world);
    without_syscall(446, EPERM, is_unsafe, &world);
    world_drop(&world);
}

static bool works(void *argument)
{
    struct world *world = argument;

    bool good = run_sh(world, "ls /proc/self/fd | wc -l") == ENVM_OK &&
                strcmp(world->result.output.ptr, "4\n") == 0;

    envm_fence_result_release(&world->result);
    return good;
}

static void descriptors_are_closed_without_close_range(void **state)
{
    struct world world;
    int leaked = open("/dev/null", O_RDONLY);

    (void)state;
    world_make(&world);
    without_syscall(SYS_close_range, ENOSYS, works, &world);
    close(leaked);
    world_drop(&world);
}

/* As in a container whose engine answers some calls itself: there can be one listener only. */
static bool attributes_fail_closed(void *argument)
{
    struct world *world = argument;
    struct envm_fence_filter filter;
    const struct envm_fence_filter_kind kind = {.landlock_abi = 7, .asks = true};
    struct sock_fprog program = {
        .filter = (struct sock_filter[]){BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}, .len = 1};
    bool good =
        envm_fence_filter_make(&kind, &filter) &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) >=
            0 &&
        run_sh(world, "chmod 777 mine || echo x >refused; chmod 777 ../open/file") == ENVM_OK &&
        world->result.status == 1 && scratch_has(&world->dir, "box/refused");

    envm_fence_result_release(&world->result);
    return good;
}

static void a_listener_around_it_makes_attributes_fail(void **state)
{
    struct world world;

    (void)state;
    world_make(&world);
    /* Any call that is not used, for the privilege to install filters. */
    without_syscall(SYS_acct, EPERM, attributes_fail_closed, &world);
    assert_int_equal(mode_of(&world, "open/file"), 0644);
    world_drop(&world);
}

/* What the filter adds where Landlock is older; it is installed alone. */
static void an_older_landlock_is_made_up_for(void **state)
{
    int status = -1;
    struct world world;
    char path[700];
    pid_t pid;

    (void)state;
    world_make(&world);
    snprintf(path, sizeof(path), "%s/mine", world.box);
    pid = fork();
    if (pid == 0) {
        const struct envm_fence_filter_kind kind = {.landlock_abi = 2};
        struct envm_fence_filter filter;
        bool good = envm_fence_filter_make(&kind, &filter) &&
                    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                    envm_fence_filter_install(&filter, NULL) == 0;

        good = good && probe_file("truncate", path, NULL) == EPERM &&
               probe_file("empty", path, NULL) == EPERM && probe_file("read", path, NULL) == 0 &&
               kill(getppid(), 0) != 0 && errno == EPERM && kill(0, 0) == 0 &&
               syscall(SYS_tgkill, getppid(), getppid(), SIGKILL) != 0;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    world_drop(&world);
}

/* Everything again without the rights of root. */
static bool as_somebody(void *argument)
{
    struct world *world = argument;

    world->job.limits.processes = 20;
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0 ||
        run_sh(world, "id -u; echo x >file; echo y >../file; echo z >../open/file; cat file; "
                      "chmod 741 file; stat -c %a file; chmod 777 ../open/file; (setsid sleep 300 "
                      "&) ; kill -9 $PPID") != ENVM_OK)
        return false;
    return world->result.end == ENVM_FENCE_EXITED &&
           strncmp(world->result.output.ptr, "65534\n", 6) == 0 &&
           strstr(world->result.output.ptr, "x\n741\n") && !scratch_has(&world->dir, "file");
}

static void it_needs_no_rights(void **state)
{
    struct world world;
    int status = -1;
    pid_t pid;

    (void)state;
    if (getuid() != 0)
        skip();
    world_make(&world);
    assert_int_equal(chmod(world.dir.path, 0777), 0);
    assert_int_equal(fchownat(world.dir.fd, "box", 65534, 65534, 0), 0);
    pid = fork();
    if (pid == 0)
        _exit(as_somebody(&world) ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    world_drop(&world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_status_and_signal),
        cmocka_unit_test(environment_directory_and_umask_are_exact),
        cmocka_unit_test(descriptors_signals_and_session_are_new),
        cmocka_unit_test(changes_stay_inside),
        cmocka_unit_test(reading_stays_inside),
        cmocka_unit_test(devices_for_nothing_and_chance_are_there),
        cmocka_unit_test(no_file_gets_the_rights_of_its_owner),
        cmocka_unit_test(attributes_change_inside),
        cmocka_unit_test(attributes_outside_stay),
        cmocka_unit_test(other_processes_are_out_of_reach),
        cmocka_unit_test(the_kernel_is_out_of_reach),
        cmocka_unit_test(there_is_a_network_on_demand_only),
        cmocka_unit_test(time_is_limited),
        cmocka_unit_test(files_memory_and_descriptors_are_limited),
        cmocka_unit_test(processes_are_limited_and_all_end),
        cmocka_unit_test(no_daemon_survives),
        cmocka_unit_test(nothing_survives_the_death_of_the_caller),
        cmocka_unit_test(it_can_be_cancelled),
        cmocka_unit_test(the_end_of_much_output_is_kept),
        cmocka_unit_test(what_cannot_start_is_an_error),
        cmocka_unit_test(without_the_means_nothing_is_run),
        cmocka_unit_test(descriptors_are_closed_without_close_range),
        cmocka_unit_test(a_listener_around_it_makes_attributes_fail),
        cmocka_unit_test(an_older_landlock_is_made_up_for),
        cmocka_unit_test(it_needs_no_rights),
    };
    ssize_t len = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);

    if (len <= 0)
        return 1;
    if (argc > 3 && strcmp(argv[1], "probe") == 0)
        _exit(probe(argv + 2));
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "sys/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The same numbers on all processors. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_VERSION 1U
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_CHAR (UINT64_C(1) << 6)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_MAKE_SOCK (UINT64_C(1) << 9)
#define FS_MAKE_FIFO (UINT64_C(1) << 10)
#define FS_MAKE_BLOCK (UINT64_C(1) << 11)
#define FS_MAKE_SYM (UINT64_C(1) << 12)
#define FS_REFER (UINT64_C(1) << 13)     /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_TCP (UINT64_C(3))            /* ABI 4: bind, connect */
#define SCOPE_BOTH (UINT64_C(3))         /* ABI 6: abstract sockets, signals */

#define READING (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
#define DEVICES (FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV)
#define CHANGING                                                                                   \
    (FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK |   \
     FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)
/* What a rule about something that is not a directory may say. */
#define OF_A_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

int envm_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_VERSION);

    return abi > 0 ? (int)abi : 0;
}

static uint64_t known_fs(int abi)
{
    uint64_t known = (FS_MAKE_SYM << 1) - 1;

    if (abi >= 2)
        known |= FS_REFER;
    if (abi >= 3)
        known |= FS_TRUNCATE;
    if (abi >= 5)
        known |= FS_IOCTL_DEV;
    return known;
}

static uint64_t handled_fs(int abi, const struct envm_landlock_policy *policy)
{
    return known_fs(abi) & (policy->reading ? ~UINT64_C(0) : ~(READING | FS_IOCTL_DEV));
}

enum envm_code envm_landlock_make(int abi, const struct envm_landlock_policy *policy,
                                  int *ret_ruleset, struct envm_error *err)
{
    struct ruleset ruleset = {.fs = handled_fs(abi, policy)};
    size_t size = sizeof(ruleset.fs);
    long fd;

    /* An old kernel takes the longer structure too, if what it does not know is zero. */
    if (policy->tcp && abi >= 4)
        ruleset.net = NET_TCP;
    if (policy->scoped && abi >= 6)
        ruleset.scoped = SCOPE_BOTH;
    if (abi >= 4)
        size = sizeof(ruleset);
    fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0U);
    if (fd < 0)
        return envm_fail_errno(err, errno, "making a Landlock ruleset");
    *ret_ruleset = (int)fd;
    return ENVM_OK;
}

/* Whoever may read everything may make devices too where it may change something: the kernel stops
 * to look at the folders above where a rule allows all that is handled at all. */
static uint64_t rights(const struct envm_landlock_policy *policy, enum envm_landlock_access access)
{
    switch (access) {
    case ENVM_LANDLOCK_READ:
        return READING;
    case ENVM_LANDLOCK_CHANGE:
        return policy->reading ? READING | CHANGING : ~UINT64_C(0);
    case ENVM_LANDLOCK_REMOVE_FOLDERS:
        return FS_REMOVE_DIR;
    case ENVM_LANDLOCK_DEVICE:
        break;
    }
    return FS_READ_FILE | FS_WRITE_FILE;
}

enum envm_code envm_landlock_allow(int ruleset, int abi, const struct envm_landlock_policy *policy,
                                   const char *path, enum envm_landlock_access access,
                                   struct envm_error *err)
{
    struct path_rule rule = {.allowed = rights(policy, access) & handled_fs(abi, policy)};
    ENVM_CLEANUP(envm_fd) int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0)
        return envm_fail_errno(err, errno, "allowing '%s'", path);
    if (!S_ISDIR(status.st_mode))
        rule.allowed &= OF_A_FILE;
    /* A rule that allows nothing is refused by the kernel. */
    if (rule.allowed == 0)
        return ENVM_OK;
    rule.fd = fd;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0U) != 0)
        return envm_fail_errno(err, errno, "allowing '%s'", path);
    return ENVM_OK;
}

int envm_landlock_enter(int ruleset)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return errno;
    return syscall(SYS_landlock_restrict_self, ruleset, 0U) == 0 ? 0 : errno;
}

/* SPDX-License-Identifier: MIT */
#include "sys/fs_dirstack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/vec.h"

#define OPEN_MAX_LEVELS 32

static void release_level(struct envm_dirstack_level *level)
{
    envm_close_fd(&level->fd);
    for (size_t i = 0; i < level->count; i++)
        envm_free(level->names[i]);
    envm_free(level->names);
}

void envm_dirstack_release(struct envm_dirstack *stack)
{
    for (size_t i = 0; i < stack->count; i++)
        release_level(&stack->levels[i]);
    envm_free(stack->levels);
    envm_buf_release(&stack->path);
    *stack = (struct envm_dirstack){0};
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int fd, struct envm_dirstack_level *level)
{
    ENVM_VEC(char *) names = {0};
    const struct dirent *entry;
    int reading = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    DIR *dir = reading >= 0 ? fdopendir(reading) : NULL;
    int number;

    if (!dir) {
        number = errno;
        envm_close_fd(&reading);
        return -number;
    }
    for (;;) {
        errno = 0;
        entry = readdir(dir);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            envm_vec_push(&names, envm_strdup(entry->d_name));
    }
    number = errno;
    closedir(dir);
    level->names = names.items;
    level->count = names.count;
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), compare_names);
    return -number;
}

int envm_dirstack_push(struct envm_dirstack *stack, int fd)
{
    struct envm_dirstack_level level = {.fd = fd, .path_len = stack->path.len};
    struct stat status;
    int result = fstat(fd, &status) == 0 ? read_names(fd, &level) : -errno;

    if (result < 0) {
        release_level(&level);
        return result;
    }
    level.device = status.st_dev;
    level.inode = status.st_ino;
    if (stack->count == stack->capacity) {
        stack->capacity = stack->capacity ? stack->capacity * 2 : 16;
        stack->levels = envm_realloc(stack->levels, stack->capacity, sizeof(*stack->levels));
    }
    stack->levels[stack->count++] = level;
    if (stack->count > OPEN_MAX_LEVELS)
        envm_close_fd(&stack->levels[stack->count - 1 - OPEN_MAX_LEVELS].fd);
    return 0;
}

/* Fills the descriptor of a closed level from the one below it in the tree. */
static int reopen(struct envm_dirstack_level *level, int child_fd)
{
    struct stat status;
    ENVM_CLEANUP(envm_fd) int fd = openat(child_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) != 0)
        return -errno;
    if (status.st_dev != level->device || status.st_ino != level->inode)
        return -ESTALE;
    level->fd = ENVM_TAKE(fd, -1);
    return 0;
}

int envm_dirstack_pop(struct envm_dirstack *stack)
{
    struct envm_dirstack_level *top = &stack->levels[stack->count - 1];
    int result = 0;

    if (stack->count > 1 && top[-1].fd < 0)
        result = reopen(&top[-1], top->fd);
    stack->path.len = top->path_len;
    release_level(top);
    stack->count--;
    return result;
}

struct envm_dirstack_level *envm_dirstack_top(struct envm_dirstack *stack)
{
    return stack->count ? &stack->levels[stack->count - 1] : NULL;
}

const char *envm_dirstack_next(struct envm_dirstack *stack)
{
    struct envm_dirstack_level *top = &stack->levels[stack->count - 1];
    const char *name;

    stack->path.len = top->path_len;
    if (top->next == top->count)
        return NULL;
    name = top->names[top->next++];
    if (stack->path.len > 0)
        envm_buf_add_byte(&stack->path, '/');
    envm_buf_add_cstr(&stack->path, name);
    return name;
}

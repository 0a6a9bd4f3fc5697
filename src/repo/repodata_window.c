/* SPDX-License-Identifier: MIT */
#include "repo/repodata_window.h"

#include <string.h>
#include <sys/random.h>

#define SLOTS 16384
#define COUNT_MAX (SLOTS / 2)
#define LEN_SIZE sizeof(uint32_t)
#define FIRST LEN_SIZE /* reference 0 is no list */

void envm_window_release(struct envm_window *window)
{
    envm_free(window->bytes);
    envm_free(window->slots);
    envm_free(window->large);
    *window = (struct envm_window){0};
}

static void allocate(struct envm_window *window)
{
    window->bytes = envm_alloc_zero(ENVM_IMAGE_EXTENT, 1);
    window->slots = envm_alloc(SLOTS * sizeof(*window->slots));
    if (getrandom(&window->seed, sizeof(window->seed), GRND_NONBLOCK) != sizeof(window->seed))
        window->seed = (uint64_t)(uintptr_t)window->bytes;
}

static void open_window(struct envm_window *window)
{
    if (!window->bytes)
        allocate(window);
    memset(window->slots, 0, SLOTS * sizeof(*window->slots));
    window->number = envm_image_file_reserve(window->file);
    window->len = FIRST;
    window->count = 0;
}

void envm_window_flush(struct envm_window *window)
{
    if (window->len > 0)
        envm_image_file_fill(window->file, window->number, envm_str_n(window->bytes, window->len));
    window->len = 0;
}

static void make_room(struct envm_window *window, size_t len)
{
    if (window->len + len > ENVM_IMAGE_EXTENT || window->count >= COUNT_MAX)
        envm_window_flush(window);
    if (window->len == 0)
        open_window(window);
}

char *envm_window_begin_list(struct envm_window *window, size_t len)
{
    if (len > ENVM_IMAGE_LIST_MAX) {
        window->overflowed = true;
        return NULL;
    }
    if (FIRST + LEN_SIZE + len > ENVM_IMAGE_EXTENT) {
        window->large = envm_alloc_zero(FIRST + LEN_SIZE + len, 1);
        return window->large + FIRST + LEN_SIZE;
    }
    make_room(window, LEN_SIZE + len);
    return window->bytes + window->len + LEN_SIZE;
}

static uint32_t write_large(struct envm_window *window, size_t len)
{
    uint32_t number = envm_image_file_reserve(window->file);
    uint32_t len_32 = (uint32_t)len;

    memcpy(window->large + FIRST, &len_32, LEN_SIZE);
    envm_image_file_fill(window->file, number, envm_str_n(window->large, FIRST + LEN_SIZE + len));
    envm_free(window->large);
    window->large = NULL;
    return envm_image_reference(number, FIRST);
}

static bool is_at(const struct envm_window *window, size_t offset, envm_str list)
{
    uint32_t len;

    memcpy(&len, window->bytes + offset, LEN_SIZE);
    return len == list.len && memcmp(window->bytes + offset + LEN_SIZE, list.ptr, len) == 0;
}

static bool is_near(const struct envm_window *window, uint32_t near, envm_str list)
{
    return near != 0 && envm_image_extent_of(near) == window->number &&
           is_at(window, envm_image_offset_of(near), list);
}

/* Where the list is, or would be. */
static struct envm_window_slot *probe(const struct envm_window *window, envm_str list,
                                      uint32_t hash)
{
    size_t at = hash % SLOTS;

    while (window->slots[at].offset &&
           (window->slots[at].hash != hash || !is_at(window, window->slots[at].offset, list)))
        at = (at + 1) % SLOTS;
    return &window->slots[at];
}

uint32_t envm_window_end_list(struct envm_window *window, size_t len, uint32_t near)
{
    uint32_t len_32 = (uint32_t)len;
    struct envm_window_slot *slot;
    envm_str list;
    uint32_t hash;

    if (window->large)
        return write_large(window, len);
    list = envm_str_n(window->bytes + window->len + LEN_SIZE, len);
    if (is_near(window, near, list))
        return near;
    hash = (uint32_t)(envm_str_hash(list, window->seed) >> 16);
    slot = probe(window, list, hash);
    if (!slot->offset) {
        memcpy(window->bytes + window->len, &len_32, LEN_SIZE);
        *slot = (struct envm_window_slot){(uint32_t)window->len, hash};
        window->len += LEN_SIZE + len;
        window->count++;
    }
    return envm_image_reference(window->number, slot->offset);
}

uint32_t envm_window_add_body(struct envm_window *window, const struct envm_image_body *body)
{
    size_t at;

    make_room(window, sizeof(*body));
    at = window->len;
    memcpy(window->bytes + at, body, sizeof(*body));
    window->len += sizeof(*body);
    return envm_image_reference(window->number, at);
}

/* SPDX-License-Identifier: MIT */
#include "prefix/link_plan.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "codec/digest.h"
#include "conda/platform.h"
#include "prefix/entry_points.h"

static int compare_items(const void *a, const void *b)
{
    const struct envm_link_item *left = a;
    const struct envm_link_item *right = b;
    int order = envm_str_compare(left->target.path.s, right->target.path.s);

    /* Generated files first, so that they win over a script of the same name in the package. */
    return order ? order : (int)right->target.generated - (int)left->target.generated;
}

static bool is_reserved(struct envm_relpath path)
{
    return envm_relpath_is_below(path, ENVM_STR("conda-meta")) ||
           envm_relpath_is_below(path, ENVM_STR(".envm"));
}

bool envm_path_is_editable(struct envm_relpath path)
{
    return envm_relpath_is_below(path, ENVM_STR("etc")) ||
           envm_relpath_is_below(path, ENVM_STR("var")) ||
           envm_str_ends_with(path.s, ENVM_STR(".pth"));
}

static enum envm_code plan_path(struct envm_arena *arena, const struct envm_link_request *request,
                                const struct envm_package_path *source, struct envm_link_item *item,
                                struct envm_error *err)
{
    struct envm_prefix_path *target = &item->target;

    *item = (struct envm_link_item){.source = source};
    target->path = source->path;
    if (request->contents->noarch == ENVM_NOARCH_PYTHON)
        ENVM_TRY(envm_noarch_python_path(arena, request->python, source->path, &target->path, err));
    if (is_reserved(target->path)) {
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        envm_buf_add_escaped(&shown, target->path.s, 256);
        return envm_fail(err, ENVM_UNSAFE,
                         "the package wants to write '%s', which belongs to the "
                         "package manager",
                         envm_buf_str(&shown).ptr);
    }
    target->type = source->type;
    target->file_mode = source->file_mode;
    target->placeholder = source->placeholder;
    target->executable = source->executable;
    target->size = source->size;
    target->sha256 = source->sha256;
    target->link_target = source->link_target;
    target->no_link = source->no_link;
    target->listed_sha256 = source->listed_sha256;
    target->has_listed_size = source->has_listed_size;
    target->listed_size = source->listed_size;
    /* conda leaves binaries for Windows alone: nothing in them is a path that has to move. */
    if (target->file_mode == ENVM_MODE_BINARY && envm_subdir_is_win(request->platform))
        target->file_mode = ENVM_MODE_NONE;
    if (target->type != ENVM_PATH_FILE)
        target->file_mode = ENVM_MODE_NONE;
    if (target->file_mode == ENVM_MODE_NONE)
        target->placeholder = (envm_str){0};
    item->copy = target->file_mode != ENVM_MODE_NONE || source->no_link ||
                 request->contents->link_scripts.count > 0 || envm_path_is_editable(target->path);
    return ENVM_OK;
}

static enum envm_code plan_entry_point(struct envm_arena *arena,
                                       const struct envm_link_request *request, envm_str text,
                                       struct envm_link_item *item, struct envm_error *err)
{
    const struct envm_python *python = request->python;
    bool windows = envm_subdir_is_win(request->platform);
    struct envm_entry_point point;
    envm_str path;

    ENVM_TRY(envm_entry_point_parse(text, &point, err));
    path = envm_arena_printf(arena, "%.*s/%.*s%s", ENVM_STR_ARGS(python->bin),
                             ENVM_STR_ARGS(point.command), windows ? "-script.py" : "");
    *item = (struct envm_link_item){.copy = true};
    ENVM_TRY(envm_relpath_parse(arena, path, &item->target.path, err));
    item->generated = envm_entry_point_script(arena, &point, python->interpreter);
    item->target.generated = true;
    item->target.executable = true;
    item->target.type = ENVM_PATH_FILE;
    item->target.file_mode = ENVM_MODE_TEXT;
    item->target.placeholder = ENVM_STR(ENVM_GENERATED_PLACEHOLDER);
    item->target.size = item->generated.len;
    item->target.sha256 = envm_sha256_of(item->generated);
    return ENVM_OK;
}

/* Leaves each path once: a generated file hides the package's own, equal ones become one. */
static enum envm_code merge_duplicates(struct envm_link_plan *plan, struct envm_error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->count; i++) {
        struct envm_link_item *item = &plan->items[i];
        const struct envm_link_item *last = kept > 0 ? &plan->items[kept - 1] : NULL;

        if (!last || !envm_str_equal(last->target.path.s, item->target.path.s)) {
            plan->items[kept++] = *item;
            continue;
        }
        if (!(last->target.generated && !item->target.generated) &&
            !envm_prefix_path_is_same(&last->target, &item->target, false)) {
            ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

            envm_buf_add_escaped(&shown, item->target.path.s, 256);
            return envm_fail(err, ENVM_CLOBBER, "two different files of the package go to '%s'",
                             envm_buf_str(&shown).ptr);
        }
    }
    plan->count = kept;
    return ENVM_OK;
}

enum envm_code envm_link_plan_make(struct envm_arena *arena,
                                   const struct envm_link_request *request,
                                   struct envm_link_plan *ret_plan, struct envm_error *err)
{
    const struct envm_package_contents *contents = request->contents;
    struct envm_str_list points = contents->entry_points;
    struct envm_link_plan plan = {0};

    if (contents->noarch != ENVM_NOARCH_PYTHON)
        points.count = 0;
    if (contents->noarch == ENVM_NOARCH_PYTHON && !request->python->known) {
        (void)envm_fail(err, ENVM_UNSATISFIABLE,
                        "'%.*s' is a noarch: python package and the environment has no python",
                        ENVM_STR_ARGS(request->record->name));
        return envm_error_hint(err, ENVM_UNSATISFIABLE, "add python to the specs");
    }
    plan.items =
        envm_arena_new_array(arena, struct envm_link_item, contents->path_count + points.count);
    for (size_t i = 0; i < contents->path_count; i++)
        ENVM_TRY(plan_path(arena, request, &contents->paths[i], &plan.items[plan.count++], err));
    for (size_t i = 0; i < points.count; i++)
        ENVM_TRY(plan_entry_point(arena, request, points.items[i], &plan.items[plan.count++], err));
    if (plan.count > 0)
        qsort(plan.items, plan.count, sizeof(*plan.items), compare_items);
    ENVM_TRY(merge_duplicates(&plan, err));
    *ret_plan = plan;
    return ENVM_OK;
}

/* SPDX-License-Identifier: MIT */
#include "base/relpath.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"

#define COMPONENTS_MAX 64

static const char *component_fault(envm_str component)
{
    if (component.len == 0)
        return "empty component";
    if (component.len > 255)
        return "component longer than 255 bytes";
    if (envm_str_equal_c(component, ".") || envm_str_equal_c(component, ".."))
        return "\".\" or \"..\" component";
    while (component.len > 0) {
        char c = component.ptr[0];
        uint32_t code_point = 0;
        size_t length;

        if (c >= ' ' && c < 0x7f && c != '/') {
            component = (envm_str){component.ptr + 1, component.len - 1};
            continue;
        }
        length = envm_utf8_decode(component, &code_point);
        if (length == 0)
            return "not valid UTF-8";
        if (envm_utf8_is_control(code_point))
            return "control character";
        if (code_point == '/')
            return "slash";
        component = envm_str_skip(component, length);
    }
    return NULL;
}

bool envm_is_path_component(envm_str text)
{
    return component_fault(text) == NULL;
}

static const char *path_fault(envm_str text)
{
    envm_str rest = text;
    envm_str component;
    size_t count = 0;

    if (text.len == 0)
        return "empty path";
    if (text.ptr[0] == '/')
        return "absolute path";
    if (text.len > ENVM_RELPATH_MAX)
        return "longer than 1024 bytes";
    while (envm_str_split_next(&rest, '/', &component)) {
        const char *fault = component_fault(component);

        if (fault)
            return fault;
        if (++count > COMPONENTS_MAX)
            return "more than 64 components";
    }
    return NULL;
}

enum envm_code envm_relpath_parse(struct envm_arena *arena, envm_str text,
                                  struct envm_relpath *ret_path, struct envm_error *err)
{
    const char *fault = path_fault(text);

    if (fault) {
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        envm_buf_add_escaped(&shown, text, 256);
        return envm_fail(err, ENVM_UNSAFE, "unsafe path \"%s\": %s", envm_buf_str(&shown).ptr,
                         fault);
    }
    ret_path->s = envm_arena_str(arena, text);
    return ENVM_OK;
}

enum envm_code envm_relpath_join(struct envm_arena *arena, struct envm_relpath dir, envm_str name,
                                 struct envm_relpath *ret_path, struct envm_error *err)
{
    envm_str joined =
        envm_arena_printf(arena, "%.*s/%.*s", ENVM_STR_ARGS(dir.s), ENVM_STR_ARGS(name));

    return envm_relpath_parse(arena, joined, ret_path, err);
}

bool envm_relpath_parent(struct envm_arena *arena, struct envm_relpath path,
                         struct envm_relpath *ret_parent)
{
    size_t at = envm_str_find_last_char(path.s, '/');

    if (at == SIZE_MAX)
        return false;
    ret_parent->s = envm_arena_str(arena, envm_str_n(path.s.ptr, at));
    return true;
}

envm_str envm_relpath_leaf(struct envm_relpath path)
{
    size_t at = envm_str_find_last_char(path.s, '/');

    return at == SIZE_MAX ? path.s : envm_str_skip(path.s, at + 1);
}

bool envm_relpath_is_below(struct envm_relpath path, envm_str dir)
{
    return envm_str_starts_with(path.s, dir) &&
           (path.s.len == dir.len || path.s.ptr[dir.len] == '/');
}

enum envm_link_class envm_link_classify(struct envm_relpath path, envm_str target)
{
    envm_str rest = path.s;
    envm_str component;
    long depth = -1;

    if (target.len > 0 && target.ptr[0] == '/')
        return ENVM_LINK_ABSOLUTE;
    while (envm_str_split_next(&rest, '/', &component))
        depth++;
    rest = target.ptr ? target : ENVM_STR("");
    while (envm_str_split_next(&rest, '/', &component)) {
        if (envm_str_equal_c(component, ".."))
            depth--;
        else if (component.len > 0 && !envm_str_equal_c(component, "."))
            depth++;
        if (depth < 0)
            return ENVM_LINK_OUTSIDE;
    }
    return ENVM_LINK_INSIDE;
}

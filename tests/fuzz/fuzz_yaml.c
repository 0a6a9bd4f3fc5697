/* SPDX-License-Identifier: MIT */
/* links: codec */
/* Every error has a place; every scalar that was read is written and read back as it was. */
#include <stdlib.h>

#include "base/utf8.h"
#include "codec/yaml_reader.h"
#include "codec/yaml_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_scalar(envm_str text)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    struct envm_yaml_node *root = NULL;

    if (text.ptr[text.len] != '\0' || !envm_utf8_is_valid(text))
        abort();
    envm_yaml_add_field(&out, 0, "a", text);
    envm_yaml_add_list(&out, 0, "b", (struct envm_str_list){&text, 1}, false);
    if (envm_yaml_read(&arena, envm_buf_str(&out), "f", &root, NULL, NULL) != ENVM_OK ||
        !envm_str_equal(root->items[0]->scalar, text) ||
        !envm_str_equal(root->items[1]->items[0]->scalar, text))
        abort();
}

static void check_tree(const struct envm_yaml_node *node, size_t lines)
{
    if (node->line == 0 || node->line > lines || node->column == 0)
        abort();
    if (node->kind == ENVM_YAML_SCALAR)
        check_scalar(node->scalar);
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == ENVM_YAML_MAPPING)
            check_tree(node->keys[i], lines);
        check_tree(node->items[i], lines);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_yaml_node *root = NULL;
    struct envm_str_list comments = {0};
    struct envm_error err = {0};
    enum envm_code code;

    code =
        envm_yaml_read(&arena, envm_str_n((const char *)data, size), "f", &root, &comments, &err);
    if (code != ENVM_OK && (code != ENVM_MALFORMED || !err.where || !err.text))
        abort();
    envm_error_release(&err);
    if (code == ENVM_OK && root)
        check_tree(root, comments.count);
    return 0;
}

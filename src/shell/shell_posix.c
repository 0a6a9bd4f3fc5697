/* SPDX-License-Identifier: MIT
 *
 * bash, zsh and POSIX sh speak the same language as far as activation needs it. No comments are
 * emitted (an interactive zsh takes none), and every command that a user may have aliased is
 * written with a backslash.
 */
#include "shell/activation.h"

#include "base/error.h"
#include "base/str.h"
#include "shell/activation_names.h"

static const struct {
    const char *name;
    enum envm_shell_kind kind;
} shell_names[] = {
    {"posix", ENVM_SHELL_POSIX}, {"bash", ENVM_SHELL_BASH},  {"zsh", ENVM_SHELL_ZSH},
    {"sh", ENVM_SHELL_POSIX},    {"dash", ENVM_SHELL_POSIX},
};

bool envm_shell_from_name(envm_str name, enum envm_shell_kind *ret_shell)
{
    for (size_t i = 0; i < sizeof(shell_names) / sizeof(*shell_names); i++)
        if (envm_str_equal_c(name, shell_names[i].name)) {
            *ret_shell = shell_names[i].kind;
            return true;
        }
    return false;
}

const char *envm_shell_name(enum envm_shell_kind shell)
{
    return shell_names[shell].name;
}

void envm_shell_quote(struct envm_buf *out, envm_str s)
{
    envm_buf_add_byte(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'')
            envm_buf_add_cstr(out, "'\\''");
        else
            envm_buf_add_byte(out, s.ptr[i]);
    }
    envm_buf_add_byte(out, '\'');
}

static enum envm_code check_op(const struct envm_shell_op *op, struct envm_error *err)
{
    if (op->kind != ENVM_OP_SOURCE && !envm_activation_name_is_valid(op->name))
        return envm_fail(err, ENVM_UNSAFE, "not a name of a shell variable");
    if (op->value.len > 0 && memchr(op->value.ptr, 0, op->value.len))
        return envm_fail(err, ENVM_UNSAFE, "a NUL byte cannot be given to a shell");
    if (op->kind == ENVM_OP_SOURCE && (op->value.len == 0 || *op->value.ptr != '/'))
        return envm_fail(err, ENVM_UNSAFE, "an activation script without an absolute path");
    return ENVM_OK;
}

static void print_assignment(struct envm_buf *out, const char *command,
                             const struct envm_shell_op *op)
{
    envm_buf_add_cstr(out, command);
    envm_buf_add_str(out, op->name);
    envm_buf_add_byte(out, '=');
    envm_shell_quote(out, op->value);
    envm_buf_add_byte(out, '\n');
}

static void print_op(struct envm_buf *out, const struct envm_shell_op *op)
{
    switch (op->kind) {
    case ENVM_OP_EXPORT:
        print_assignment(out, "\\export ", op);
        return;
    case ENVM_OP_SET:
        print_assignment(out, "", op);
        return;
    case ENVM_OP_UNSET:
        envm_buf_add_cstr(out, "\\unset ");
        envm_buf_add_str(out, op->name);
        envm_buf_add_byte(out, '\n');
        return;
    case ENVM_OP_SOURCE:
        envm_buf_add_cstr(out, "\\. ");
        envm_shell_quote(out, op->value);
        envm_buf_add_byte(out, '\n');
        return;
    }
}

enum envm_code envm_shell_print(enum envm_shell_kind shell, const struct envm_shell_ops *ops,
                                struct envm_buf *out, struct envm_error *err)
{
    bool in_scripts = false;

    (void)shell;
    for (size_t i = 0; i < ops->count; i++)
        ENVM_TRY(check_op(&ops->items[i], err));
    for (size_t i = 0; i <= ops->count; i++) {
        bool is_script = i < ops->count && ops->items[i].kind == ENVM_OP_SOURCE;

        if (is_script && !in_scripts)
            envm_buf_add_cstr(out, "__envm_flags=$-\n\\set +eu\n");
        if (!is_script && in_scripts)
            envm_buf_add_cstr(out,
                              "case \"$__envm_flags\" in *u*) \\set -u ;; *) \\set +u ;; esac\n"
                              "case \"$__envm_flags\" in\n"
                              "*e*) \\unset __envm_flags\n\\set -e ;;\n"
                              "*) \\unset __envm_flags\n\\set +e ;;\n"
                              "esac\n");
        in_scripts = is_script;
        if (i < ops->count)
            print_op(out, &ops->items[i]);
    }
    if (out->overflowed)
        return envm_fail(err, ENVM_MALFORMED, "the activation code is longer than %zu bytes",
                         out->limit);
    return ENVM_OK;
}

/* @PROGRAM@ and @SHELL@ are filled in. Works in bash, dash and zsh alike, also under set -eu and
 * pipefail: the positional parameters are the only locals that all three have. */
static const char hook_text[] =
    "\\unalias envm 2>/dev/null || :\n"
    "@FUNCTION@ {\n"
    "  case \"${1-}\" in\n"
    "  activate | deactivate) ;;\n"
    "  *)\n"
    "    @PROGRAM@ \"$@\"\n"
    "    \\return\n"
    "    ;;\n"
    "  esac\n"
    "  for __envm_code in \"$@\"; do\n"
    "    case \"$__envm_code\" in\n"
    "    -h | --help | --json | -s* | --shell | --shell=*)\n"
    "      \\unset __envm_code\n"
    "      @PROGRAM@ \"$@\"\n"
    "      \\return\n"
    "      ;;\n"
    "    esac\n"
    "  done\n"
    "  if __envm_code=\"$(__envm_code=$1; \\shift\n"
    "    PS1=\"${PS1-}\" @PROGRAM@ \"$__envm_code\" --shell @SHELL@ \"$@\")\"; then\n"
    "    \\eval \"\\\\unset __envm_code\n"
    "\\\\set --\n"
    "$__envm_code\"\n"
    "    @REHASH@ 2>/dev/null || :\n"
    "  else\n"
    "    \\set -- \"$?\"\n"
    "    \\unset __envm_code\n"
    "    \\return \"$1\"\n"
    "  fi\n"
    "}\n";

struct substitution {
    envm_str key;
    envm_str value;
};

static const struct substitution *find_substitution(const struct substitution *list, size_t count,
                                                    envm_str text)
{
    for (size_t i = 0; i < count; i++)
        if (envm_str_starts_with(text, list[i].key))
            return &list[i];
    return NULL;
}

enum envm_code envm_shell_hook(enum envm_shell_kind shell, envm_str program, struct envm_buf *out,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf quoted = envm_buf_text();
    bool is_posix = shell == ENVM_SHELL_POSIX;
    struct substitution list[4] = {
        {ENVM_STR("@PROGRAM@"), {0}},
        {ENVM_STR("@SHELL@"), envm_str_from(envm_shell_name(shell))},
        /* After the word "function" bash and zsh expand no alias of that name. */
        {ENVM_STR("@FUNCTION@"), is_posix ? ENVM_STR("envm()") : ENVM_STR("function envm")},
        {ENVM_STR("@REHASH@"),
         shell == ENVM_SHELL_ZSH ? ENVM_STR("\\rehash") : ENVM_STR("\\hash -r")},
    };
    envm_str rest = ENVM_STR(hook_text);

    if (program.len == 0 || *program.ptr != '/' || memchr(program.ptr, 0, program.len))
        return envm_fail(err, ENVM_USAGE, "the hook needs the absolute path of the program");
    envm_shell_quote(&quoted, program);
    list[0].value = envm_buf_str(&quoted);
    while (rest.len > 0) {
        const struct substitution *found = find_substitution(list, 4, rest);

        envm_buf_add_str(out, found ? found->value : envm_str_slice(rest, 0, 1));
        rest = envm_str_skip(rest, found ? found->key.len : 1);
    }
    return ENVM_OK;
}

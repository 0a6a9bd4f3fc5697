/* SPDX-License-Identifier: MIT */
#include "shell/activation_names.h"

#include "base/glob.h"
#include "base/str.h"

/* Blank-separated patterns. */
static const char *const reserved[] = {
    "PATH CONDA_PREFIX CONDA_PREFIX_* CONDA_SHLVL CONDA_STACKED_* CONDA_DEFAULT_ENV",
    "CONDA_PROMPT_MODIFIER __CONDA_SHLVL_* __envm_*",
    /* every shell, bash */
    "IFS PS1 PS2 PS3 PS4 PWD OLDPWD SHLVL PPID UID EUID GID EGID OPTIND OPTARG OPTERR LINENO _",
    "BASHOPTS SHELLOPTS BASHPID BASH_ARG* BASH_VERSINFO BASH_ALIASES BASH_CMDS FUNCNAME GROUPS",
    "DIRSTACK PIPESTATUS RANDOM SRANDOM SECONDS EPOCH* HISTCMD POSIXLY_CORRECT",
    /* zsh: read-only, or tied to an array or to the system */
    "ARGC argv status pipestatus signals path cdpath fpath FPATH mailpath manpath module_path",
    "psvar watch fignore histchars HISTCHARS prompt PROMPT PROMPT2 PROMPT3 PROMPT4 RPROMPT",
    "RPROMPT2 RPS1 RPS2 SPROMPT USERNAME TTYIDLE TRY_BLOCK_* ZSH_* zsh_* options commands",
    "functions aliases parameters modules dirstack history historywords jobdirs jobstates",
    "jobtexts nameddirs userdirs usergroups builtins reswords patchars galiases saliases",
    "dis_* funcstack functrace funcfiletrace funcsourcetrace functions_source",
};

static const char *const dangerous[] = {
    "LD_* HOME ENV BASH_ENV ZDOTDIR PROMPT_COMMAND GCONV_PATH LOCPATH NLSPATH HOSTALIASES",
    "PYTHONSTARTUP PYTHONHOME PERL5OPT PERL5DB RUBYOPT NODE_OPTIONS JAVA_TOOL_OPTIONS",
    "GIT_SSH GIT_SSH_COMMAND GIT_EXEC_PATH EDITOR VISUAL PAGER BROWSER TERMINFO TMPDIR",
};

static bool is_listed(const char *const *lines, size_t count, envm_str name)
{
    for (size_t i = 0; i < count; i++) {
        envm_str rest = envm_str_from(lines[i]);
        envm_str pattern;

        while (envm_str_next_word(&rest, &pattern))
            if (envm_glob_match(pattern, name, false))
                return true;
    }
    return false;
}

bool envm_activation_name_is_valid(envm_str name)
{
    if (name.len == 0 || envm_is_digit(*name.ptr))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!envm_is_alnum(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    return true;
}

bool envm_activation_name_is_reserved(envm_str name)
{
    return is_listed(reserved, sizeof(reserved) / sizeof(*reserved), name);
}

bool envm_activation_name_is_dangerous(envm_str name)
{
    return is_listed(dangerous, sizeof(dangerous) / sizeof(*dangerous), name);
}

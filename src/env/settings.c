/* SPDX-License-Identifier: MIT */
#include "env/settings.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/str.h"

enum envm_link_mode envm_link_mode_from(envm_str text)
{
    if (envm_str_equal_c(text, "hardlink"))
        return ENVM_LINK_HARD;
    if (envm_str_equal_c(text, "reflink"))
        return ENVM_LINK_REFLINK;
    return envm_str_equal_c(text, "copy") ? ENVM_LINK_COPY : ENVM_LINK_AUTO;
}

enum envm_durability envm_durability_from(envm_str text)
{
    if (envm_str_equal_c(text, "none"))
        return ENVM_DURABILITY_NONE;
    return envm_str_equal_c(text, "full") ? ENVM_DURABILITY_FULL : ENVM_DURABILITY_BATCH;
}

enum envm_code envm_clobber_policy_from(const char *text, enum envm_clobber_policy *ret_policy,
                                        struct envm_error *err)
{
    envm_str word = envm_str_from(text);
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    *ret_policy = ENVM_CLOBBER_REFUSE;
    if (word.len == 0 || envm_str_equal_c(word, "refuse"))
        return ENVM_OK;
    *ret_policy = ENVM_CLOBBER_LAST;
    if (envm_str_equal_c(word, "warn"))
        return ENVM_OK;
    envm_buf_add_escaped(&shown, word, 64);
    return envm_fail(err, ENVM_USAGE, "--clobber has to be refuse or warn, not \"%s\"",
                     envm_buf_str(&shown).ptr);
}

enum envm_code envm_script_consent_from(const struct envm_config *config, struct envm_arena *arena,
                                        const struct envm_script_options *options,
                                        struct envm_script_consent *ret_consent,
                                        struct envm_error *err)
{
    envm_str *texts = envm_arena_new_array(arena, envm_str, options->run_count);
    struct envm_script_consent given = {0};
    struct envm_script_consent configured = {0};

    if (options->none && options->run_count > 0)
        return envm_fail(err, ENVM_USAGE, "--run-scripts and --no-run-scripts exclude each other");
    for (size_t i = 0; i < options->run_count; i++)
        texts[i] = envm_str_from(options->run[i]);
    ENVM_TRY(envm_script_rules_parse(arena, (struct envm_str_list){texts, options->run_count},
                                     "--run-scripts", &given, err));
    ENVM_TRY(envm_script_rules_parse(arena, config->link_scripts, "the configuration link_scripts",
                                     &configured, err));
    *ret_consent = envm_script_consent_join(arena, &given, &configured);
    ret_consent->refuse_all = options->none;
    return ENVM_OK;
}

struct envm_str_list envm_script_network_variables(struct envm_arena *arena,
                                                   const struct envm_environ *environment)
{
    static const char *const names[] = {"http_proxy",   "https_proxy",   "all_proxy",
                                        "no_proxy",     "HTTP_PROXY",    "HTTPS_PROXY",
                                        "ALL_PROXY",    "NO_PROXY",      "SSL_CERT_FILE",
                                        "SSL_CERT_DIR", "CURL_CA_BUNDLE"};
    size_t most = sizeof(names) / sizeof(*names);
    envm_str *items = envm_arena_new_array(arena, envm_str, most);
    size_t count = 0;

    for (size_t i = 0; i < most; i++) {
        const char *value = envm_environ_get(environment, names[i]);

        if (value)
            items[count++] = envm_arena_printf(arena, "%s=%s", names[i], value);
    }
    return (struct envm_str_list){items, count};
}

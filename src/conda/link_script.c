/* SPDX-License-Identifier: MIT */
#include "conda/link_script.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"

#define NETWORK_SUFFIX ":network"

enum envm_link_script_kind envm_link_script_kind(envm_str name, envm_str path)
{
    static const struct {
        const char *ending;
        enum envm_link_script_kind kind;
    } endings[] = {
        {"-post-link.sh", ENVM_SCRIPT_POST_LINK},
        {"-pre-unlink.sh", ENVM_SCRIPT_PRE_UNLINK},
        {"-pre-link.sh", ENVM_SCRIPT_PRE_LINK},
        {"-post-unlink.sh", ENVM_SCRIPT_POST_UNLINK},
    };
    envm_str start = ENVM_STR("bin/.");
    envm_str rest;

    if (!envm_str_starts_with(path, start))
        return ENVM_SCRIPT_FOREIGN;
    rest = envm_str_skip(path, start.len);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        envm_str ending = envm_str_from(endings[i].ending);

        if (rest.len == name.len + ending.len && envm_str_starts_with(rest, name) &&
            envm_str_ends_with(rest, ending))
            return endings[i].kind;
    }
    return ENVM_SCRIPT_FOREIGN;
}

/* --- rules -------------------------------------------------------------------------------- */

static enum envm_code bad_rule(envm_str text, const char *source, const char *fault,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, text, 200);
    (void)envm_fail(err, ENVM_USAGE, "%s: '%s' %s", source, envm_buf_str(&shown).ptr, fault);
    return envm_error_hint(err, ENVM_USAGE,
                           "write NAME, NAME=SHA256 or '*' for every package, with :network "
                           "behind it for scripts that download");
}

static enum envm_code parse_rule(envm_str text, const char *source,
                                 struct envm_script_rule *ret_rule, struct envm_error *err)
{
    struct envm_script_rule rule = {0};
    envm_str network = ENVM_STR(NETWORK_SUFFIX);
    envm_str rest = text;
    size_t equals;

    rule.network = envm_str_ends_with(rest, network);
    if (rule.network)
        rest = envm_str_slice(rest, 0, rest.len - network.len);
    equals = envm_str_find_char(rest, '=');
    rule.name = envm_str_slice(rest, 0, equals == SIZE_MAX ? rest.len : equals);
    if (equals != SIZE_MAX && !envm_sha256_parse(envm_str_skip(rest, equals + 1), &rule.sha256))
        return bad_rule(text, source, "does not have 64 hexadecimal digits behind '='", err);
    if (rule.name.len == 0)
        return bad_rule(text, source, "names no package", err);
    for (size_t i = 0; i < rule.name.len; i++) {
        char c = rule.name.ptr[i];

        if (!envm_is_alnum(c) && c != '-' && c != '_' && c != '.' &&
            !(c == '*' && rule.name.len == 1))
            return bad_rule(text, source, "is not the name of a package", err);
    }
    *ret_rule = rule;
    return ENVM_OK;
}

enum envm_code envm_script_rules_parse(struct envm_arena *arena, struct envm_str_list texts,
                                       const char *source, struct envm_script_consent *ret_consent,
                                       struct envm_error *err)
{
    ENVM_VEC(struct envm_script_rule) rules = {0};
    enum envm_code code = ENVM_OK;

    for (size_t i = 0; i < texts.count; i++) {
        envm_str rest = texts.items[i];
        envm_str part;

        while (code == ENVM_OK && envm_str_split_next(&rest, ',', &part)) {
            struct envm_script_rule rule;

            code = parse_rule(envm_str_trim(part), source, &rule, err);
            if (code == ENVM_OK)
                envm_vec_push(&rules, rule);
        }
    }
    if (code == ENVM_OK)
        *ret_consent = (struct envm_script_consent){
            .rules = envm_arena_copy(arena, rules.items, rules.count * sizeof(*rules.items)),
            .count = rules.count};
    envm_vec_release(&rules);
    return code;
}

struct envm_script_consent envm_script_consent_join(struct envm_arena *arena,
                                                    const struct envm_script_consent *a,
                                                    const struct envm_script_consent *b)
{
    struct envm_script_rule *rules =
        envm_arena_new_array(arena, struct envm_script_rule, a->count + b->count);
    struct envm_script_consent joined = {
        .rules = rules, .count = a->count + b->count, .refuse_all = a->refuse_all || b->refuse_all};

    for (size_t i = 0; i < a->count; i++)
        rules[i] = a->rules[i];
    for (size_t i = 0; i < b->count; i++)
        rules[a->count + i] = b->rules[i];
    return joined;
}

/* --- answers ------------------------------------------------------------------------------ */

static const struct envm_link_script *listed(const struct envm_script_question *question)
{
    const struct envm_package_record *record = question->record;

    for (size_t i = 0; i < record->link_script_count; i++) {
        if (envm_str_equal(record->link_scripts[i].file, question->path))
            return &record->link_scripts[i];
    }
    return NULL;
}

static bool rule_matches(const struct envm_script_rule *rule,
                         const struct envm_script_question *question)
{
    return (envm_str_equal_c(rule->name, "*") ||
            envm_str_equal_nocase(rule->name, question->record->name)) &&
           (!rule->sha256.known || envm_sha256_equal(&rule->sha256, &question->sha256));
}

static enum envm_code is_another(const struct envm_script_question *question,
                                 const struct envm_link_script *script, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, question->path, 256);
    (void)envm_fail(err, ENVM_INTEGRITY,
                    "the script '%s' of %.*s has sha256 %s, but %s was agreed to; nothing was "
                    "changed",
                    envm_buf_str(&shown).ptr, ENVM_STR_ARGS(question->record->name),
                    envm_sha256_hex(&question->sha256).text, envm_sha256_hex(&script->sha256).text);
    return envm_error_hint(err, ENVM_INTEGRITY,
                           "find out why before you run it; --no-run-scripts goes on without it");
}

enum envm_code envm_script_judge(const struct envm_script_consent *consent,
                                 const struct envm_script_question *question,
                                 struct envm_script_answer *ret_answer, struct envm_error *err)
{
    static const char *const never[] = {
        [ENVM_SCRIPT_PRE_LINK] = "pre-link scripts are never run",
        [ENVM_SCRIPT_POST_UNLINK] = "post-unlink scripts are never run",
        [ENVM_SCRIPT_FOREIGN] = "it is for another system or package",
    };
    enum envm_link_script_kind kind = envm_link_script_kind(question->record->name, question->path);
    const struct envm_link_script *script = listed(question);
    struct envm_script_answer answer = {.why = "nobody agreed to it"};

    if (kind > ENVM_SCRIPT_PRE_UNLINK)
        answer.why = never[kind];
    else if (consent && consent->refuse_all)
        answer.why = "--no-run-scripts";
    else if (script && !envm_sha256_equal(&script->sha256, &question->sha256))
        return is_another(question, script, err);
    else if (script)
        answer = (struct envm_script_answer){.run = true, .network = script->network};
    if (kind <= ENVM_SCRIPT_PRE_UNLINK && consent && !consent->refuse_all) {
        for (size_t i = 0; i < consent->count; i++) {
            if (!rule_matches(&consent->rules[i], question))
                continue;
            answer.run = true;
            answer.network |= consent->rules[i].network;
        }
    }
    if (answer.run)
        answer.why = NULL;
    *ret_answer = answer;
    return ENVM_OK;
}

bool envm_script_is_named(const struct envm_script_consent *consent,
                          const struct envm_script_question *question)
{
    const struct envm_link_script *script = listed(question);

    if (!consent || consent->refuse_all ||
        envm_link_script_kind(question->record->name, question->path) > ENVM_SCRIPT_PRE_UNLINK)
        return false;
    if (script && envm_sha256_equal(&script->sha256, &question->sha256))
        return true;
    for (size_t i = 0; i < consent->count; i++) {
        if (!envm_str_equal_c(consent->rules[i].name, "*") &&
            rule_matches(&consent->rules[i], question))
            return true;
    }
    return false;
}

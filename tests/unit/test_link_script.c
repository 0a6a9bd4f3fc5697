/* SPDX-License-Identifier: MIT */
#include "conda/link_script.h"

#include "base/hex.h"
#include "base/str.h"
#include "../support/check.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define POST "bin/.demo-post-link.sh"

static struct envm_sha256 digest(const char *hex)
{
    struct envm_sha256 sha256 = {0};

    assert_true(envm_sha256_parse(envm_str_from(hex), &sha256));
    return sha256;
}

static void only_scripts_named_after_the_package_are_its_own(void **state)
{
    static const struct {
        const char *path;
        enum envm_link_script_kind kind;
    } rows[] = {
        {"bin/.demo-post-link.sh", ENVM_SCRIPT_POST_LINK},
        {"bin/.demo-pre-unlink.sh", ENVM_SCRIPT_PRE_UNLINK},
        {"bin/.demo-pre-link.sh", ENVM_SCRIPT_PRE_LINK},
        {"bin/.demo-post-unlink.sh", ENVM_SCRIPT_POST_UNLINK},
        {"bin/.demo2-post-link.sh", ENVM_SCRIPT_FOREIGN},
        {"bin/.demo-post-link.bat", ENVM_SCRIPT_FOREIGN},
        {"bin/demo-post-link.sh", ENVM_SCRIPT_FOREIGN},
        {"lib/.demo-post-link.sh", ENVM_SCRIPT_FOREIGN},
        {"bin/.-post-link.sh", ENVM_SCRIPT_FOREIGN},
        {"bin/.", ENVM_SCRIPT_FOREIGN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(envm_link_script_kind(ENVM_STR("demo"), envm_str_from(rows[i].path)),
                         rows[i].kind);
}

static enum envm_code parse(struct envm_arena *arena, const char *text,
                            struct envm_script_consent *consent, struct envm_error *ret_err)
{
    envm_str item = envm_str_from(text);

    return envm_script_rules_parse(arena, (struct envm_str_list){&item, 1}, "--run-scripts",
                                   consent, ret_err);
}

static void rules_have_a_name_perhaps_a_digest_and_network(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_script_consent consent = {0};

    (void)state;
    OK(parse(&arena, "a,b_c-1.0=" HEX_A ":network, *", &consent, &err));
    assert_int_equal(consent.count, 3);
    assert_str(consent.rules[0].name, "a");
    assert_false(consent.rules[0].sha256.known || consent.rules[0].network);
    assert_str(consent.rules[1].name, "b_c-1.0");
    assert_true(consent.rules[1].sha256.known && consent.rules[1].network);
    assert_str(consent.rules[2].name, "*");
}

static void rules_that_are_none_are_refused(void **state)
{
    static const char *const rows[] = {"",   "a,,b", "a=",       "a=12",  "=" HEX_A, "a b",
                                       "**", "a*",   ":network", "a:net", "a/b",     "\033[31m"};
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct envm_script_consent consent = {0};

        FAILS_WITH(ENVM_USAGE, "--run-scripts: '", parse(&arena, rows[i], &consent, &err));
    }
}

struct judged {
    struct envm_arena arena;
    struct envm_script_consent consent;
    struct envm_link_script listed;
    struct envm_package_record record;
    struct envm_script_question question;
};

static void judge_init(struct judged *j, const char *rules)
{
    *j = (struct judged){.listed = {.file = ENVM_STR(POST), .sha256 = digest(HEX_A)},
                         .record = {.name = ENVM_STR("demo")},
                         .question = {.path = ENVM_STR(POST), .sha256 = digest(HEX_A)}};
    j->question.record = &j->record;
    if (rules)
        OK(parse(&j->arena, rules, &j->consent, &(struct envm_error){0}));
}

static bool runs(struct judged *j, bool *ret_network)
{
    struct envm_script_answer answer = {0};

    OK(envm_script_judge(&j->consent, &j->question, &answer, &err));
    assert_true(answer.run == (answer.why == NULL));
    *ret_network = answer.network;
    return answer.run;
}

static void a_rule_agrees_by_name_by_digest_or_to_all(void **state)
{
    static const struct {
        const char *rules;
        bool run, network;
    } rows[] = {
        {NULL, false, false},
        {"demo", true, false},
        {"Demo", true, false},
        {"dem", false, false},
        {"*", true, false},
        {"demo=" HEX_A, true, false},
        {"demo=" HEX_B, false, false},
        {"demo:network", true, true},
        {"demo=" HEX_B ":network", false, false},
        {"*:network,other", true, true},
        {"demo,*:network", true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct judged j;
        bool network = false;

        judge_init(&j, rows[i].rules);
        assert_int_equal(runs(&j, &network), rows[i].run);
        assert_int_equal(network, rows[i].network);
        envm_arena_release(&j.arena);
    }
}

static void a_lock_agrees_to_the_script_with_its_digest_only(void **state)
{
    struct envm_script_answer answer = {0};
    struct judged j;
    bool network = true;

    (void)state;
    judge_init(&j, NULL);
    j.record.link_scripts = &j.listed;
    j.record.link_script_count = 1;
    assert_true(runs(&j, &network));
    assert_false(network);
    assert_true(envm_script_is_named(&j.consent, &j.question));
    j.question.sha256 = digest(HEX_B);
    FAILS_WITH(ENVM_INTEGRITY, HEX_A, envm_script_judge(&j.consent, &j.question, &answer, &err));
    assert_false(envm_script_is_named(&j.consent, &j.question));
    j.consent.refuse_all = true;
    assert_false(runs(&j, &network));
}

static void some_are_never_run(void **state)
{
    static const char *const rows[] = {"bin/.demo-pre-link.sh", "bin/.demo-post-unlink.sh",
                                       "bin/.other-post-link.sh"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct judged j;
        bool network = false;

        judge_init(&j, "*:network");
        j.question.path = envm_str_from(rows[i]);
        assert_false(runs(&j, &network));
        assert_false(envm_script_is_named(&j.consent, &j.question));
        envm_arena_release(&j.arena);
    }
}

static void every_package_is_not_a_name(void **state)
{
    struct judged j;

    (void)state;
    judge_init(&j, "*");
    assert_false(envm_script_is_named(&j.consent, &j.question));
    envm_arena_release(&j.arena);
    judge_init(&j, "demo");
    assert_true(envm_script_is_named(&j.consent, &j.question));
    envm_arena_release(&j.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_scripts_named_after_the_package_are_its_own),
        cmocka_unit_test(rules_have_a_name_perhaps_a_digest_and_network),
        cmocka_unit_test(rules_that_are_none_are_refused),
        cmocka_unit_test(a_rule_agrees_by_name_by_digest_or_to_all),
        cmocka_unit_test(a_lock_agrees_to_the_script_with_its_digest_only),
        cmocka_unit_test(some_are_never_run),
        cmocka_unit_test(every_package_is_not_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

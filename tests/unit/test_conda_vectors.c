/* SPDX-License-Identifier: MIT
 *
 * The vectors of conda, mamba and rattler (tests/data/vectors). Where their answers differ,
 * tests/data/conda_choices.tsv says what envm does and why; a row on which envm differs from one of
 * the answers and that is not listed fails.
 */
#include "conda_data.h"

#include "base/buf.h"
#include "base/hex.h"
#include "conda/match_spec.h"
#include "conda/version.h"
#include "conda/version_spec.h"

struct tally {
    struct envm_arena arena;
    envm_str choices;
    const char *file;
    unsigned total, passed, chosen, failed;
};

static void begin(struct tally *tally, const char *file, envm_str *ret_text)
{
    envm_str path, header;

    *tally = (struct tally){.file = file};
    path = envm_arena_printf(&tally->arena, "tests/data/vectors/%s.tsv", file);
    assert_true(read_data(&tally->arena, path.ptr, ret_text));
    assert_true(read_data(&tally->arena, "tests/data/conda_choices.tsv", &tally->choices));
    assert_true(next_line(ret_text, &header));
}

/* FILE<TAB>INPUT<TAB>OURS<TAB>REASON */
static bool is_chosen(const struct tally *tally, envm_str input, envm_str ours)
{
    envm_str rest = tally->choices, line, fields[FIELDS_MAX];

    while (next_line(&rest, &line))
        if (split_fields(line, fields) >= 4 && envm_str_equal_c(fields[0], tally->file) &&
            envm_str_equal(fields[1], input) && envm_str_equal(fields[2], ours))
            return true;
    return false;
}

/* `expected` is the answer of the vectors' source, `conda` that of conda itself ("" when the file
 * has no such column). */
static void judge(struct tally *tally, envm_str input, envm_str ours, envm_str expected,
                  envm_str conda)
{
    tally->total++;
    if (envm_str_equal(ours, expected))
        tally->passed++;
    if (envm_str_equal(ours, expected) && (conda.len == 0 || envm_str_equal(ours, conda)))
        return;
    if (is_chosen(tally, input, ours)) {
        tally->chosen++;
        return;
    }
    tally->failed++;
    print_message("%s\t%.*s\t%.*s\tnot listed: expected '%.*s', conda '%.*s'\n", tally->file,
                  ENVM_STR_ARGS(input), ENVM_STR_ARGS(ours), ENVM_STR_ARGS(expected),
                  ENVM_STR_ARGS(conda));
}

static void finish(struct tally *tally)
{
    print_message("%s: %u rows, %u as expected; %u documented choices, %u not listed\n",
                  tally->file, tally->total, tally->passed, tally->chosen, tally->failed);
    assert_true(tally->total > 0);
    envm_arena_release(&tally->arena);
    assert_int_equal(tally->failed, 0);
}

static envm_str order_text(int order)
{
    return order < 0 ? ENVM_STR("<") : order > 0 ? ENVM_STR(">") : ENVM_STR("==");
}

static void test_version_order(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "version_order", &text);
    while (next_line(&text, &line)) {
        int order, back;
        split_fields(line, fields);
        assert_int_equal(envm_version_compare_text(fields[0], fields[2], &order, NULL), ENVM_OK);
        assert_int_equal(envm_version_compare_text(fields[2], fields[0], &back, NULL), ENVM_OK);
        assert_int_equal(order, -back);
        judge(&tally, line, order_text(order), fields[1], fields[4]);
    }
    finish(&tally);
}

static void check_versions(const char *file, envm_str expected)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    begin(&tally, file, &text);
    while (next_line(&text, &line)) {
        const struct envm_version *version;
        struct envm_error err = {0};
        enum envm_code code;
        split_fields(line, fields);
        code = envm_version_parse(&tally.arena, json_text(&tally.arena, fields[0]), &version, &err);
        assert_true(code == ENVM_OK || (code == ENVM_MALFORMED && err.text));
        judge(&tally, fields[0], code == ENVM_OK ? ENVM_STR("valid") : ENVM_STR("invalid"),
              expected, fields[2]);
        envm_error_release(&err);
    }
    finish(&tally);
}

static void test_version_valid(void **state)
{
    (void)state;
    check_versions("version_valid", ENVM_STR("valid"));
}

static void test_version_invalid(void **state)
{
    (void)state;
    check_versions("version_invalid", ENVM_STR("invalid"));
}

static envm_str match_version(struct envm_arena *arena, envm_str spec_text, envm_str version_text)
{
    const struct envm_version_spec *spec;
    const struct envm_version *version;

    if (envm_version_spec_parse(arena, spec_text, &spec, NULL) != ENVM_OK ||
        envm_version_parse(arena, version_text, &version, NULL) != ENVM_OK)
        return ENVM_STR("invalid");
    return envm_version_spec_matches(spec, version) ? ENVM_STR("true") : ENVM_STR("false");
}

static void test_versionspec_match(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "versionspec_match", &text);
    while (next_line(&text, &line)) {
        envm_str input, ours;
        split_fields(line, fields);
        input = envm_arena_printf(&tally.arena, "%.*s on %.*s", ENVM_STR_ARGS(fields[0]),
                                  ENVM_STR_ARGS(fields[1]));
        ours = match_version(&tally.arena, fields[0], fields[1]);
        /* conda has two answers, by VersionSpec and by MatchSpec. */
        judge(&tally, input, ours, fields[2],
              envm_str_equal(ours, fields[4]) ? fields[5] : fields[4]);
    }
    finish(&tally);
}

static void test_versionspec_invalid(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "versionspec_invalid", &text);
    while (next_line(&text, &line)) {
        const struct envm_version_spec *spec;
        enum envm_code code;
        split_fields(line, fields);
        code =
            envm_version_spec_parse(&tally.arena, json_text(&tally.arena, fields[0]), &spec, NULL);
        judge(&tally, fields[0], code == ENVM_OK ? ENVM_STR("valid") : ENVM_STR("invalid"),
              ENVM_STR("invalid"), fields[2]);
    }
    finish(&tally);
}

static envm_str canonical(struct envm_arena *arena, envm_str text)
{
    const struct envm_match_spec *spec;
    struct envm_error err = {0};
    envm_str form;

    if (envm_match_spec_parse(arena, text, &spec, &err) != ENVM_OK) {
        assert_non_null(err.text);
        form = envm_arena_printf(arena, "invalid: %s", err.text);
        envm_error_release(&err);
        return form;
    }
    form = envm_match_spec_format(arena, spec);
    assert_int_equal(envm_match_spec_parse(arena, form, &spec, NULL), ENVM_OK);
    /* Printing and parsing again changes nothing. */
    assert_true(envm_str_equal(envm_match_spec_format(arena, spec), form));
    return form;
}

static bool is_invalid(envm_str form)
{
    return envm_str_starts_with(form, ENVM_STR("invalid: "));
}

static void test_matchspec_canonical(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "matchspec_canonical_conda", &text);
    while (next_line(&text, &line)) {
        split_fields(line, fields);
        judge(&tally, fields[0], canonical(&tally.arena, fields[0]), fields[1], fields[3]);
    }
    finish(&tally);
}

static void test_matchspec_valid(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "matchspec_valid", &text);
    while (next_line(&text, &line)) {
        envm_str form;
        split_fields(line, fields);
        form = canonical(&tally.arena, fields[0]);
        judge(&tally, fields[0], is_invalid(form) ? form : ENVM_STR("valid"), ENVM_STR("valid"),
              fields[2]);
    }
    finish(&tally);
}

static void test_matchspec_invalid(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "matchspec_invalid", &text);
    while (next_line(&text, &line)) {
        envm_str form;
        split_fields(line, fields);
        form = canonical(&tally.arena, json_text(&tally.arena, fields[0]));
        judge(&tally, fields[0], is_invalid(form) ? ENVM_STR("invalid") : ENVM_STR("valid"),
              ENVM_STR("invalid"), fields[2]);
    }
    finish(&tally);
}

/* The fields as a spec that says the same with brackets only. */
static envm_str spec_of_fields(struct envm_arena *arena, envm_str json)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf keys = envm_buf_text();
    struct envm_json_reader r;
    envm_str key, value, name = ENVM_STR("*");

    envm_json_init(&r, json);
    assert_true(envm_json_begin_object(&r));
    while (envm_json_next_key(&r, arena, &key)) {
        assert_true(envm_json_string(&r, arena, &value));
        if (envm_str_equal_c(key, "name"))
            name = value;
        else
            envm_buf_printf(&keys, "%s%.*s='%.*s'", keys.len > 0 ? "," : "", ENVM_STR_ARGS(key),
                            ENVM_STR_ARGS(value));
    }
    return envm_arena_printf(arena, "%.*s[%s]", ENVM_STR_ARGS(name), envm_buf_str(&keys).ptr);
}

static void test_matchspec_parse(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "matchspec_parse_conda", &text);
    while (next_line(&text, &line)) {
        split_fields(line, fields);
        judge(&tally, fields[0], canonical(&tally.arena, fields[0]),
              canonical(&tally.arena, spec_of_fields(&tally.arena, fields[1])), ENVM_STR(""));
    }
    finish(&tally);
}

static void set_extra_fields(struct envm_package_record *record, envm_str extra)
{
    envm_str field;

    while (envm_str_split_next(&extra, ';', &field)) {
        size_t equal = envm_str_find_char(field, '=');
        envm_str key, value;
        if (equal == SIZE_MAX)
            continue;
        key = envm_str_slice(field, 0, equal);
        value = envm_str_skip(field, equal + 1);
        if (envm_str_equal_c(key, "license"))
            record->license = value;
        else if (envm_str_equal_c(key, "license_family"))
            record->license_family = value;
        else if (envm_str_equal_c(key, "md5"))
            assert_true(envm_md5_parse(value, &record->md5));
        else if (envm_str_equal_c(key, "sha256"))
            assert_true(envm_sha256_parse(value, &record->sha256));
        else
            fail_msg("unknown field %.*s", ENVM_STR_ARGS(key));
    }
}

static envm_str match_row(struct envm_arena *arena, envm_str fields[FIELDS_MAX])
{
    struct envm_package_record record = {
        .name = fields[1], .version = fields[2], .build = fields[3]};
    const struct envm_match_spec *spec;
    const struct envm_version *version;
    bool matches;

    assert_true(envm_str_parse_u64(fields[4], &record.build_number));
    set_extra_fields(&record, fields[5]);
    if (envm_match_spec_parse(arena, fields[0], &spec, NULL) != ENVM_OK)
        return ENVM_STR("invalid");
    matches = envm_match_spec_matches(spec, &record);
    assert_int_equal(envm_version_parse(arena, record.version, &version, NULL), ENVM_OK);
    assert_int_equal(envm_match_spec_matches_parsed(spec, &record, version), matches);
    /* The canonical form matches the same. */
    assert_int_equal(envm_match_spec_parse(arena, envm_match_spec_format(arena, spec), &spec, NULL),
                     ENVM_OK);
    assert_int_equal(envm_match_spec_matches(spec, &record), matches);
    return matches ? ENVM_STR("true") : ENVM_STR("false");
}

static void test_matchspec_match(void **state)
{
    struct tally tally;
    envm_str text, line, fields[FIELDS_MAX];

    (void)state;
    begin(&tally, "matchspec_match", &text);
    while (next_line(&text, &line)) {
        envm_str input;
        split_fields(line, fields);
        input = envm_arena_printf(&tally.arena, "%.*s on %.*s %.*s", ENVM_STR_ARGS(fields[0]),
                                  ENVM_STR_ARGS(fields[1]), ENVM_STR_ARGS(fields[2]));
        judge(&tally, input, match_row(&tally.arena, fields), fields[6], fields[8]);
    }
    finish(&tally);
}

/* Every pair of neighbours, and every version against one far away: 14,265 real versions. */
static void test_version_rank_real(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    static const struct envm_version *versions[20000];
    static uint64_t ranks[20000];
    envm_str text, line, fields[FIELDS_MAX];
    size_t count = 0, i;

    (void)state;
    if (!read_data(&arena, "../shared/data/vectors/version_rank_real.tsv", &text)) {
        print_message("SKIPPED: ../shared/data/vectors/version_rank_real.tsv is not there\n");
        envm_arena_release(&arena);
        skip();
    }
    next_line(&text, &line);
    while (next_line(&text, &line)) {
        split_fields(line, fields);
        assert_true(count < 20000);
        assert_true(envm_str_parse_u64(fields[0], &ranks[count]));
        assert_int_equal(envm_version_parse(&arena, fields[1], &versions[count], NULL), ENVM_OK);
        count++;
    }
    for (i = 1; i < count; i++) {
        size_t other = i * 7919 % count;
        int order = envm_version_compare(versions[i - 1], versions[i]);
        int far = envm_version_compare(versions[other], versions[i]);
        assert_int_equal(order, ranks[i - 1] < ranks[i] ? -1 : ranks[i - 1] > ranks[i]);
        assert_int_equal(far, ranks[other] < ranks[i] ? -1 : ranks[other] > ranks[i]);
    }
    print_message("version_rank_real: %zu versions in order\n", count);
    assert_true(count > 10000);
}

/* A choice is worth something only where a person can read it. */
static void test_choices_are_documented(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str choices, document, line, fields[FIELDS_MAX];

    (void)state;
    assert_true(read_data(&arena, "tests/data/conda_choices.tsv", &choices));
    assert_true(read_data(&arena, "docs/internals/CONDA-CHOICES.md", &document));
    while (next_line(&choices, &line)) {
        assert_true(split_fields(line, fields) >= 4);
        if (!envm_str_contains(document, fields[3]))
            fail_msg("CONDA-CHOICES.md does not say: %.*s", ENVM_STR_ARGS(fields[3]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_order),       cmocka_unit_test(test_version_valid),
        cmocka_unit_test(test_version_invalid),     cmocka_unit_test(test_version_rank_real),
        cmocka_unit_test(test_versionspec_match),   cmocka_unit_test(test_versionspec_invalid),
        cmocka_unit_test(test_matchspec_canonical), cmocka_unit_test(test_matchspec_parse),
        cmocka_unit_test(test_matchspec_valid),     cmocka_unit_test(test_matchspec_invalid),
        cmocka_unit_test(test_matchspec_match),     cmocka_unit_test(test_choices_are_documented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

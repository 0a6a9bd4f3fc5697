/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include "base/hex.h"
#include "conda/match_spec_parts.h"
#include "conda/version_spec.h"

#define SHA "f453db4ffe2271ec492a2913af4e61d4a6c118201f07de757df0eff769b65d2e"

static envm_str canonical(struct envm_arena *arena, const char *text)
{
    const struct envm_match_spec *spec;
    struct envm_error err = {0};
    envm_str form;

    if (envm_match_spec_parse(arena, envm_str_from(text), &spec, &err) != ENVM_OK) {
        form = envm_arena_printf(arena, "invalid: %s", err.text);
        envm_error_release(&err);
        return form;
    }
    return envm_match_spec_format(arena, spec);
}

/* Spellings and their canonical form. */
static void test_canonical(void **state)
{
    static const struct {
        const char *text, *form;
    } rows[] = {
        /* CEP 29: the two blocks of equivalent specs */
        {"pkg=1.8", "pkg=1.8"},
        {"x.conda *", "x.conda[]"}, /* without the brackets it would be a file */
        {"x.conda[]", "x.conda[]"},
        {"a 1 b.CONDA", "a==1=b.conda[]"},
        {"c::x.tar.bz2", "c::x.tar.bz2"},
        {"pkg =1.8", "pkg=1.8"},
        {"pkg 1.8.*", "pkg=1.8"},
        {"pkg 1.8.* *", "pkg=1.8"},
        {"pkg=1.8.*", "pkg=1.8"},
        {"pkg=1.8.*=*", "pkg=1.8"},
        {"pkg =1.8.* *", "pkg=1.8"},
        {"pkg ==1.8.* *", "pkg=1.8"},
        {"pkg[version=1.8.*]", "pkg=1.8"},
        {"pkg[version=\"1.8.*\"]", "pkg=1.8"},
        {"pkg 1.8", "pkg==1.8"},
        {"pkg 1.8 *", "pkg==1.8"},
        {"pkg==1.8", "pkg==1.8"},
        {"pkg=1.8=*", "pkg==1.8"},
        {"pkg==1.8=*", "pkg==1.8"},
        {"pkg ==1.8 *", "pkg==1.8"},
        {"pkg[version=1.8]", "pkg==1.8"},
        {"pkg[version=\"1.8\"]", "pkg==1.8"},
        /* CEP 29: separators */
        {"pkg =1.8 b", "pkg=1.8[build=b]"},
        {"pkg=1.8=b", "pkg==1.8=b"},
        {"pkg 1.8 b", "pkg==1.8=b"},
        {"pkg ==1.8 b", "pkg==1.8=b"},
        {"pkg==1.8=b", "pkg==1.8=b"},
        {"pkg=1.8 b", "pkg==1.8=b"},
        /* seen in repodata and locks */
        {"pkg ==16.1.0=*_20", "pkg==16.1.0[build=*_20]"},
        {"libcblas   3.11.0   8*_mkl", "libcblas==3.11.0[build=8*_mkl]"},
        {"python >=3.12,<3.13.0a0", "python[version='>=3.12,<3.13.0a0']"},
        {"scipy   >=    1.5.0,  < 2.0.0", "scipy[version='>=1.5.0,<2.0.0']"},
        {"python > 3.11", "python[version='>3.11']"},
        {"numpy>=1.2,<2", "numpy[version='>=1.2,<2']"},
        {"numpy >=1.2 , <2 py*", "numpy[version='>=1.2,<2',build=py*]"},
        {"pkg (1.8|1.9),!=1.8.5 b*", "pkg[version='(1.8|1.9),!=1.8.5',build=b*]"},
        {"pkg[version='>=1',build=py*]", "pkg[version='>=1',build=py*]"},
        {"pkg 1.8  # the last good one", "pkg==1.8"},
        {"pkg # [linux]", "pkg"},
        {"PKG", "pkg"},
        {"pkg\t1.8", "pkg==1.8"},
        {"_libgcc_mutex 0.1 conda_forge", "_libgcc_mutex==0.1=conda_forge"},
        {"__glibc >=2.17,<3.0.a0", "__glibc[version='>=2.17,<3.0.a0']"},
        {"pkg ^1\\.[0-9]$ b", "pkg[version='^1\\.[0-9]$',build=b]"},
        {"^py.*$ 3.*", "^py.*$=3"},
        {"pkg 1.8 ^b(a|c)$", "pkg==1.8[build='^b(a|c)$']"},
        /* channels */
        {"conda-forge::pkg", "conda-forge::pkg"},
        {"conda-forge:ns:pkg", "conda-forge::pkg"},
        {"conda-forge/linux-64:ns:pkg 1", "conda-forge/linux-64::pkg==1"},
        {"ns:pkg", "pkg"},
        {"conda-forge/label/dev::pkg", "conda-forge/label/dev::pkg"},
        {"https://host:8080/c::pkg=1", "https://host:8080/c::pkg=1"},
        {"https://u:secret@host/t/TOKEN/c::pkg", "https://host/c::pkg"},
        {"conda-*::pkg[subdir=linux-64]", "pkg[channel=conda-*,subdir=linux-64]"},
        {"pkg[subdir=noarch,channel=c/linux-64]", "c/noarch::pkg"},
        {"*[sha256=" SHA "]", "*[sha256=" SHA "]"},
        {"pkg[build_number='>=3']", "pkg[build_number='>=3']"},
        {"pkg[license='A or B']", "pkg[license='a or b']"},
        {"pkg[fn='it''s']", NULL},
        {"pkg[license=\"it's\"]", "pkg[license='it\\'s']"},
        {"pkg[optional]", "pkg"},
        {"pkg[version=1.8](optional, target=x)", "pkg==1.8"},
        {"pkg[track_features='a b']", "pkg[track_features='a b']"},
        /* CEP 43 to 45 */
        {"pkg[when='python >=3.10']", "pkg[when='python >=3.10']"},
        {"pkg[extras=[a,b], version=1]", "pkg==1[extras=[a,b]]"},
        {"pkg[when=__unix]", "pkg[when='__unix']"},
        {"pkg[version='2',build_number=0,when=__unix]", "pkg==2[build_number=0,when='__unix']"},
        {"pkg>=2[when=\"python>=3.10\"]", "pkg[version='>=2',when='python>=3.10']"},
        {"pkg[when='a and (b>=2 or c[build=\"x*\"])']",
         "pkg[when='a and (b>=2 or c[build=\"x*\"])']"},
        {"pkg[when=\"(a (1.8|1.9)) or b[flags=[x,y]]\"]",
         "pkg[when='(a (1.8|1.9)) or b[flags=[x,y]]']"},
        {"pkg[extras=test]", "pkg[extras=[test]]"},
        {"pkg[extras=[a, 'b.c' , \"d+e-f_1\"]]", "pkg[extras=[a,b.c,d+e-f_1]]"},
        {"pkg[when='a', extras=[x], flags=['y']]", "pkg[flags=[y],when='a',extras=[x]]"},
        {"pkg[flags=['cuda', x]]", "pkg[flags=[cuda,x]]"},
        {"pkg[version='>=3.1', flags=[\"cuda\", \"blas:*\"]]",
         "pkg[version='>=3.1',flags=[cuda,blas:*]]"},
        /* files */
        {"https://conda.anaconda.org/conda-forge/linux-64/python-3.11.10-h123456_0.conda",
         "conda-forge/linux-64::python==3.11.10=h123456_0"},
        {"https://user:secret@host/t/TOK/c/noarch/a-b-1-0.tar.bz2",
         "https://host/c/noarch::a-b==1=0"},
        {"./dir/a-b-1!2-0.conda", "a-b==1!2=0[url='./dir/a-b-1!2-0.conda']"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        envm_str form = canonical(&arena, rows[i].text);
        if (!rows[i].form) {
            assert_true(envm_str_starts_with(form, ENVM_STR("invalid: ")));
            continue;
        }
        if (strcmp(form.ptr, rows[i].form) != 0)
            print_message("%s\n", rows[i].text);
        assert_string_equal(form.ptr, rows[i].form);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "empty"},
        {"# comment", "empty"},
        {"[version=1]", "name"},
        {"pkg[colour=red]", "colour"},
        {"pkg[version]", "version"},
        {"pkg[version=]", "version"},
        {"pkg[version='1]", "not closed"},
        {"pkg[extras=[a'b']]", "list"},
        {"pkg[flags=[[a]]]", "list"},
        {"pkg[extras=[A]]", "extra"},
        {"pkg[extras=['a b']]", "extra"},
        {"pkg[extras=a/b]", "extra"},
        {"pkg[flags=['!cuda']]", "flag"},
        {"pkg[flags=['?cuda']]", "flag"},
        {"pkg[flags=CUDA]", "flag"},
        {"pkg[flags=['a:b:c']]", "flag"},
        {"pkg[flags=['a:']]", "flag"},
        {"pkg[when='']", "empty"},
        {"pkg[when=' ']", "a spec is missing"},
        {"pkg[when='a and']", "a spec is missing"},
        {"pkg[when='or a']", "a spec is missing"},
        {"pkg[when='a and or b']", "a spec is missing"},
        {"pkg[when='(a']", "has no ')'"},
        {"pkg[when='a)']", "has no '('"},
        {"pkg[when='()']", "a spec is missing"},
        {"pkg[when='(a) b']", "'and' or 'or' is missing"},
        {"pkg[when='not a']", "no 'not'"},
        {"pkg[when='a*']", "exact name"},
        {"pkg[when='*[build=x]']", "exact name"},
        {"pkg[when='a[when=b]']", "condition of its own"},
        {"pkg[when='a[extras=b]']", "extras"},
        {"pkg[when='a[version=']", "not closed"},
        {"pkg[when='a >=']", "operator"},
        {"pkg[version=1] x", "nothing may follow"},
        {"pkg[version=1,version=2]", "twice"},
        {"pkg[build_number=x]", "build_number"},
        {"pkg[md5=12]", "MD5"},
        {"pkg[sha256= " SHA "]", "empty"},
        {"pkg 1.8=", "build string"},
        {"pkg 1.8 b c", "build string"},
        {"pkg >=", "operator"},
        {"pkg 1.8 b/../c", "build string"},
        {"a b\x01", "control"},
        {"\xFF", "UTF-8"},
        {"p\xC3\xA4"
         "ck",
         "package name"},
        {"https://host/c/linux-64/notapackage.conda", "NAME-VERSION-BUILD"},
        {"../x.conda", "NAME-VERSION-BUILD"},
        {"pkg[version='^(a$']", "'('"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        envm_str form = canonical(&arena, rows[i].text);
        if (!envm_str_starts_with(form, ENVM_STR("invalid: ")) || !strstr(form.ptr, rows[i].part))
            fail_msg("'%s' gives '%s', without '%s'", rows[i].text, form.ptr, rows[i].part);
    }
}

static void test_length_limit(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    size_t size = (size_t)1 << 20;
    char *text = envm_arena_alloc(&arena, size);
    const struct envm_match_spec *spec;

    (void)state;
    memset(text, 'a', size);
    assert_int_equal(envm_match_spec_parse(&arena, envm_str_n(text, size), &spec, NULL),
                     ENVM_MALFORMED);
    memset(text, '[', size);
    text[0] = 'a';
    assert_int_equal(envm_match_spec_parse(&arena, envm_str_n(text, 4000), &spec, NULL),
                     ENVM_MALFORMED);
}

static void test_accessors(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_match_spec *spec;

    (void)state;
    assert_int_equal(
        envm_match_spec_parse(
            &arena,
            ENVM_STR(" conda-forge/linux-64::PKG >=1 [when='a', extras=[x, y], flags=[z]] "), &spec,
            NULL),
        ENVM_OK);
    assert_string_equal(envm_match_spec_text(spec).ptr,
                        "conda-forge/linux-64::PKG >=1 [when='a', extras=[x, y], flags=[z]]");
    assert_string_equal(envm_match_spec_exact_name(spec).ptr, "pkg");
    assert_string_equal(envm_match_spec_channel(spec).ptr, "conda-forge");
    assert_string_equal(envm_match_spec_subdir(spec).ptr, "linux-64");
    assert_true(envm_match_spec_has_version(spec));
    assert_string_equal(envm_version_spec_text(envm_match_spec_version(spec)).ptr, ">=1");
    assert_string_equal(envm_match_spec_when(spec).ptr, "a");
    assert_int_equal(envm_match_spec_extras(spec).count, 2);
    assert_string_equal(envm_match_spec_extras(spec).items[1].ptr, "y");
    assert_int_equal(envm_match_spec_flags(spec).count, 1);
    assert_int_equal(envm_match_spec_url(spec).len, 0);
    assert_int_equal(envm_match_spec_parse(&arena, ENVM_STR("py*"), &spec, NULL), ENVM_OK);
    assert_int_equal(envm_match_spec_exact_name(spec).len, 0);
    assert_false(envm_match_spec_has_version(spec));
    assert_null(envm_match_spec_version(spec));
}

/* The condition in postfix: names of specs, & and |. */
static envm_str postfix(struct envm_arena *arena, const char *when)
{
    const struct envm_match_spec *spec;
    envm_str text = ENVM_STR("");

    assert_int_equal(
        envm_match_spec_parse(arena, envm_arena_printf(arena, "x[when='%s']", when), &spec, NULL),
        ENVM_OK);
    const struct envm_condition *condition = envm_match_spec_condition(spec);
    for (size_t i = 0; i < condition->count; i++) {
        const struct envm_condition_step *step = &condition->steps[i];
        text = envm_arena_printf(arena, "%s%s%s", text.ptr, i ? " " : "",
                                 step->op == ENVM_CONDITION_AND  ? "&"
                                 : step->op == ENVM_CONDITION_OR ? "|"
                                                                 : step->spec->name.text.ptr);
    }
    return text;
}

static void test_conditions(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    char deep[2 * 70 + 2];
    const struct envm_match_spec *spec;

    (void)state;
    assert_string_equal(postfix(&arena, "a").ptr, "a");
    assert_string_equal(postfix(&arena, "a or b and c").ptr, "a b c & |");
    assert_string_equal(postfix(&arena, "a and b or c").ptr, "a b & c |");
    assert_string_equal(postfix(&arena, "(a or b) and c").ptr, "a b | c &");
    assert_string_equal(postfix(&arena, "a and(b or(c))").ptr, "a b c | &");
    assert_string_equal(postfix(&arena, "android and order or notary").ptr,
                        "android order & notary |");
    assert_string_equal(postfix(&arena, "a[license=\"1 and or\"] and b").ptr, "a b &");
    assert_string_equal(postfix(&arena, "a >=1,<2 or b (1|2)").ptr, "a b |");
    memset(deep, '(', 70);
    deep[70] = 'a';
    memset(deep + 71, ')', 70);
    deep[141] = '\0';
    assert_int_equal(
        envm_match_spec_parse(&arena, envm_arena_printf(&arena, "x[when='%s']", deep), &spec, NULL),
        ENVM_MALFORMED);
}

/* Without what takes no part in matching, in the words that people write. */
static void test_plain(void **state)
{
    static const struct {
        const char *spec, *plain;
    } rows[] = {
        {"pkg >=1  b*", "pkg >=1  b*"},
        {"pkg[version='>=1',build=b*,when='a']", "pkg >=1 b*"},
        {"pkg[extras=[a]]", "pkg"},
        {"pkg >=1[extras=[a]]", "pkg >=1"},
        {"c::pkg[extras=[a]]", "c::pkg"},
        {"pkg[flags=[f],extras=[a]]", "pkg[flags=[f]]"},
        {"pkg[build=b,when='a']", "pkg * b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        const struct envm_match_spec *spec;
        assert_int_equal(envm_match_spec_parse(&arena, envm_str_from(rows[i].spec), &spec, NULL),
                         ENVM_OK);
        assert_string_equal(envm_match_spec_plain(&arena, spec).ptr, rows[i].plain);
    }
}

static void test_matching(void **state)
{
    static const envm_str features[] = {ENVM_STR_INIT("mkl"), ENVM_STR_INIT("debug")};
    static const envm_str flags[] = {ENVM_STR_INIT("cuda"), ENVM_STR_INIT("blas:mkl")};
    struct envm_package_record record = {
        .name = ENVM_STR_INIT("numpy"),
        .version = ENVM_STR_INIT("1.26.4"),
        .build = ENVM_STR_INIT("py311h64a7726_0"),
        .build_number = 0,
        .subdir = ENVM_STR_INIT("linux-64"),
        .channel = ENVM_STR_INIT("conda-forge"),
        .file_name = ENVM_STR_INIT("numpy-1.26.4-py311h64a7726_0.conda"),
        .url = ENVM_STR_INIT("https://conda.anaconda.org/conda-forge/linux-64/"
                             "numpy-1.26.4-py311h64a7726_0.conda"),
        .track_features = {features, 2},
        .features = ENVM_STR_INIT("a, b"),
        .flags = {flags, 2},
    };
    static const struct {
        const char *spec;
        bool expected;
    } rows[] = {
        {"numpy", true},
        {"conda-forge::numpy", true},
        {"Conda-Forge::numpy", true},
        {"https://conda.anaconda.org/conda-forge::numpy", true},
        {"https://conda.anaconda.org/conda-forge/::numpy", true},
        {"defaults::numpy", false},
        {"conda-*::numpy", true},
        {"*/linux-64::numpy", true},
        {"conda-forge/noarch::numpy", false},
        {"numpy[build_number='!=0']", false},
        {"numpy[build_number='*']", true},
        {"numpy[build_number='==0']", true},
        {"numpy[build_number='^[0-3]$']", true},
        {"numpy[fn='*.conda']", true},
        {"numpy[fn=x]", false},
        {"numpy[track_features=mkl]", true},
        {"numpy[track_features='mkl,debug']", true},
        {"mkl@", true},
        {"numpy[track_features=x]", false},
        {"numpy[features='b a']", true},
        {"numpy[features=c]", false},
        {"numpy 1.26.* *_0", true},
        {"numpy[flags=cuda]", true},
        {"numpy[flags=[cuda, 'blas:mkl']]", true},
        {"numpy[flags=['blas:*']]", true},
        {"numpy[flags=['*']]", true},
        {"numpy[flags=blas]", false},
        {"numpy[flags=[cuda, release]]", false},
        {"numpy[flags=['bla*']]", true},
        {"numpy[when='nothing', extras=[x]]", true},
        {"numpy=1.26.4=PY311H64A7726_0", true},
        {"numpy[sha256=" SHA "]", false},
        {"https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda",
         true},
        {"https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.tar.bz2",
         false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        const struct envm_match_spec *spec;
        assert_int_equal(envm_match_spec_parse(&arena, envm_str_from(rows[i].spec), &spec, NULL),
                         ENVM_OK);
        if (envm_match_spec_matches(spec, &record) != rows[i].expected)
            fail_msg("%s", rows[i].spec);
    }
}

/* Credentials in a spec reach neither what is shown nor what is stored. */
static void test_no_secrets(void **state)
{
    static const char *const texts[] = {
        "https://u:S3CRET@host/c::pkg",
        "https://host/t/S3CRET/c::pkg",
        "https://host/t/S3CRET/c/noarch/a-1-0.conda",
        "https://host/t/S3CRET/c::pkg[bad=1]",
        "https://u:S3CRET@host/c/noarch/x.conda",
        "pkg[channel='https://u:S3CRET@host/c']",
        "pkg[url='https://u:S3CRET@host/c/noarch/a-1-0.conda']",
        "pkg[channel='https://u:S3CRET@ host/c']",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        const struct envm_match_spec *spec;
        envm_str form = canonical(&arena, texts[i]);
        if (strstr(form.ptr, "S3CRET"))
            fail_msg("%s shows %s", texts[i], form.ptr);
        if (envm_match_spec_parse(&arena, envm_str_from(texts[i]), &spec, NULL) != ENVM_OK)
            continue;
        assert_false(envm_str_contains(envm_match_spec_text(spec), ENVM_STR("S3CRET")));
        assert_false(envm_str_contains(envm_match_spec_channel(spec), ENVM_STR("S3CRET")));
        assert_false(envm_str_contains(envm_match_spec_url(spec), ENVM_STR("S3CRET")));
    }
}

static void test_parts_of_matching(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_package_record record = {.name = ENVM_STR_INIT("a"), .version = ENVM_STR_INIT("?")};
    const struct envm_match_spec *any, *one;

    (void)state;
    assert_int_equal(envm_match_spec_parse(&arena, ENVM_STR("a"), &any, NULL), ENVM_OK);
    assert_int_equal(envm_match_spec_parse(&arena, ENVM_STR("a >=1"), &one, NULL), ENVM_OK);
    /* A version that is none matches only specs that ask for none. */
    assert_true(envm_match_spec_matches(any, &record));
    assert_true(envm_match_spec_matches_parsed(any, &record, NULL));
    assert_false(envm_match_spec_matches(one, &record));
    assert_false(envm_match_spec_matches_parsed(one, &record, NULL));
    assert_true(envm_match_spec_matches_without_version(one, &record));
}

/* What people read says the same as what they wrote. */
static void test_readable(void **state)
{
    static const char *const rows[][2] = {
        {"numpy", "numpy"},
        {"numpy[version='>=2,<3']", "numpy >=2,<3"},
        {"numpy>=2", "numpy >=2"},
        {"numpy=1.7", "numpy 1.7.*"},
        {"numpy==1.7", "numpy ==1.7"},
        {"numpy 1.7", "numpy ==1.7"},
        {"numpy!=1.7", "numpy !=1.7"},
        {"numpy=1.7=py_0", "numpy 1.7 py_0"},
        {"numpy=1.7.*=py_*", "numpy 1.7.* py_*"},
        {"numpy[build='py*']", "numpy * py*"},
        {"numpy >=1|<0.5 py_0", "numpy >=1|<0.5 py_0"},
        {"conda-forge::numpy>=2", "conda-forge::numpy[version='>=2']"},
        {"numpy[version='>=2',build_number=3]", "numpy[version='>=2',build_number=3]"},
        {"num*", "num*"},
        {"x.conda *", "x.conda[]"},
        {"a 1 b.CONDA", "a 1 b.conda"},
    };
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct envm_match_spec *spec;
        envm_str text;

        assert_int_equal(envm_match_spec_parse(&arena, envm_str_from(rows[i][0]), &spec, NULL),
                         ENVM_OK);
        text = envm_match_spec_readable(&arena, spec);
        assert_string_equal(text.ptr, rows[i][1]);
        assert_string_equal(canonical(&arena, text.ptr).ptr,
                            envm_match_spec_format(&arena, spec).ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_length_limit), cmocka_unit_test(test_accessors),
        cmocka_unit_test(test_matching),     cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_parts_of_matching),
        cmocka_unit_test(test_no_secrets),   cmocka_unit_test(test_readable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

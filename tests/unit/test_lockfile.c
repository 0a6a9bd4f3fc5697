/* SPDX-License-Identifier: MIT
 *
 * The lock: what is written is read back, the bytes are stable, and whatever envm would not have
 * written is refused with its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hex.h"
#include "codec/yaml_canonical.h"
#include "lock/lockfile.h"
#include "lock/lockfile_check.h"
#include "lock/lockfile_detect.h"
#include "lock/lockfile_key.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define URL "https://conda.anaconda.org/conda-forge/"

/* The smallest lock with two packages; each refusal below changes one thing in it. */
static const char sample[] = "version: 1\n"
                             "environments:\n"
                             "  default:\n"
                             "    channels:\n"
                             "      - conda-forge\n"
                             "    request:\n"
                             "      specs:\n"
                             "        - app\n"
                             "      options:\n"
                             "        add-pip: false\n"
                             "        channel-priority: strict\n"
                             "    variables:\n"
                             "      MODE: \"a: b\"\n"
                             "    platforms:\n"
                             "      linux-64:\n"
                             "        virtual-packages:\n"
                             "          __glibc: 2.36=0\n"
                             "        tree: sha256:" SHA_A "\n"
                             "        packages:\n"
                             "          - conda-forge/linux-64/app-1.0-h0_1.conda\n"
                             "          - conda-forge/noarch/lib-2.1-0.tar.bz2\n"
                             "packages:\n"
                             "  conda-forge/linux-64/app-1.0-h0_1.conda:\n"
                             "    url: " URL "linux-64/app-1.0-h0_1.conda\n"
                             "    sha256: " SHA_A "\n"
                             "    size: 12\n"
                             "    build-number: 1\n"
                             "    depends:\n"
                             "      - \"lib >=2,<3\"\n"
                             "      - __glibc >=2.17\n"
                             "    extra-depends:\n"
                             "      docs: []\n"
                             "      test:\n"
                             "        - lib\n"
                             "    flags:\n"
                             "      - cuda\n"
                             "      - blas:mkl\n"
                             "    link-scripts:\n"
                             "      bin/.app-post-link.sh:\n"
                             "        sha256: " SHA_A "\n"
                             "        network: true\n"
                             "      bin/.app-pre-unlink.sh:\n"
                             "        sha256: " SHA_B "\n"
                             "  conda-forge/noarch/lib-2.1-0.tar.bz2:\n"
                             "    url: " URL "noarch/lib-2.1-0.tar.bz2\n"
                             "    sha256: " SHA_B "\n"
                             "    build-number: 0\n"
                             "    noarch: python\n"
                             "    timestamp: 1700000000000\n"
                             "    indexed-timestamp: 1700000000001\n"
                             "    constrains:\n"
                             "      - app <2\n"
                             "provenance:\n"
                             "  " URL "linux-64/repodata.json.zst:\n"
                             "    sha256: " SHA_B "\n"
                             "    etag: \"\\\"x\\\"\"\n";

struct fixture {
    struct envm_arena arena;
    struct envm_error err;
    struct envm_lockfile lock;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    envm_error_release(&f->err);
    envm_arena_release(&f->arena);
    free(f);
    return 0;
}

static enum envm_code read_text(struct fixture *f, envm_str text)
{
    envm_error_release(&f->err);
    return envm_lockfile_read(&f->arena, text, "env.lock", &f->lock, &f->err);
}

static void test_read(void **state)
{
    struct fixture *f = *state;
    struct envm_lock_platform *platform;
    const struct envm_package_record *app;

    assert_int_equal(read_text(f, ENVM_STR(sample)), ENVM_OK);
    assert_int_equal(f->lock.platform_count, 1);
    assert_null(envm_lockfile_platform(&f->lock, ENVM_STR("osx-64")));
    platform = envm_lockfile_platform(&f->lock, ENVM_STR("linux-64"));
    assert_non_null(platform);
    assert_string_equal(envm_sha256_hex(&platform->tree).text, SHA_A);
    assert_int_equal(platform->packages.count, 2);
    app = platform->packages.items[0];
    assert_true(envm_str_equal_c(app->name, "app"));
    assert_true(envm_str_equal_c(app->version, "1.0"));
    assert_true(envm_str_equal_c(app->build, "h0_1"));
    assert_true(envm_str_equal_c(app->channel, "conda-forge"));
    assert_int_equal(app->build_number, 1);
    assert_int_equal(app->size, 12);
    assert_int_equal(app->depends.count, 2);
    assert_int_equal(app->extra_depends_count, 2);
    assert_true(envm_str_equal_c(app->extra_depends[1].depends.items[0], "lib"));
    assert_true(envm_str_equal_c(app->flags.items[1], "blas:mkl"));
    assert_int_equal(app->link_script_count, 2);
    assert_true(envm_str_equal_c(app->link_scripts[0].file, "bin/.app-post-link.sh"));
    assert_string_equal(envm_sha256_hex(&app->link_scripts[1].sha256).text, SHA_B);
    assert_true(app->link_scripts[0].network && !app->link_scripts[1].network);
    assert_int_equal(platform->packages.items[1]->indexed_timestamp, 1700000000001);
    assert_int_equal(platform->packages.items[1]->noarch, ENVM_NOARCH_PYTHON);
    assert_false(platform->packages.items[1]->has_size);
    assert_true(envm_str_equal_c(f->lock.variables[0].value, "a: b"));
    assert_true(envm_str_equal_c(f->lock.provenance[0].etag, "\"x\""));
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    ENVM_CLEANUP(envm_buf) struct envm_buf first = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf second = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf bare = envm_buf_text();
    struct envm_yaml_node *root = NULL;

    assert_int_equal(read_text(f, ENVM_STR(sample)), ENVM_OK);
    envm_lockfile_write(&f->lock, true, &first);
    assert_true(envm_yaml_read_canonical(&f->arena, envm_buf_str(&first), &root)); /* quickly */
    assert_int_equal(read_text(f, envm_arena_str(&f->arena, envm_buf_str(&first))), ENVM_OK);
    envm_lockfile_write(&f->lock, true, &second);
    assert_string_equal(envm_buf_str(&first).ptr, envm_buf_str(&second).ptr);
    /* What is written is the sample, below one line of comment. */
    assert_non_null(strstr(envm_buf_str(&first).ptr, sample));
    envm_lockfile_write(&f->lock, false, &bare);
    assert_null(strstr(envm_buf_str(&bare).ptr, "provenance"));
}

struct refusal {
    const char *from, *to;
    enum envm_code code;
    const char *message; /* part of it */
};

static const struct refusal refusals[] = {
    {"version: 1\n", "version: 2\n", ENVM_MALFORMED, "newer envm"},
    {"version: 1\n", "", ENVM_MALFORMED, "\"version\" is missing"},
    {"version: 1\n", "version: one\n", ENVM_MALFORMED, "version has to be 1"},
    {"    sha256: " SHA_A "\n", "", ENVM_UNSAFE, "has no sha256"},
    {"    sha256: " SHA_A "\n", "    sha256: \" " SHA_A "\"\n", ENVM_MALFORMED, "64 hexadecimal"},
    {"    sha256: " SHA_A "\n", "    md5: d41d8cd98f00b204e9800998ecf8427e\n", ENVM_UNSAFE,
     "has no sha256"},
    {"    size: 12\n", "    size: 0\n", ENVM_MALFORMED, "size 0"},
    {"    size: 12\n", "    size: -1\n", ENVM_MALFORMED, "whole number"},
    {"    size: 12\n", "    size: 12\n    size: 12\n", ENVM_MALFORMED, "already given"},
    {"    size: 12\n", "    sizes: 12\n", ENVM_MALFORMED, "unknown key"},
    {"https://conda.anaconda.org/conda-forge/linux-64/app",
     "https://me:secret@conda.anaconda.org/conda-forge/linux-64/app", ENVM_UNSAFE, "credentials"},
    {"https://conda.anaconda.org/conda-forge/linux-64/app",
     "https://conda.anaconda.org/t/tk-1234/conda-forge/linux-64/app", ENVM_UNSAFE, "credentials"},
    {"linux-64/app-1.0-h0_1.conda\n    sha256", "linux-64/app-1.0-h0_1.conda?sig=x\n    sha256",
     ENVM_UNSAFE, "credentials"},
    {"  conda-forge/linux-64/app-1.0-h0_1.conda:\n",
     "  https://me:secret@x.org/linux-64/app-1.0-h0_1.conda:\n", ENVM_UNSAFE, "credentials"},
    {"  conda-forge/linux-64/app-1.0-h0_1.conda:\n",
     "  https://x.org/t/secret/c/linux-64/app-1.0-h0_1.conda:\n", ENVM_UNSAFE, "credentials"},
    {"  conda-forge/linux-64/app-1.0-h0_1.conda:\n",
     "  \"conda\\nforge/linux-64/app-1.0-h0_1.conda\":\n", ENVM_MALFORMED, "control characters"},
    {"      - conda-forge\n", "      - \"x\\e[31m\"\n", ENVM_MALFORMED, "control characters"},
    {"      - conda-forge\n", "      - https://me:secret@x.org/c\n", ENVM_UNSAFE, "credentials"},
    {"provenance:\n  https://", "provenance:\n  https://me:secret@", ENVM_UNSAFE, "credentials"},
    {"https://conda.anaconda.org/conda-forge/linux-64/app", "http://x.org/linux-64/app",
     ENVM_UNSAFE, "has to be https"},
    {"https://conda.anaconda.org/conda-forge/linux-64/app", "file:///etc/linux-64/app", ENVM_UNSAFE,
     "has to be https"},
    {"https://conda.anaconda.org/conda-forge/linux-64/app", "ftp://x.org/linux-64/app",
     ENVM_MALFORMED, "url"},
    {"linux-64/app-1.0-h0_1.conda\n    sha256", "linux-64/other-1.0-h0_1.conda\n    sha256",
     ENVM_MALFORMED, "does not end with"},
    {"          - conda-forge/noarch/lib-2.1-0.tar.bz2\n", "", ENVM_MALFORMED,
     "which the lock does not hold"},
    {"          - conda-forge/noarch/lib-2.1-0.tar.bz2\n",
     "          - conda-forge/noarch/lib-2.1-0.tar.bz2\n"
     "          - conda-forge/noarch/lib-2.1-0.tar.bz2\n",
     ENVM_MALFORMED, "two packages are named lib"},
    {"          - conda-forge/noarch/lib-2.1-0.tar.bz2\n",
     "          - conda-forge/noarch/lib-2.2-0.tar.bz2\n", ENVM_MALFORMED, "there is no package"},
    {"      linux-64:\n", "      osx-64:\n", ENVM_MALFORMED, "is for linux-64, but stands under"},
    {"      linux-64:\n", "      ../x:\n", ENVM_MALFORMED, "is not a platform"},
    {"  conda-forge/linux-64/app-1.0-h0_1.conda:\n", "  ../linux-64/../app-1.0-h0_1.conda:\n",
     ENVM_MALFORMED, "is not CHANNEL/SUBDIR/FILE"},
    {"  conda-forge/linux-64/app-1.0-h0_1.conda:\n", "  app-1.0-h0_1.conda:\n", ENVM_MALFORMED,
     "is not CHANNEL/SUBDIR/FILE"},
    {"    noarch: python\n", "    noarch: perl\n", ENVM_MALFORMED, "python or generic"},
    {"        tree: sha256:" SHA_A, "        tree: " SHA_A, ENVM_MALFORMED, "tree has to be"},
    {"      MODE: ", "      MO DE: ", ENVM_MALFORMED, "not a name of a variable"},
    {"    channels:\n", "    channels: &a\n", ENVM_MALFORMED, "anchor"},
    {"version: 1\n", "version: 1\n<<<<<<< HEAD\n", ENVM_MALFORMED, "merge conflict at line 2"},
    {"          __glibc: 2.36=0\n", "          glibc: 2.36=0\n", ENVM_MALFORMED, "virtual package"},
    {"      - \"lib >=2,<3\"\n", "      - lib >=2,<\n", ENVM_MALFORMED, "unreadable"},
    {"      - cuda\n", "      - CUDA\n", ENVM_MALFORMED, "not a flag"},
    {"      docs: []\n", "      Docs: []\n", ENVM_MALFORMED, "group that breaks the rules"},
    {"      docs: []\n", "      docs: x\n", ENVM_MALFORMED, "list of texts"},
    {"      docs: []\n", "      test: []\n", ENVM_MALFORMED, "already given"},
    {"bin/.app-post-link.sh", "bin/.lib-post-link.sh", ENVM_MALFORMED,
     "no post-link or pre-unlink"},
    {"bin/.app-post-link.sh", "bin/.app-pre-link.sh", ENVM_MALFORMED, "no post-link or pre-unlink"},
    {"bin/.app-post-link.sh", "../.app-post-link.sh", ENVM_MALFORMED, "no post-link or pre-unlink"},
    {"        network: true\n", "        network: false\n", ENVM_MALFORMED, "network of a link"},
    {"        network: true\n", "        user: root\n", ENVM_MALFORMED, "nothing else"},
    {"        sha256: " SHA_B "\n", "        sha256: abc\n", ENVM_MALFORMED, "of a link script"},
    {"        sha256: " SHA_A "\n        network", "        network", ENVM_MALFORMED,
     "has a sha256"},
    {"    indexed-timestamp: 17", "    indexed-timestamp: x", ENVM_MALFORMED, "whole number"},
};

static envm_str replace(struct fixture *f, envm_str text, const char *from, const char *to)
{
    const char *at = strstr(text.ptr, from);

    assert_non_null(at);
    return envm_arena_printf(&f->arena, "%.*s%s%s", (int)(at - text.ptr), text.ptr, to,
                             at + strlen(from));
}

static envm_str replaced(struct fixture *f, const char *from, const char *to)
{
    return replace(f, ENVM_STR(sample), from, to);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        enum envm_code code = read_text(f, replaced(f, refusals[i].from, refusals[i].to));

        if (code != refusals[i].code || !strstr(f->err.text, refusals[i].message))
            fail_msg("row %zu (%s): code %s, \"%s\"", i, refusals[i].to, envm_code_name(code),
                     f->err.text ? f->err.text : "");
        assert_non_null(strstr(f->err.text, "env.lock"));
        assert_null(strstr(f->err.text, "secret"));
    }
}

static void test_every_cut(void **state)
{
    struct fixture *f = *state;
    size_t refused = 0;

    for (size_t len = 0; len < sizeof(sample) - 1; len++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_error err = {0};
        enum envm_code code =
            envm_lockfile_read(&arena, envm_str_n(sample, len), "env.lock", &f->lock, &err);

        refused += code != ENVM_OK;
        assert_true(code == ENVM_OK || err.text);
        envm_error_release(&err);
    }
    f->lock = (struct envm_lockfile){0};
    /* Only cuts inside the provenance, which is optional, may pass. */
    assert_true(refused > sizeof(sample) - 400);
}

/* --- satisfaction ------------------------------------------------------------------------- */

struct question_row {
    const char *spec;
    const char *channel;
    const char *priority;
    const char *glibc;
    const char *reason; /* NULL: satisfied */
};

static const struct question_row questions[] = {
    {"app", "conda-forge", "strict", "2.36", NULL},
    {"app >=1", "conda-forge", "strict", "2.36", NULL},
    {"app 1.*", "conda-forge", "strict", "2.17", NULL},
    {"conda-forge::app", "conda-forge", "strict", "2.36", NULL},
    {"app >=2", "conda-forge", "strict", "2.36", "is not met by the locked app 1.0"},
    {"other", "conda-forge", "strict", "2.36", "\"other\" is not in the lock"},
    {"lib", "conda-forge", "strict", "2.36", "nothing asks for the locked app any more"},
    {"app", "bioconda", "strict", "2.36", "the channels are [bioconda]"},
    {"app", "conda-forge", "flexible", "2.36", "the channel priority is flexible"},
    {"app", "conda-forge", "strict", "2.12", "this machine has __glibc 2.12"},
    {"app", "conda-forge", "strict", NULL, "which this machine does not have"},
};

static void ask(struct fixture *f, const struct question_row *row, struct envm_str_list *reasons)
{
    const struct envm_match_spec *spec;
    const struct envm_package_record glibc = {
        .name = ENVM_STR("__glibc"), .version = envm_str_from(row->glibc), .build = ENVM_STR("0")};
    const struct envm_package_record *virtual_packages[] = {&glibc};
    envm_str channels[] = {envm_str_from(row->channel)};
    const struct envm_environment_variable mode = {ENVM_STR("MODE"), ENVM_STR("a: b")};
    struct envm_lock_question question = {
        .platform = ENVM_STR("linux-64"),
        .channels = {channels, 1},
        .specs = &spec,
        .spec_count = 1,
        .channel_priority = envm_str_from(row->priority),
        .variables = &mode,
        .variable_count = 1,
        .virtual_packages = {virtual_packages, row->glibc ? 1 : 0},
    };

    assert_int_equal(envm_match_spec_parse(&f->arena, envm_str_from(row->spec), &spec, &f->err),
                     ENVM_OK);
    assert_int_equal(envm_lockfile_check(&f->arena, &f->lock, &question, reasons, &f->err),
                     ENVM_OK);
}

static void test_check(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_text(f, ENVM_STR(sample)), ENVM_OK);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        struct envm_str_list reasons = {0};

        ask(f, &questions[i], &reasons);
        if (!questions[i].reason) {
            if (reasons.count > 0)
                fail_msg("row %zu: %s", i, reasons.items[0].ptr);
            continue;
        }
        if (reasons.count == 0 || !strstr(reasons.items[0].ptr, questions[i].reason))
            fail_msg("row %zu: \"%s\"", i, reasons.count ? reasons.items[0].ptr : "");
    }
}

static void test_check_variables_and_platform(void **state)
{
    struct fixture *f = *state;
    struct envm_lock_question question = {.platform = ENVM_STR("osx-arm64")};
    struct envm_str_list reasons = {0};

    assert_int_equal(read_text(f, ENVM_STR(sample)), ENVM_OK);
    assert_int_equal(envm_lockfile_check(&f->arena, &f->lock, &question, &reasons, &f->err),
                     ENVM_OK);
    assert_int_equal(reasons.count, 1);
    assert_non_null(strstr(reasons.items[0].ptr, "no packages for osx-arm64"));
    question.platform = ENVM_STR("linux-64");
    assert_int_equal(envm_lockfile_check(&f->arena, &f->lock, &question, &reasons, &f->err),
                     ENVM_OK);
    assert_true(reasons.count >= 3);
}

static void test_constrains(void **state)
{
    struct fixture *f = *state;
    struct question_row row = {"app", "conda-forge", "strict", "2.36", NULL};
    struct envm_str_list reasons = {0};

    assert_int_equal(read_text(f, replaced(f, "      - app <2\n", "      - app <1\n")), ENVM_OK);
    ask(f, &row, &reasons);
    assert_int_equal(reasons.count, 1);
    assert_non_null(strstr(reasons.items[0].ptr, "lib excludes the locked app 1.0"));
}

/* What app depends on in the first and has for its extra in the second; lib 2.1 is locked, and so
 * is nothing else. */
static void test_conditions_and_extras(void **state)
{
    static const struct {
        const char *depends, *extra, *request, *reason;
    } rows[] = {
        {"lib", "none", "app", NULL},
        {"lib[when=__glibc]", "none", "app", NULL},
        {"lib[when=\\\"__glibc>=2.30 and app\\\"]", "none", "app", NULL},
        {"lib[when=__win]", "none", "app", "nothing asks for the locked lib"},
        {"lib[when=\\\"__win or __glibc<2\\\"]", "none", "app", "nothing asks for the locked lib"},
        {"lib >=3[when=__glibc]", "none", "app", "is not met by the locked lib 2.1"},
        {"lib >=3[when=__win]", "none", "app", "nothing asks for the locked lib"},
        {"other[when=__glibc]", "none", "app", "is not in the lock"},
        /* what is there only because of itself is not there */
        {"lib[when=lib]", "none", "app", "nothing asks for the locked lib"},
        {"__glibc", "lib", "app", "nothing asks for the locked lib"},
        {"__glibc", "lib", "app[extras=[test]]", NULL},
        {"__glibc", "lib", "app[extras=[docs,test]]", NULL},
        {"__glibc", "lib", "app[extras=[nothing]]", "nothing asks for the locked lib"},
        {"__glibc", "lib >=3", "app[extras=[test]]", "app[extras=[test]] needs \"lib >=3\" is not"},
        {"__glibc", "lib[when=__win]", "app[extras=[test]]", "nothing asks for the locked lib"},
        {"__glibc", "lib[when=app]", "app[extras=[test]]", NULL},
        {"app[extras=[test]]", "lib", "app", NULL},
        {"lib", "none", "app[when=__glibc]", NULL},
        {"lib", "none", "app[when=__win]", "nothing asks for the locked app"},
        {"lib", "none", "app[flags=[cuda]]", NULL},
        {"lib", "none", "app[flags=[rocm]]", "is not met by the locked app"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct question_row row = {rows[i].request, "conda-forge", "strict", "2.36", NULL};
        struct envm_str_list reasons = {0};
        envm_str text = replaced(f, "      - \"lib >=2,<3\"\n", "      - \"@\"\n");
        text = replace(f, text, "@", rows[i].depends);
        text = replace(f, text, "        - lib\n", "        - \"@\"\n");
        text = replace(f, text, "@", rows[i].extra);
        if (read_text(f, text) != ENVM_OK)
            fail_msg("row %zu: %s", i, f->err.text);
        ask(f, &row, &reasons);
        if (!rows[i].reason ? reasons.count > 0
                            : reasons.count == 0 || !strstr(reasons.items[0].ptr, rows[i].reason))
            fail_msg("row %zu: \"%s\"", i, reasons.count ? reasons.items[0].ptr : "");
    }
}

static void test_conditional_constraint(void **state)
{
    struct fixture *f = *state;
    struct question_row row = {"app", "conda-forge", "strict", "2.36", NULL};
    struct envm_str_list reasons = {0};

    assert_int_equal(read_text(f, replaced(f, "      - app <2\n", "      - app <1[when=__win]\n")),
                     ENVM_OK);
    ask(f, &row, &reasons);
    assert_int_equal(reasons.count, 0);
    assert_int_equal(
        read_text(f, replaced(f, "      - app <2\n", "      - app <1[when=__glibc]\n")), ENVM_OK);
    ask(f, &row, &reasons);
    assert_int_equal(reasons.count, 1);
    assert_non_null(strstr(reasons.items[0].ptr, "lib excludes the locked app 1.0"));
}

/* --- detection and keys ------------------------------------------------------------------- */

static void test_detect(void **state)
{
    (void)state;
    assert_int_equal(envm_detect_format(ENVM_STR(sample)), ENVM_FORMAT_LOCK);
    assert_int_equal(envm_detect_format(ENVM_STR("name: x\ndependencies:\n  - python\n")),
                     ENVM_FORMAT_ENVIRONMENT);
    assert_int_equal(envm_detect_format(ENVM_STR("\xef\xbb\xbfname: x\r\ndependencies: []\r\n")),
                     ENVM_FORMAT_ENVIRONMENT);
    assert_int_equal(envm_detect_format(ENVM_STR("# c\n@EXPLICIT\nhttps://x/y.conda\n")),
                     ENVM_FORMAT_EXPLICIT);
    assert_int_equal(envm_detect_format(ENVM_STR("numpy>=2\npython 3.12.*\n")),
                     ENVM_FORMAT_SPEC_LIST);
    assert_int_equal(envm_detect_format(
                         ENVM_STR("version: 6\nenvironments:\n  default: {}\npackages:\n- c: u\n")),
                     ENVM_FORMAT_PIXI_LOCK);
    assert_int_equal(envm_detect_format(ENVM_STR("version: 1\nmetadata:\n  x: 1\npackage:\n- a\n")),
                     ENVM_FORMAT_CONDA_LOCK);
    assert_int_equal(envm_detect_format(ENVM_STR("")), ENVM_FORMAT_SPEC_LIST);
}

static void test_key(void **state)
{
    struct envm_lockfile_key key;

    (void)state;
    assert_true(envm_lockfile_key_parse(ENVM_STR("file:///a b/c/linux-64/x-1-0.conda"), &key));
    assert_true(envm_str_equal_c(key.channel, "file:///a b/c"));
    assert_true(envm_str_equal_c(key.name.name, "x"));
    assert_false(envm_lockfile_key_parse(ENVM_STR("linux-64/x-1-0.conda"), &key));
    assert_false(envm_lockfile_key_parse(ENVM_STR("c/linux-64/x-1.conda"), &key));
    assert_false(envm_lockfile_key_parse(ENVM_STR("c/Linux/x-1-0.conda"), &key));
    assert_false(envm_lockfile_key_parse(ENVM_STR(""), &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_variables_and_platform, setup, teardown),
        cmocka_unit_test_setup_teardown(test_constrains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conditions_and_extras, setup, teardown),
        cmocka_unit_test_setup_teardown(test_conditional_constraint, setup, teardown),
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

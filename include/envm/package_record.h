/* SPDX-License-Identifier: MIT
 *
 * PackageRecord: what a channel says about one package file (CEP 36). All slices belong to whoever
 * made the record (an arena or a mapped index) and live as long as that.
 */
#ifndef ENVM_PACKAGE_RECORD_H
#define ENVM_PACKAGE_RECORD_H

#include <envm/api.h>

#ifdef __cplusplus
extern "C" {
#endif

enum envm_noarch {
    ENVM_NOARCH_NO,
    ENVM_NOARCH_GENERIC,
    ENVM_NOARCH_PYTHON,
};

/* One group of optional dependencies (CEP 44). */
struct envm_extra_group {
    envm_str name;
    struct envm_str_list depends;
};

/* A link script that may be run. */
struct envm_link_script {
    envm_str file;             /* path in the package: "bin/.NAME-post-link.sh" */
    struct envm_sha256 sha256; /* of its bytes in the package, before any prefix is written in */
    bool network;              /* it may use the network, too */
};

struct envm_package_record {
    envm_str name; /* lower case */
    envm_str version;
    envm_str build;
    uint64_t build_number;
    envm_str subdir;
    enum envm_noarch noarch;
    envm_str channel;   /* canonical channel, no credentials: "conda-forge" or a URL */
    envm_str file_name; /* name-version-build.conda or .tar.bz2 */
    envm_str url;       /* where to download it, no credentials */
    struct envm_sha256 sha256;
    struct envm_md5 md5;
    bool has_size;
    uint64_t size; /* bytes of the archive */
    struct envm_str_list depends;
    struct envm_str_list constrains;
    struct envm_str_list track_features;
    envm_str features; /* the deprecated field, as written */
    envm_str license;
    envm_str license_family;
    envm_str python_site_packages_path;           /* CEP 17 */
    uint64_t timestamp;                           /* milliseconds since the epoch, 0: unknown */
    const struct envm_extra_group *extra_depends; /* CEP 44, sorted by name, each name once */
    size_t extra_depends_count;
    struct envm_str_list flags; /* CEP 45 */
    uint64_t indexed_timestamp; /* CEP 47, 48: as timestamp, of when the channel got it */
    /* Consent to run scripts of the package, from a lock or from an environment's record; not what
     * a channel says. Sorted by file. */
    const struct envm_link_script *link_scripts;
    size_t link_script_count;
};

#ifdef __cplusplus
}
#endif
#endif

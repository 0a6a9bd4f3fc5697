/* SPDX-License-Identifier: MIT */
#include "conda/package_rank.h"

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int envm_package_rank_compare_head(const struct envm_ranked_record *a,
                                   const struct envm_ranked_record *b)
{
    int order = compare_numbers(a->record->track_features.count, b->record->track_features.count);

    if (order == 0)
        order = envm_version_compare(b->version, a->version);
    if (order == 0)
        order = compare_numbers(b->record->build_number, a->record->build_number);
    return order;
}

static bool is_conda_file(const struct envm_package_record *record)
{
    return envm_str_ends_with(record->file_name, ENVM_STR(".conda"));
}

static int compare_sha256(const struct envm_sha256 *a, const struct envm_sha256 *b)
{
    if (a->known != b->known)
        return a->known ? -1 : 1;
    return a->known ? memcmp(a->bytes, b->bytes, sizeof(a->bytes)) : 0;
}

int envm_package_rank_compare_tail(const struct envm_ranked_record *a,
                                   const struct envm_ranked_record *b)
{
    int order = compare_numbers(b->record->timestamp, a->record->timestamp);

    if (order == 0)
        order = envm_str_compare(b->record->build, a->record->build);
    if (order == 0)
        order = (int)is_conda_file(b->record) - (int)is_conda_file(a->record);
    if (order == 0)
        order = compare_sha256(&a->record->sha256, &b->record->sha256);
    return order != 0 ? order : envm_str_compare(a->record->url, b->record->url);
}

int envm_package_rank_compare(const struct envm_ranked_record *a,
                              const struct envm_ranked_record *b)
{
    int order = envm_package_rank_compare_head(a, b);

    return order != 0 ? order : envm_package_rank_compare_tail(a, b);
}

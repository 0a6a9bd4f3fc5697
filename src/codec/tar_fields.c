/* SPDX-License-Identifier: MIT */
#include "codec/tar_fields.h"

#include "base/str.h"
#include "base/utf8.h"

#define LINK_TEXT_MAX 4095
#define AT_CHECKSUM 148

bool envm_tar_all_zero(const uint8_t *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

bool envm_tar_number(const uint8_t *field, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t i = 0;

    if (field[0] & 0x80) {
        if (field[0] != 0x80)
            return false;
        for (i = 1; i < len; i++) {
            if (value >> 56)
                return false;
            value = value << 8 | field[i];
        }
        *ret_value = value;
        return true;
    }
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
        if (value >> 61)
            return false;
        value = value << 3 | (uint64_t)(field[i] - '0');
    }
    for (; i < len; i++)
        if (field[i] != ' ' && field[i] != 0)
            return false;
    *ret_value = value;
    return true;
}

bool envm_tar_checksum_is_right(const uint8_t *header)
{
    uint64_t expected = 0, sum = 8 * ' ';

    for (size_t i = 0; i < ENVM_TAR_BLOCK; i++)
        if (i < AT_CHECKSUM || i >= AT_CHECKSUM + 8)
            sum += header[i];
    return envm_tar_number(header + AT_CHECKSUM, 8, &expected) && sum == expected;
}

bool envm_tar_pax_time(envm_str text, int64_t *ret_seconds, uint32_t *ret_ns)
{
    bool negative = envm_str_starts_with(text, ENVM_STR("-"));
    envm_str digits = envm_str_skip(text, negative);
    size_t point = envm_str_find_char(digits, '.');
    envm_str fraction = point == SIZE_MAX ? (envm_str){0} : envm_str_skip(digits, point + 1);
    uint64_t seconds = 0, ns = 0, unit = 100000000;

    if (!envm_str_parse_u64(envm_str_slice(digits, 0, point), &seconds))
        return false;
    for (size_t i = 0; i < fraction.len; i++, unit /= 10) {
        if (!envm_is_digit(fraction.ptr[i]))
            return false;
        ns += (uint64_t)(fraction.ptr[i] - '0') * unit;
    }
    if (negative)
        seconds = ns = 0;
    *ret_seconds = seconds > ENVM_TAR_TIME_MAX ? ENVM_TAR_TIME_MAX : (int64_t)seconds;
    *ret_ns = (uint32_t)ns;
    return true;
}

bool envm_tar_pax_record(envm_str *rest, envm_str *ret_key, envm_str *ret_value)
{
    size_t space = envm_str_find_char(*rest, ' ');
    uint64_t length = 0;

    if (space == SIZE_MAX || !envm_str_parse_u64(envm_str_slice(*rest, 0, space), &length) ||
        length > rest->len || length < space + 4 || rest->ptr[length - 1] != '\n')
        return false;
    envm_str record = envm_str_slice(*rest, space + 1, (size_t)length - 1);
    size_t equals = envm_str_find_char(record, '=');

    if (equals == SIZE_MAX || equals == 0)
        return false;
    *ret_key = envm_str_slice(record, 0, equals);
    *ret_value = envm_str_skip(record, equals + 1);
    *rest = envm_str_skip(*rest, (size_t)length);
    return true;
}

const char *envm_tar_link_text_fault(envm_str text)
{
    if (text.len == 0)
        return "link without a target";
    if (text.len > LINK_TEXT_MAX)
        return "link target longer than 4095 bytes";
    while (text.len > 0) {
        uint32_t code_point = 0;
        size_t length = envm_utf8_decode(text, &code_point);

        if (length == 0)
            return "link target is not valid UTF-8";
        if (envm_utf8_is_control(code_point))
            return "control character in a link target";
        text = envm_str_skip(text, length);
    }
    return NULL;
}

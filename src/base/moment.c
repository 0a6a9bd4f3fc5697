/* SPDX-License-Identifier: MIT */
#include "base/moment.h"

#include <time.h>

#include "base/str.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define LAST_MS (UINT64_C(253402300800) * SECOND_MS) /* the year 10000 begins */

/* Exactly `digits` digits, which are taken off *text. */
static bool take_number(envm_str *text, size_t digits, unsigned *ret_number)
{
    unsigned number = 0;

    if (text->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return false;
        number = number * 10 + (unsigned)(text->ptr[i] - '0');
    }
    *text = envm_str_skip(*text, digits);
    *ret_number = number;
    return true;
}

static bool take_byte(envm_str *text, char byte)
{
    if (text->len == 0 || text->ptr[0] != byte)
        return false;
    *text = envm_str_skip(*text, 1);
    return true;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool take_date(envm_str *text, uint64_t *ret_ms)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    uint64_t days = 0;

    if (!take_number(text, 4, &year) || !take_byte(text, '-') || !take_number(text, 2, &month) ||
        !take_byte(text, '-') || !take_number(text, 2, &day))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return false;
    for (unsigned y = 1970; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (unsigned m = 1; m < month; m++)
        days += lengths[m - 1] + (m == 2 && is_leap(year));
    *ret_ms = (days + day - 1) * DAY_MS;
    return true;
}

/* Digits beyond the third are read and not used. */
static bool take_fraction(envm_str *text, uint64_t *ms)
{
    uint64_t scale = 100;
    size_t digits = 0;

    if (!take_byte(text, '.'))
        return true;
    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9') {
        *ms += (uint64_t)(text->ptr[digits] - '0') * scale;
        scale /= 10;
        digits++;
    }
    *text = envm_str_skip(*text, digits);
    return digits > 0;
}

static bool take_offset(envm_str *text, uint64_t *ms)
{
    unsigned hours, minutes;
    bool is_east = text->len > 0 && text->ptr[0] == '+';

    if (take_byte(text, 'Z') || take_byte(text, 'z'))
        return true;
    if ((!take_byte(text, '+') && !take_byte(text, '-')) || !take_number(text, 2, &hours) ||
        !take_byte(text, ':') || !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    uint64_t offset = hours * HOUR_MS + minutes * MINUTE_MS;
    if (is_east && offset > *ms)
        return false;
    *ms = is_east ? *ms - offset : *ms + offset;
    return true;
}

static bool take_time(envm_str *text, uint64_t *ms)
{
    unsigned hour, minute, second;

    if (!take_byte(text, 'T') && !take_byte(text, 't') && !take_byte(text, ' '))
        return false;
    if (!take_number(text, 2, &hour) || !take_byte(text, ':') || !take_number(text, 2, &minute) ||
        !take_byte(text, ':') || !take_number(text, 2, &second))
        return false;
    /* a leap second counts as the one before it */
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *ms += hour * HOUR_MS + minute * MINUTE_MS + (second == 60 ? 59 : second) * SECOND_MS;
    return take_fraction(text, ms) && take_offset(text, ms);
}

static bool parse_moment(envm_str text, uint64_t *ret_ms)
{
    uint64_t ms;

    if (!take_date(&text, &ms))
        return false;
    if (text.len == 0)
        ms += DAY_MS;
    else if (!take_time(&text, &ms) || text.len > 0)
        return false;
    if (ms > LAST_MS)
        return false;
    *ret_ms = ms;
    return true;
}

/* 0: no unit. */
static uint64_t unit_of(char letter)
{
    switch (letter) {
    case 'w':
        return 7 * DAY_MS;
    case 'd':
        return DAY_MS;
    case 'h':
        return HOUR_MS;
    case 'm':
        return MINUTE_MS;
    case 's':
        return SECOND_MS;
    default:
        return 0;
    }
}

/* "12h": digits and a unit out of w, d, h, m, s; after a T only those of the clock. */
static bool take_part(envm_str *text, bool is_iso, bool in_time, uint64_t *length)
{
    size_t digits = 0;
    uint64_t number, unit, part;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
        digits++;
    if (digits == 0 || digits == text->len ||
        !envm_str_parse_u64(envm_str_slice(*text, 0, digits), &number))
        return false;
    char letter = (char)(text->ptr[digits] | 0x20);
    if (in_time ? letter == 'w' || letter == 'd' : is_iso && letter != 'w' && letter != 'd')
        return false;
    unit = unit_of(letter);
    *text = envm_str_skip(*text, digits + 1);
    return unit && !__builtin_mul_overflow(number, unit, &part) &&
           !__builtin_add_overflow(*length, part, length);
}

static bool parse_duration(envm_str text, uint64_t *ret_length)
{
    bool is_iso = take_byte(&text, 'P') || take_byte(&text, 'p'), in_time = false;
    uint64_t length = 0;

    if (text.len == 0)
        return false;
    while (text.len > 0) {
        if (is_iso && !in_time && (take_byte(&text, 'T') || take_byte(&text, 't')))
            in_time = true;
        if (!take_part(&text, is_iso, in_time, &length))
            return false;
        if (!is_iso)
            text = envm_str_trim(text);
    }
    *ret_length = length;
    return true;
}

bool envm_moment_parse(envm_str text, uint64_t now_ms, uint64_t *ret_ms, bool *ret_is_duration)
{
    uint64_t length, ms;
    bool is_duration = false;

    text = envm_str_trim(text);
    if (!parse_moment(text, &ms)) {
        if (!parse_duration(text, &length) || length > now_ms)
            return false;
        is_duration = true;
        ms = now_ms - length;
    }
    *ret_ms = ms;
    if (ret_is_duration)
        *ret_is_duration = is_duration;
    return true;
}

static struct tm split(uint64_t ms)
{
    time_t seconds = (time_t)(ms / SECOND_MS);
    struct tm parts = {0};

    gmtime_r(&seconds, &parts);
    return parts;
}

void envm_moment_say_day(struct envm_buf *out, uint64_t ms)
{
    struct tm parts = split(ms);

    envm_buf_printf(out, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

void envm_moment_write(struct envm_buf *out, uint64_t ms)
{
    struct tm parts = split(ms);

    envm_moment_say_day(out, ms);
    envm_buf_printf(out, "T%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec);
    if (ms % SECOND_MS)
        envm_buf_printf(out, ".%03u", (unsigned)(ms % SECOND_MS));
    envm_buf_add_byte(out, 'Z');
}

void envm_moment_say(struct envm_buf *out, uint64_t ms)
{
    struct tm parts = split(ms);

    if (ms % DAY_MS == 0 && ms > 0) {
        envm_buf_add_cstr(out, "the end of ");
        envm_moment_say_day(out, ms - DAY_MS);
        return;
    }
    envm_moment_say_day(out, ms);
    envm_buf_printf(out, " %02d:%02d UTC", parts.tm_hour, parts.tm_min);
}

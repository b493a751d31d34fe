#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    DAY_S = 24 * HOUR_S,
    DURATION_MAX_S = 3650 * DAY_S,
    DAYS_OF_400_YEARS = 146097,
};

static const int64_t YEAR_10000_MS = 253402300800000;

static const struct {
    char letter;
    int32_t seconds;
} DURATION_UNITS[] = {{'d', DAY_S}, {'h', HOUR_S}, {'m', MINUTE_S}, {'s', 1}};

// Must count while the machine sleeps: otherwise a connector that wakes up believes that what it
// was told before is still wanted. Linux's CLOCK_MONOTONIC does not; macOS's does.
#ifdef CLOCK_BOOTTIME
#define STEADY_CLOCK CLOCK_BOOTTIME
#else
#define STEADY_CLOCK CLOCK_MONOTONIC
#endif

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now); // cannot fail for these two clocks
    return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

static int64_t system_now_ms(const Clock *clock) {
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(const Clock *clock) {
    (void)clock;
    return read_clock(STEADY_CLOCK);
}

static int64_t manual_ms(const Clock *clock) {
    // The Clock is its first member. Read by threads while a test moves it.
    return __atomic_load_n(&((const ManualClock *)clock)->at_ms, __ATOMIC_SEQ_CST);
}

ManualClock manual_clock_at(int64_t now_ms) {
    return (ManualClock){.clock = {.now_ms = manual_ms, .monotonic_ms = manual_ms},
                         .at_ms = now_ms};
}

// Days from 1970-01-01 to this day of the Gregorian calendar. Years are counted from March, so that
// the leap day is the last of its year; valid from the year 0.
static int64_t days_from_date(int year, int month, int day) {
    int64_t march_year = month > 2 ? year : year - 1;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year -
           719468; // days from 0000-03-01 to 1970-01-01
}

static void date_from_days(int64_t days, int64_t *year, int *month, int *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - DAYS_OF_400_YEARS + 1) / DAYS_OF_400_YEARS;
    int64_t in_era = days - era * DAYS_OF_400_YEARS;
    int64_t year_of_era =
        (in_era - in_era / 1460 + in_era / 36524 - in_era / (DAYS_OF_400_YEARS - 1)) / 365;
    int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * in_year + 2) / 153;
    *day = (int)(in_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = era * 400 + year_of_era + (*month <= 2);
}

const char *timestamp_format(int64_t at_ms, char text[TIMESTAMP_SIZE]) {
    const int64_t day_ms = (int64_t)DAY_S * SECOND_MS;
    int64_t days = at_ms / day_ms;
    int64_t in_day = at_ms % day_ms;
    if (in_day < 0) {
        in_day += day_ms;
        days--;
    }
    int64_t year;
    int month, day;
    date_from_days(days, &year, &month, &day);
    int second = (int)(in_day / SECOND_MS);
    snprintf(text, TIMESTAMP_SIZE, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)year, month,
             day, second / HOUR_S, second / MINUTE_S % 60, second % 60, (int)(in_day % SECOND_MS));
    return text;
}

// Reads exactly `digits` digits and moves on.
static bool take_number(const char **text, int digits, int *ret_number) {
    int number = 0;
    for (int i = 0; i < digits; i++) {
        char digit = (*text)[i];
        if (digit < '0' || digit > '9')
            return false;
        number = number * 10 + (digit - '0');
    }
    *text += digits;
    *ret_number = number;
    return true;
}

static bool take_letter(const char **text, char letter) {
    if (**text != letter)
        return false;
    ++*text;
    return true;
}

static int days_of_month(int year, int month) {
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **text, int64_t *ret_days) {
    int year, month, day;
    if (!take_number(text, 4, &year) || !take_letter(text, '-') || !take_number(text, 2, &month) ||
        !take_letter(text, '-') || !take_number(text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
        return false;
    *ret_days = days_from_date(year, month, day);
    return true;
}

// ":60" is refused: a leap second has no place in milliseconds since 1970.
static bool take_time_of_day(const char **text, int64_t *ret_ms) {
    int hour, minute, second;
    if (!take_number(text, 2, &hour) || !take_letter(text, ':') || !take_number(text, 2, &minute) ||
        !take_letter(text, ':') || !take_number(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t ms = (int64_t)(hour * HOUR_S + minute * MINUTE_S + second) * SECOND_MS;
    if (take_letter(text, '.')) {
        int digit;
        int worth = 100;
        if (!take_number(text, 1, &digit))
            return false;
        do {
            ms += (int64_t)digit * worth;
            worth /= 10;
        } while (take_number(text, 1, &digit));
    }
    *ret_ms = ms;
    return true;
}

static bool take_offset(const char **text, int64_t *ret_ms) {
    *ret_ms = 0;
    if (take_letter(text, 'Z') || take_letter(text, 'z'))
        return true;
    bool west = take_letter(text, '-');
    int hour, minute;
    if ((!west && !take_letter(text, '+')) || !take_number(text, 2, &hour) ||
        !take_letter(text, ':') || !take_number(text, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ret_ms = (int64_t)(hour * HOUR_S + minute * MINUTE_S) * SECOND_MS * (west ? -1 : 1);
    return true;
}

Status timestamp_parse(const char *text, int64_t *ret_at_ms, Error *reterr) {
    int64_t days, time_of_day_ms, offset_ms;
    const char *rest = text;
    if (take_date(&rest, &days) && (take_letter(&rest, 'T') || take_letter(&rest, 't')) &&
        take_time_of_day(&rest, &time_of_day_ms) && take_offset(&rest, &offset_ms) &&
        *rest == '\0') {
        int64_t at_ms = days * DAY_S * SECOND_MS + time_of_day_ms - offset_ms;
        if (at_ms >= 0 && at_ms < YEAR_10000_MS) {
            *ret_at_ms = at_ms;
            return STATUS_OK;
        }
    }
    return error_set(reterr, STATUS_INVALID, "bad_time",
                     "expected a time such as 2026-05-04T10:00:00Z (RFC 3339, years 1970 to 9999)");
}

// Reads one number and its unit, which must come after `*unit` in the table. False when it is none,
// or when the sum is above the maximum.
static bool take_duration_part(const char **text, size_t *unit, int64_t *sum) {
    const char *rest = *text;
    int64_t number = 0;
    int digit;
    if (!take_number(&rest, 1, &digit))
        return false;
    do {
        number = number * 10 + digit;
        if (number > DURATION_MAX_S)
            return false;
    } while (take_number(&rest, 1, &digit));
    for (size_t i = *unit; i < COUNT_OF(DURATION_UNITS); i++) {
        if (take_letter(&rest, DURATION_UNITS[i].letter)) {
            *sum += number * DURATION_UNITS[i].seconds;
            *unit = i + 1;
            *text = rest;
            return *sum <= DURATION_MAX_S;
        }
    }
    return false;
}

Status duration_parse(const char *text, int64_t *ret_seconds, Error *reterr) {
    int64_t sum = 0;
    size_t unit = 0;
    const char *rest = text;
    do {
        if (!take_duration_part(&rest, &unit, &sum))
            break;
    } while (*rest != '\0');
    if (*rest != '\0' || sum <= 0 || sum > DURATION_MAX_S)
        return error_set(reterr, STATUS_INVALID, "bad_duration",
                         "expected a duration such as 30m, 8h or 1h30m (d, h, m and s in this "
                         "order, whole numbers, at most 3650d)");
    *ret_seconds = sum;
    return STATUS_OK;
}

const char *duration_format(int64_t seconds, char text[DURATION_SIZE]) {
    // Unsigned, because the smallest int64_t has no positive counterpart.
    uint64_t rest = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    size_t used = 0;
    if (seconds < 0)
        text[used++] = '-';
    for (size_t i = 0; i < COUNT_OF(DURATION_UNITS); i++) {
        uint64_t worth = (uint64_t)DURATION_UNITS[i].seconds;
        uint64_t count = rest / worth;
        rest %= worth;
        if (count > 0 || (seconds == 0 && worth == 1))
            used += (size_t)snprintf(text + used, DURATION_SIZE - used, "%llu%c",
                                     (unsigned long long)count, DURATION_UNITS[i].letter);
    }
    return text;
}

const Clock SYSTEM_CLOCK = {.now_ms = system_now_ms, .monotonic_ms = system_monotonic_ms};

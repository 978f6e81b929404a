/* strftime_now: the time that the caller gave, in English. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libinfer/chat.h>

#include "jinja.h"

#define DAY 86400

struct date {
	int64_t year;
	int month, day, hour, minute, second; /* month and day from 1 */
	int week_day, year_day;               /* Sunday 0; January 1st 0 */
};

static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
                                      "July",    "August",   "September", "October", "November", "December" };
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

/* Days since 1970-01-01 of a date of the Gregorian calendar, counted in eras of 400 years from March on. */
static int64_t days_of(int64_t y, int m, int d)
{
	int64_t year = y - (m <= 2), era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
	int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct date date_of(int64_t seconds)
{
	int64_t day = seconds / DAY - (seconds % DAY < 0), of_day = seconds - day * DAY;
	struct date d = { .year = 1970 + day / 366, .month = 12 };

	while (days_of(d.year + 1, 1, 1) <= day)
		d.year++;
	while (days_of(d.year, 1, 1) > day)
		d.year--;
	while (days_of(d.year, d.month, 1) > day)
		d.month--;
	d.day = (int)(day - days_of(d.year, d.month, 1)) + 1;
	d.year_day = (int)(day - days_of(d.year, 1, 1));
	d.week_day = (int)(((day + 4) % 7 + 7) % 7);
	d.hour = (int)(of_day / 3600);
	d.minute = (int)(of_day / 60 % 60);
	d.second = (int)(of_day % 60);
	return d;
}

bool infer_chat_time(const char *text, int64_t *seconds)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int v[6] = { 0 }, n = 0, end = 0;
	bool leap;

	if (sscanf(text, "%4d-%2d-%2d%n", &v[0], &v[1], &v[2], &end) != 3)
		return false;
	if (text[end] && sscanf(text + end, "%*1[ T]%2d:%2d:%2d%n", &v[3], &v[4], &v[5], &n) != 3)
		return false;
	leap = v[0] % 4 == 0 && (v[0] % 100 != 0 || v[0] % 400 == 0);
	if (text[end + n] || v[0] < 1 || v[1] < 1 || v[1] > 12 || v[2] < 1 ||
	    v[2] > lengths[v[1] - 1] + (leap && v[1] == 2) || v[3] < 0 || v[3] > 23 || v[4] < 0 || v[4] > 59 ||
	    v[5] < 0 || v[5] > 59)
		return false;
	*seconds = days_of(v[0], v[1], v[2]) * DAY + v[3] * 3600 + v[4] * 60 + v[5];
	return true;
}

/* Week of the year, weeks beginning with a day (Sunday 0, Monday 1). */
static int week(const struct date *d, int first)
{
	return (d->year_day + 7 - (d->week_day + 7 - first) % 7) / 7;
}

/* One conversion; false if there is none of that letter. */
static bool convert(char c, const struct date *d, bool padded, char *out, size_t n)
{
	const char *two = padded ? "%02d" : "%d";
	int hour = d->hour % 12 ? d->hour % 12 : 12;

	switch (c) {
	case 'Y': snprintf(out, n, "%" PRId64, d->year); return true;
	case 'y': snprintf(out, n, two, (int)(d->year % 100)); return true;
	case 'C': snprintf(out, n, two, (int)(d->year / 100)); return true;
	case 'm': snprintf(out, n, two, d->month); return true;
	case 'd': snprintf(out, n, two, d->day); return true;
	case 'e': snprintf(out, n, padded ? "%2d" : "%d", d->day); return true;
	case 'H': snprintf(out, n, two, d->hour); return true;
	case 'I': snprintf(out, n, two, hour); return true;
	case 'k': snprintf(out, n, padded ? "%2d" : "%d", d->hour); return true;
	case 'l': snprintf(out, n, padded ? "%2d" : "%d", hour); return true;
	case 'M': snprintf(out, n, two, d->minute); return true;
	case 'S': snprintf(out, n, two, d->second); return true;
	case 'f': snprintf(out, n, "000000"); return true;
	case 'j': snprintf(out, n, padded ? "%03d" : "%d", d->year_day + 1); return true;
	case 'B': snprintf(out, n, "%s", months[d->month - 1]); return true;
	case 'b':
	case 'h': snprintf(out, n, "%.3s", months[d->month - 1]); return true;
	case 'A': snprintf(out, n, "%s", days[d->week_day]); return true;
	case 'a': snprintf(out, n, "%.3s", days[d->week_day]); return true;
	case 'p': snprintf(out, n, "%s", d->hour < 12 ? "AM" : "PM"); return true;
	case 'P': snprintf(out, n, "%s", d->hour < 12 ? "am" : "pm"); return true;
	case 'w': snprintf(out, n, "%d", d->week_day); return true;
	case 'u': snprintf(out, n, "%d", d->week_day ? d->week_day : 7); return true;
	case 'U': snprintf(out, n, two, week(d, 0)); return true;
	case 'W': snprintf(out, n, two, week(d, 1)); return true;
	case 'F': snprintf(out, n, "%" PRId64 "-%02d-%02d", d->year, d->month, d->day); return true;
	case 'D':
	case 'x': snprintf(out, n, "%02d/%02d/%02d", d->month, d->day, (int)(d->year % 100)); return true;
	case 'T':
	case 'X': snprintf(out, n, "%02d:%02d:%02d", d->hour, d->minute, d->second); return true;
	case 'R': snprintf(out, n, "%02d:%02d", d->hour, d->minute); return true;
	case 'c':
		snprintf(out, n, "%.3s %.3s %2d %02d:%02d:%02d %" PRId64, days[d->week_day], months[d->month - 1],
		         d->day, d->hour, d->minute, d->second, d->year);
		return true;
	case 'n': snprintf(out, n, "\n"); return true;
	case 't': snprintf(out, n, "\t"); return true;
	case '%': snprintf(out, n, "%%"); return true;
	case 'Z':
	case 'z': *out = '\0'; return true; /* the time has no zone */
	default: return false;
	}
}

struct jj_value jj_strftime(struct jj *j, struct fmt_str format, int64_t seconds)
{
	struct date d = date_of(seconds);
	struct jj_buf b = { 0 };
	char text[80];

	for (size_t i = 0; i < format.n && jj_ok(j); i++) {
		bool plain = i + 2 < format.n && format.p[i + 1] == '-';

		if (format.p[i] != '%' || i + 1 == format.n) {
			jj_put(j, &b, (struct fmt_str){ format.p + i, 1 });
		} else if (convert(format.p[i + 1 + plain], &d, !plain, text, sizeof text)) {
			jj_put(j, &b, jj_cstr(text).as.s);
			i += 1 + plain;
		} else {
			jj_fail(j, FMT_UNSUPPORTED, "strftime_now: no format '%%%c'", format.p[i + 1 + plain]);
		}
	}
	return jj_str(jj_buf_take(j, &b));
}

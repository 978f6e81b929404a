/* What goes to stdout: sizes and counts for people, JSON for programs, names made safe for terminals. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <libfmt/model.h>

#include "cli.h"

bool cli_size(const char *text, uint64_t *out)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = {
		{ "", 1 },        { "B", 1 },
		{ "K", 1024.0 },  { "KiB", 1024.0 },  { "KB", 1e3 },
		{ "M", 0x1p20 },  { "MiB", 0x1p20 },  { "MB", 1e6 },
		{ "G", 0x1p30 },  { "GiB", 0x1p30 },  { "GB", 1e9 },
		{ "T", 0x1p40 },  { "TiB", 0x1p40 },  { "TB", 1e12 },
	};
	char *end;
	double v;

	if (*text < '0' || *text > '9')
		return false;
	v = strtod(text, &end);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcasecmp(end, units[i].unit))
			continue;
		if (!(v * units[i].factor < 0x1p63))
			return false;
		*out = (uint64_t)(v * units[i].factor);
		return true;
	}
	return false;
}

static const char *scaled(uint64_t n, double step, const char *const *units, char *buf)
{
	double v = (double)n;
	int unit = 0;

	while (v >= step && units[unit + 1]) {
		v /= step;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, 32, "%" PRIu64 "%s", n, units[0]);
	else
		snprintf(buf, 32, "%.*f %s", v < 10 ? 2 : v < 100 ? 1 : 0, v, units[unit]);
	return buf;
}

const char *cli_bytes(uint64_t n, char *buf)
{
	static const char *const units[] = { " B", "KiB", "MiB", "GiB", "TiB", "PiB", NULL };

	return scaled(n, 1024, units, buf);
}

const char *cli_count(uint64_t n, char *buf)
{
	static const char *const units[] = { "", "K", "M", "B", "T", NULL };

	return scaled(n, 1000, units, buf);
}

const char *cli_thousands(uint64_t n, char *buf)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n), out = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = 0;
	return buf;
}

bool cli_utf8(FILE *f)
{
	static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" }; /* the first that says something counts */
	const char *locale = NULL;

	for (size_t i = 0; i < sizeof variables / sizeof *variables && (!locale || !*locale); i++)
		locale = getenv(variables[i]);
	return locale && (strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "UTF8")) && isatty(fileno(f));
}

void cli_print_bar(FILE *f, double part, int width)
{
	int eighths = (int)(part * width * 8 + 0.5);

	if (!cli_utf8(f)) {
		for (int i = 0; i < (int)(part * width + 0.5); i++)
			fputc('#', f);
		return;
	}
	for (int i = 0; i < eighths / 8; i++)
		fputs("\xe2\x96\x88", f); /* U+2588, a whole block; U+2589 to U+258F have an eighth less each */
	if (eighths % 8 || (eighths == 0 && part > 0))
		fprintf(f, "\xe2\x96%c", 0x88 + 8 - (eighths % 8 ? eighths % 8 : 1));
}

void cli_print_wrapped(FILE *f, const char *text, int column, int indent)
{
	bool first = true;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (!first && column + 1 + (int)n > 80)
			column = fprintf(f, "\n%*s", indent, "") - 1;
		else if (!first)
			column += fprintf(f, " ");
		column += fprintf(f, "%.*s", (int)n, text);
		text += n + strspn(text + n, " ");
		first = false;
	}
	fputc('\n', f);
}

/* Bytes of the well-formed UTF-8 sequence at s (at most n), or 0. Source: Unicode standard, table 3-7. */
static unsigned utf8_length(const unsigned char *s, size_t n)
{
	unsigned len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (!len || len > n)
		return 0;
	for (unsigned i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

bool cli_is_utf8(const char *text, size_t n, size_t *bad)
{
	unsigned len = 1;

	for (*bad = 0; *bad < n && len; *bad += len)
		len = utf8_length((const unsigned char *)text + *bad, n - *bad);
	return len;
}

void cli_print_str(FILE *f, struct fmt_str s)
{
	for (size_t i = 0; i < s.n;) {
		const unsigned char *c = (const unsigned char *)s.p + i;
		unsigned len = utf8_length(c, s.n - i);
		/* C1 controls (U+0080 to U+009F) act on some terminals as well */
		bool control = *c < 0x20 || *c == 0x7f || (*c == 0xc2 && len == 2 && c[1] < 0xa0);

		if (len && !control) {
			fwrite(c, 1, len, f);
			i += len;
		} else {
			fprintf(f, "\\x%02x", *c);
			i++;
		}
	}
}

void cli_print_xml(FILE *f, struct fmt_str s)
{
	for (size_t i = 0; i < s.n;) {
		const unsigned char *c = (const unsigned char *)s.p + i;
		unsigned len = utf8_length(c, s.n - i);
		bool control = *c < 0x20 || *c == 0x7f || (*c == 0xc2 && len == 2 && c[1] < 0xa0);
		bool no_character = len == 3 && c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe; /* U+FFFE, U+FFFF */

		if (!len || control || no_character)
			fputs("\xef\xbf\xbd", f);
		else if (*c == '&')
			fputs("&amp;", f);
		else if (*c == '<')
			fputs("&lt;", f);
		else if (*c == '>')
			fputs("&gt;", f);
		else if (*c == '"')
			fputs("&quot;", f);
		else
			fwrite(c, 1, len, f);
		i += len ? len : 1;
	}
}

void cli_json_start(struct cli_json *j, FILE *f)
{
	memset(j, 0, sizeof *j);
	j->f = f;
	j->pretty = true;
}

void cli_json_end(struct cli_json *j)
{
	fputc('\n', j->f);
}

void cli_json_str_part(struct cli_json *j, struct fmt_str s)
{
	for (size_t i = 0; i < s.n;) {
		const unsigned char *c = (const unsigned char *)s.p + i;
		unsigned len = utf8_length(c, s.n - i);

		if (!len) {
			fputs("\xef\xbf\xbd", j->f);
			len = 1;
		} else if (*c == '"' || *c == '\\') {
			fprintf(j->f, "\\%c", *c);
		} else if (*c == '\n') {
			fputs("\\n", j->f);
		} else if (*c < 0x20 || *c == 0x7f) {
			fprintf(j->f, "\\u%04x", *c);
		} else {
			fwrite(c, 1, len, j->f);
		}
		i += len;
	}
}

static void json_text(struct cli_json *j, struct fmt_str s)
{
	fputc('"', j->f);
	cli_json_str_part(j, s);
	fputc('"', j->f);
}

static void json_separate(struct cli_json *j)
{
	if (j->key_written) {
		j->key_written = false;
		return;
	}
	if (j->comma[j->depth])
		fputc(',', j->f);
	j->comma[j->depth] = true;
	if (j->depth && j->pretty)
		fprintf(j->f, "\n%*s", (int)j->depth * 2, "");
}

void cli_json_key_str(struct cli_json *j, struct fmt_str key)
{
	json_separate(j);
	json_text(j, key);
	fputs(j->pretty ? ": " : ":", j->f);
	j->key_written = true;
}

static void json_key(struct cli_json *j, const char *key)
{
	if (key)
		cli_json_key_str(j, (struct fmt_str){ key, strlen(key) });
	json_separate(j);
}

static void json_open(struct cli_json *j, const char *key, char bracket)
{
	json_key(j, key);
	fputc(bracket, j->f);
	j->depth++;
	j->comma[j->depth] = false;
}

void cli_json_object(struct cli_json *j, const char *key)
{
	json_open(j, key, '{');
}

void cli_json_array(struct cli_json *j, const char *key)
{
	json_open(j, key, '[');
}

void cli_json_close(struct cli_json *j, char bracket)
{
	bool any = j->comma[j->depth];

	j->depth--;
	if (any && j->pretty)
		fprintf(j->f, "\n%*s", (int)j->depth * 2, "");
	fputc(bracket, j->f);
}

void cli_json_str(struct cli_json *j, const char *key, struct fmt_str s)
{
	json_key(j, key);
	json_text(j, s);
}

void cli_json_str_open(struct cli_json *j, const char *key)
{
	json_key(j, key);
	fputc('"', j->f);
}

void cli_json_str_close(struct cli_json *j)
{
	fputc('"', j->f);
}

void cli_json_cstr(struct cli_json *j, const char *key, const char *s)
{
	cli_json_str(j, key, (struct fmt_str){ s, strlen(s) });
}

void cli_json_u64(struct cli_json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	fprintf(j->f, "%" PRIu64, v);
}

void cli_json_i64(struct cli_json *j, const char *key, int64_t v)
{
	json_key(j, key);
	fprintf(j->f, "%" PRId64, v);
}

void cli_json_f64(struct cli_json *j, const char *key, double v)
{
	char text[40];

	json_key(j, key);
	if (!isfinite(v)) {
		fputs("null", j->f);
		return;
	}
	for (int digits = 6; digits <= DBL_DECIMAL_DIG; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	fputs(text, j->f);
}

void cli_json_bool(struct cli_json *j, const char *key, bool v)
{
	json_key(j, key);
	fputs(v ? "true" : "false", j->f);
}

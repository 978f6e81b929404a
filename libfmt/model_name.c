/* Names of models taken apart. See model_name.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model_name.h"

/* A name has few parts; what is beyond is left out of the analysis, not of the name. */
#define MAX_PARTS 32

enum part_kind { PART_BASENAME = 1, PART_SIZE = 2, PART_FINETUNE = 4, PART_VERSION = 8, PART_TYPE = 16 };

struct part {
	char text[64];
	unsigned kinds;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static const char *skip_digits(const char *p)
{
	while (is_digit(*p))
		p++;
	return p;
}

/* 3, v3, v0.3, iter2 */
static bool is_version(const char *p)
{
	if (!strncasecmp(p, "iter", 4))
		p += 4;
	else if (lower(*p) == 'v')
		p++;
	if (!is_digit(*p))
		return false;
	p = skip_digits(p);
	while (*p == '.' && is_digit(p[1]))
		p = skip_digits(p + 1);
	return !*p;
}

/* q4_K_M, iq2_s, bf16, fp32, f16 */
static bool is_type(const char *p)
{
	const char *f = p + (lower(*p) == 'b');

	if (lower(*f) == 'f') {
		f += lower(f[1]) == 'p' ? 2 : 1;
		if (!strcmp(f, "16") || !strcmp(f, "32"))
			return true;
	}
	p += lower(*p) == 'i';
	if (lower(*p) != 'q' || !is_digit(p[1]))
		return false;
	for (p += 2; *p; p += 2)
		if (*p != '_' || !(is_alpha(p[1]) || is_digit(p[1]) || p[1] == '_'))
			return false;
	return true;
}

/* 7B, 8x7B, A3B, 1.1B, 1_5b, 7b1, small, xxl */
static bool is_size(const char *p)
{
	static const char *const words[] = { "small", "mini", "medium", "large", "xl", "xxl" };
	const char *end;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(p, words[i]))
			return true;
	end = skip_digits(p);
	if (lower(*p) == 'a')
		p++;
	else if (end > p && lower(*end) == 'x')
		p = end + 1;
	if (!is_digit(*p))
		return false;
	p = skip_digits(p);
	if ((*p == '.' || *p == '_') && is_digit(p[1]))
		p = skip_digits(p + 1);
	if (!*p || !strchr("kmbt", lower(*p)))
		return false;
	p += 1 + is_digit(p[1]);
	return !*p;
}

/* "1_5b" -> "1.5B", "7b1" -> "7.1B" */
static void tidy_size(char *s)
{
	size_t n = strlen(s);

	for (char *p = s; *p; p++)
		if (*p == '_')
			*p = '.';
	if (is_digit(s[n - 1]) && n + 1 < sizeof ((struct part *)0)->text) {
		char unit = s[n - 2];

		s[n - 2] = '.';
		s[n] = unit;
		s[++n] = 0;
	}
	if (n > 1 && is_digit(s[n - 2]) && strchr("kmbt", s[n - 1]))
		s[n - 1] = upper(s[n - 1]);
}

/* A size far from the model's own is likely a context length: "128k". */
static bool is_far(const char *s, uint64_t n_params)
{
	static const char units[] = "KMBT";
	size_t n = strlen(s);
	char *end;
	double label = strtod(s, &end);
	const char *unit = strchr(units, s[n - 1]);

	if (!n_params || !unit || end != s + n - 1)
		return false;
	for (const char *u = units; u <= unit; u++)
		label *= 1000;
	return fabs(label - (double)n_params) > (double)(7 * n_params / 8);
}

static bool is_finetune(const char *s)
{
	return !strcasecmp(s, "chat") || !strcasecmp(s, "instruct") || !strcasecmp(s, "vision") || !strcasecmp(s, "lora");
}

static void classify(struct part *part, bool first, uint64_t n_params)
{
	char *s = part->text;

	if (is_version(s)) {
		part->kinds = PART_VERSION;
	} else if (is_type(s)) {
		part->kinds = PART_TYPE;
		for (; *s; s++)
			*s = upper(*s);
	} else if (!first && is_size(s)) {
		tidy_size(s);
		part->kinds = PART_SIZE;
		if (is_far(s, n_params)) {
			part->kinds = PART_FINETUNE;
			s[strlen(s) - 1] = lower(s[strlen(s) - 1]);
		}
	} else if (!first && is_finetune(s)) {
		part->kinds = PART_FINETUNE;
	}
}

/* "small" counts as a size only where no number does. */
static void drop_size_words(struct part *parts, size_t n)
{
	bool number = false;

	for (size_t i = 0; i < n; i++)
		if (parts[i].kinds & PART_SIZE)
			number |= strpbrk(parts[i].text, "0123456789") != NULL;
	for (size_t i = 0; number && i < n; i++)
		if (parts[i].kinds & PART_SIZE && !strpbrk(parts[i].text, "0123456789."))
			parts[i].kinds &= ~(unsigned)PART_SIZE;
}

/* The base name is the beginning, up to the first part that is something else; versions inside belong to it, those at
 * its end do not. */
static void find_basename(struct part *parts, size_t n)
{
	bool at_start = true;

	for (size_t i = 0; i < n; i++) {
		if (at_start && ((!parts[i].kinds && is_alpha(parts[i].text[0])) || parts[i].kinds & PART_VERSION)) {
			parts[i].kinds |= PART_BASENAME;
		} else {
			at_start = false;
			if (!parts[i].kinds)
				parts[i].kinds = PART_FINETUNE;
		}
	}
	for (size_t i = n; i-- && parts[i].kinds & PART_BASENAME && parts[i].kinds != PART_BASENAME;)
		parts[i].kinds &= ~(unsigned)PART_BASENAME;
}

/* The parts of a kind, with dashes between; sizes that repeat once. */
static struct fmt_str join(struct fmt_arena *mem, const struct part *parts, size_t n, unsigned kind, unsigned but_not,
                           struct fmt_err *err)
{
	char text[MAX_PARTS * sizeof parts->text];
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		bool again = false;

		if (!(parts[i].kinds & kind) || parts[i].kinds & but_not)
			continue;
		for (size_t j = 0; j < i && kind == PART_SIZE; j++)
			again |= parts[j].kinds & kind && !strcmp(parts[i].text, parts[j].text);
		if (!again)
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? "-" : "", parts[i].text);
	}
	return at ? fmt_arena_str(mem, (struct fmt_str){ text, at }, err) : (struct fmt_str){ NULL, 0 };
}

static size_t split(struct fmt_str s, struct part *parts)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < MAX_PARTS;) {
		const char *dash = memchr(s.p + i, '-', s.n - i);
		size_t len = dash ? (size_t)(dash - s.p) - i : s.n - i;

		if (len && len < sizeof parts->text - 1) {
			parts[n].kinds = 0;
			memcpy(parts[n].text, s.p + i, len);
			parts[n++].text[len] = 0;
		}
		i += len + 1;
	}
	return n;
}

bool model_name_parse(struct fmt_arena *mem, struct fmt_str id, uint64_t n_params, struct model_name *out,
                      struct fmt_err *err)
{
	const char *slash = memchr(id.p ? id.p : "", '/', id.n);
	struct part parts[MAX_PARTS];
	size_t n;

	*out = (struct model_name){ .full = id };
	if (!id.n || memchr(id.p, ' ', id.n))
		return true; /* a sentence, not an identifier */
	if (slash) {
		out->full = (struct fmt_str){ slash + 1, id.n - (size_t)(slash + 1 - id.p) };
		if (id.p[0] != '.')
			out->organization = (struct fmt_str){ id.p, (size_t)(slash - id.p) };
	}
	n = split(out->full, parts);
	for (size_t i = 0; i < n; i++)
		classify(&parts[i], i == 0, n_params);
	drop_size_words(parts, n);
	find_basename(parts, n);
	out->size_label = join(mem, parts, n, PART_SIZE, 0, err);
	out->finetune = join(mem, parts, n, PART_FINETUNE, 0, err);
	out->version = join(mem, parts, n, PART_VERSION, PART_BASENAME, err);
	if (out->size_label.p || out->finetune.p || out->version.p)
		out->basename = join(mem, parts, n, PART_BASENAME, 0, err);
	return !err->code;
}

/* v1, v0.3, and whatever begins with a digit */
static bool keeps_case(const char *w, size_t n)
{
	size_t i = 1;

	if (is_digit(w[0]))
		return true;
	if (w[0] != 'v' || n < 2)
		return false;
	while (i < n && (is_digit(w[i]) || (w[i] == '.' && is_digit(w[i - 1]))))
		i++;
	return i == n && is_digit(w[n - 1]);
}

static void title_word(char *w, size_t n)
{
	bool any_lower = false;

	for (size_t i = 0; i < n; i++) {
		if (w[i] >= 'A' && w[i] <= 'Z')
			return;
		any_lower |= w[i] >= 'a' && w[i] <= 'z';
	}
	if (!any_lower || keeps_case(w, n))
		return;
	for (size_t i = 0; i < n; i++)
		if (!i || (!is_alpha(w[i - 1]) && !((unsigned char)w[i - 1] & 0x80)))
			w[i] = upper(w[i]);
}

struct fmt_str model_name_title(struct fmt_arena *mem, struct fmt_str s, struct fmt_err *err)
{
	char *out = fmt_arena_text(mem, s.n, err);
	size_t n = 0;

	if (!out)
		return (struct fmt_str){ NULL, 0 };
	for (size_t i = 0; i < s.n;) {
		size_t start;

		while (i < s.n && (s.p[i] == '-' || s.p[i] == ' ' || (s.p[i] >= '\t' && s.p[i] <= '\r')))
			i++;
		start = n + (n > 0);
		if (i < s.n && n)
			out[n++] = ' ';
		while (i < s.n && s.p[i] != '-' && s.p[i] != ' ' && !(s.p[i] >= '\t' && s.p[i] <= '\r'))
			out[n++] = s.p[i++];
		if (n > start)
			title_word(out + start, n - start);
	}
	return (struct fmt_str){ out, n };
}

struct fmt_str model_name_size(struct fmt_arena *mem, uint64_t n_params, uint64_t n_experts, struct fmt_err *err)
{
	double n = (double)n_params, scaled = n * 1e-3;
	char suffix = 'K', text[64], digits[32];
	int decimals;

	if (n > 1e12) {
		scaled = n * 1e-12;
		suffix = 'T';
	} else if (n > 1e9) {
		scaled = n * 1e-9;
		suffix = 'B';
	} else if (n > 1e6) {
		scaled = n * 1e-6;
		suffix = 'M';
	}
	snprintf(digits, sizeof digits, "%.0f", scaled);
	decimals = !strcmp(digits, "0") ? 2 : strlen(digits) < 2 ? 1 : 0;
	if (n_experts)
		snprintf(text, sizeof text, "%" PRIu64 "x%.*f%c", n_experts, decimals, scaled, suffix);
	else
		snprintf(text, sizeof text, "%.*f%c", decimals, scaled, suffix);
	return fmt_arena_str(mem, (struct fmt_str){ text, strlen(text) }, err);
}

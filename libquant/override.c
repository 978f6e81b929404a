/* See <libquant/override.h>. */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libquant/override.h>
#include <libquant/quant.h>

#define MAX_FILE_BYTES (1 << 20) /* a list of some ten thousand lines */
#define MAX_REGEX_BYTES 2000     /* the system's compiler recurses, and tensors' names are short */
#define MAX_REPEATS 1000

struct override {
	char *text;
	regex_t regex;
	enum fmt_type type;
};

struct quant_overrides {
	struct override *list;
	int n;
};

struct quant_overrides *quant_overrides_create(struct fmt_err *err)
{
	struct quant_overrides *o = calloc(1, sizeof *o);

	if (!o)
		fmt_fail_nomem(err, sizeof *o);
	return o;
}

void quant_overrides_destroy(struct quant_overrides *o)
{
	if (!o)
		return;
	for (int i = 0; i < o->n; i++) {
		regfree(&o->list[i].regex);
		free(o->list[i].text);
	}
	free(o->list);
	free(o);
}

bool quant_type_named(const char *name, size_t n, enum fmt_type *t)
{
	for (int i = 0; i < FMT_TYPE_COUNT; i++) {
		const struct fmt_type_info *info = fmt_type_info((enum fmt_type)i);
		const struct quant_type *q = quant_type((enum fmt_type)i);

		if (strlen(info->name) != n || strncasecmp(info->name, name, n) || !q || !q->encode)
			continue;
		*t = (enum fmt_type)i;
		return true;
	}
	return false;
}

static bool refuse(const char *text, size_t n, const char *why, struct fmt_err *err)
{
	return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "'%.*s' is no regular expression: %s", (int)(n < 80 ? n : 80), text, why);
}

/* {2,5} multiplies what the system's compiler builds, {200} within {200} by 40000. The product of all bounds is kept. */
static bool count_repeats(const char *text, size_t n, size_t at, uint32_t *repeats)
{
	uint32_t most = 0, number = 0;

	for (size_t i = at + 1; i < n && text[i] != '}'; i++) {
		number = text[i] >= '0' && text[i] <= '9' && number <= MAX_REPEATS ? 10 * number + (uint32_t)(text[i] - '0') : 0;
		most = number > most ? number : most;
	}
	*repeats *= most ? most : 1;
	return most <= MAX_REPEATS && *repeats <= MAX_REPEATS;
}

/* An escape; in brackets POSIX has none. */
static char *put_escaped(char *p, char c, bool in_brackets)
{
	if (c == 'd' || (c == 'D' && !in_brackets))
		return p + sprintf(p, in_brackets ? "0-9" : c == 'd' ? "[0-9]" : "[^0-9]");
	if (!in_brackets)
		*p++ = '\\';
	*p++ = c;
	return p;
}

/* Expressions as people write them for llama-quantize, as POSIX has them: \d, also in brackets, and (?:...).
 * out  room for 7 n + 1 */
static bool to_posix(const char *text, size_t n, char *out, struct fmt_err *err)
{
	bool in_brackets = false;
	uint32_t repeats = 1;
	char *p = out;

	if (n > MAX_REGEX_BYTES)
		return refuse(text, n, "too long", err);
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '\\' && i + 1 < n) {
			c = text[++i];
			if (!in_brackets && c >= '1' && c <= '9')
				return refuse(text, n, "it refers back to what a part of it found", err);
			p = put_escaped(p, c, in_brackets);
			continue;
		}
		if (in_brackets)
			in_brackets = c != ']';
		else if (c == '[')
			in_brackets = true;
		else if (c == '{' && !count_repeats(text, n, i, &repeats))
			return refuse(text, n, "it repeats too much", err);
		else if (c == '(' && i + 1 < n && text[i + 1] == '?') {
			if (i + 2 == n || text[i + 2] != ':')
				return refuse(text, n, "it looks ahead or behind", err);
			i += 2;
		}
		*p++ = c;
	}
	*p = 0;
	return true;
}

static bool compile(regex_t *regex, const char *text, size_t n, struct fmt_err *err)
{
	char *pattern = malloc(7 * n + 1), why[100];
	int status;

	if (!pattern)
		return fmt_fail_nomem(err, 7 * n + 1);
	if (!to_posix(text, n, pattern, err)) {
		free(pattern);
		return false;
	}
	status = regcomp(regex, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB);
	free(pattern);
	if (!status)
		return true;
	regerror(status, regex, why, sizeof why);
	return refuse(text, n, why, err);
}

static bool add(struct quant_overrides *o, const char *text, size_t n, struct fmt_err *err)
{
	const char *equals = NULL;
	struct override new = { .type = FMT_F32 }, *list;

	for (size_t i = 0; i < n; i++)
		equals = text[i] == '=' ? text + i : equals;
	if (!equals || equals == text)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "'%.*s' is not REGEX=TYPE (attn_v=Q8_0)", (int)(n < 80 ? n : 80),
		                text);
	if (!quant_type_named(equals + 1, (size_t)(text + n - equals - 1), &new.type))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "'%.*s': unknown type '%.*s' (one type, such as Q6_K or BF16, "
		                "not a mix such as Q4_K_M)", (int)(n < 80 ? n : 80), text,
		                (int)(text + n - equals - 1 < 40 ? text + n - equals - 1 : 40), equals + 1);
	list = realloc(o->list, ((size_t)o->n + 1) * sizeof *list);
	if (!list)
		return fmt_fail_nomem(err, ((size_t)o->n + 1) * sizeof *list);
	o->list = list;
	if (!compile(&new.regex, text, (size_t)(equals - text), err))
		return false;
	new.text = strndup(text, n);
	if (!new.text) {
		regfree(&new.regex);
		return fmt_fail_nomem(err, n + 1);
	}
	o->list[o->n++] = new;
	return true;
}

bool quant_overrides_add(struct quant_overrides *o, const char *text, struct fmt_err *err)
{
	return add(o, text, strlen(text), err);
}

static bool add_lines(struct quant_overrides *o, char *text, struct fmt_err *err)
{
	for (char *p = text; *p;) {
		size_t n = strcspn(p, " \t\r\n#");

		if (n && !add(o, p, n, err))
			return false;
		p += n;
		p += *p == '#' ? strcspn(p, "\n") : strspn(p, " \t\r\n");
	}
	return true;
}

bool quant_overrides_add_file(struct quant_overrides *o, const char *path, struct fmt_err *err)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(MAX_FILE_BYTES + 1) : NULL;
	size_t n = text ? fread(text, 1, MAX_FILE_BYTES + 1, f) : 0;
	bool ok;

	if (!f)
		ok = fmt_fail_errno(err, errno, "cannot open it");
	else if (!text)
		ok = fmt_fail_nomem(err, MAX_FILE_BYTES + 1);
	else if (ferror(f))
		ok = fmt_fail_errno(err, errno, "cannot read it");
	else if (n > MAX_FILE_BYTES || memchr(text, 0, n))
		ok = fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "is no list of REGEX=TYPE");
	else {
		int before = o->n;

		text[n] = 0;
		ok = add_lines(o, text, err);
		if (ok && o->n == before)
			ok = fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "has no REGEX=TYPE in it");
	}
	if (!ok)
		fmt_err_file(err, path);
	free(text);
	if (f)
		fclose(f);
	return ok;
}

/* A C string of a name; false: it is longer than any that a GGUF of llama.cpp can have. */
static bool copy_name(struct fmt_str name, char copy[256])
{
	if (name.n >= 256)
		return false;
	memcpy(copy, name.p, name.n);
	copy[name.n] = 0;
	return true;
}

bool quant_overrides_match(const struct quant_overrides *o, int i, struct fmt_str name)
{
	char copy[256];

	return copy_name(name, copy) && !regexec(&o->list[i].regex, copy, 0, NULL, 0);
}

int quant_overrides_find(const struct quant_overrides *o, struct fmt_str name)
{
	char copy[256];

	if (!o || !copy_name(name, copy))
		return -1;
	for (int i = 0; i < o->n; i++)
		if (!regexec(&o->list[i].regex, copy, 0, NULL, 0))
			return i;
	return -1;
}

enum fmt_type quant_overrides_type(const struct quant_overrides *o, int i)
{
	return o->list[i].type;
}

const char *quant_overrides_text(const struct quant_overrides *o, int i)
{
	return o->list[i].text;
}

int quant_overrides_count(const struct quant_overrides *o)
{
	return o ? o->n : 0;
}

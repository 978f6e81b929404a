/* Normalization in runs that do not touch each other. The only user of utf8proc. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include <libfmt/utf8.h>

#include "normal.h"
#include "unicode.h"

bool normal_begins_run(uint32_t code)
{
	return code < 0x300 || (code >= 0x400 && code <= 0x482) || (code >= 0x3041 && code <= 0x3096) ||
	       (code >= 0x30a1 && code <= 0x30fa) || (code >= 0x4e00 && code <= 0x9fff) ||
	       (code >= 0xac00 && code <= 0xd7a3);
}

static bool map_run(utf8proc_option_t options, const struct tok_text *text, size_t start, size_t end,
                    struct tok_text *out, struct fmt_err *err)
{
	const char *p = text->bytes.p + start;
	utf8proc_uint8_t *made = NULL;
	utf8proc_ssize_t n;
	bool ok;

	n = utf8proc_map((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)(end - start), &made, options);
	if (n < 0)
		return n == UTF8PROC_ERROR_NOMEM ? fmt_fail_nomem(err, end - start)
		                                 : fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "cannot normalize: %s",
		                                            utf8proc_errmsg(n));
	if ((size_t)n == end - start && !memcmp(made, p, (size_t)n))
		ok = tok_text_copy(out, text, start, end, err);
	else
		ok = tok_text_put(out, (const char *)made, (size_t)n, tok_text_origin(text, start), err);
	free(made);
	return ok;
}

/* Whether a character is left as it is and keeps apart what stands before and behind it, whatever the library's version of
 * Unicode has it do. */
static bool is_new(uint32_t code)
{
	return code >= 0x300 && (uni_in(code, uni_new_forms) || uni_category(code) == UNI_CN);
}

static bool goes_on(uint32_t code)
{
	return !normal_begins_run(code) && !is_new(code);
}

bool normal_form(enum normal_form form, const struct tok_text *text, size_t start, size_t end, struct tok_text *out,
                 struct fmt_err *err)
{
	static const utf8proc_option_t options[] = {
		[NORMAL_NFC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE,
		[NORMAL_NFD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
		[NORMAL_NFKC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
		[NORMAL_NFKD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
	};
	const char *p = text->bytes.p;
	size_t plain = start; /* from here on nothing needs a change */
	size_t at = start, len;
	char utf8[4];

	while (at < end) {
		size_t run = at;
		uint32_t first = uni_get(p + at, &len);

		at += len;
		if ((len == 1 && (at == end || (unsigned char)p[at] < 0x80)) || is_new(first))
			continue;
		while (at < end && goes_on(uni_get(p + at, &len)))
			at += len;
		if (form == NORMAL_NFC && at - run == fmt_utf8_put(first, utf8) && normal_begins_run(first))
			continue; /* those that begin a run are composed already */
		if (!tok_text_copy(out, text, plain, run, err) || !map_run(options[form], text, run, at, out, err))
			return false;
		plain = at;
	}
	return tok_text_copy(out, text, plain, end, err);
}

size_t normal_lower(uint32_t code, uint32_t out[3])
{
	if (code == 0x130) { /* the only character whose lower case is longer (SpecialCasing.txt) */
		out[0] = 'i';
		out[1] = 0x307;
		return 2;
	}
	if (code < 0x80)
		out[0] = code >= 'A' && code <= 'Z' ? code + 32 : code;
	else
		out[0] = uni_to_lower(code);
	return 1;
}

uint32_t normal_base(uint32_t code)
{
	utf8proc_int32_t made[8];
	utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)code, made, 8, UTF8PROC_DECOMPOSE, NULL);

	return n > 0 ? (uint32_t)made[0] : code;
}

size_t normal_upper(uint32_t code, bool title, uint32_t out[3])
{
	if (code == 0xdf) { /* of the characters with a longer upper case the only one that is a letter of its own */
		out[0] = 'S';
		out[1] = title ? 's' : 'S';
		return 2;
	}
	out[0] = (uint32_t)(title ? utf8proc_totitle((utf8proc_int32_t)code) : utf8proc_toupper((utf8proc_int32_t)code));
	return 1;
}

/* A mark that is newer than the system's utf8proc goes by an old one: it does not begin a cluster either. */
static utf8proc_int32_t stand_in(uint32_t code)
{
	if (uni_is(code, UNI_SET_M) && utf8proc_category((utf8proc_int32_t)code) == UTF8PROC_CATEGORY_CN)
		code = 0x300;
	return (utf8proc_int32_t)code;
}

size_t normal_grapheme(const char *p, size_t n)
{
	utf8proc_int32_t state = 0;
	size_t at, len;
	uint32_t last = uni_get(p, &at);

	while (at < n) {
		uint32_t next = uni_get(p + at, &len);

		if (utf8proc_grapheme_break_stateful(stand_in(last), stand_in(next), &state))
			break;
		at += len;
		last = next;
	}
	return at;
}

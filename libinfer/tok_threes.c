/* Digits in threes from the right. See tok_threes.h. */
#include "tok_threes.h"
#include "unicode.h"

struct tok_threes {
	const char *pattern;
	uint32_t digits; /* categories */
	bool edge;       /* only where no word goes on behind the digits */
	bool places;     /* not the groups, but the places before each whole group */
};

static const struct tok_threes forms[] = {
	{ "\\d{1,3}(?=(?:\\d{3})*\\b)", 1u << UNI_ND, true, false },
	{ "\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))", UNI_SET_N, false, false },
	{ "(?=(\\d{3})+(?!\\d))", 1u << UNI_ND, false, true },
};

const struct tok_threes *tok_threes_form(struct fmt_str pattern)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (fmt_str_is(pattern, forms[i].pattern))
			return &forms[i];
	return NULL;
}

bool tok_threes_restarts(const struct tok_threes *f)
{
	return !f->places;
}

/* Goes to the first digit at or behind `from`; false if there is none. */
static bool go_to(const struct tok_threes *f, struct tok_digits *d, const char *text, size_t n, size_t from)
{
	size_t len;

	for (; d->at < from && d->at < d->end; d->at += len, d->n_left--)
		uni_get(text + d->at, &len);
	if (d->at < d->end)
		return true;
	for (d->at = from; d->at < n && !uni_is(uni_get(text + d->at, &len), f->digits); d->at += len)
		;
	for (d->end = d->at; d->end < n && uni_is(uni_get(text + d->end, &len), f->digits); d->end += len)
		d->n_left++;
	return d->at < n;
}

static void pass(struct tok_digits *d, const char *text, uint64_t n_digits)
{
	size_t len;

	for (; n_digits; n_digits--, d->n_left--, d->at += len)
		uni_get(text + d->at, &len);
}

enum regex_found tok_threes_find(const struct tok_threes *f, struct tok_digits *d, const char *text, size_t n, size_t from,
                                 bool open, size_t *start, size_t *end)
{
	size_t len;

	for (; go_to(f, d, text, n, from); from = d->end) {
		if (open && d->end == n) {
			*start = d->at;
			return REGEX_PARTIAL;
		}
		if (f->edge && d->end < n && regex_is_word(uni_get(text + d->end, &len)))
			continue;
		if (f->places && d->n_left < 3)
			continue;
		if (f->places)
			pass(d, text, d->n_left % 3);
		*start = d->at;
		if (!f->places)
			pass(d, text, (d->n_left + 2) % 3 + 1);
		*end = d->at;
		return REGEX_MATCH;
	}
	return REGEX_NONE;
}

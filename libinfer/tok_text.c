/* Text with origins. The marks are few: one where a replacement begins or ends, none for text that is only copied. */
#include <stdlib.h>
#include <string.h>

#include "tok_text.h"

bool tok_grow(void **items, size_t *cap, size_t need, size_t item_bytes, struct fmt_err *err)
{
	size_t new_cap = *cap < 16 ? 16 : *cap;
	void *p;

	if (need <= *cap)
		return true;
	while (new_cap < need && new_cap <= SIZE_MAX / 2)
		new_cap *= 2;
	if (new_cap < need || new_cap > SIZE_MAX / item_bytes)
		return fmt_fail_nomem(err, need);
	p = realloc(*items, new_cap * item_bytes);
	if (!p)
		return fmt_fail_nomem(err, new_cap * item_bytes);
	*items = p;
	*cap = new_cap;
	return true;
}

bool tok_bytes_put(struct tok_bytes *b, const char *s, size_t n, struct fmt_err *err)
{
	if (n > b->cap - b->n) {
		void *p = b->p;

		if (n > SIZE_MAX - b->n)
			return fmt_fail_nomem(err, n);
		if (!tok_grow(&p, &b->cap, b->n + n, 1, err))
			return false;
		b->p = p;
	}
	if (n)
		memcpy(b->p + b->n, s, n);
	b->n += n;
	return true;
}

void tok_bytes_finish(struct tok_bytes *b)
{
	free(b->p);
	*b = (struct tok_bytes){ 0 };
}

void tok_text_finish(struct tok_text *t)
{
	if (!t->borrowed)
		free(t->bytes.p);
	free(t->marks);
	*t = (struct tok_text){ 0 };
}

void tok_text_clear(struct tok_text *t)
{
	if (t->borrowed)
		t->bytes = (struct tok_bytes){ 0 };
	t->borrowed = false;
	t->bytes.n = 0;
	t->n_marks = 0;
}

static uint64_t origin_by(const struct tok_mark *m, size_t at)
{
	return m->made ? m->origin : m->origin + (at - m->at);
}

/* Says that what is added next came from `origin`, unless that follows from the last mark. */
static bool mark(struct tok_text *t, uint64_t origin, bool made, struct fmt_err *err)
{
	void *marks = t->marks;

	if (t->n_marks) {
		const struct tok_mark *last = &t->marks[t->n_marks - 1];

		if (last->made == made && origin_by(last, t->bytes.n) == origin)
			return true;
	}
	if (!tok_grow(&marks, &t->cap_marks, t->n_marks + 1, sizeof *t->marks, err))
		return false;
	t->marks = marks;
	t->marks[t->n_marks++] = (struct tok_mark){ t->bytes.n, origin, made };
	return true;
}

bool tok_text_borrow(struct tok_text *t, const char *p, size_t n, uint64_t origin, struct fmt_err *err)
{
	if (!t->borrowed)
		free(t->bytes.p);
	t->n_marks = 0;
	t->borrowed = true;
	t->bytes = (struct tok_bytes){ (char *)(uintptr_t)p, 0, 0 }; /* never written to while borrowed */
	if (!mark(t, origin, false, err))
		return false;
	t->bytes.n = n;
	return true;
}

bool tok_text_put(struct tok_text *t, const char *p, size_t n, uint64_t origin, struct fmt_err *err)
{
	return !n || (mark(t, origin, true, err) && tok_bytes_put(&t->bytes, p, n, err));
}

size_t tok_text_mark(const struct tok_text *t, size_t at)
{
	size_t low = 0, high = t->n_marks;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (t->marks[mid].at <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

bool tok_text_put_for(struct tok_text *t, const char *p, size_t n, const struct tok_text *from, size_t at,
                      struct fmt_err *err)
{
	const struct tok_mark *m = &from->marks[tok_text_mark(from, at)];

	return mark(t, origin_by(m, at), m->made, err) && tok_bytes_put(&t->bytes, p, n, err);
}

bool tok_text_copy(struct tok_text *t, const struct tok_text *from, size_t start, size_t end, struct fmt_err *err)
{
	size_t i = tok_text_mark(from, start);

	while (start < end) {
		size_t stop = i + 1 < from->n_marks && from->marks[i + 1].at < end ? from->marks[i + 1].at : end;
		const struct tok_mark *m = &from->marks[i];

		if (!mark(t, origin_by(m, start), m->made, err) ||
		    !tok_bytes_put(&t->bytes, from->bytes.p + start, stop - start, err))
			return false;
		start = stop;
		i++;
	}
	return true;
}

uint64_t tok_text_origin(const struct tok_text *t, size_t at)
{
	return t->n_marks ? origin_by(&t->marks[tok_text_mark(t, at)], at) : 0;
}

size_t tok_text_find(const struct tok_text *t, uint64_t origin)
{
	size_t low = 0, high = t->n_marks;

	while (low < high) { /* the first mark past `origin`, or of the same: bytes may be made from a place more than once */
		size_t mid = low + (high - low) / 2;

		if (t->marks[mid].origin < origin)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < t->n_marks && t->marks[low].origin == origin)
		return t->marks[low].at;
	return low ? t->marks[low - 1].at + (t->marks[low - 1].made ? 0 : (size_t)(origin - t->marks[low - 1].origin)) : 0;
}

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Bytes of the character at p, or with *valid false of the invalid part there (Unicode 16, section 3.9, table 3-7 and
 * "maximal subparts"). n > 0. */
static size_t part(const unsigned char *p, size_t n, bool *valid)
{
	unsigned low = 0x80, high = 0xbf;
	size_t len, i;

	*valid = p[0] < 0x80;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 1;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : low;
	high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : high;
	if (n < 2 || p[1] < low || p[1] > high)
		return 1;
	for (i = 2; i < len && i < n && is_tail(p[i]); i++)
		;
	*valid = i == len;
	return i;
}

bool tok_is_utf8(const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	bool valid = true;

	for (size_t i = 0; i < n && valid;) {
		uint64_t eight = UINT64_C(0x80);

		if (n - i >= 8)
			memcpy(&eight, s + i, 8);
		if (!(eight & UINT64_C(0x8080808080808080)))
			i += 8;
		else if (s[i] < 0x80)
			i++;
		else
			i += part(s + i, n - i, &valid);
	}
	return valid;
}

size_t tok_whole_chars(const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t at = n, len;
	bool valid;

	while (at && n - at < 3 && is_tail(s[at - 1]))
		at--;
	if (!at || s[at - 1] < 0xc0)
		return n;
	len = part(s + at - 1, n - at + 1, &valid);
	/* what is there is right as far as it goes, and a byte that could follow would make more of it */
	return !valid && len == n - at + 1 && s[at - 1] >= 0xc2 && s[at - 1] <= 0xf4 ? at - 1 : n;
}

/* Adds bytes [start, end) of p as they are. */
static bool put_plain(struct tok_text *t, const char *p, size_t start, size_t end, uint64_t origin, struct fmt_err *err)
{
	return start == end || (mark(t, origin + start, false, err) && tok_bytes_put(&t->bytes, p + start, end - start, err));
}

bool tok_text_lossy(struct tok_text *t, const char *p, size_t n, uint64_t origin, struct fmt_err *err)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t good = 0; /* start of the valid bytes not yet added */

	for (size_t i = 0, len; i < n; i += len) {
		bool valid;

		len = part(s + i, n - i, &valid);
		if (valid)
			continue;
		if (!put_plain(t, p, good, i, origin, err) || !tok_text_put(t, "\xef\xbf\xbd", 3, origin + i, err))
			return false;
		good = i + len;
	}
	return put_plain(t, p, good, n, origin, err);
}

/* Precompiled charsmap: u32 bytes of the trie, the trie (a double array in the layout of Darts-clone: u32 units), then
 * the replacements, each ended by NUL; a leaf's value is an offset into them. All little endian. */
#include <stdlib.h>
#include <string.h>

#include "normal.h"
#include "tok_charsmap.h"
#include "unicode.h"

/* A cluster of so many bytes or more is not looked up as a whole (the reference's rule). */
#define MAX_CLUSTER_BYTES 6

struct tok_charsmap {
	uint32_t *units;
	size_t n_units;
	char *texts; /* a NUL stands at the end whatever the file says */
	size_t n_texts;
	bool stays[128]; /* ASCII that has no replacement */
};

static uint32_t le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t offset_of(uint32_t unit)
{
	return unit >> 10 << ((unit & 1u << 9) >> 6);
}

static bool is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The replacement of a key that begins p, of *len bytes: the shortest (the reference takes the first that it finds), or
 * the longest; NULL if there is none. */
static const char *lookup(const struct tok_charsmap *m, const char *p, size_t n, bool longest, size_t *len)
{
	uint32_t node = offset_of(m->units[0]);
	const char *found = NULL;

	for (size_t i = 0; i < n && p[i]; i++) {
		uint32_t unit;

		node ^= (unsigned char)p[i];
		if (node >= m->n_units)
			break;
		unit = m->units[node];
		if ((unit & (1u << 31 | 0xff)) != (unsigned char)p[i])
			break;
		node ^= offset_of(unit);
		if (unit >> 8 & 1) {
			uint32_t value = node < m->n_units ? m->units[node] & 0x7fffffff : UINT32_MAX;

			/* a value within a character is a lie: the text has to stay UTF-8 */
			found = value <= m->n_texts && !is_tail(m->texts[value]) ? m->texts + value : NULL;
			*len = i + 1;
			if (!longest)
				break;
		}
	}
	return found;
}

struct tok_charsmap *tok_charsmap_create(const void *data, size_t n, struct fmt_err *err)
{
	const unsigned char *p = data;
	size_t trie_bytes = n >= 4 ? le32(p) : 0;
	struct tok_charsmap *m;

	if (n < 4 || trie_bytes > n - 4 || trie_bytes % 4 || !trie_bytes) {
		fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "precompiled_charsmap: a trie of %zu bytes in %zu", trie_bytes, n);
		return NULL;
	}
	if (!tok_is_utf8((const char *)p + 4 + trie_bytes, n - 4 - trie_bytes)) {
		fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "precompiled_charsmap: replacements that are not UTF-8");
		return NULL;
	}
	m = calloc(1, sizeof *m);
	if (m) {
		m->n_units = trie_bytes / 4;
		m->n_texts = n - 4 - trie_bytes;
		m->units = malloc(trie_bytes);
		m->texts = malloc(m->n_texts + 1);
	}
	if (!m || !m->units || !m->texts) {
		tok_charsmap_destroy(m);
		fmt_fail_nomem(err, n);
		return NULL;
	}
	for (size_t i = 0; i < m->n_units; i++)
		m->units[i] = le32(p + 4 + 4 * i);
	memcpy(m->texts, p + 4 + trie_bytes, m->n_texts);
	m->texts[m->n_texts] = '\0';
	for (int c = 0; c < 128; c++) {
		char s = (char)c;
		size_t len;

		m->stays[c] = !lookup(m, &s, 1, false, &len);
	}
	return m;
}

void tok_charsmap_destroy(struct tok_charsmap *m)
{
	if (!m)
		return;
	free(m->units);
	free(m->texts);
	free(m);
}

static bool put_or_keep(const struct tok_text *text, size_t at, size_t len, const char *to, struct tok_text *out,
                        struct fmt_err *err)
{
	if (!to)
		return tok_text_copy(out, text, at, at + len, err);
	if (len == 1 && strlen(to) == 1)
		return tok_text_put_for(out, to, 1, text, at, err);
	return tok_text_put(out, to, strlen(to), tok_text_origin(text, at), err);
}

/* llama.cpp's way: whatever the longest key is, wherever it ends. */
static bool run_longest(const struct tok_charsmap *m, const struct tok_text *text, size_t start, size_t end,
                        struct tok_text *out, struct fmt_err *err)
{
	const char *p = text->bytes.p;
	size_t len;

	for (size_t at = start; at < end; at += len) {
		const char *to = lookup(m, p + at, end - at, true, &len);

		if (!to)
			uni_get(p + at, &len);
		while (at + len < end && is_tail(p[at + len]))
			len++;
		if (!put_or_keep(text, at, len, to, out, err))
			return false;
	}
	return true;
}

/* The end of the characters from `at` on that are clusters by themselves and stay: ASCII before ASCII. */
static size_t plain_end(const struct tok_charsmap *m, const char *p, size_t at, size_t end)
{
	while (at < end && (unsigned char)p[at] < 0x80 && m->stays[(unsigned char)p[at]] && p[at] != '\r' &&
	       (at + 1 == end || (unsigned char)p[at + 1] < 0x80))
		at++;
	return at;
}

bool tok_charsmap_run(const struct tok_charsmap *m, bool longest, const struct tok_text *text, size_t start, size_t end,
                      struct tok_text *out, struct fmt_err *err)
{
	const char *p = text->bytes.p;
	size_t len, key;

	if (longest)
		return run_longest(m, text, start, end, out, err);
	for (size_t at = start; at < end;) {
		size_t plain = plain_end(m, p, at, end), cluster;
		const char *to;

		if (plain > at && !tok_text_copy(out, text, at, plain, err))
			return false;
		at = plain;
		if (at == end)
			break;
		cluster = at + normal_grapheme(p + at, end - at);
		to = cluster - at < MAX_CLUSTER_BYTES ? lookup(m, p + at, cluster - at, false, &key) : NULL;
		if (to) {
			if (!put_or_keep(text, at, cluster - at, to, out, err))
				return false;
			at = cluster;
		}
		for (; at < cluster; at += len) {
			uni_get(p + at, &len);
			if (!put_or_keep(text, at, len, lookup(m, p + at, len, false, &key), out, err))
				return false;
		}
	}
	return true;
}

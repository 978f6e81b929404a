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
};

static uint32_t le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
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

static uint32_t offset_of(uint32_t unit)
{
	return unit >> 10 << ((unit & 1u << 9) >> 6);
}

/* The replacement of the shortest key that begins p (the reference takes the first it finds); NULL if there is none. */
static const char *lookup(const struct tok_charsmap *m, const char *p, size_t n)
{
	uint32_t node = offset_of(m->units[0]);

	for (size_t i = 0; i < n && p[i]; i++) {
		uint32_t unit;

		node ^= (unsigned char)p[i];
		if (node >= m->n_units)
			return NULL;
		unit = m->units[node];
		if ((unit & (1u << 31 | 0xff)) != (unsigned char)p[i])
			return NULL;
		node ^= offset_of(unit);
		if (unit >> 8 & 1) {
			uint32_t value = node < m->n_units ? m->units[node] & 0x7fffffff : UINT32_MAX;

			return value <= m->n_texts ? m->texts + value : NULL;
		}
	}
	return NULL;
}

bool tok_charsmap_run(const struct tok_charsmap *m, const struct tok_text *text, size_t start, size_t end,
                      struct tok_text *out, struct fmt_err *err)
{
	const char *p = text->bytes.p;
	size_t len;

	for (size_t at = start; at < end;) {
		size_t cluster = at + normal_grapheme(p + at, end - at);
		const char *to = cluster - at < MAX_CLUSTER_BYTES ? lookup(m, p + at, cluster - at) : NULL;

		if (to) {
			if (!tok_text_put(out, to, strlen(to), tok_text_origin(text, at), err))
				return false;
			at = cluster;
		}
		for (; at < cluster; at += len) {
			uni_get(p + at, &len);
			to = lookup(m, p + at, len);
			if (!(to ? tok_text_put(out, to, strlen(to), tok_text_origin(text, at), err)
			         : tok_text_copy(out, text, at, at + len, err)))
				return false;
		}
	}
	return true;
}

/* Byte-level BPE by ranks, as tiktoken has it: of all pairs that make a token the one of the lowest rank is joined. See
 * tok_make.h. */
#include <stdlib.h>

#include <libfmt/letters.h>

#include "json_out.h"
#include "tok_keys.h"
#include "tok_make.h"

bool make_rank(struct tok_make *m, struct fmt_str base64, struct fmt_str *rank)
{
	char *bytes = fmt_arena_text(m->mem, base64.n, m->err), *text;
	size_t n = bytes ? fmt_base64_decode(base64, (uint8_t *)bytes) : 0, n_text = 0;

	if (!bytes || n == SIZE_MAX || !n)
		return false;
	text = fmt_arena_text(m->mem, 2 * n, m->err);
	if (!text)
		return false;
	for (size_t i = 0; i < n; i++)
		n_text += fmt_byte_letter((uint8_t)bytes[i], text + n_text);
	*rank = (struct fmt_str){ text, n_text };
	return true;
}

/* Every way to make a token of two; without a list they are counted. */
static uint64_t find_merges(const struct tok_make *m, const struct fmt_str *ranks, uint64_t n_ranks, struct made_merge *list)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < n_ranks; i++) {
		struct fmt_str t = ranks[i];
		size_t step = 0;

		for (size_t at = (unsigned char)t.p[0] < 0x80 ? 1 : 2; at < t.n; at += step) {
			struct fmt_str left = { t.p, at }, right = { t.p + at, t.n - at };
			uint32_t a, b;

			step = (unsigned char)t.p[at] < 0x80 ? 1 : 2;
			if (!fmt_index_find(&m->ids, left, &a) || !fmt_index_find(&m->ids, right, &b))
				continue;
			if (list) /* among those of one token: by the ranks of the two */
				list[n] = (struct made_merge){ left, right, -(double)i, 0, 0, (uint64_t)a << 32 | b };
			n++;
		}
	}
	return n;
}

static void put_token(struct tok_make *m, struct fmt_str text, uint64_t id, bool *any)
{
	fmt_buf_text(&m->out, *any ? ",\n" : "\n");
	json_out_str(&m->out, text);
	fmt_buf_text(&m->out, ":");
	json_out_u64(&m->out, id);
	*any = true;
}

void make_ranked_model(struct tok_make *m, const struct fmt_str *ranks, uint64_t n, uint64_t first, bool whole)
{
	uint64_t n_merges = find_merges(m, ranks, n, NULL);
	struct made_merge *list = calloc(n_merges + 1, sizeof *list);
	bool any = false;

	if (!list) {
		fmt_fail_nomem(m->err, n_merges * sizeof *list);
		return;
	}
	make_member(m, "model");
	fmt_buf_text(&m->out, "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"fuse_unk\":false,\"byte_fallback\":false,");
	fmt_buf_text(&m->out, whole ? "\"ignore_merges\":true,\"vocab\":{" : "\"ignore_merges\":false,\"vocab\":{");
	for (uint64_t i = 0; i < m->n_added; i++)
		if (m->added[i].id < first)
			put_token(m, m->added[i].text, m->added[i].id, &any);
	for (uint64_t i = 0; i < n; i++)
		put_token(m, ranks[i], first + i, &any);
	fmt_buf_text(&m->out, "}");
	find_merges(m, ranks, n, list);
	make_merges(m, list, n_merges);
	fmt_buf_text(&m->out, "}");
	free(list);
}

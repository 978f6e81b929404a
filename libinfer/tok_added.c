/* A trie over the bytes of the added tokens, and cutting by it. */
#include <stdlib.h>

#include "tok_added.h"
#include "unicode.h"

struct node {
	uint32_t child, sibling; /* indices of nodes; 0: none */
	int32_t added;           /* index of the token that ends here, or TOK_NONE */
	unsigned char byte;
};

struct tok_trie {
	struct node *nodes; /* 0 is not used */
	size_t n, cap;
	size_t max_bytes;        /* of a token */
	bool lstrip;             /* some token has white space before it */
	uint32_t roots[256];
};

static bool new_node(struct tok_trie *x, unsigned char byte, uint32_t sibling, struct fmt_err *err)
{
	void *nodes = x->nodes;

	if (x->n >= UINT32_MAX)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "too many added tokens");
	if (!tok_grow(&nodes, &x->cap, x->n + 1, sizeof *x->nodes, err))
		return false;
	x->nodes = nodes;
	x->nodes[x->n++] = (struct node){ .sibling = sibling, .added = TOK_NONE, .byte = byte };
	return true;
}

static bool insert(struct tok_trie *x, const struct tok_bytes *text, int32_t added, struct fmt_err *err)
{
	uint32_t at = 0;

	for (size_t i = 0; i < text->n; i++) {
		unsigned char byte = (unsigned char)text->p[i];
		uint32_t first = at ? x->nodes[at].child : x->roots[byte], next = first;

		while (next && x->nodes[next].byte != byte)
			next = x->nodes[next].sibling;
		if (!next) {
			next = (uint32_t)x->n;
			if (!new_node(x, byte, first, err))
				return false;
			if (at)
				x->nodes[at].child = next;
			else
				x->roots[byte] = next;
		}
		at = next;
	}
	if (at && x->nodes[at].added == TOK_NONE)
		x->nodes[at].added = added;
	return true;
}

struct tok_trie *tok_trie_create(const struct infer_tokenizer *t, bool normalized, struct fmt_err *err)
{
	struct tok_trie *x = calloc(1, sizeof *x);
	bool ok;

	if (!x) {
		fmt_fail_nomem(err, sizeof *x);
		return NULL;
	}
	ok = new_node(x, 0, 0, err);
	for (size_t i = 0; ok && i < t->n_added; i++) {
		if (t->added[i].normalized != normalized)
			continue;
		ok = insert(x, &t->added[i].text, (int32_t)i, err);
		x->lstrip |= t->added[i].lstrip;
		if (t->added[i].text.n > x->max_bytes)
			x->max_bytes = t->added[i].text.n;
	}
	if (ok)
		return x;
	tok_trie_destroy(x);
	return NULL;
}

void tok_trie_destroy(struct tok_trie *x)
{
	if (!x)
		return;
	free(x->nodes);
	free(x);
}

bool tok_trie_empty(const struct tok_trie *x)
{
	return x->n == 1;
}

/* Bytes of the longest token at p, or 0. *more: with more text than n bytes it may be a longer one. */
static size_t longest(const struct tok_trie *x, const char *p, size_t n, int32_t *added, bool *more)
{
	uint32_t at = n ? x->roots[(unsigned char)*p] : 0;
	size_t found = 0;

	*more = false;
	for (size_t i = 0; at;) {
		if (x->nodes[at].added != TOK_NONE) {
			found = i + 1;
			*added = x->nodes[at].added;
		}
		if (++i == n) {
			*more = x->nodes[at].child;
			break;
		}
		for (at = x->nodes[at].child; at && x->nodes[at].byte != (unsigned char)p[i];)
			at = x->nodes[at].sibling;
	}
	return found;
}

/* True if neither neighbour of text[start, end) is part of a word. */
static bool stands_alone(const char *text, size_t n, size_t start, size_t end)
{
	size_t len;

	return (!start || !uni_is_word(uni_get(text + uni_before(text, start), &len))) &&
	       (end == n || !uni_is_word(uni_get(text + end, &len)));
}

static bool is_space(uint32_t code, bool ascii)
{
	return uni_is_space(code) && (code < 0x80 || !ascii);
}

static size_t spaces_before(const char *text, size_t low, size_t at, bool ascii)
{
	size_t len;

	while (at > low) {
		size_t before = low + uni_before(text + low, at - low);

		if (!is_space(uni_get(text + before, &len), ascii))
			break;
		at = before;
	}
	return at;
}

static size_t spaces_behind(const char *text, size_t n, size_t at, bool ascii)
{
	size_t len;

	while (at < n && is_space(uni_get(text + at, &len), ascii))
		at += len;
	return at;
}

bool tok_added_around(const struct tok_trie *x, const char *text, size_t n, size_t at)
{
	size_t from = at > x->max_bytes ? at - x->max_bytes : 0;
	int32_t which;
	bool more;

	for (; from < at; from++)
		if (x->roots[(unsigned char)text[from]] && longest(x, text + from, n - from, &which, &more) > at - from)
			return true;
	return false;
}

bool tok_cut(const struct infer_tokenizer *t, const struct tok_trie *x, const char *text, size_t start, size_t end,
             bool parse_special, bool open, tok_stretch_fn *fn, void *ctx)
{
	const char *p = text + start;
	size_t n = end - start, stop = n, done = 0;

	for (size_t i = tok_trie_empty(x) ? n : 0; i < n;) {
		int32_t which = TOK_NONE;
		size_t len, from, to;
		bool more;
		const struct tok_added *a;

		while (i < n && !x->roots[(unsigned char)p[i]])
			i++;
		len = longest(x, p + i, n - i, &which, &more);
		if (open && more) {
			stop = i;
			break;
		}
		if (!len) {
			i++;
			continue;
		}
		from = i;
		to = i + len;
		i = to; /* even if it does not count: its text is not searched again */
		a = &t->added[which];
		if ((a->special && !parse_special) || (a->single_word && !stands_alone(p, n, from, to)))
			continue;
		if (a->lstrip)
			from = spaces_before(p, done, from, a->ascii);
		if (a->rstrip)
			to = spaces_behind(p, n, to, a->ascii);
		if (done < from && !fn(ctx, start + done, start + from, NULL, false))
			return false;
		if (open && a->rstrip && to == n)
			return fn(ctx, start + from, start + to, a, true);
		if (!fn(ctx, start + from, start + to, a, false))
			return false;
		done = to;
	}
	if (open && x->lstrip && done < stop)
		stop = spaces_before(p, done, stop, false);
	return done >= stop || fn(ctx, start + done, start + stop, NULL, open);
}

/* A trie over the bytes of all keys, for models that try every key that begins at a place. An edge is found by a hash of the
 * node that it leaves and its byte, with a key of its own as in tok_index.c. */
#include <stdlib.h>

#include "tok_table.h"

struct edge {
	uint32_t from, to; /* nodes; `to` 0: a free slot, since no edge leads to the root */
	int32_t id;        /* the token that ends at `to`, or TOK_NONE */
	unsigned char byte;
};

struct tok_prefixes {
	struct edge *edges;
	size_t n_slots, n; /* n_slots: a power of two, at least twice n */
	uint64_t key;
};

static struct edge *find_edge(const struct tok_prefixes *x, uint32_t from, unsigned char byte)
{
	uint64_t h = (((uint64_t)from << 8 | byte) ^ x->key) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 32 ^ h >> 17) & (x->n_slots - 1);

	while (x->edges[i].to && (x->edges[i].from != from || x->edges[i].byte != byte))
		i = (i + 1) & (x->n_slots - 1);
	return &x->edges[i];
}

static bool grow(struct tok_prefixes *x, struct fmt_err *err)
{
	struct tok_prefixes old = *x;

	x->n_slots = old.n_slots ? 2 * old.n_slots : 1024;
	x->edges = calloc(x->n_slots, sizeof *x->edges);
	if (!x->edges) {
		*x = old;
		return fmt_fail_nomem(err, 2 * old.n_slots * sizeof *x->edges);
	}
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.edges[i].to)
			*find_edge(x, old.edges[i].from, old.edges[i].byte) = old.edges[i];
	free(old.edges);
	return true;
}

static bool add_key(struct tok_prefixes *x, struct fmt_str key, int32_t id, struct fmt_err *err)
{
	struct edge *e = NULL;
	uint32_t node = 0;

	for (size_t i = 0; i < key.n; i++) {
		if (2 * (x->n + 1) > x->n_slots && !grow(x, err))
			return false;
		e = find_edge(x, node, (unsigned char)key.p[i]);
		if (!e->to) {
			if (x->n + 1 >= UINT32_MAX)
				return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a vocabulary of more than 4 billion bytes");
			*e = (struct edge){ node, (uint32_t)++x->n, TOK_NONE, (unsigned char)key.p[i] };
		}
		node = e->to;
	}
	if (e && e->id == TOK_NONE)
		e->id = id;
	return true;
}

bool tok_prefixes_create(struct infer_tokenizer *t, struct fmt_err *err)
{
	bool ok;

	if (t->model != TOK_MODEL_UNIGRAM && t->model != TOK_MODEL_WORDPIECE)
		return true;
	t->prefixes = calloc(1, sizeof *t->prefixes);
	if (!t->prefixes)
		return fmt_fail_nomem(err, sizeof *t->prefixes);
	t->prefixes->key = t->index.key;
	ok = grow(t->prefixes, err);
	for (size_t id = 0; ok && id < t->n_entries; id++)
		if (t->entries[id].key.p)
			ok = add_key(t->prefixes, t->entries[id].key, (int32_t)id, err);
	return ok;
}

void tok_prefixes_destroy(struct tok_prefixes *x)
{
	if (!x)
		return;
	free(x->edges);
	free(x);
}

uint64_t tok_prefixes_bytes(const struct tok_prefixes *x)
{
	return x ? x->n_slots * sizeof *x->edges : 0;
}

bool tok_prefixes_next(const struct tok_prefixes *x, uint32_t *node, unsigned char byte, int32_t *id)
{
	const struct edge *e = find_edge(x, *node, byte);

	*node = e->to;
	*id = e->id;
	return e->to;
}

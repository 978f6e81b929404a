/* A trie over the bytes of all keys, for models that try every key that begins at a place. It ends where a single key is
 * left, whose rest is compared byte by byte: most of the nodes of a full trie are such rests. An edge is found by a hash of
 * the node that it leaves and its byte, with a key of its own as in tok_index.c. */
#include <stdlib.h>
#include <string.h>

#include "tok_table.h"

struct edge {
	uint32_t from, to; /* nodes; `to` 0: a free slot, since no edge leads to the root */
	int32_t id;        /* the token that ends at `to`, or TOK_NONE; of a single key: its token, wherever that ends */
	unsigned char byte;
	bool single;
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

static bool grow(struct tok_prefixes *x, size_t n_slots, struct fmt_err *err)
{
	struct tok_prefixes old = *x;

	x->n_slots = n_slots;
	x->edges = calloc(x->n_slots, sizeof *x->edges);
	if (!x->edges) {
		*x = old;
		return fmt_fail_nomem(err, n_slots * sizeof *x->edges);
	}
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.edges[i].to)
			*find_edge(x, old.edges[i].from, old.edges[i].byte) = old.edges[i];
	free(old.edges);
	return true;
}

/* The edge by a byte, a new one if there was none (its id is TOK_NONE, and *made set); NULL with *err set. */
static struct edge *new_edge(struct tok_prefixes *x, uint32_t from, unsigned char byte, bool *made, struct fmt_err *err)
{
	struct edge *e;

	if (2 * (x->n + 1) > x->n_slots && !grow(x, 2 * x->n_slots, err))
		return NULL;
	e = find_edge(x, from, byte);
	*made = !e->to;
	if (!*made)
		return e;
	if (x->n + 1 >= UINT32_MAX) {
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a vocabulary of more than 4 billion bytes");
		return NULL;
	}
	*e = (struct edge){ from, (uint32_t)++x->n, TOK_NONE, byte, false };
	return e;
}

/* An edge that a second key goes through: the single one, of which `at` bytes lead here, gets an edge of its own behind it. */
static bool divide(struct tok_prefixes *x, struct edge *e, struct fmt_str key, size_t at, struct fmt_err *err)
{
	int32_t id = e->id;
	bool made;

	e->single = false;
	if (key.n == at)
		return true;
	e->id = TOK_NONE;
	e = new_edge(x, e->to, (unsigned char)key.p[at], &made, err);
	if (!e)
		return false;
	e->id = id;
	e->single = true;
	return true;
}

static bool add_key(struct tok_prefixes *x, const struct tok_entry *entries, int32_t id, struct fmt_err *err)
{
	struct fmt_str key = entries[id].key, other;
	uint32_t node = 0, from = 0;
	struct edge *e;
	bool made;

	for (size_t at = 0; at < key.n; at++) {
		from = node;
		e = new_edge(x, from, (unsigned char)key.p[at], &made, err);
		if (!e)
			return false;
		if (made) {
			e->id = id;
			e->single = true;
			return true;
		}
		node = e->to;
		if (!e->single)
			continue;
		other = entries[e->id].key;
		if (other.n == key.n && !memcmp(other.p, key.p, key.n))
			return true;
		if (!divide(x, e, other, at + 1, err))
			return false;
	}
	if (key.n) { /* it begins another key */
		e = find_edge(x, from, (unsigned char)key.p[key.n - 1]);
		if (e->id == TOK_NONE)
			e->id = id;
	}
	return true;
}

static unsigned first_two(struct fmt_str key)
{
	unsigned first = key.n > 0 ? (unsigned char)key.p[0] : 0, second = key.n > 1 ? (unsigned char)key.p[1] : 0;

	return first << 8 | second;
}

/* The ids that have keys, sorted by the first two bytes, so that keys on the same edges are added one after the other and
 * find them in the cache; otherwise ascending. The caller frees them; NULL with *err set. */
static int32_t *in_order(const struct infer_tokenizer *t, size_t *n, struct fmt_err *err)
{
	uint32_t *place = calloc((1 << 16) + 1, sizeof *place);
	int32_t *ids = place ? malloc((t->n_entries + 1) * sizeof *ids) : NULL;

	*n = 0;
	if (!ids)
		fmt_fail_nomem(err, t->n_entries * sizeof *ids);
	for (size_t id = 0; ids && id < t->n_entries; id++)
		if (t->entries[id].key.p)
			place[first_two(t->entries[id].key) + 1]++;
	for (size_t i = 0; ids && i < 1 << 16; i++)
		place[i + 1] += place[i];
	for (size_t id = 0; ids && id < t->n_entries; id++) {
		if (t->entries[id].key.p) {
			ids[place[first_two(t->entries[id].key)]++] = (int32_t)id;
			++*n;
		}
	}
	free(place);
	return ids;
}

bool tok_prefixes_create(struct infer_tokenizer *t, struct fmt_err *err)
{
	size_t n_slots = 1024, n;
	int32_t *ids;
	bool ok;

	if (t->model != TOK_MODEL_UNIGRAM && t->model != TOK_MODEL_WORDPIECE)
		return true;
	t->prefixes = calloc(1, sizeof *t->prefixes);
	if (!t->prefixes)
		return fmt_fail_nomem(err, sizeof *t->prefixes);
	t->prefixes->key = t->index.key;
	ids = in_order(t, &n, err);
	while (n_slots < 4 * n) /* most vocabularies have two edges for each key at most */
		n_slots *= 2;
	ok = ids && grow(t->prefixes, n_slots, err);
	for (size_t i = 0; ok && i < n; i++) {
		__builtin_prefetch(&t->entries[ids[i + 16 < n ? i + 16 : i]].key);
		__builtin_prefetch(t->entries[ids[i + 8 < n ? i + 8 : i]].key.p);
		ok = add_key(t->prefixes, t->entries, ids[i], err);
	}
	free(ids);
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

/* By the rest of the only key that goes on. */
static bool next_of_rest(struct tok_prefix *at, unsigned char byte, int32_t *id)
{
	if (!at->rest.n || (unsigned char)*at->rest.p != byte)
		return false;
	at->rest = (struct fmt_str){ at->rest.p + 1, at->rest.n - 1 };
	*id = at->rest.n ? TOK_NONE : at->id;
	return true;
}

bool tok_prefixes_next(const struct infer_tokenizer *t, struct tok_prefix *at, unsigned char byte, int32_t *id)
{
	const struct edge *e;
	struct fmt_str key;

	if (at->rest.p)
		return next_of_rest(at, byte, id);
	e = find_edge(t->prefixes, at->node, byte);
	if (!e->to)
		return false;
	at->node = e->to;
	at->n++;
	*id = e->id;
	if (e->single) {
		key = t->entries[e->id].key;
		at->id = e->id;
		at->rest = (struct fmt_str){ key.p + at->n, key.n - at->n };
		*id = at->rest.n ? TOK_NONE : at->id;
	}
	return true;
}

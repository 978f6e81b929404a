/* The two tables every engine looks into: from bytes to ids, and pairs of ids that merge. Both are hashed with a key of
 * their own, so that a file cannot be made to collide everywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tok_table.h"

struct tok_slot {
	uint32_t hash;
	int32_t id; /* TOK_NONE: free */
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

/* Differs from run to run with the clock and where memory lies. */
static uint64_t new_key(const void *place)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	return mix((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 32) ^ mix((uint64_t)(uintptr_t)place);
}

static uint32_t hash_bytes(uint64_t key, const char *p, size_t n)
{
	uint64_t h = key ^ n, word;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = mix(h ^ word);
	}
	word = 0;
	memcpy(&word, p, n);
	return (uint32_t)mix(h ^ word);
}

/* A power of two, at least twice n. */
static size_t slots_for(size_t n)
{
	size_t slots = 16;

	while (slots < 2 * n)
		slots *= 2;
	return slots;
}

uint64_t tok_index_bytes(const struct tok_index *x)
{
	return x->n_slots * sizeof *x->slots;
}

static bool is_key(const struct infer_tokenizer *t, int32_t id, const char *p, size_t n)
{
	struct fmt_str key = t->entries[id].key;

	return key.p && key.n == n && !memcmp(key.p, p, n);
}

/* The slot of the key p[0, n), or a free one. */
static struct tok_slot *find_slot(const struct infer_tokenizer *t, uint32_t hash, const char *p, size_t n)
{
	const struct tok_index *x = &t->index;
	size_t i = hash & (x->n_slots - 1);

	while (x->slots[i].id != TOK_NONE && (x->slots[i].hash != hash || !is_key(t, x->slots[i].id, p, n)))
		i = (i + 1) & (x->n_slots - 1);
	return &x->slots[i];
}

int32_t tok_find(const struct infer_tokenizer *t, const char *p, size_t n)
{
	if (!t->index.n_slots || n > t->max_key_bytes)
		return TOK_NONE;
	return find_slot(t, hash_bytes(t->index.key, p, n), p, n)->id;
}

uint32_t tok_prefetch_slot(const struct infer_tokenizer *t, const char *p, size_t n)
{
	uint32_t hash = hash_bytes(t->index.key, p, n);

	__builtin_prefetch(&t->index.slots[hash & (t->index.n_slots - 1)]);
	return hash;
}

void tok_prefetch_entry(const struct infer_tokenizer *t, uint32_t hash)
{
	int32_t id = t->index.slots[hash & (t->index.n_slots - 1)].id;

	if (id != TOK_NONE)
		__builtin_prefetch(&t->entries[id].key);
}

int32_t tok_find_hashed(const struct infer_tokenizer *t, uint32_t hash, const char *p, size_t n)
{
	return find_slot(t, hash, p, n)->id;
}

int32_t tok_find_near(const struct infer_tokenizer *t, const char *p, size_t n, int32_t guess)
{
	for (int32_t id = guess; id >= 0 && id <= guess + 1 && (size_t)id < t->n_entries; id++)
		if (is_key(t, id, p, n))
			return id;
	return tok_find(t, p, n);
}

/* Adds the key of a token, unless it is there. */
static void add_key(struct infer_tokenizer *t, int32_t id, uint32_t hash)
{
	struct fmt_str key = t->entries[id].key;
	struct tok_slot *slot = find_slot(t, hash, key.p, key.n);

	if (slot->id != TOK_NONE)
		return;
	*slot = (struct tok_slot){ hash, id };
	t->index.n++;
	if (key.n > t->max_key_bytes)
		t->max_key_bytes = key.n;
}

/* Empties the index and gives it room for n keys. */
static bool make_room(struct infer_tokenizer *t, size_t n, struct fmt_err *err)
{
	struct tok_index *x = &t->index;

	free(x->slots);
	x->key = new_key(t);
	x->n = 0;
	x->n_slots = slots_for(n);
	x->slots = malloc(x->n_slots * sizeof *x->slots);
	if (!x->slots) {
		x->n_slots = 0;
		return fmt_fail_nomem(err, n * sizeof *x->slots);
	}
	for (size_t i = 0; i < x->n_slots; i++)
		x->slots[i].id = TOK_NONE;
	return true;
}

static bool fill(struct infer_tokenizer *t, size_t room, struct fmt_err *err)
{
	if (!make_room(t, room, err))
		return false;
	t->max_key_bytes = 0;
	for (size_t from = 0; from < t->n_entries; from += TOK_AHEAD) {
		size_t end = t->n_entries - from < TOK_AHEAD ? t->n_entries : from + TOK_AHEAD;
		uint32_t hashes[TOK_AHEAD];

		for (size_t id = from; id < end; id++)
			if (t->entries[id].key.p)
				hashes[id - from] = tok_prefetch_slot(t, t->entries[id].key.p, t->entries[id].key.n);
		for (size_t id = from; id < end; id++)
			if (t->entries[id].key.p)
				add_key(t, (int32_t)id, hashes[id - from]);
	}
	return true;
}

bool tok_index_add(struct infer_tokenizer *t, int32_t id, struct fmt_err *err)
{
	if (2 * (t->index.n + 1) > t->index.n_slots)
		return fill(t, 2 * t->n_entries, err);
	add_key(t, id, hash_bytes(t->index.key, t->entries[id].key.p, t->entries[id].key.n));
	return true;
}

/* The key of a token in a byte-level vocabulary: the bytes that its text stands for, or none. */
static bool byte_key(struct infer_tokenizer *t, struct tok_entry *e, struct tok_bytes *buf, struct fmt_err *err)
{
	size_t n;

	buf->n = 0;
	if (!tok_bytes_put(buf, e->text.p, e->text.n, err))
		return false;
	n = e->text.n ? tok_letter_bytes(e->text.p, e->text.n, buf->p) : SIZE_MAX;
	e->key = n == SIZE_MAX ? (struct fmt_str){ 0 } : tok_keep(t, buf->p, n, err);
	return n == SIZE_MAX || e->key.p;
}

/* The tokens of single bytes: those that spell them in a byte-level vocabulary, else <0xNN>. */
static void find_bytes(struct infer_tokenizer *t)
{
	for (int i = 0; i < 256; i++) {
		char name[8] = { (char)i };

		if (!t->byte_symbols)
			snprintf(name, sizeof name, "<0x%02X>", (unsigned)i);
		t->bytes[i] = tok_find(t, name, t->byte_symbols ? 1 : 6);
	}
}

bool tok_index_build(struct infer_tokenizer *t, bool final, struct fmt_err *err)
{
	bool ok = true, new_keys = !final || !t->index.n_slots;
	struct tok_bytes buf = { 0 };

	for (size_t id = 0; final && ok && id < t->n_entries; id++) {
		struct tok_entry *e = &t->entries[id];

		new_keys |= e->added_only || t->byte_symbols;
		if (e->added_only)
			e->key = (struct fmt_str){ 0 };
		else if (e->text.p && t->byte_symbols)
			ok = byte_key(t, e, &buf, err);
	}
	tok_bytes_finish(&buf);
	if (!ok || (new_keys && !fill(t, t->n_entries, err)))
		return false;
	if (final)
		find_bytes(t);
	return true;
}

static size_t first_slot(const struct tok_merges *m, int32_t left, int32_t right)
{
	uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;

	return (size_t)mix(pair ^ m->key) & (m->n_slots - 1);
}

static size_t merge_slot(const struct tok_merges *m, int32_t left, int32_t right)
{
	size_t i = first_slot(m, left, right);

	while (m->slots[i].left != TOK_NONE && (m->slots[i].left != left || m->slots[i].right != right))
		i = (i + 1) & (m->n_slots - 1);
	return i;
}

void tok_merges_prefetch(const struct tok_merges *m, int32_t left, int32_t right)
{
	__builtin_prefetch(&m->slots[first_slot(m, left, right)], 1);
}

bool tok_merges_reserve(struct tok_merges *m, size_t n, struct fmt_err *err)
{
	m->key = new_key(m);
	m->n_slots = slots_for(n);
	if (m->n_slots > SIZE_MAX / sizeof *m->slots)
		return fmt_fail_nomem(err, m->n_slots);
	m->slots = malloc(m->n_slots * sizeof *m->slots);
	if (!m->slots)
		return fmt_fail_nomem(err, m->n_slots * sizeof *m->slots);
	for (size_t i = 0; i < m->n_slots; i++)
		m->slots[i].left = TOK_NONE;
	return true;
}

void tok_merges_add(struct tok_merges *m, struct tok_merge merge, bool replace)
{
	size_t i = merge_slot(m, merge.left, merge.right);

	if (m->slots[i].left != TOK_NONE && !replace)
		return;
	m->n += m->slots[i].left == TOK_NONE;
	m->slots[i] = merge;
}

const struct tok_merge *tok_merges_find(const struct tok_merges *m, int32_t left, int32_t right)
{
	const struct tok_merge *found;

	if (!m->n_slots)
		return NULL;
	found = &m->slots[merge_slot(m, left, right)];
	return found->left == TOK_NONE ? NULL : found;
}

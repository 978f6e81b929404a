/* Open addressing with linear steps, at most half full. The hash is SipHash-1-3 (Aumasson and Bernstein, 2012, with
 * the reduced rounds that several language run-times use for their tables). */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "index.h"
#include "limit.h"

struct index_slot {
	struct fmt_str name; /* .p NULL: free */
	uint32_t value;
	uint32_t hash;       /* its upper half: spares most comparisons */
};

#define FIRST_SLOTS 64

struct sip {
	uint64_t v[4];
};

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(struct sip *s)
{
	uint64_t *v = s->v;

	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	sip_round(s);
	s->v[0] ^= word;
}

/* Up to 8 bytes as a number; the byte order is free, since hashes never leave the process. */
static uint64_t load(const char *p, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, p, n);
	return word;
}

static uint64_t hash(const struct fmt_index *x, struct fmt_str name)
{
	struct sip s = { { x->key[0] ^ UINT64_C(0x736f6d6570736575), x->key[1] ^ UINT64_C(0x646f72616e646f6d),
	                   x->key[0] ^ UINT64_C(0x6c7967656e657261), x->key[1] ^ UINT64_C(0x7465646279746573) } };
	size_t at = 0;

	for (; name.n - at >= 8; at += 8)
		sip_word(&s, load(name.p + at, 8));
	sip_word(&s, name.n > at ? load(name.p + at, name.n - at) : 0);
	sip_word(&s, name.n);
	s.v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

void fmt_index_init(struct fmt_index *x)
{
	*x = (struct fmt_index){ 0 };
	/* without random bytes (an early boot, a jail): what an attacker's file cannot know either */
	if (getentropy(x->key, sizeof x->key)) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		x->key[0] = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
		x->key[1] = (uint64_t)(uintptr_t)x ^ (uint64_t)getpid() << 32;
	}
}

void fmt_index_finish(struct fmt_index *x)
{
	free(x->slots);
	*x = (struct fmt_index){ 0 };
}

/* The slot where the name is, or the free one where it belongs. */
static struct index_slot *seek(const struct fmt_index *x, struct fmt_str name, uint64_t h)
{
	uint64_t at = h & (x->n_slots - 1);

	while (x->slots[at].name.p) {
		if (x->slots[at].hash == h >> 32 && fmt_str_eq(x->slots[at].name, name))
			break;
		at = (at + 1) & (x->n_slots - 1);
	}
	return &x->slots[at];
}

static bool grow(struct fmt_index *x, struct fmt_err *err)
{
	struct fmt_index bigger = *x;

	bigger.n_slots = x->n_slots ? x->n_slots * 2 : FIRST_SLOTS;
	bigger.slots = calloc((size_t)bigger.n_slots, sizeof *bigger.slots);
	if (!bigger.slots)
		return fmt_fail_nomem(err, bigger.n_slots * sizeof *bigger.slots);
	for (uint64_t i = 0; i < x->n_slots; i++)
		if (x->slots[i].name.p)
			*seek(&bigger, x->slots[i].name, hash(x, x->slots[i].name)) = x->slots[i];
	free(x->slots);
	*x = bigger;
	return true;
}

enum fmt_index_added fmt_index_add(struct fmt_index *x, struct fmt_str name, uint32_t value, struct fmt_err *err)
{
	struct index_slot *slot;
	uint64_t h = hash(x, name);

	if (!name.p)
		name.p = "";
	if (x->n >= LIMIT_NAMES) {
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more than %u names", LIMIT_NAMES);
		return FMT_INDEX_FAILED;
	}
	if (x->n >= x->n_slots / 2 && !grow(x, err))
		return FMT_INDEX_FAILED;
	slot = seek(x, name, h);
	if (slot->name.p)
		return FMT_INDEX_THERE;
	*slot = (struct index_slot){ name, value, (uint32_t)(h >> 32) };
	x->n++;
	return FMT_INDEX_ADDED;
}

bool fmt_index_find(const struct fmt_index *x, struct fmt_str name, uint32_t *value)
{
	struct index_slot *slot;

	if (!x->n)
		return false;
	slot = seek(x, name, hash(x, name));
	if (!slot->name.p)
		return false;
	*value = slot->value;
	return true;
}

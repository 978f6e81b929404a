/* Which tasks llama-perplexity takes where it is to take fewer than there are: what std::mt19937(1) says. */
#include <libinfer/choice.h>

#include <string.h>

/* The Mersenne Twister (Matsumoto and Nishimura 1998), 32 bits. */
enum { N = 624, M = 397 };

struct twister {
	uint32_t x[N];
	unsigned at;
};

static void seed(struct twister *w, uint32_t s)
{
	w->x[0] = s;
	for (uint32_t i = 1; i < N; i++)
		w->x[i] = UINT32_C(1812433253) * (w->x[i - 1] ^ w->x[i - 1] >> 30) + i;
	w->at = N;
}

static void refill(struct twister *w)
{
	for (unsigned i = 0; i < N; i++) {
		uint32_t y = (w->x[i] & UINT32_C(0x80000000)) | (w->x[(i + 1) % N] & UINT32_C(0x7fffffff));

		w->x[i] = w->x[(i + M) % N] ^ y >> 1 ^ (y & 1 ? UINT32_C(0x9908b0df) : 0);
	}
	w->at = 0;
}

static uint32_t next(struct twister *w)
{
	uint32_t y;

	if (w->at == N)
		refill(w);
	y = w->x[w->at++];
	y ^= y >> 11;
	y ^= y << 7 & UINT32_C(0x9d2c5680);
	y ^= y << 15 & UINT32_C(0xefc60000);
	return y ^ y >> 18;
}

/* A number below n, as std::uniform_int_distribution of GNU's library makes it (Lemire, arXiv:1805.10941). */
static uint64_t uniform(struct twister *w, uint32_t n)
{
	uint64_t product = (uint64_t)next(w) * n;
	uint32_t least = (0 - n) % n;

	while ((uint32_t)product < least)
		product = (uint64_t)next(w) * n;
	return product >> 32;
}

/* A number below n, by products of 32-bit floats, which may round up to n. */
static uint64_t scaled(struct twister *w, uint64_t n)
{
	float part = (float)next(w) * 0x1p-32f;
	uint64_t at = (uint64_t)(part * (float)n);

	return at < n ? at : n - 1;
}

/* Those that are drawn go to the front; the others close up behind them, in order. */
static void draw_in_order(struct twister *w, struct fmt_tasks *t, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = i + uniform(w, (uint32_t)(t->n - i));
		struct fmt_task task = t->tasks[at];

		memmove(t->tasks + i + 1, t->tasks + i, (size_t)(at - i) * sizeof task);
		t->tasks[i] = task;
	}
}

/* The place of each that is drawn is taken by the last of those that are left: of tasks turned round, the first. */
static void draw_and_fill(struct twister *w, struct fmt_tasks *t, uint64_t n)
{
	for (uint64_t i = 0; i < t->n / 2; i++) {
		struct fmt_task task = t->tasks[i];

		t->tasks[i] = t->tasks[t->n - 1 - i];
		t->tasks[t->n - 1 - i] = task;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = t->n - 1 - scaled(w, t->n - i);
		struct fmt_task task = t->tasks[at];

		t->tasks[at] = t->tasks[i];
		t->tasks[i] = task;
	}
}

void infer_tasks_draw(struct fmt_tasks *t, uint64_t n)
{
	struct twister w;

	if (n >= t->n || t->n > UINT32_MAX)
		return;
	seed(&w, 1);
	if (t->kind == FMT_TASKS_HELLASWAG)
		draw_in_order(&w, t, n);
	else
		draw_and_fill(&w, t, n);
	t->n = n;
}

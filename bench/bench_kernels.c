/* Speed of every kernel: bench_kernels [TYPE [EFFORT [ROUNDS]]], EFFORT a number of enum quant_effort. Per type and CPU
 * level: GB/s of floats in (encode) or out (decode), and nanoseconds per weight, on normal-looking rows of 4096; the best
 * of several rounds (many of them make a profile). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dispatch.h"

enum { COLS = 4096, ROWS = 16 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* other work on the machine does not count */
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The sum of four uniform numbers: near enough to a normal one, and the same everywhere. */
static void fill(float *x, size_t n)
{
	uint32_t state = 1;

	for (size_t i = 0; i < n; i++) {
		float sum = 0;

		for (int k = 0; k < 4; k++) {
			state = state * 1664525 + 1013904223;
			sum += (float)(state >> 8) * 0x1p-24f - 0.5f;
		}
		x[i] = 0.03f * sum;
	}
}

struct rows {
	const struct quant_type *type;
	enum quant_effort effort;
	int rounds;
	size_t row_bytes;
	float *x, *w;
	unsigned char *q;
};

enum job { ENCODE, ENCODE_WEIGHTED, DECODE };

/* Seconds per weight. */
static double measure(struct rows *r, enum job job)
{
	double best = 1e9;

	for (int round = 0; round < r->rounds; round++) {
		double start = now(), t;

		for (size_t i = 0; i < ROWS; i++) {
			if (job == DECODE)
				r->type->decode(r->q + i * r->row_bytes, r->x + i * COLS, COLS);
			else
				r->type->encode(r->x + i * COLS, job == ENCODE ? NULL : r->w, r->effort,
				                r->q + i * r->row_bytes, COLS);
		}
		t = now() - start;
		best = t < best ? t : best;
	}
	return best / (ROWS * COLS);
}

static void bench(enum fmt_type t, enum quant_cpu level, struct rows *r)
{
	static const char *const names[] = { "encode", "encode-w", "decode" };
	uint64_t row_bytes;

	r->type = quant_type_at(t, level);
	if (!r->type || !fmt_row_bytes(t, COLS, &row_bytes))
		return;
	r->row_bytes = (size_t)row_bytes;
	printf("%-7s %-6s", fmt_type_info(t)->name, quant_cpu_name(level));
	for (int job = ENCODE; job <= DECODE; job++) {
		double s;

		if (job != DECODE && (!r->type->encode || (job == ENCODE_WEIGHTED && !r->type->uses_weights)))
			continue;
		s = measure(r, (enum job)job);
		printf("  %-8s %6.2f ns %6.2f GB/s", names[job], s * 1e9, 4e-9 / s);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	struct rows r = { 0 };

	r.effort = argc > 2 ? (enum quant_effort)atoi(argv[2]) : QUANT_NORMAL;
	r.rounds = argc > 3 ? atoi(argv[3]) : 5;
	r.x = malloc(sizeof(float) * ROWS * COLS);
	r.w = malloc(sizeof(float) * COLS);
	r.q = calloc(ROWS * COLS, 8);
	if (!r.x || !r.w || !r.q)
		return 4;
	for (int t = 0; t < FMT_TYPE_COUNT; t++) {
		if (argc > 1 && strcmp(argv[1], fmt_type_info((enum fmt_type)t)->name) != 0)
			continue;
		for (int level = 0; level <= (int)quant_cpu_detect(); level++) {
			fill(r.x, ROWS * COLS);
			fill(r.w, COLS);
			for (int i = 0; i < COLS; i++)
				r.w[i] *= r.w[i];
			bench((enum fmt_type)t, (enum quant_cpu)level, &r);
		}
	}
	free(r.x);
	free(r.w);
	free(r.q);
	return 0;
}

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rows.h"

const char *row_kind_name(enum row_kind kind)
{
	static const char *const names[ROW_KINDS] = { "zeros",    "negative zeros", "denormals", "tiny",
		                                      "constant", "huge",           "outlier",   "one sign",
		                                      "ties",     "normal",         "heavy",     "mixed",
		                                      "nonfinite" };

	return names[kind];
}

uint32_t row_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Nearly normal, mean 0, deviation about 1. */
static float normal(uint32_t *state)
{
	float sum = 0;

	for (int i = 0; i < 12; i++)
		sum += (float)row_random(state) * 0x1p-24f - 0.5f;
	return sum;
}

static float value(enum row_kind kind, uint32_t *state, size_t i)
{
	float v = normal(state);

	switch (kind) {
	case ROW_ZEROS:
		return 0;
	case ROW_NEGATIVE_ZEROS:
		return -0.0f;
	case ROW_DENORMALS:
		return v * 1e-40f;
	case ROW_TINY:
		return v * 1e-7f;
	case ROW_CONSTANT:
		return -0.37f;
	case ROW_HUGE:
		return i % 7 == 3 ? (v < 0 ? -FLT_MAX : FLT_MAX) : v * 1e37f;
	case ROW_OUTLIER:
		return i % 256 == 100 ? 1e4f : v * 0.01f;
	case ROW_ONE_SIGN:
		return 0.5f + (v < 0 ? -v : v);
	case ROW_TIES:
		return (float)((int)(row_random(state) % 33) - 16) * 0.125f;
	case ROW_HEAVY:
		return 0.02f * v * v * v;
	case ROW_MIXED:
		return v * (i / 32 % 3 == 0 ? 1e3f : i / 32 % 3 == 1 ? 1e-3f : 1);
	case ROW_NONFINITE:
		return i % 90 == 5 ? NAN : i % 70 == 3 ? -INFINITY : i % 50 == 1 ? INFINITY : v;
	default:
		return 0.02f * v;
	}
}

void row_fill(enum row_kind kind, uint32_t seed, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = value(kind, &seed, i);
}

void row_importance(uint32_t seed, float *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float v = normal(&seed);

		w[i] = i % 64 < 16 ? 0 : i % 50 == 7 ? 1e6f : v * v;
	}
}

static size_t pages(size_t bytes, size_t page)
{
	return (bytes + page - 1) / page * page;
}

void *guard_alloc(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = pages(bytes, page);
	unsigned char *p = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + whole, page, PROT_NONE))
		abort();
	return p + whole - bytes;
}

void guard_free(void *p, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = pages(bytes, page);

	munmap((unsigned char *)p + bytes - whole, whole + page);
}

/* Every CPU level against the scalar one, every type: equal bytes from the encoder, with and without importance, at every
 * effort, and equal floats from the decoder, on hard rows and random bytes, inside guarded buffers. A new type or level is covered
 * without a line here. Also splits: blocks do not depend on how many of them stand in a row, nor rows on how many are encoded at
 * once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dispatch.h"
#include "rows.h"

static const struct quant_type *reference(enum fmt_type t)
{
	return quant_type_at(t, QUANT_CPU_SCALAR);
}

static void compare_encoders(enum fmt_type t, const struct quant_type *k, enum quant_effort effort, size_t n)
{
	uint64_t bytes = 0;
	float *x = guard_alloc(n * sizeof(*x)), *w = guard_alloc(n * sizeof(*w));
	unsigned char *a, *b;

	assert_true(fmt_row_bytes(t, n, &bytes));
	a = guard_alloc(bytes);
	b = guard_alloc(bytes);
	row_importance(5, w, n);
	for (int kind = 0; kind < ROW_KINDS; kind++) {
		row_fill((enum row_kind)kind, (uint32_t)n, x, n);
		for (int weighted = 0; weighted < 2; weighted++) {
			memset(a, 0xa5, bytes);
			memset(b, 0x5a, bytes);
			reference(t)->encode(x, weighted ? w : NULL, effort, a, n);
			k->encode(x, weighted ? w : NULL, effort, b, n);
			if (bytes && memcmp(a, b, bytes) != 0)
				fail_msg("%s, row of %zu, %s%s, effort %d: encoders differ", fmt_type_info(t)->name, n,
				         row_kind_name((enum row_kind)kind), weighted ? ", weighted" : "", (int)effort);
		}
	}
	guard_free(x, n * sizeof(*x));
	guard_free(w, n * sizeof(*w));
	guard_free(a, bytes);
	guard_free(b, bytes);
}

static void compare_decoders(enum fmt_type t, const struct quant_type *k, size_t n)
{
	uint64_t bytes = 0;
	float *x = guard_alloc(n * sizeof(*x)), *y = guard_alloc(n * sizeof(*y));
	unsigned char *src;
	uint32_t seed = 3;

	assert_true(fmt_row_bytes(t, n, &bytes));
	src = guard_alloc(bytes);
	for (uint64_t i = 0; i < bytes; i++)
		src[i] = (unsigned char)(row_random(&seed) >> 7);
	reference(t)->decode(src, x, n);
	k->decode(src, y, n);
	for (size_t i = 0; i < n; i++) {
		if (memcmp(x + i, y + i, sizeof(*x)) != 0 && (x[i] == x[i] || y[i] == y[i]))
			fail_msg("%s: decoders differ at %zu", fmt_type_info(t)->name, i);
	}
	guard_free(x, n * sizeof(*x));
	guard_free(y, n * sizeof(*y));
	guard_free(src, bytes);
}

static void levels_agree(void **state)
{
	/* past sixteen blocks, which simple types do at once, and past two superblocks */
	static const size_t small[] = { 0, 1, 2, 3, 17, 33 }, super[] = { 0, 1, 2, 3, 5 };

	(void)state;
	for (int level = 0; level <= (int)quant_cpu_detect(); level++) {
		for (int i = 0; i < FMT_TYPE_COUNT; i++) {
			enum fmt_type t = (enum fmt_type)i;
			const struct quant_type *k = quant_type_at(t, (enum quant_cpu)level);
			bool is_super = fmt_type_info(t)->block_elems >= 256;
			size_t n_sizes = is_super ? sizeof(super) / sizeof(*super) : sizeof(small) / sizeof(*small);

			for (size_t j = 0; k && j < n_sizes; j++) {
				size_t n = (is_super ? super[j] : small[j]) * fmt_type_info(t)->block_elems;

				compare_decoders(t, k, n);
				if (k->encode)
					compare_encoders(t, k, QUANT_NORMAL, n);
				for (int effort = QUANT_FAST; k->encode && j == 2 && effort < QUANT_EFFORTS; effort++)
					compare_encoders(t, k, (enum quant_effort)effort, n);
			}
		}
	}
}

/* Without importance, which is relative to its row, a block's bytes depend on that block alone. */
static void blocks_stand_alone(void **state)
{
	(void)state;
	for (int i = 0; i < FMT_TYPE_COUNT; i++) {
		enum fmt_type t = (enum fmt_type)i;
		const struct quant_type *k = quant_type(t);
		size_t elems = fmt_type_info(t)->block_elems, block = fmt_type_info(t)->block_bytes, n = 19 * elems;
		unsigned char *whole = malloc(19 * block), *one = malloc(block);
		float *x = malloc(n * sizeof(*x));

		assert_true(whole && one && x);
		row_fill(ROW_MIXED, 11, x, n);
		if (k && k->encode)
			k->encode(x, NULL, QUANT_NORMAL, whole, n);
		for (size_t j = 0; k && k->encode && j < 19; j++) {
			k->encode(x + j * elems, NULL, QUANT_NORMAL, one, elems);
			assert_memory_equal(one, whole + j * block, block);
		}
		free(whole);
		free(one);
		free(x);
	}
}

static void compare_rows(enum fmt_type t, const struct quant_type *k, size_t n_rows, size_t n_cols, bool weighted)
{
	uint64_t row_bytes = 0;
	float *x = guard_alloc(n_rows * n_cols * sizeof(*x)), *w = guard_alloc(n_cols * sizeof(*w));
	unsigned char *all, *one;

	assert_true(fmt_row_bytes(t, n_cols, &row_bytes));
	all = guard_alloc(n_rows * row_bytes);
	one = guard_alloc(row_bytes);
	row_fill(ROW_MIXED, 7, x, n_rows * n_cols);
	row_importance(9, w, n_cols);
	quant_encode_rows(k, x, weighted ? w : NULL, QUANT_NORMAL, all, n_rows, n_cols);
	for (size_t r = 0; r < n_rows; r++) {
		k->encode(x + r * n_cols, weighted ? w : NULL, QUANT_NORMAL, one, n_cols);
		if (memcmp(one, all + r * row_bytes, row_bytes) != 0)
			fail_msg("%s: row %zu of %zu x %zu%s differs", fmt_type_info(t)->name, r, n_rows, n_cols,
			         weighted ? ", weighted" : "");
	}
	guard_free(x, n_rows * n_cols * sizeof(*x));
	guard_free(w, n_cols * sizeof(*w));
	guard_free(all, n_rows * row_bytes);
	guard_free(one, row_bytes);
}

static void rows_at_once(void **state)
{
	/* 8192 columns are as many as are repeated: 11 rows of 768, 10 and one, or one */
	static const size_t shapes[][2] = { { 5, 256 }, { 1, 256 }, { 11, 768 }, { 2, 4352 }, { 1, 8448 } };

	(void)state;
	for (int i = 0; i < FMT_TYPE_COUNT; i++) {
		enum fmt_type t = (enum fmt_type)i;
		const struct quant_type *k = quant_type(t);

		for (size_t j = 0; k && k->encode && j < sizeof(shapes) / sizeof(*shapes); j++)
			for (int weighted = 0; weighted < 2; weighted++)
				compare_rows(t, k, shapes[j][0], shapes[j][1], weighted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_agree),
		cmocka_unit_test(blocks_stand_alone),
		cmocka_unit_test(rows_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

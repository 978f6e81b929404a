/* What every container must hold to once it has been opened. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define READ_BYTES 65536 /* of contents per tensor */

static unsigned sum; /* what is looked at must be used, or the compiler drops it */

static void look_at(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += ((const uint8_t *)p)[i];
}

static void look_at_array(const struct fmt_value *v)
{
	static const uint8_t bytes[FMT_KV_TYPE_COUNT] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

	for (uint64_t i = 0; i < v->n; i++) {
		if (v->elem == FMT_KV_STR)
			look_at(v->as.strs[i].p, v->as.strs[i].n);
		else if (v->elem == FMT_KV_ARR)
			look_at_array(&v->as.arrs[i]);
	}
	look_at(v->as.data, (size_t)(v->n * bytes[v->elem]));
}

static void look_at_tensor(const struct fmt_model *m, const struct fmt_tensor *t)
{
	uint64_t rows = fmt_tensor_rows(t), row_bytes = rows ? t->n_bytes / rows : 0;
	uint64_t n = row_bytes && row_bytes <= READ_BYTES ? READ_BYTES / row_bytes : 0;
	struct fmt_err err = { 0 };
	const void *map;
	uint8_t *p;

	if (n > rows)
		n = rows;
	p = malloc((size_t)(n * row_bytes) + 1);
	if (p && fmt_tensor_read(m, t, rows - n, n, p, &err))
		look_at(p, (size_t)(n * row_bytes));
	map = fmt_tensor_map(m, t);
	if (p && map && n && !err.code && memcmp((const char *)map + (rows - n) * row_bytes, p, (size_t)(n * row_bytes)))
		abort();
	free(p);
}

void fuzz_model(const struct fmt_model *m)
{
	for (uint64_t i = 0; i < m->n_kv; i++) {
		look_at(m->kv[i].key.p, m->kv[i].key.n);
		if (m->kv[i].value.type == FMT_KV_STR)
			look_at(m->kv[i].value.as.s.p, m->kv[i].value.as.s.n);
		if (m->kv[i].value.type == FMT_KV_ARR)
			look_at_array(&m->kv[i].value);
	}
	for (uint64_t i = 0; i < m->n_tensors; i++) {
		const struct fmt_tensor *t = &m->tensors[i];

		if (fmt_model_find(m, t->name) != t)
			abort();
		if (!t->strides && (t->off > m->file_bytes[t->file] || t->n_bytes > m->file_bytes[t->file] - t->off))
			abort();
		look_at_tensor(m, t);
	}
}

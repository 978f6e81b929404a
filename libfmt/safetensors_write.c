/* Writes safetensors, byte for byte as safetensors 0.8 does for the same tensors and metadata (which it keeps in a hash
 * table, so of several keys the order is ours: that of the calls). Source: tensor.rs, `prepare` and `serialize`. */
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "json_out.h"
#include "limit.h"
#include "write_impl.h"

#define LENGTH_BYTES 8
#define HEADER_ALIGN 8

/* Rank of a type in the reference's list; tensors are written from the highest rank down. */
static int rank(enum fmt_type t)
{
	static const enum fmt_type order[] = {
		FMT_BOOL, FMT_F4, FMT_F6_E2M3, FMT_F6_E3M2, FMT_U8, FMT_I8, FMT_F8_E5M2, FMT_F8_E4M3,
		FMT_F8_E8M0, FMT_F8_E4M3FNUZ, FMT_F8_E5M2FNUZ, FMT_I16, FMT_U16, FMT_F16, FMT_BF16, FMT_I32,
		FMT_U32, FMT_F32, FMT_C64, FMT_F64, FMT_I64, FMT_U64,
	};
	int n = (int)(sizeof order / sizeof *order);

	for (int i = 0; i < n; i++)
		if (order[i] == t)
			return i;
	return -1;
}

static bool check_kv(const struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	(void)w;
	if (kv->value.type != FMT_KV_STR)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "key %s: safetensors keeps only text as metadata",
		                fmt_show(kv->key, name));
	if (!fmt_utf8_valid(kv->key.p, kv->key.n, NULL) || !fmt_utf8_valid(kv->value.as.s.p, kv->value.as.s.n, NULL))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "key %s: safetensors metadata must be UTF-8",
		                fmt_show(kv->key, name));
	return true;
}

static bool check_tensor(const struct fmt_writer *w, const struct fmt_out_tensor *t, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	(void)w;
	if (rank(t->type) < 0)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: safetensors has no type %s",
		                fmt_show(t->name, name), fmt_type_info(t->type)->name);
	if (fmt_str_is(t->name, "__metadata__") || !fmt_utf8_valid(t->name.p, t->name.n, NULL))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: not a name that safetensors can hold",
		                fmt_show(t->name, name));
	return true;
}

static int by_type_and_name(const void *a, const void *b)
{
	const struct fmt_out_tensor *x = *(struct fmt_out_tensor *const *)a, *y = *(struct fmt_out_tensor *const *)b;
	size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	int order = rank(y->type) - rank(x->type);

	if (!order && n)
		order = memcmp(x->name.p, y->name.p, n);
	return order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* One tensor's entry; `at` counts from the end of the header. */
static void put_tensor(struct fmt_buf *b, const struct fmt_out_tensor *t, uint64_t at)
{
	json_out_str(b, t->name);
	fmt_buf_text(b, ":{\"dtype\":\"");
	fmt_buf_text(b, fmt_type_info(t->type)->st_name);
	fmt_buf_text(b, "\",\"shape\":[");
	for (uint32_t k = 0; k < t->n_dims; k++) {
		if (k)
			fmt_buf_u8(b, ',');
		json_out_u64(b, t->dims[k]);
	}
	fmt_buf_text(b, "],\"data_offsets\":[");
	json_out_u64(b, at);
	fmt_buf_u8(b, ',');
	json_out_u64(b, at + t->n_bytes);
	fmt_buf_text(b, "]}");
}

static void put_metadata(struct fmt_buf *b, const struct fmt_writer *w)
{
	fmt_buf_text(b, "\"__metadata__\":{");
	for (uint64_t i = 0; i < w->n_kv; i++) {
		if (i)
			fmt_buf_u8(b, ',');
		json_out_str(b, w->kv[i].key);
		fmt_buf_u8(b, ':');
		json_out_str(b, w->kv[i].value.as.s);
	}
	fmt_buf_u8(b, '}');
}

/* The header with its length before it and the spaces behind it; gives each tensor its offset in the contents. */
static bool make_header(struct fmt_writer *w, struct fmt_out_tensor **order, struct fmt_buf *b, struct fmt_err *err)
{
	uint64_t at = 0;

	fmt_buf_zeros(b, LENGTH_BYTES);
	fmt_buf_u8(b, '{');
	if (w->n_kv)
		put_metadata(b, w);
	for (uint64_t i = 0; i < w->n_tensors; i++) {
		if (i || w->n_kv)
			fmt_buf_u8(b, ',');
		put_tensor(b, order[i], at);
		order[i]->off = at;
		if (ckd_add(&at, at, order[i]->n_bytes))
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more tensor bytes than a file can have");
	}
	fmt_buf_u8(b, '}');
	while (!err->code && b->n % HEADER_ALIGN)
		fmt_buf_u8(b, ' ');
	if (err->code)
		return false;
	if (b->n - LENGTH_BYTES > LIMIT_ST_HEADER_BYTES)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a safetensors header of %zu bytes, which no reader takes",
		                b->n - LENGTH_BYTES);
	for (int k = 0; k < LENGTH_BYTES; k++)
		b->p[k] = (uint8_t)((b->n - LENGTH_BYTES) >> 8 * k);
	w->file_bytes = b->n + at;
	return w->file_bytes >= at || fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more tensor bytes than a file can have");
}

/* Keeps the header as the writer's state: writing it is then a matter of one call. */
static bool layout(struct fmt_writer *w, struct fmt_err *err)
{
	struct fmt_buf b;
	struct fmt_str *kept = fmt_arena_alloc(&w->arena, 1, sizeof *kept, err);
	struct fmt_out_tensor **order = kept ? malloc((size_t)w->n_tensors * sizeof(struct fmt_out_tensor *) + 1) : NULL;

	if (!order)
		return fmt_fail_nomem(err, w->n_tensors * sizeof *order);
	for (uint64_t i = 0; i < w->n_tensors; i++)
		order[i] = &w->tensors[i];
	qsort(order, (size_t)w->n_tensors, sizeof *order, by_type_and_name);
	fmt_buf_init(&b, err);
	if (make_header(w, order, &b, err)) {
		for (uint64_t i = 0; i < w->n_tensors; i++)
			w->tensors[i].off += b.n;
		*kept = fmt_arena_str(&w->arena, (struct fmt_str){ (const char *)b.p, b.n }, err);
		w->state = kept;
	}
	fmt_buf_finish(&b);
	free(order);
	return !err->code;
}

static bool header(struct fmt_writer *w, struct fmt_sink *s, struct fmt_err *err)
{
	const struct fmt_str *kept = w->state;

	return fmt_sink_write(s, 0, kept->p, kept->n, err);
}

const struct fmt_out fmt_out_safetensors = { FMT_OUT_SAFETENSORS, check_kv, check_tensor, layout, header };

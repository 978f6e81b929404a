/* Metadata values: sizes, numbers, deep copies. */
#include <string.h>

#include "limit.h"
#include "value.h"

unsigned fmt_kv_type_bytes(enum fmt_kv_type t)
{
	static const uint8_t bytes[FMT_KV_TYPE_COUNT] = {
		[FMT_KV_U8] = 1, [FMT_KV_I8] = 1, [FMT_KV_BOOL] = 1, [FMT_KV_U16] = 2, [FMT_KV_I16] = 2, [FMT_KV_U32] = 4,
		[FMT_KV_I32] = 4, [FMT_KV_F32] = 4, [FMT_KV_U64] = 8, [FMT_KV_I64] = 8, [FMT_KV_F64] = 8,
	};

	return (unsigned)t < FMT_KV_TYPE_COUNT ? bytes[t] : 0;
}

bool fmt_value_u64(const struct fmt_value *v, uint64_t *out)
{
	switch (v->type) {
	case FMT_KV_U8:
	case FMT_KV_U16:
	case FMT_KV_U32:
	case FMT_KV_U64:
		*out = v->as.u;
		return true;
	case FMT_KV_I8:
	case FMT_KV_I16:
	case FMT_KV_I32:
	case FMT_KV_I64:
		*out = (uint64_t)v->as.i;
		return v->as.i >= 0;
	default:
		return false;
	}
}

static bool copy_value(struct fmt_arena *a, const struct fmt_value *v, struct fmt_value *copy, unsigned depth,
                       struct fmt_err *err);

static bool copy_strings(struct fmt_arena *a, const struct fmt_value *v, struct fmt_value *copy, struct fmt_err *err)
{
	struct fmt_str *strs = fmt_arena_alloc(a, v->n, sizeof *strs, err);

	for (uint64_t i = 0; strs && i < v->n; i++)
		strs[i] = fmt_arena_str(a, v->as.strs[i], err);
	copy->as.strs = strs;
	return !err->code;
}

static bool copy_arrays(struct fmt_arena *a, const struct fmt_value *v, struct fmt_value *copy, unsigned depth,
                        struct fmt_err *err)
{
	struct fmt_value *arrs = fmt_arena_alloc(a, v->n, sizeof *arrs, err);

	for (uint64_t i = 0; arrs && i < v->n && !err->code; i++) {
		if (v->as.arrs[i].type != FMT_KV_ARR)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "an array of arrays holds something else");
		copy_value(a, &v->as.arrs[i], &arrs[i], depth + 1, err);
	}
	copy->as.arrs = arrs;
	return !err->code;
}

static bool copy_value(struct fmt_arena *a, const struct fmt_value *v, struct fmt_value *copy, unsigned depth,
                       struct fmt_err *err)
{
	unsigned bytes = fmt_kv_type_bytes(v->type == FMT_KV_ARR ? v->elem : v->type);
	void *data;

	*copy = *v;
	if (v->type == FMT_KV_STR) {
		copy->as.s = fmt_arena_str(a, v->as.s, err);
		return !err->code;
	}
	if (v->type != FMT_KV_ARR)
		return bytes || fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "metadata of unknown type %d", (int)v->type);
	if (depth >= LIMIT_GGUF_ARRAY_DEPTH)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "arrays nested more than %d deep", LIMIT_GGUF_ARRAY_DEPTH);
	if (v->elem == FMT_KV_STR)
		return copy_strings(a, v, copy, err);
	if (v->elem == FMT_KV_ARR)
		return copy_arrays(a, v, copy, depth, err);
	if (!bytes)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "an array of unknown type %d", (int)v->elem);
	data = fmt_arena_alloc(a, v->n, bytes, err);
	if (data && v->n)
		memcpy(data, v->as.data, (size_t)(v->n * bytes));
	copy->as.data = data;
	return !err->code;
}

bool fmt_value_copy(struct fmt_arena *a, const struct fmt_value *v, struct fmt_value *copy, struct fmt_err *err)
{
	return copy_value(a, v, copy, 0, err);
}

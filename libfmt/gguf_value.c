/* GGUF metadata values, and the rules for what stands beside them. */
#include <inttypes.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "gguf.h"
#include "limit.h"
#include "swap.h"
#include "value.h"

static bool host_is_big_endian(void)
{
	const uint16_t one = 1;
	uint8_t first;

	memcpy(&first, &one, 1);
	return !first;
}

/* Lengths and counts: 32 bits in version 1, 64 since. */
static uint64_t length(struct fmt_cur *c, uint32_t version, const char *what)
{
	return version == 1 ? fmt_cur_u32(c, what) : fmt_cur_u64(c, what);
}

/* The fewest bytes that a value of this type can take. */
static uint64_t least_bytes(uint32_t type, uint32_t version)
{
	const uint64_t len = version == 1 ? 4 : 8;

	if (type == FMT_KV_STR)
		return len;
	return type == FMT_KV_ARR ? 4 + len : fmt_kv_type_bytes((enum fmt_kv_type)type);
}

struct fmt_str gguf_str_read(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, const char *what)
{
	uint64_t off = c->pos, n = length(c, version, what);

	if (fmt_cur_ok(c) && n > LIMIT_GGUF_STRING_BYTES)
		fmt_fail(c->err, FMT_LIMIT, off, "%s: a length of %" PRIu64 " bytes, at most %" PRIu64 " are accepted", what, n,
		         LIMIT_GGUF_STRING_BYTES);
	n = fmt_cur_count(c, n, 1, off, what);
	return fmt_cur_str(c, n, a, what);
}

static bool check_bool(struct fmt_cur *c, const uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i] > 1)
			return fmt_fail(c->err, FMT_MALFORMED, c->pos - n + i, "a truth value of %d, only 0 and 1 are allowed", p[i]);
	return true;
}

static void read_numbers(struct fmt_cur *c, struct fmt_arena *a, struct fmt_value *v)
{
	const unsigned bytes = fmt_kv_type_bytes(v->elem);
	void *data = fmt_arena_alloc(a, v->n, bytes, c->err);

	if (!data || !fmt_cur_bytes(c, data, (size_t)(v->n * bytes), "array elements"))
		return;
	if (v->elem == FMT_KV_BOOL)
		check_bool(c, data, v->n);
	else if (c->big_endian != host_is_big_endian())
		fmt_swap_numbers(data, v->n, bytes);
	v->as.data = data;
}

static void read_strings(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, struct fmt_value *v)
{
	struct fmt_str *strs = fmt_arena_alloc(a, v->n, sizeof *strs, c->err);

	for (uint64_t i = 0; i < v->n && fmt_cur_ok(c); i++)
		strs[i] = gguf_str_read(c, a, version, "string in an array");
	v->as.strs = strs;
}

static bool read_array(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, struct fmt_value *v, unsigned depth);

static void read_arrays(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, struct fmt_value *v, unsigned depth)
{
	struct fmt_value *arrs = fmt_arena_alloc(a, v->n, sizeof *arrs, c->err);

	for (uint64_t i = 0; i < v->n && fmt_cur_ok(c); i++)
		read_array(c, a, version, &arrs[i], depth + 1);
	v->as.arrs = arrs;
}

static bool read_array(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, struct fmt_value *v, unsigned depth)
{
	uint64_t off = c->pos;
	uint32_t elem = fmt_cur_u32(c, "array type");

	if (fmt_cur_ok(c) && elem >= FMT_KV_TYPE_COUNT)
		return fmt_fail(c->err, FMT_MALFORMED, off, "an array of type %" PRIu32 ", known are 0 to %d", elem,
		                FMT_KV_TYPE_COUNT - 1);
	if (depth >= LIMIT_GGUF_ARRAY_DEPTH)
		return fmt_fail(c->err, FMT_LIMIT, off, "arrays nested more than %d deep", LIMIT_GGUF_ARRAY_DEPTH);
	off = c->pos;
	v->type = FMT_KV_ARR;
	v->elem = (enum fmt_kv_type)elem;
	v->n = length(c, version, "array length");
	if (fmt_cur_ok(c) && v->n > LIMIT_GGUF_ARRAY_ELEMS)
		return fmt_fail(c->err, FMT_LIMIT, off, "an array of %" PRIu64 " elements, at most %" PRIu64 " are accepted", v->n,
		                LIMIT_GGUF_ARRAY_ELEMS);
	v->n = fmt_cur_count(c, v->n, least_bytes(elem, version), off, "array elements");
	if (elem == FMT_KV_STR)
		read_strings(c, a, version, v);
	else if (elem == FMT_KV_ARR)
		read_arrays(c, a, version, v, depth);
	else
		read_numbers(c, a, v);
	return fmt_cur_ok(c);
}

static int64_t sign_extend(uint64_t u, unsigned bits)
{
	const uint64_t sign = UINT64_C(1) << (bits - 1);

	return (int64_t)((u ^ sign) - sign);
}

static double float_of(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

static double double_of(uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof d);
	return d;
}

static void read_bool(struct fmt_cur *c, struct fmt_value *v)
{
	uint8_t byte = fmt_cur_u8(c, "value");

	if (fmt_cur_ok(c))
		check_bool(c, &byte, 1);
	v->as.b = byte == 1;
}

bool gguf_value_read(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, uint32_t type, struct fmt_value *v)
{
	*v = (struct fmt_value){ .type = (enum fmt_kv_type)type };
	switch (type) {
	case FMT_KV_U8:
		v->as.u = fmt_cur_u8(c, "value");
		break;
	case FMT_KV_U16:
		v->as.u = fmt_cur_u16(c, "value");
		break;
	case FMT_KV_U32:
		v->as.u = fmt_cur_u32(c, "value");
		break;
	case FMT_KV_U64:
		v->as.u = fmt_cur_u64(c, "value");
		break;
	case FMT_KV_I8:
		v->as.i = sign_extend(fmt_cur_u8(c, "value"), 8);
		break;
	case FMT_KV_I16:
		v->as.i = sign_extend(fmt_cur_u16(c, "value"), 16);
		break;
	case FMT_KV_I32:
		v->as.i = sign_extend(fmt_cur_u32(c, "value"), 32);
		break;
	case FMT_KV_I64:
		v->as.i = sign_extend(fmt_cur_u64(c, "value"), 64);
		break;
	case FMT_KV_F32:
		v->as.f = float_of(fmt_cur_u32(c, "value"));
		break;
	case FMT_KV_F64:
		v->as.f = double_of(fmt_cur_u64(c, "value"));
		break;
	case FMT_KV_BOOL:
		read_bool(c, v);
		break;
	case FMT_KV_STR:
		v->as.s = gguf_str_read(c, a, version, "string");
		break;
	case FMT_KV_ARR:
		read_array(c, a, version, v, 0);
		break;
	default:
		return fmt_fail(c->err, FMT_MALFORMED, c->pos - 4, "a value of type %" PRIu32 ", known are 0 to %d", type,
		                FMT_KV_TYPE_COUNT - 1);
	}
	return fmt_cur_ok(c);
}

void gguf_str_write(struct fmt_buf *b, struct fmt_str s)
{
	fmt_buf_u64(b, s.n);
	fmt_buf_bytes(b, s.p, s.n);
}

static void write_array(struct fmt_buf *b, const struct fmt_value *v)
{
	const unsigned bytes = fmt_kv_type_bytes(v->elem);
	uint8_t *p;

	fmt_buf_u32(b, v->elem);
	fmt_buf_u64(b, v->n);
	if (bytes) {
		p = fmt_buf_room(b, (size_t)(v->n * bytes));
		if (p && v->n)
			memcpy(p, v->as.data, (size_t)(v->n * bytes));
		if (p && host_is_big_endian())
			fmt_swap_numbers(p, v->n, bytes);
		return;
	}
	for (uint64_t i = 0; i < v->n; i++) {
		if (v->elem == FMT_KV_STR)
			gguf_str_write(b, v->as.strs[i]);
		else
			write_array(b, &v->as.arrs[i]);
	}
}

static void write_float(struct fmt_buf *b, double value)
{
	const float f = (float)value;
	uint32_t bits;

	memcpy(&bits, &f, sizeof bits);
	fmt_buf_u32(b, bits);
}

static void write_double(struct fmt_buf *b, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	fmt_buf_u64(b, bits);
}

void gguf_value_write(struct fmt_buf *b, const struct fmt_value *v)
{
	fmt_buf_u32(b, v->type);
	switch (v->type) {
	case FMT_KV_U8:
	case FMT_KV_I8:
		fmt_buf_u8(b, (uint8_t)v->as.u); /* the low bits of u and of i are the same */
		break;
	case FMT_KV_U16:
	case FMT_KV_I16:
		fmt_buf_u16(b, (uint16_t)v->as.u);
		break;
	case FMT_KV_U32:
	case FMT_KV_I32:
		fmt_buf_u32(b, (uint32_t)v->as.u);
		break;
	case FMT_KV_U64:
	case FMT_KV_I64:
		fmt_buf_u64(b, v->as.u);
		break;
	case FMT_KV_F32:
		write_float(b, v->as.f);
		break;
	case FMT_KV_F64:
		write_double(b, v->as.f);
		break;
	case FMT_KV_BOOL:
		fmt_buf_u8(b, v->as.b);
		break;
	case FMT_KV_STR:
		gguf_str_write(b, v->as.s);
		break;
	case FMT_KV_ARR:
		write_array(b, v);
		break;
	case FMT_KV_TYPE_COUNT:
		break;
	}
}

bool gguf_check_key(struct fmt_str key, uint64_t off, struct fmt_err *err)
{
	char text[FMT_SHOW_BYTES];

	if (!key.n)
		return fmt_fail(err, FMT_MALFORMED, off, "an empty key");
	if (key.n > LIMIT_KEY_BYTES)
		return fmt_fail(err, FMT_LIMIT, off, "a key of %zu bytes, at most %d are allowed", key.n, LIMIT_KEY_BYTES);
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < 0x20 || key.p[i] > 0x7e)
			return fmt_fail(err, FMT_MALFORMED, off, "key %s is not printable ASCII", fmt_show(key, text));
	return true;
}

bool gguf_check_name(struct fmt_str name, uint64_t off, struct fmt_err *err)
{
	char text[FMT_SHOW_BYTES];

	if (name.n > LIMIT_GGUF_NAME_BYTES)
		return fmt_fail(err, FMT_LIMIT, off, "tensor name %s has %zu bytes, at most %d are allowed", fmt_show(name, text),
		                name.n, LIMIT_GGUF_NAME_BYTES);
	if (!fmt_utf8_valid(name.p, name.n, NULL) || (name.n && memchr(name.p, 0, name.n)))
		return fmt_fail(err, FMT_MALFORMED, off, "tensor name %s is not UTF-8 text", fmt_show(name, text));
	return true;
}

bool gguf_check_alignment(const struct fmt_value *v, uint64_t off, struct fmt_err *err)
{
	uint64_t n = v->as.u;

	if (v->type != FMT_KV_U32)
		return fmt_fail(err, FMT_MALFORMED, off, "general.alignment is not a u32");
	/* the specification wants a multiple of 8, the reference reader a power of two: either will do */
	if (!n || (n % 8 && n & (n - 1)))
		return fmt_fail(err, FMT_MALFORMED, off, "general.alignment is %" PRIu64 ", neither a multiple of 8 nor a power of two",
		                n);
	if (n > LIMIT_GGUF_ALIGNMENT)
		return fmt_fail(err, FMT_LIMIT, off, "general.alignment is %" PRIu64 ", at most %" PRIu64 " is accepted", n,
		                LIMIT_GGUF_ALIGNMENT);
	return true;
}

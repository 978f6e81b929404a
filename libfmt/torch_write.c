/* Writes a zip that torch.load(weights_only=True) takes: a dict from name to tensor, each with a storage of its own,
 * contiguous, little endian. The contents are never seen whole, so their checksums are left 0, as torch does when it is
 * told to save time; its reader does not look at them. Sources: as in torch_read.c and torch_tensor.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "inflate.h"
#include "limit.h"
#include "write_impl.h"
#include "zip_out.h"

#define TOP "archive/" /* the folder, named as torch does when it saves to memory */

/* What torch calls a type: the class of its storages, or for newer types without one the element type. */
static const struct torch_type {
	enum fmt_type type;
	const char *storage, *dtype;
} types[] = {
	{ FMT_F32, "FloatStorage", NULL },
	{ FMT_F16, "HalfStorage", NULL },
	{ FMT_BF16, "BFloat16Storage", NULL },
	{ FMT_F64, "DoubleStorage", NULL },
	{ FMT_I64, "LongStorage", NULL },
	{ FMT_I32, "IntStorage", NULL },
	{ FMT_I16, "ShortStorage", NULL },
	{ FMT_I8, "CharStorage", NULL },
	{ FMT_U8, "ByteStorage", NULL },
	{ FMT_BOOL, "BoolStorage", NULL },
	{ FMT_C64, "ComplexFloatStorage", NULL },
	{ FMT_U16, NULL, "uint16" },
	{ FMT_U32, NULL, "uint32" },
	{ FMT_U64, NULL, "uint64" },
	{ FMT_F8_E4M3, NULL, "float8_e4m3fn" },
	{ FMT_F8_E5M2, NULL, "float8_e5m2" },
	{ FMT_F8_E4M3FNUZ, NULL, "float8_e4m3fnuz" },
	{ FMT_F8_E5M2FNUZ, NULL, "float8_e5m2fnuz" },
	{ FMT_F8_E8M0, NULL, "float8_e8m0fnu" },
};

/* The writer's state, in its arena. */
struct torch_out {
	struct zip_out_entry *entries;
	uint64_t n;
};

static const struct torch_type *find_type(enum fmt_type t)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].type == t)
			return &types[i];
	return NULL;
}

static bool check_kv(const struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	(void)w;
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "key %s: PyTorch files hold no metadata", fmt_show(kv->key, name));
}

static bool check_tensor(const struct fmt_writer *w, const struct fmt_out_tensor *t, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	(void)w;
	if (!find_type(t->type))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: PyTorch has no type %s", fmt_show(t->name, name),
		                fmt_type_info(t->type)->name);
	if (!fmt_utf8_valid(t->name.p, t->name.n, NULL) || t->name.n > UINT32_MAX)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: its name is not UTF-8", fmt_show(t->name, name));
	return true;
}

/* Pickle, protocol 2; the opcodes are explained in pickle.c. */

static void put_text(struct fmt_buf *b, const char *p, size_t n)
{
	fmt_buf_u8(b, 'X');
	fmt_buf_u32(b, (uint32_t)n);
	fmt_buf_bytes(b, p, n);
}

static void put_global(struct fmt_buf *b, const char *module, const char *name)
{
	fmt_buf_u8(b, 'c');
	fmt_buf_text(b, module);
	fmt_buf_u8(b, '\n');
	fmt_buf_text(b, name);
	fmt_buf_u8(b, '\n');
}

static void put_int(struct fmt_buf *b, uint64_t v)
{
	if (v < 1 << 8) {
		fmt_buf_u8(b, 'K');
		fmt_buf_u8(b, (uint8_t)v);
	} else if (v < 1 << 16) {
		fmt_buf_u8(b, 'M');
		fmt_buf_u16(b, (uint16_t)v);
	} else if (v <= INT32_MAX) {
		fmt_buf_u8(b, 'J');
		fmt_buf_u32(b, (uint32_t)v);
	} else {
		fmt_buf_u8(b, 0x8a);
		fmt_buf_u8(b, 8); /* no size reaches 2^63, so the sign bit is clear */
		fmt_buf_u64(b, v);
	}
}

/* Sizes, or the strides of a contiguous tensor, in which a dimension of 0 counts as 1. */
static void put_dims(struct fmt_buf *b, const struct fmt_out_tensor *t, bool strides)
{
	fmt_buf_u8(b, '(');
	for (uint32_t k = 0; k < t->n_dims; k++) {
		uint64_t v = strides ? 1 : t->dims[k];

		for (uint32_t j = k + 1; strides && j < t->n_dims; j++)
			v *= t->dims[j] ? t->dims[j] : 1;
		put_int(b, v);
	}
	fmt_buf_u8(b, 't');
}

/* The call that would rebuild tensor number `key`. */
static void put_tensor(struct fmt_buf *b, const struct fmt_out_tensor *t, uint64_t key)
{
	const struct torch_type *type = find_type(t->type);
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%" PRIu64, key);

	put_text(b, t->name.p, t->name.n);
	put_global(b, "torch._utils", type->dtype ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
	fmt_buf_text(b, "((");
	put_text(b, "storage", 7);
	if (type->dtype)
		put_global(b, "torch.storage", "UntypedStorage");
	else
		put_global(b, "torch", type->storage);
	put_text(b, digits, (size_t)n);
	put_text(b, "cpu", 3);
	put_int(b, type->dtype ? t->n_bytes : t->n_bytes / fmt_type_info(t->type)->block_bytes);
	fmt_buf_text(b, "tQ");
	put_int(b, 0);
	put_dims(b, t, false);
	put_dims(b, t, true);
	fmt_buf_u8(b, 0x89); /* requires_grad: False */
	put_global(b, "collections", "OrderedDict");
	fmt_buf_text(b, ")R");
	if (type->dtype)
		put_global(b, "torch", type->dtype);
	fmt_buf_text(b, "tR");
}

static void make_pickle(struct fmt_buf *b, const struct fmt_writer *w)
{
	fmt_buf_bytes(b, "\x80\x02}(", 4);
	for (uint64_t i = 0; i < w->n_tensors; i++)
		put_tensor(b, &w->tensors[i], i);
	fmt_buf_text(b, "u.");
}

/* A record that is known whole. */
static void add_record(struct torch_out *o, const char *name, const void *data, size_t n)
{
	o->entries[o->n++] = (struct zip_out_entry){
		.name = { name, strlen(name) }, .n_bytes = n, .crc = fmt_crc32(data, n), .data = data,
	};
}

static bool add_storage(struct torch_out *o, struct fmt_writer *w, uint64_t i, struct fmt_err *err)
{
	char name[48];
	struct fmt_str s = { name, (size_t)snprintf(name, sizeof name, TOP "data/%" PRIu64, i) };

	s = fmt_arena_str(&w->arena, s, err);
	o->entries[o->n++] = (struct zip_out_entry){ .name = s, .n_bytes = w->tensors[i].n_bytes };
	return s.p;
}

static bool add_entries(struct torch_out *o, struct fmt_writer *w, struct fmt_str pickle, struct fmt_err *err)
{
	/* torch writes the records in this order */
	add_record(o, TOP "data.pkl", pickle.p, pickle.n);
	add_record(o, TOP ".format_version", "1", 1);
	add_record(o, TOP ".storage_alignment", "64", 2);
	add_record(o, TOP "byteorder", "little", 6);
	for (uint64_t i = 0; i < w->n_tensors; i++)
		if (!add_storage(o, w, i, err))
			return false;
	add_record(o, TOP "version", "3\n", 2);
	return zip_out_place(o->entries, o->n, &w->file_bytes, err);
}

static bool layout(struct fmt_writer *w, struct fmt_err *err)
{
	struct torch_out *o = fmt_arena_alloc(&w->arena, 1, sizeof *o, err);
	struct fmt_str pickle = { NULL, 0 };
	struct fmt_buf b;

	if (!o)
		return false;
	o->entries = fmt_arena_alloc(&w->arena, w->n_tensors + 5, sizeof *o->entries, err);
	fmt_buf_init(&b, err);
	make_pickle(&b, w);
	if (!err->code && b.n > LIMIT_PICKLE_BYTES)
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "too many tensors for a PyTorch file");
	if (!err->code)
		pickle = fmt_arena_str(&w->arena, (struct fmt_str){ (const char *)b.p, b.n }, err);
	fmt_buf_finish(&b);
	if (err->code || !add_entries(o, w, pickle, err))
		return false;
	for (uint64_t i = 0; i < w->n_tensors; i++)
		w->tensors[i].off = o->entries[4 + i].off;
	w->state = o;
	return true;
}

static bool header(struct fmt_writer *w, struct fmt_sink *s, struct fmt_err *err)
{
	const struct torch_out *o = w->state;

	return zip_out_write(o->entries, o->n, s, err);
}

const struct fmt_out fmt_out_torch = { FMT_OUT_TORCH, check_kv, check_tensor, layout, header };

/* Writes GGUF 3, little endian: keys and tensors in the order of the calls, each tensor padded, the last one too.
 * The padding itself is never written: what a sink was not given reads as zeros. */
#include <inttypes.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "gguf.h"
#include "limit.h"
#include "write_impl.h"

static bool check_kv(const struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err)
{
	(void)w;
	return gguf_check_key(kv->key, FMT_NO_OFFSET, err) &&
	       (!fmt_str_is(kv->key, "general.alignment") || gguf_check_alignment(&kv->value, FMT_NO_OFFSET, err));
}

static bool check_tensor(const struct fmt_writer *w, const struct fmt_out_tensor *t, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	(void)w;
	if (fmt_type_info(t->type)->gguf_id < 0)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: GGUF has no type %s", fmt_show(t->name, name),
		                fmt_type_info(t->type)->name);
	if (t->n_dims > LIMIT_GGUF_DIMS)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s has %" PRIu32 " dimensions, GGUF allows %d",
		                fmt_show(t->name, name), t->n_dims, LIMIT_GGUF_DIMS);
	return gguf_check_name(t->name, FMT_NO_OFFSET, err);
}

static uint64_t alignment(const struct fmt_writer *w)
{
	uint32_t i;

	return fmt_index_find(&w->keys, FMT_STR("general.alignment"), &i) ? w->kv[i].value.as.u : GGUF_ALIGNMENT;
}

static void write_info(struct fmt_buf *b, const struct fmt_out_tensor *t, uint64_t off)
{
	gguf_str_write(b, t->name);
	fmt_buf_u32(b, t->n_dims);
	/* GGUF names the innermost dimension first: the only place where writing turns the order */
	for (uint32_t i = t->n_dims; i-- > 0;)
		fmt_buf_u64(b, t->dims[i]);
	fmt_buf_u32(b, (uint32_t)fmt_type_info(t->type)->gguf_id);
	fmt_buf_u64(b, off);
}

/* Everything before the data section but the padding; `data` is where that section begins. */
static void write_header(struct fmt_buf *b, const struct fmt_writer *w, uint64_t data)
{
	fmt_buf_text(b, "GGUF");
	fmt_buf_u32(b, 3);
	fmt_buf_u64(b, w->n_tensors);
	fmt_buf_u64(b, w->n_kv);
	for (uint64_t i = 0; i < w->n_kv; i++) {
		gguf_str_write(b, w->kv[i].key);
		gguf_value_write(b, &w->kv[i].value);
	}
	for (uint64_t i = 0; i < w->n_tensors; i++)
		write_info(b, &w->tensors[i], w->tensors[i].off - data);
}

/* Made once for its length and once for its contents: a header is a few MB at most, and offsets are as long as zeros. */
static bool layout(struct fmt_writer *w, struct fmt_err *err)
{
	const uint64_t align = alignment(w);
	struct fmt_buf b;
	uint64_t at;

	fmt_buf_init(&b, err);
	write_header(&b, w, 0);
	at = b.n;
	fmt_buf_finish(&b);
	if (err->code)
		return false;
	if (ckd_align(&at, at, align))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the header is too long");
	for (uint64_t i = 0; i < w->n_tensors; i++) {
		w->tensors[i].off = at;
		if (ckd_add(&at, at, w->tensors[i].n_bytes) || ckd_align(&at, at, align))
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the tensors are too large together");
	}
	w->file_bytes = at;
	return at <= INT64_MAX || fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the tensors are too large together");
}

static bool header(struct fmt_writer *w, struct fmt_sink *s, struct fmt_err *err)
{
	struct fmt_buf b;
	bool ok;

	fmt_buf_init(&b, err);
	write_header(&b, w, w->n_tensors ? w->tensors[0].off : 0);
	ok = !err->code && fmt_sink_write(s, 0, b.p, b.n, err);
	fmt_buf_finish(&b);
	return ok;
}

const struct fmt_out fmt_out_gguf = { FMT_OUT_GGUF, check_kv, check_tensor, layout, header };

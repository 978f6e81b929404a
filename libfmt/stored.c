/* Bytes of a quantized checkpoint. See <libfmt/stored.h>. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ckd.h"
#include "limit.h"
#include "stored_scheme.h"
#include "view_impl.h"

struct count {
	const struct fmt_view *v;
	const struct stored_scheme *q;
	struct fmt_stored *s;
	enum fmt_type type; /* of what is not quantized */
	uint64_t n_compared; /* modules with names */
};

/* Sides are below 2^41 and products of two of them below 2^62 (ARCH_MAX_WIDTH, ARCH_MAX_HEADS), so a matrix cannot overflow. */
static uint64_t parts(uint64_t n, uint64_t of)
{
	return !of ? 1 : n / of + (n % of != 0);
}

static unsigned digits(uint64_t n)
{
	return (unsigned)snprintf(NULL, 0, "%" PRIu64, n);
}

/* bitsandbytes' text: {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [64, 256]}. Of double
 * quantization's offset 20 characters are assumed. */
static uint64_t text_bytes(const struct count *c, uint64_t rows, uint64_t cols)
{
	static const char nested[] = ", \"nested_blocksize\": 256, \"nested_dtype\": \"float32\", \"nested_offset\": ";
	const char *dtype = c->type == FMT_F16 ? "float16" : c->type == FMT_F32 ? "float32" : "bfloat16";
	int n = snprintf(NULL, 0, "{\"quant_type\": \"%s\", \"blocksize\": 64, \"dtype\": \"%s\", \"shape\": [, ]}",
	                 c->q->layout.text_type, dtype);

	return (uint64_t)n + digits(rows) + digits(cols) + (c->q->layout.nested ? sizeof nested - 1 + 20 : 0);
}

/* What stands beside the packed values of one matrix. */
static uint64_t scale_bytes(const struct count *c, uint64_t rows, uint64_t cols)
{
	const struct stored_layout *l = &c->q->layout;
	uint64_t n = l->flat ? parts(rows * cols, l->flat) : parts(rows, l->block_rows) * parts(cols, l->block_cols);
	uint64_t bytes = l->nested ? n + 4 * parts(n, 256) + 4 * 256 : n * l->scale_bytes;

	if (l->zero_word)
		bytes += parts(cols, l->block_cols) * parts(rows * l->bits, l->zero_word) * (l->zero_word / 8);
	return bytes + cols * l->column_bytes + l->fixed_bytes + (l->text_type ? text_bytes(c, rows, cols) : 0);
}

static uint64_t value_bytes(const struct stored_layout *l, uint64_t rows, uint64_t cols)
{
	if (l->row_word)
		return rows * parts(cols * l->bits, l->row_word) * (l->row_word / 8);
	return parts(rows * cols * l->bits, 8);
}

/* Whether it is of a kind that the method quantizes: linear modules, but no routers; the output matrix where it says so. */
static bool is_linear(const struct count *c, const struct fmt_view_tensor *t, enum fmt_share share)
{
	if (share == FMT_SHARE_ROUTED_EXPERTS)
		return t->n_dims == 3;
	if (c->q->only_experts)
		return false;
	if (t->role == FMT_ROLE_TOKEN_EMBD)
		return c->q->embedding_too;
	if (t->role == FMT_ROLE_OUTPUT)
		return c->q->output_too;
	if (t->role == FMT_ROLE_ATTN_LATENT_V)
		return true;
	return t->role != FMT_ROLE_SHARED_ROUTER && fmt_estimate_takes_adapter(t, share);
}

/* So many comparisons of a module with a name make a file that nobody wrote. */
#define MAX_COMPARED (UINT64_C(1) << 26)

/* Whether the method leaves it alone. */
static bool stays(struct count *c, const struct fmt_view_tensor *t, const struct arch_tensor *row, uint64_t expert)
{
	char module[VIEW_NAME_BYTES], *dot;

	c->n_compared += c->q->n_names;
	view_row_name(c->v->arch, &c->v->impl->conf, row, t->layer, expert, module);
	dot = strrchr(module, '.'); /* of ".weight" */
	if (dot)
		*dot = 0;
	return stored_scheme_keeps(c->q, module);
}

static void not_known(struct count *c, const char *format, ...) FMT_PRINTF(2, 3);
static void not_known(struct count *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->s->why, sizeof c->s->why, format, args);
	va_end(args);
	c->s->known = false;
}

/* A linear module, or a stack of them. */
static void count_matrices(struct count *c, const struct fmt_view_tensor *t, const struct arch_tensor *row, bool stacked)
{
	const struct stored_layout *l = &c->q->layout;
	uint64_t rows = 0, cols = 0, n = stacked ? t->dims[0] : 1, n_stay = 0;

	for (uint64_t i = 0; c->q->n_names && i < n && c->n_compared < MAX_COMPARED; i++)
		n_stay += stays(c, t, row, i);
	if (c->n_compared >= MAX_COMPARED) {
		not_known(c, "too many names of modules that are left alone");
		return;
	}
	c->s->bytes += t->n_bytes / n * n_stay;
	n -= n_stay;
	if (!n || t->role == FMT_ROLE_ATTN_LATENT_V) /* a part of the matrix that the keys' stands for */
		return;
	fmt_estimate_sides(c->v, t, &rows, &cols);
	if (l->multiple && (rows % l->multiple || cols % l->multiple)) {
		not_known(c, "%.*s has sides that are no multiples of %" PRIu64, (int)t->name.n, t->name.p, l->multiple);
		return;
	}
	c->s->n_quantized += n * rows * cols;
	c->s->scale_bytes += n * scale_bytes(c, rows, cols);
	c->s->bytes += n * (value_bytes(l, rows, cols) + scale_bytes(c, rows, cols));
}

static void count_tensor(struct count *c, const struct fmt_estimate *e, const struct fmt_view_tensor *t,
                         const struct arch_tensor *row)
{
	enum fmt_share share = FMT_SHARE_OTHER;
	bool parameter = fmt_estimate_share(e, t, &share);

	if (!row->hf) /* made for a GGUF */
		return;
	if (parameter && is_linear(c, t, share))
		count_matrices(c, t, row, share == FMT_SHARE_ROUTED_EXPERTS);
	else
		c->s->bytes += parameter ? t->n_bytes : 4 * t->n_elems; /* corrections of routers are F32 */
}

static bool count_all(struct count *c, const struct fmt_estimate *e, struct fmt_err *err)
{
	const struct fmt_view_impl *im = c->v->impl;

	for (uint64_t i = 0; i < c->v->n_tensors && c->s->known; i++) {
		uint64_t before = c->s->bytes;

		count_tensor(c, e, &c->v->tensors[i], im->sources[i].row);
		if (c->s->bytes < before)
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the checkpoint's size does not fit into 64 bits");
	}
	return true;
}

bool fmt_stored_init(struct fmt_stored *s, const struct fmt_view *v, const struct fmt_estimate *e, struct fmt_err *err)
{
	struct fmt_arena mem;
	struct stored_scheme q = { .n_names = 0 };
	struct count c = { .v = v, .q = &q, .s = s, .type = v->from_dir ? view_config_type(v) : FMT_F32 };
	bool ok;

	*s = (struct fmt_stored){ .quantized = false };
	if (!v->from_dir)
		return true;
	fmt_arena_init(&mem, LIMIT_VIEW_BYTES);
	ok = stored_scheme_read(&q, s, hf_json(&v->impl->dir, HF_CONFIG), c.type, &mem, err) && count_all(&c, e, err);
	fmt_arena_finish(&mem);
	if (!s->known)
		s->bits = s->bytes = s->scale_bytes = s->n_quantized = 0;
	return ok;
}

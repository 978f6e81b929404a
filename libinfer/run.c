/* One sequence: its buffers, and the loop that feeds tokens to the forward pass batch by batch. */
#include "run.h"
#include "next.h"
#include "op.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 64 };

/* Cuts one block of memory into rows; with base NULL it only counts. */
struct carver {
	char *base;
	size_t used;
	bool overflow;
};

static void *carve_items(struct carver *c, uint64_t rows, uint64_t cols, size_t item_bytes)
{
	char *at = c->base ? c->base + c->used : NULL;
	uint64_t room = (SIZE_MAX - c->used - ALIGN) / item_bytes;

	if (c->overflow || (cols && rows > room / cols)) {
		c->overflow = true;
		return NULL;
	}
	c->used += ((size_t)(rows * cols) * item_bytes + ALIGN - 1) / ALIGN * ALIGN;
	return at;
}

static float *carve(struct carver *c, uint64_t rows, uint64_t cols)
{
	return carve_items(c, rows, cols, sizeof(float));
}

/* The widest rows over all layers. */
struct widths {
	uint64_t q, k, v, h, ff, group, cols;
	uint64_t latent_q, latent_y; /* of latent attention */
};

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Only widths that a tensor of the layer has: no key's word is taken for the others. */
static void add_feed_forward(struct widths *w, const struct infer_model *m, const struct infer_layer *l)
{
	uint64_t shared = l->w[FMT_ROLE_SHARED_UP].rows, cols = larger(l->experts ? m->moe.d_ff : l->d_ff, shared);

	w->cols = larger(w->cols, cols);
	w->ff = larger(w->ff, l->experts ? larger((uint64_t)m->moe.n_used * m->moe.d_ff, shared) : l->d_ff);
}

static struct widths widest(const struct infer_model *m)
{
	struct widths w = { .h = m->d_model };

	for (uint32_t i = 0; i < infer_layers(m); i++) {
		const struct infer_layer *l = &m->layers[i];

		w.q = larger(w.q, (uint64_t)l->n_head * m->d_k);
		w.k = larger(w.k, (uint64_t)l->n_head_kv * infer_cache_k(m));
		w.v = larger(w.v, (uint64_t)l->n_head_kv * m->d_v);
		w.h = larger(w.h, (uint64_t)l->n_head * m->d_v);
		add_feed_forward(&w, m, l);
		w.group = larger(w.group, l->n_head ? op_attend_group(m, l) : 0);
		w.latent_q = larger(w.latent_q, m->latent.width ? (uint64_t)l->n_head * infer_cache_k(m) : 0);
		w.latent_y = larger(w.latent_y, (uint64_t)l->n_head * m->latent.width);
	}
	w.latent_y = larger(w.latent_y, m->latent.n_queries);
	w.cols = larger(larger(w.cols, w.h), larger(m->latent.width, m->latent.n_queries));
	w.cols = larger(larger(w.cols, m->moe.d_in), larger(m->ssm.inner, m->ssm.rank));
	w.cols = larger(w.cols, m->n_next ? 2 * (uint64_t)m->d_model : 0);
	return w;
}

static void carve_route(struct infer_run *r, struct carver *c)
{
	const struct infer_moe *moe = &r->model->moe;
	struct infer_route *route = &r->route;

	route->p = carve(c, r->n_batch, moe->n_experts);
	route->score = carve(c, r->n_batch, moe->n_experts);
	route->group = carve(c, r->n_batch, moe->n_groups);
	route->weight = carve(c, r->n_batch, moe->n_used);
	route->expert = carve_items(c, r->n_batch, moe->n_used, sizeof *route->expert);
	route->row = carve_items(c, r->n_batch, moe->n_used, sizeof *route->row);
	route->groups = carve_items(c, moe->n_experts, 1, sizeof *route->groups);
	route->x = carve(c, (uint64_t)r->n_batch * moe->n_used, moe->d_in);
	route->y = carve(c, (uint64_t)r->n_batch * moe->n_used, moe->d_in);
	route->in = carve(c, moe->d_in != r->model->d_model ? r->n_batch : 0, moe->d_in);
	route->out = carve(c, moe->d_in != r->model->d_model ? r->n_batch : 0, moe->d_in);
}

static void carve_ssm(struct infer_run *r, struct carver *c)
{
	const struct infer_ssm *s = &r->model->ssm;
	struct infer_ssm_rows *rows = &r->ssm;

	rows->z = carve(c, r->n_batch, s->inner);
	rows->in = carve(c, r->n_batch, infer_conv_width(s));
	rows->x = carve(c, r->n_batch, infer_conv_width(s));
	rows->low = carve(c, r->n_batch, s->rank);
	rows->bc = carve(c, r->n_batch, s->rank ? 2 * (uint64_t)s->state : 0);
	rows->step = carve(c, r->n_batch, s->rank ? s->inner : s->heads);
	rows->beta = carve(c, r->model->gated_queries ? r->n_batch : 0, s->heads);
	rows->both = carve(c, r->model->gated_queries ? r->n_batch : 0, 2 * (uint64_t)s->heads);
	rows->y = carve(c, r->n_batch, s->inner);
}

static void carve_buffers(struct infer_run *r, struct carver *c)
{
	const struct infer_model *m = r->model;
	struct widths w = widest(m);

	r->x = carve(c, r->n_batch, m->d_model);
	r->y = carve(c, r->n_batch, m->d_model);
	r->h = carve(c, r->n_batch, w.h);
	r->q = carve(c, r->n_batch, w.q);
	r->k = carve(c, r->n_batch, w.k);
	r->v = carve(c, r->n_batch, w.v);
	r->q_gate = carve(c, m->gated_queries ? r->n_batch : 0, 2 * w.q);
	r->gate = carve(c, m->gated_queries ? r->n_batch : 0, w.q);
	r->latent_q = carve(c, r->n_batch, w.latent_q);
	r->latent_y = carve(c, r->n_batch, w.latent_y);
	r->next_in = carve(c, m->n_next ? r->n_batch : 0, 2 * (uint64_t)m->d_model);
	r->next_hidden = carve(c, m->n_next * ((uint64_t)r->n_batch + 1), m->d_model);
	r->g = carve(c, r->n_batch, w.ff);
	r->u = carve(c, r->n_batch, w.ff);
	r->cos = carve(c, r->n_batch, m->rope.n_dims / 2);
	r->sin = carve(c, r->n_batch, m->rope.n_dims / 2);
	r->cos_window = carve(c, m->rope.apart_in_windows ? r->n_batch : 0, m->rope.n_dims / 2);
	r->sin_window = carve(c, m->rope.apart_in_windows ? r->n_batch : 0, m->rope.n_dims / 2);
	r->low = carve(c, r->n_batch, (uint64_t)larger(m->moe.n_used, 1) * m->max_rank);
	carve_ssm(r, c);
	carve_route(r, c);
	w.cols = larger(w.cols, m->max_rank);
	if (w.cols > SIZE_MAX / ALIGN)
		c->overflow = true;
	/* Pieces of scratch begin on cache lines of their own. */
	r->scratch_elems = larger(op_linear_scratch(w.cols, r->n_batch), op_attend_scratch(w.group, r->kv.n_ctx));
	r->scratch_elems = larger(r->scratch_elems, 2 * (uint64_t)m->ssm.state);
	r->scratch_elems = (r->scratch_elems + 15) / 16 * 16;
	r->scratch = carve(c, r->n_threads, r->scratch_elems);
}

/* What the buffers take: nothing is allocated yet. */
static bool buffers_count(struct infer_run *r, struct fmt_err *err)
{
	struct carver c = { 0 };

	carve_buffers(r, &c);
	r->n_bytes = c.used;
	return !c.overflow || fmt_fail_nomem(err, UINT64_MAX);
}

static bool buffers_init(struct infer_run *r, struct fmt_err *err)
{
	struct carver c = { 0 };

	if (!buffers_count(r, err))
		return false;
	r->memory = c.base = aligned_alloc(ALIGN, r->n_bytes);
	if (!r->memory)
		return fmt_fail_nomem(err, r->n_bytes);
	carve_buffers(r, &c);
	return true;
}

/* A run of this size, before anything is allocated for it. */
static bool set_size(struct infer_run *r, const struct infer_model *m, uint32_t n_ctx, uint32_t n_batch, unsigned n_threads,
                     struct fmt_err *err)
{
	n_ctx = n_ctx ? n_ctx : m->n_ctx_train;
	n_batch = n_batch ? n_batch : INFER_BATCH_DEFAULT;
	if (m->max_ctx && n_ctx > m->max_ctx)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a context of %u tokens: %s %u only", n_ctx, m->max_ctx_why,
		                m->max_ctx);
	r->model = m;
	r->kv.n_ctx = n_ctx;
	r->n_batch = n_batch < n_ctx ? n_batch : n_ctx;
	r->n_threads = n_threads;
	return true;
}

struct infer_run *infer_run_create(const struct infer_model *m, uint32_t n_ctx, uint32_t n_batch, struct fmt_err *err)
{
	struct infer_run *r = calloc(1, sizeof *r);

	if (!r) {
		fmt_fail_nomem(err, sizeof *r);
		return NULL;
	}
	r->pool = m->pool;
	r->kernels = infer_kernels_choose();
	if (set_size(r, m, n_ctx, n_batch, quant_pool_threads(m->pool), err) && infer_kv_init(&r->kv, m, r->kv.n_ctx, err) &&
	    buffers_init(r, err))
		return r;
	infer_run_destroy(r);
	return NULL;
}

bool infer_run_plan(const struct infer_model *m, uint32_t n_ctx, uint32_t n_batch, unsigned n_threads,
                    struct infer_run_memory *memory, struct fmt_err *err)
{
	struct infer_run r = { 0 };

	*memory = (struct infer_run_memory){ 0 };
	if (!set_size(&r, m, n_ctx, n_batch, n_threads, err) || !infer_kv_count(&r.kv, m, r.kv.n_ctx, err) ||
	    !buffers_count(&r, err))
		return false;
	infer_run_memory(&r, memory);
	return true;
}

void infer_run_memory(const struct infer_run *r, struct infer_run_memory *memory)
{
	*memory = (struct infer_run_memory){ .n_ctx = r->kv.n_ctx, .n_batch = r->n_batch, .n_threads = r->n_threads,
		                             .cache = r->kv.n_bytes - r->kv.n_states * sizeof(float),
		                             .state = r->kv.n_states * sizeof(float), .buffers = r->n_bytes };
}

void infer_run_destroy(struct infer_run *r)
{
	if (!r)
		return;
	infer_kv_finish(&r->kv);
	free(r->memory);
	free(r);
}

void infer_run_reset(struct infer_run *r)
{
	r->pos = 0;
	infer_kv_reset(&r->kv);
}

bool infer_run_back(struct infer_run *r, uint32_t pos)
{
	if (pos > r->pos || r->kv.n_states || r->model->n_next)
		return false;
	r->pos = pos;
	return true;
}

void infer_run_watch(struct infer_run *r, infer_watch_fn *fn, void *user)
{
	r->watch = fn;
	r->watch_user = user;
}

uint32_t infer_run_pos(const struct infer_run *r)
{
	return r->pos;
}

static bool check_ids(const struct infer_run *r, const int32_t *ids, uint32_t n, struct fmt_err *err)
{
	if (n > r->kv.n_ctx - r->pos)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "%u tokens after %u do not fit a context of %u", n,
		                r->pos, r->kv.n_ctx);
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] < 0 || (uint32_t)ids[i] >= r->model->n_vocab)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "token %u is %d, but the model knows ids 0 to %u",
			                i, (int)ids[i], r->model->n_vocab - 1);
	return true;
}

static bool fail_nonfinite(const struct infer_run *r, struct fmt_err *err)
{
	const struct infer_fault *f = &r->fault;
	char place[32] = "outside the layers";

	if (f->layer >= 0)
		snprintf(place, sizeof place, "in layer %" PRId32, f->layer);
	if (f->tensor)
		fmt_fail(err, FMT_NONFINITE, FMT_NO_OFFSET, "%.*s, %s (%s): finite values go in, and what comes out is not: the weight is "
		         "damaged, or the result too large", (int)f->tensor->name.n, f->tensor->name.p, place, f->op);
	else
		fmt_fail(err, FMT_NONFINITE, FMT_NO_OFFSET, "%s, %s: finite values go in, and what comes out is not", f->op, place);
	fmt_err_file(err, r->model->view->path); /* there may be two */
	return false;
}

bool infer_eval(struct infer_run *r, const int32_t *ids, uint32_t n, bool all_logits, float *logits,
                struct fmt_err *err)
{
	if (!check_ids(r, ids, n, err))
		return false;
	for (uint32_t done = 0; done < n;) {
		uint32_t left = n - done, len = left < r->n_batch ? left : r->n_batch;

		r->ids = ids + done;
		r->n_tok = len;
		r->n_wanted = !logits ? 0 : all_logits ? len : len == left;
		r->logits = all_logits && logits ? logits + (size_t)done * r->model->n_vocab : logits;
		r->layer = infer_layers(r->model);
		r->fault = (struct infer_fault){ 0 };
		r->model->forward->run(r);
		infer_next_run(r, len);
		if (r->fault.op)
			return fail_nonfinite(r, err);
		r->pos += len;
		done += len;
	}
	return true;
}

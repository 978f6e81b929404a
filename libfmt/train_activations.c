/* What autograd saves of one step, layer by layer, from the shapes of its tensors. */
#include <stdlib.h>

#include "ckd.h"
#include "train_impl.h"

/* How often the input (columns) and the output (rows) of a matrix are saved, per token. An input that several matrices
 * read is saved once, and has its 1 at the first of them; an output counts where what follows needs it: attention its
 * queries, keys and values, a gated block both factors. */
struct saved {
	enum fmt_role role;
	uint8_t in, out;
};

static const struct saved saved[] = {
	{ FMT_ROLE_ATTN_Q, 1, 1 }, /* the normalised input; queries */
	{ FMT_ROLE_ATTN_K, 0, 1 },
	{ FMT_ROLE_ATTN_V, 0, 1 },
	{ FMT_ROLE_ATTN_QKV, 1, 1 },
	{ FMT_ROLE_ATTN_GATE, 0, 1 },
	{ FMT_ROLE_ATTN_OUT, 1, 0 },
	{ FMT_ROLE_ATTN_Q_A, 1, 0 },      /* its output is saved by the norm behind it */
	{ FMT_ROLE_ATTN_Q_B_PROJ, 1, 1 },
	{ FMT_ROLE_ATTN_LATENT_K, 1, 1 },
	{ FMT_ROLE_FFN_GATE, 1, 1 },
	{ FMT_ROLE_FFN_UP, 0, 1 },        /* see more_inputs() */
	{ FMT_ROLE_FFN_DOWN, 1, 0 },
	{ FMT_ROLE_SHARED_GATE, 0, 1 },   /* reads what the router reads */
	{ FMT_ROLE_SHARED_UP, 0, 1 },
	{ FMT_ROLE_SHARED_DOWN, 1, 0 },
	{ FMT_ROLE_MOE_ROUTER, 1, 1 },
	{ FMT_ROLE_MOE_GATE, 1, 1 },      /* each expert has a copy of the tokens that it gets */
	{ FMT_ROLE_MOE_UP, 0, 1 },
	{ FMT_ROLE_MOE_DOWN, 1, 1 },      /* its output is weighted */
	{ FMT_ROLE_SSM_IN, 1, 1 },
	{ FMT_ROLE_SSM_CONV, 0, 2 },      /* before and after its activation */
	{ FMT_ROLE_SSM_X, 0, 1 },
	{ FMT_ROLE_SSM_DT, 0, 2 },        /* before and after its softplus */
	{ FMT_ROLE_SSM_BA, 0, 1 },
	{ FMT_ROLE_SSM_BETA, 0, 1 },
	{ FMT_ROLE_SSM_ALPHA, 0, 1 },
	{ FMT_ROLE_SSM_OUT, 1, 0 },
	{ FMT_ROLE_NONE, 0, 0 },
};

static bool too_large(struct fmt_err *err)
{
	return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "activations do not fit into 64 bits");
}

/* What is known of a layer, and what it saves per token. */
struct layer {
	bool ffn_gate, moe_gate, shared_gate; /* blocks that multiply two factors */
	uint64_t bytes;
};

struct act {
	const struct fmt_view *v;
	const struct fmt_estimate *e;
	const struct fmt_train_opts *o;
	uint64_t size;        /* bytes of an element in the precision of the step */
	bool layer_norm;      /* else the RMS norm of transformers, which computes in float32 */
	struct layer *layers; /* one more than there are layers: the last for what stands outside */
};

/* One matrix may make both factors of a block: then its way up is twice as wide as its way down. */
static void find_gates(struct act *a, const struct fmt_view *v)
{
	const struct fmt_view_tensor *up = NULL;

	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i];

		if (t->layer < 0 || (uint64_t)t->layer >= a->e->n_layers)
			continue;
		up = t->role == FMT_ROLE_FFN_UP ? t : up;
		a->layers[t->layer].ffn_gate |= t->role == FMT_ROLE_FFN_GATE ||
			(t->role == FMT_ROLE_FFN_DOWN && up && up->layer == t->layer && up->dims[0] == 2 * t->dims[1]);
		a->layers[t->layer].moe_gate |= t->role == FMT_ROLE_MOE_GATE;
		a->layers[t->layer].shared_gate |= t->role == FMT_ROLE_SHARED_GATE;
	}
}

/* Inputs that are saved beyond the table's: a way up reads its input for itself where no gate stands before it, and a way
 * down needs the gate's activation beside the product. */
static unsigned more_inputs(const struct layer *l, const struct fmt_view_tensor *t)
{
	switch (t->role) {
	case FMT_ROLE_FFN_UP:
		return !l->ffn_gate || t->dims[0] == 2 * t->dims[1];
	case FMT_ROLE_MOE_UP:
		return !l->moe_gate;
	case FMT_ROLE_FFN_DOWN:
		return l->ffn_gate;
	case FMT_ROLE_MOE_DOWN:
		return l->moe_gate;
	case FMT_ROLE_SHARED_DOWN:
		return l->shared_gate;
	default:
		return 0;
	}
}

/* Bytes per token that a matrix has saved. */
static uint64_t of_matrix(const struct act *a, const struct fmt_layer *l, const struct fmt_view_tensor *t)
{
	const struct saved *s = saved;
	uint64_t in, out, elems, rows, cols;

	while (s->role && s->role != t->role)
		s++;
	if (!s->role || t->n_dims < 2)
		return 0;
	in = s->in + more_inputs(&a->layers[t->layer], t);
	out = s->out;
	if (l->kind == FMT_LAYER_LATENT && (t->role == FMT_ROLE_ATTN_Q || t->role == FMT_ROLE_ATTN_Q_B_PROJ))
		out++; /* keys of that width are put together from their parts */
	fmt_estimate_sides(a->v, t, &rows, &cols);
	elems = in * cols + out * rows;
	return a->size * elems * (t->n_dims == 3 && t->role != FMT_ROLE_ATTN_LATENT_K ? a->e->n_experts_used : 1);
}

/* Bytes per token that a norm has saved: the RMS norm of transformers its input in float32, a factor, and the normalised
 * values that its weight is multiplied with; PyTorch's LayerNorm its input, mean and deviation. */
static uint64_t of_norm(const struct act *a, const struct fmt_layer *l, const struct fmt_view_tensor *t)
{
	uint64_t times = t->role == FMT_ROLE_ATTN_Q_NORM && l && t->n_elems == l->k_dim ? l->n_heads :
	                 t->role == FMT_ROLE_ATTN_K_NORM && l && t->n_elems == l->k_dim ? l->n_kv_heads :
	                                                                                  1;

	return times * (a->layer_norm ? a->size * t->n_elems + 8 : (4 + a->size) * t->n_elems + 4);
}

/* Attention's own, per token: with flash a sum of exponentials per head; else keys and values repeated for each head of
 * queries, and the scores after softmax, in float32 and rounded. */
static bool of_attention(const struct act *a, const struct fmt_layer *l, uint64_t *bytes)
{
	uint64_t scores = 0;

	if (!fmt_layer_attends(l))
		return true;
	if (!a->o->eager || a->o->checkpointing == FMT_CHECKPOINT_SELECTIVE)
		return !ckd_add(bytes, *bytes, 4 * l->n_heads);
	if (!l->latent && ckd_add(bytes, *bytes, a->size * (l->n_heads - l->n_kv_heads) * (l->k_dim + l->v_dim)))
		return false;
	return !ckd_mul(&scores, l->n_heads * (a->size == 4 ? 4 : 4 + a->size), a->o->seq) && !ckd_add(bytes, *bytes, scores);
}

/* Whether no product of a layer's numbers overflows. A config.json is bounded where it is read; a GGUF says what it likes. */
static bool bounded(const struct fmt_estimate *e, const struct fmt_view *v)
{
	bool ok = e->n_experts_used <= UINT64_C(1) << 16 && e->vocab <= UINT64_C(1) << 40 && e->model_width <= UINT64_C(1) << 32;

	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];

		ok = ok && l->n_heads <= UINT64_C(1) << 20 && l->n_kv_heads <= l->n_heads && l->k_dim <= UINT64_C(1) << 24 &&
		     l->v_dim <= UINT64_C(1) << 24;
	}
	for (uint64_t i = 0; i < v->n_tensors; i++)
		ok = ok && v->tensors[i].n_elems <= UINT64_C(1) << 40;
	return ok;
}

/* Bytes per token, tensor by tensor; those outside the layers go to the last entry. */
static bool count_tensors(struct act *a, const struct fmt_view *v)
{
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i];
		bool inside = t->layer >= 0 && (uint64_t)t->layer < a->e->n_layers;
		const struct fmt_layer *l = inside ? &a->e->layers[t->layer] : NULL;
		uint64_t *sum = &a->layers[inside ? (uint64_t)t->layer : a->e->n_layers].bytes, n = 0;
		enum fmt_share s;

		if (!fmt_estimate_share(a->e, t, &s))
			continue;
		if (s == FMT_SHARE_NORMS && t->name.p[t->name.n - 1] == 't') /* a weight, not a bias */
			n = of_norm(a, l, t);
		else if (l)
			n = of_matrix(a, l, t);
		if (ckd_add(sum, *sum, n))
			return false;
	}
	return true;
}

/* Bytes per token of all layers: their sum, or with checkpoints their inputs and the largest of them. */
static bool add_layers(const struct act *a, uint64_t *bytes)
{
	bool again = a->o->checkpointing == FMT_CHECKPOINT_FULL;
	uint64_t most = 0;

	for (uint64_t i = 0; i < a->e->n_layers; i++) {
		struct layer *l = &a->layers[i];

		if (!of_attention(a, &a->e->layers[i], &l->bytes))
			return false;
		most = l->bytes > most ? l->bytes : most;
		if (ckd_add(bytes, *bytes, again ? a->size * a->e->model_width : l->bytes))
			return false;
	}
	return !again || !ckd_add(bytes, *bytes, most);
}

bool train_activations(const struct fmt_estimate *e, const struct fmt_view *v, const struct fmt_train_opts *o,
                       uint64_t *bytes, uint64_t *logits, struct fmt_err *err)
{
	struct act a = { .v = v, .e = e, .o = o, .size = o->precision == FMT_F32 ? 4 : 2 };
	uint64_t tokens = o->micro_batch * o->seq; /* both are bounded */
	bool ok;

	if (!bounded(e, v))
		return too_large(err);
	a.layers = calloc((size_t)e->n_layers + 1, sizeof *a.layers);
	if (!a.layers)
		return fmt_fail_nomem(err, (e->n_layers + 1) * sizeof *a.layers);
	a.layer_norm = fmt_view_role(v, FMT_ROLE_OUTPUT_NORM_B, -1);
	find_gates(&a, v);
	/* outside: what the output matrix reads, and the token's number */
	*bytes = a.size * e->model_width + 8;
	ok = (count_tensors(&a, v) && !ckd_add(bytes, *bytes, a.layers[e->n_layers].bytes) && add_layers(&a, bytes) &&
	      !ckd_mul(bytes, *bytes, tokens) && !ckd_mul(logits, tokens, 2 * 4 * e->vocab)) ||
	     too_large(err);
	free(a.layers);
	return ok;
}

/* Model states of training, and the sum. See <libfmt/train.h>. */
#include <string.h>

#include "ckd.h"
#include "train_impl.h"

/* Of bitsandbytes 0.45: elements per scale of an 8-bit state, and the smallest tensor that has one. */
#define STATE_BLOCK 256
#define STATE_MIN 4096

/* Ceilings on options: past these they are slips of the keyboard. */
#define MAX_DEVICES (UINT64_C(1) << 20)
#define MAX_RANK (UINT64_C(1) << 16)
#define MAX_TOKENS (UINT64_C(1) << 30)

static const char *const kind_names[FMT_TRAIN_KIND_COUNT] = { "full", "lora", "qlora" };
static const char *const optimizer_names[FMT_OPT_COUNT] = {
	"adamw", "adamw8bit", "paged-adamw8bit", "sgd", "sgd-momentum", "adafactor", "lion", "muon",
};
static const char *const checkpointing_names[FMT_CHECKPOINT_COUNT] = { "none", "full", "selective" };

/* The place of a name in a list; n if it is not there. */
static size_t find(const char *const *names, size_t n, const char *name)
{
	size_t i = 0;

	while (i < n && strcmp(names[i], name))
		i++;
	return i;
}

bool fmt_train_kind_from_name(const char *name, enum fmt_train_kind *k)
{
	*k = (enum fmt_train_kind)find(kind_names, FMT_TRAIN_KIND_COUNT, name);
	return *k < FMT_TRAIN_KIND_COUNT;
}

bool fmt_optimizer_from_name(const char *name, enum fmt_optimizer *o)
{
	*o = (enum fmt_optimizer)find(optimizer_names, FMT_OPT_COUNT, name);
	return *o < FMT_OPT_COUNT;
}

bool fmt_checkpointing_from_name(const char *name, enum fmt_checkpointing *c)
{
	*c = (enum fmt_checkpointing)find(checkpointing_names, FMT_CHECKPOINT_COUNT, name);
	return *c < FMT_CHECKPOINT_COUNT;
}

const char *fmt_train_kind_name(enum fmt_train_kind k)
{
	return kind_names[k];
}

const char *fmt_optimizer_name(enum fmt_optimizer o)
{
	return optimizer_names[o];
}

const char *fmt_checkpointing_name(enum fmt_checkpointing c)
{
	return checkpointing_names[c];
}

const char *fmt_train_part_name(enum fmt_train_part p)
{
	static const char *const names[FMT_TRAIN_PART_COUNT] = {
		"weights", "adapters", "gradients", "master_copy", "optimizer_states", "working", "activations", "logits",
	};

	return names[p];
}

static bool too_large(struct fmt_err *err)
{
	return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "what training takes does not fit into 64 bits");
}

/* sum += n * size; true if that does not fit */
static bool add_product(uint64_t *sum, uint64_t n, uint64_t size)
{
	uint64_t bytes = 0;

	return ckd_mul(&bytes, n, size) || ckd_add(sum, *sum, bytes);
}

static uint64_t divide_up(uint64_t n, uint64_t by)
{
	return n / by + (n % by != 0);
}

bool fmt_nf4_bytes(uint64_t n, uint64_t *bytes)
{
	uint64_t blocks = divide_up(n, 64);

	*bytes = n / 2 + n % 2;
	return !ckd_add(bytes, *bytes, blocks) && !add_product(bytes, divide_up(blocks, 256) + 1, 4);
}

/* A matrix that is trained, or a stack of them: rows and columns are the last two dimensions. */
struct trained {
	uint64_t n, rows, cols; /* rows 0: no matrix */
	bool in_layer;
};

/* Adds the bytes of an optimizer's state. */
static bool add_state(uint64_t *sum, enum fmt_optimizer o, const struct trained *t)
{
	uint64_t sides = 0;

	switch (o) {
	case FMT_OPT_ADAMW:
		return !add_product(sum, t->n, 8);
	case FMT_OPT_ADAMW_8BIT:
	case FMT_OPT_ADAMW_8BIT_PAGED:
		if (t->n < STATE_MIN)
			return !add_product(sum, t->n, 8);
		return !add_product(sum, t->n, 2) && !add_product(sum, divide_up(t->n, STATE_BLOCK), 2 * 4);
	case FMT_OPT_SGD_MOMENTUM:
	case FMT_OPT_LION:
		return !add_product(sum, t->n, 4);
	case FMT_OPT_ADAFACTOR:
		if (!t->rows || !t->n)
			return !add_product(sum, t->n, 4);
		return !ckd_add(&sides, t->n / t->cols, t->n / t->rows) && !add_product(sum, sides, 4);
	case FMT_OPT_MUON:
		return !add_product(sum, t->n, t->rows && t->in_layer ? 4 : 8);
	default:
		return true; /* plain SGD */
	}
}

/* What is counted through all tensors, before it is divided. */
struct states {
	uint64_t weights, adapters, trainable, n_adapters, states;
	uint64_t largest_matrix; /* of those in NF4: elements */
};

static bool is_matrix(const struct fmt_view_tensor *t)
{
	return t->n_dims >= 2;
}

/* Linear modules of layers are what bitsandbytes replaces: embedding, output matrix, norms and convolutions stay. */
static bool in_nf4(const struct fmt_view_tensor *t, enum fmt_share s)
{
	return t->layer >= 0 && is_matrix(t) && s != FMT_SHARE_NORMS && t->role != FMT_ROLE_SSM_CONV && t->role != FMT_ROLE_SSM_A;
}

/* Two matrices of a low rank beside one of the model's. */
static bool add_adapter(struct states *s, const struct fmt_view *v, const struct fmt_view_tensor *t, const struct fmt_train_opts *o)
{
	struct trained a = { .rows = o->rank, .in_layer = true }, b = { .cols = o->rank, .in_layer = true };

	fmt_estimate_sides(v, t, &b.rows, &a.cols);
	if (t->second_half) /* the same module: more rows of one adapter */
		a.cols = 0;
	s->n_adapters += !t->second_half;
	return !ckd_mul(&a.n, a.rows, a.cols) && !ckd_mul(&b.n, b.rows, b.cols) && !ckd_add(&s->trainable, s->trainable, a.n) &&
	       !ckd_add(&s->trainable, s->trainable, b.n) && add_state(&s->states, o->optimizer, &a) &&
	       add_state(&s->states, o->optimizer, &b);
}

static bool count_tensor(struct states *s, const struct fmt_view *v, const struct fmt_view_tensor *t, enum fmt_share share,
                         const struct fmt_train_opts *o)
{
	uint64_t nf4 = 0, one = t->n_dims == 3 && t->dims[0] ? t->n_elems / t->dims[0] : t->n_elems; /* experts one by one */
	bool quantized = o->kind == FMT_TRAIN_QLORA && in_nf4(t, share);

	if (quantized && one > s->largest_matrix)
		s->largest_matrix = one;
	if (quantized ? !fmt_nf4_bytes(t->n_elems, &nf4) || ckd_add(&s->weights, s->weights, nf4)
	              : add_product(&s->weights, t->n_elems, o->precision == FMT_F32 ? 4 : 2))
		return false;
	if (o->kind == FMT_TRAIN_FULL) {
		struct trained all = { .n = t->n_elems, .in_layer = t->layer >= 0 };

		if (is_matrix(t)) {
			all.rows = t->dims[t->n_dims - 2];
			all.cols = t->dims[t->n_dims - 1];
		}
		return !ckd_add(&s->trainable, s->trainable, t->n_elems) && add_state(&s->states, o->optimizer, &all);
	}
	return !train_targeted(v, t, share, o->targets) || add_adapter(s, v, t, o);
}

/* What is gathered at a time: a layer, or the embedding where that is larger. Elements. */
static uint64_t largest_unit(const struct fmt_estimate *e)
{
	uint64_t most = e->largest_elems;

	for (uint64_t i = 0; i < e->n_layers; i++)
		if (e->layers[i].params > most)
			most = e->layers[i].params;
	return most;
}

/* The same memory for all devices, or a part on each. */
static void place(struct fmt_train *t, const struct fmt_train_opts *o, enum fmt_train_part p, unsigned divided_from,
                  uint64_t bytes)
{
	t->device[p] = o->zero >= divided_from ? divide_up(bytes, o->devices) : bytes;
}

/* The host's memory holds what every device would. */
static bool move_to_host(struct fmt_train *t, const struct fmt_train_opts *o, enum fmt_train_part p)
{
	bool ok = !ckd_mul(&t->host[p], t->device[p], o->devices);

	t->device[p] = 0;
	return ok;
}

static bool working(struct fmt_train *t, const struct states *s, const struct fmt_estimate *e, const struct fmt_train_opts *o)
{
	uint64_t size = o->precision == FMT_F32 ? 4 : 2, *sum = &t->device[FMT_TRAIN_WORKING];
	bool ok = true;

	if (o->zero == 3 && o->kind == FMT_TRAIN_QLORA)
		ok = fmt_nf4_bytes(largest_unit(e), sum);
	else if (o->zero == 3)
		ok = !add_product(sum, largest_unit(e), o->kind == FMT_TRAIN_FULL ? 2 * size : size);
	return ok && !add_product(sum, s->largest_matrix, size);
}

/* Places everything but the activations. */
static bool place_states(struct fmt_train *t, const struct states *s, const struct fmt_estimate *e,
                         const struct fmt_train_opts *o)
{
	bool full = o->kind == FMT_TRAIN_FULL, mixed = o->precision != FMT_F32;
	uint64_t gradients = 0, master = 0, adapters = 0;

	/* adapters are kept in float32, and so have no master copy */
	if (add_product(&gradients, s->trainable, full && mixed && !o->float_gradients ? 2 : 4) ||
	    add_product(&master, s->trainable, full && mixed ? 4 : 0) || add_product(&adapters, s->trainable, full ? 0 : 4))
		return false;
	place(t, o, FMT_TRAIN_WEIGHTS, 3, s->weights);
	place(t, o, FMT_TRAIN_ADAPTERS, 3, adapters);
	place(t, o, FMT_TRAIN_GRADIENTS, 2, gradients);
	place(t, o, FMT_TRAIN_MASTER, 1, master);
	place(t, o, FMT_TRAIN_STATES, 1, s->states);
	if (!working(t, s, e, o))
		return false;
	if (o->offload_optimizer && !(move_to_host(t, o, FMT_TRAIN_GRADIENTS) && move_to_host(t, o, FMT_TRAIN_MASTER) &&
	                              move_to_host(t, o, FMT_TRAIN_STATES)))
		return false;
	return !o->offload_params || move_to_host(t, o, FMT_TRAIN_WEIGHTS);
}

static bool check_options(const struct fmt_train_opts *o, struct fmt_err *err)
{
	const char *why = NULL;

	if (o->devices == 0 || o->devices > MAX_DEVICES)
		why = "devices: a number from 1 to 1048576";
	else if (o->kind != FMT_TRAIN_FULL && (o->rank == 0 || o->rank > MAX_RANK))
		why = "rank of adapters: a number from 1 to 65536";
	else if (o->micro_batch == 0 || o->micro_batch > MAX_TOKENS || o->seq == 0 || o->seq > MAX_TOKENS)
		why = "micro batch and sequence: numbers from 1 to 2^30";
	else if (o->zero > 3)
		why = "ZeRO has the stages 0, 1, 2 and 3";
	else if (o->precision != FMT_BF16 && o->precision != FMT_F16 && o->precision != FMT_F32)
		why = "training is in bf16, fp16 or fp32";
	else if (o->kind == FMT_TRAIN_QLORA && o->precision == FMT_F32)
		why = "QLoRA computes in bf16 or fp16";
	else if (o->offload_params && o->zero != 3)
		why = "weights go to the host with ZeRO stage 3 only";
	return !why || fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "%s", why);
}

bool fmt_train(const struct fmt_estimate *e, const struct fmt_view *v, const struct fmt_train_opts *o,
               struct fmt_train *t, struct fmt_err *err)
{
	struct states s = { .weights = 0 };

	*t = (struct fmt_train){ .activations_known = e->layers_known };
	if (!check_options(o, err) || (o->kind != FMT_TRAIN_FULL && !train_check_targets(e, v, o->targets, err)))
		return false;
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		enum fmt_share share;

		if (fmt_estimate_share(e, &v->tensors[i], &share) && !count_tensor(&s, v, &v->tensors[i], share, o))
			return too_large(err);
	}
	t->trainable = s.trainable;
	t->n_adapters = s.n_adapters;
	if (!place_states(t, &s, e, o))
		return too_large(err);
	if (e->layers_known && !train_activations(e, v, o, &t->device[FMT_TRAIN_ACTIVATIONS], &t->device[FMT_TRAIN_LOGITS], err))
		return false;
	for (int p = 0; p < FMT_TRAIN_PART_COUNT; p++)
		if (ckd_add(&t->device_total, t->device_total, t->device[p]) || ckd_add(&t->host_total, t->host_total, t->host[p]))
			return too_large(err);
	return true;
}
